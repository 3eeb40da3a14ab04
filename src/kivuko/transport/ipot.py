"""Unregularised transport by inexact proximal point iterations (IPOT)."""

from __future__ import annotations

import torch
from torch import Tensor

from kivuko.transport.sinkhorn import log_iteration


def ipot(
    log_kernel: Tensor,
    source_marginal: Tensor,
    target_marginal: Tensor,
    *,
    outer_iterations: int,
    inner_iterations: int,
) -> tuple[Tensor, Tensor]:
    """Walk towards the unregularised plan in proximal steps, each solved by a few Sinkhorn iterations.

    The plan of each step is the prior of the next, T ← scale(exp(−C/β) ⊙ T), so it sharpens as it goes while
    β only sets the pace. All of it stays in the log domain, where entries that vanish do no harm. As in the
    paper, the column scaling is carried from one proximal step to the next. The target marginal is met
    exactly; with few inner iterations the source marginal is a little off, and not ever less so with more
    steps: look at the marginal error.

    Args:
        log_kernel: [batch, source_tokens, target_tokens], −C/β to base 2, −∞ wherever a token has no mass.
        source_marginal: [batch, source_tokens], rows sum to 1.
        target_marginal: [batch, target_tokens], rows sum to 1.
        outer_iterations: proximal steps, ≥ 1, the same for every pair.
        inner_iterations: Sinkhorn iterations inside each, ≥ 1.

    Returns:
        The plan, shaped as the kernel, and the proximal steps spent on each pair, [batch].

    Reference:
        Xie, Wang, Wang, Zha (2020), A fast proximal point method for computing exact Wasserstein distance,
        UAI, arXiv 1802.04307.
    """
    log_a, log_b = source_marginal.log2(), target_marginal.log2()
    log_plan = torch.zeros_like(log_kernel)
    log_v = torch.zeros_like(target_marginal)
    for _ in range(outer_iterations):
        log_plan += log_kernel
        for _ in range(inner_iterations):
            log_u, log_v = log_iteration(log_plan, log_a, log_b, log_v)
        log_plan.add_(log_u.unsqueeze(2)).add_(log_v.unsqueeze(1))
    spent = torch.full((len(log_kernel),), outer_iterations, dtype=torch.int64, device=log_kernel.device)
    return log_plan.exp2(), spent
