"""What it costs to move a source token onto a target token."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import normalize

from kivuko.errors import InputError


def cosine_cost(source: Tensor, target: Tensor, *, normalised: bool = False) -> Tensor:
    """C_ij = 1 − cos(S_i, H_j), differentiable in both arguments.

    Args:
        source: [batch, source_tokens, dim], the student's token vectors.
        target: [batch, target_tokens, dim], the teacher's token vectors.
        normalised: say that both have unit length already, which saves normalising them again.

    Returns:
        [batch, source_tokens, target_tokens], in 0…2 up to rounding; a zero vector (a pad) costs 1.

    Raises:
        InputError: the two shapes do not fit together.

    Reference:
        Huang, Yu, Allan (2023), Improving cross-lingual information retrieval on low-resource languages
        via optimal transport distillation, WSDM, arXiv 2301.12566.
    """
    if source.dim() != 3 or target.dim() != 3 or source.shape[::2] != target.shape[::2]:
        raise InputError(
            "source and target token vectors do not fit together",
            expected="[batch, source_tokens, dim] and [batch, target_tokens, dim] with equal batch and dim",
            got=f"{list(source.shape)} and {list(target.shape)}",
        )
    if not normalised:
        source, target = normalize(source, dim=-1), normalize(target, dim=-1)
    return 1 - source @ target.transpose(1, 2)
