"""How much mass each token brings: the marginals of the transport.

Every function returns [batch, tokens] that sums to 1 over each row's kept tokens and is exactly 0 elsewhere.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kivuko.errors import InputError


def uniform_marginal(mask: Tensor) -> Tensor:
    """Equal mass on every kept token.

    Args:
        mask: [batch, tokens], True = keep.

    Returns:
        [batch, tokens], float32.

    Raises:
        InputError: a row keeps no token.
    """
    return weighted_marginal(mask.to(torch.float32), mask)


def weighted_marginal(weights: Tensor, mask: Tensor) -> Tensor:
    """Mass in proportion to given weights, such as each token's inverse document frequency (IDF).

    Args:
        weights: [batch, tokens], ≥ 0; values on tokens that are not kept are ignored.
        mask: [batch, tokens], True = keep.

    Returns:
        [batch, tokens], at least float32; a kept token of weight 0 gets no mass, as a pad.

    Raises:
        InputError: shapes differ, a kept weight is negative or not finite, or a row has no weight to give.
    """
    if weights.shape != mask.shape or mask.dim() != 2:
        raise InputError(
            "weights and mask do not fit together",
            expected="both [batch, tokens]",
            got=f"{list(weights.shape)} and {list(mask.shape)}",
        )
    weights = weights.to(torch.promote_types(weights.dtype, torch.float32))
    kept = torch.where(mask.bool(), weights, 0.0)
    if not bool((torch.isfinite(kept) & (kept >= 0)).all()):
        row, token = (~(torch.isfinite(kept) & (kept >= 0))).nonzero()[0].tolist()
        raise InputError(
            "a token's weight cannot be a mass",
            where=f"row {row}, token {token} of the batch",
            expected="a finite number ≥ 0",
            got=float(kept[row, token]),
        )
    # Dividing by the largest weight first keeps the sum of very large or very small weights in range.
    largest = kept.amax(dim=1, keepdim=True) if kept.shape[1] else kept.new_zeros((len(kept), 1))
    if not bool((largest > 0).all()):
        row = int((largest <= 0).flatten().nonzero()[0])
        raise InputError(
            "a row has no token to carry mass",
            where=f"row {row} of the batch",
            expected="at least one kept token with a weight above 0",
            got=f"{int(mask[row].sum())} kept tokens",
            remedy="drop texts without a content token before batching",
        )
    kept = kept / largest
    return kept / kept.sum(dim=1, keepdim=True)


def norm_marginal(vectors: Tensor, mask: Tensor) -> Tensor:
    """Mass in proportion to the Euclidean norm of each token's vector, taken before normalising it.

    Args:
        vectors: [batch, tokens, dim].
        mask: [batch, tokens], True = keep.

    Returns:
        [batch, tokens], at least float32, carrying no gradient.

    Raises:
        InputError: shapes differ, a kept vector is not finite, or a row keeps no token with a norm above 0.

    Reference:
        Yokoi, Takahashi, Akama, Suzuki, Inui (2020), Word rotator's distance, EMNLP, arXiv 2004.15003.
    """
    wide = vectors.detach().to(torch.promote_types(vectors.dtype, torch.float32))
    return weighted_marginal(torch.linalg.vector_norm(wide, dim=-1), mask)
