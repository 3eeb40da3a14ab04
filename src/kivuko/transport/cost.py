"""What is moved at which cost: the cost of token pairs, and the mass that each token brings."""

from __future__ import annotations

import math

import torch
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


def uniform_marginal(mask: Tensor) -> Tensor:
    """Equal mass on every kept token, and none elsewhere.

    Args:
        mask: [batch, tokens], True = keep.

    Returns:
        [batch, tokens], float32; each row sums to 1.

    Raises:
        InputError: a row keeps no token.
    """
    return weighted_marginal(mask.to(torch.float32))


def weighted_marginal(weights: Tensor) -> Tensor:
    """Mass in proportion to weights.

    Args:
        weights: [batch, tokens], ≥ 0, 0 on pads.

    Returns:
        [batch, tokens]; each row sums to 1.

    Raises:
        InputError: a row has no weight.
    """
    total = weights.sum(dim=1, keepdim=True)
    if not bool((total > 0).all()):
        raise InputError(
            "a row has no token to carry mass",
            where=f"row {int((total == 0).flatten().nonzero()[0])} of the batch",
            expected="at least one kept token",
            got="none",
            remedy="drop texts without a content token before batching",
        )
    return weights / total


def cost_spread(cost: Tensor, source_marginal: Tensor, target_marginal: Tensor) -> Tensor:
    """[batch], the unit of ε: the cost's standard deviation under the independent plan a bᵀ.

    It looks at real tokens only, at one pair at a time, and not at the cost's mean, which anisotropy shifts.

    Args:
        cost: [batch, source_tokens, target_tokens], finite.
        source_marginal: [batch, source_tokens], rows sum to 1.
        target_marginal: [batch, target_tokens], rows sum to 1.
    """
    centred = cost - _mean_cost(cost, source_marginal, target_marginal)
    return _mean_cost(centred * centred, source_marginal, target_marginal).sqrt().flatten()


def log_kernel(cost: Tensor, source_marginal: Tensor, target_marginal: Tensor, epsilon: float) -> Tensor:
    """−C/ε as a logarithm to base 2, and −∞ on pads: the one place where they are excluded.

    A constant is added to each pair's costs to keep them near 0; no balanced plan depends on it. ε is kept above the
    costs' own rounding, so that a pair of constant cost, whose spread is 0, gets the independent plan and not
    one fitted to noise.

    Args:
        cost: [batch, source_tokens, target_tokens], finite.
        source_marginal: [batch, source_tokens], 0 on pads.
        target_marginal: [batch, target_tokens], 0 on pads.
        epsilon: weight of the entropy in the unit of :func:`cost_spread`, > 0.
    """
    mean = _mean_cost(cost, source_marginal, target_marginal)
    centred = cost - mean
    spread = _mean_cost(centred * centred, source_marginal, target_marginal).sqrt()
    precision = torch.finfo(cost.dtype)
    weight = torch.maximum(epsilon * spread, precision.eps * torch.hypot(mean, spread) + precision.tiny)
    kernel = centred / (-math.log(2) * weight)
    for marginal, axis in ((source_marginal, 2), (target_marginal, 1)):
        kernel += (marginal > 0).to(cost.dtype).log2_().unsqueeze(axis)
    return kernel


def _mean_cost(cost: Tensor, source_marginal: Tensor, target_marginal: Tensor) -> Tensor:
    """[batch, 1, 1], the cost of the independent plan a bᵀ."""
    return source_marginal.unsqueeze(1) @ cost @ target_marginal.unsqueeze(2)
