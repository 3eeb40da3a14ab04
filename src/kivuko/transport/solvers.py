"""The solvers: of balanced transport entropic (Sinkhorn), proximal (IPOT) and exact (network simplex); of transport
that may leave mass where it is partial (network simplex) and unbalanced (entropic).

They take what :mod:`kivuko.transport.plan` has checked: float32 or float64, masked and finite.

Sinkhorn's iteration in the log domain is safe at every ε but pays a logsumexp for each half-step; the plain one pays
a matrix–vector product, several times less, and over- or underflows. Both are had by keeping the state as log
potentials and running short blocks of plain scalings on the kernel that has them absorbed (Schmitzer 2019).
One full iteration in the log domain comes first: after it, no row or column sum of the absorbed kernel can
fall below a_i · min b, so the plain scalings inside a block have nothing to divide by zero.

Logarithms are to base 2 throughout: where the result underflows, ``torch.exp`` on a CPU (MKL) is 20 to 190
times slower than elsewhere, and −∞, the mask, is such a place; ``torch.exp2`` costs the same everywhere.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import hardshrink

from kivuko.errors import MissingExtraError

BLOCK = 10
"""Plain scalings between two absorptions; the marginal error is checked at each absorption."""

FLOOR = 1e-18
"""Smallest divisor inside a block: pads divide 0 by it, and a scaling beyond its reciprocal waits for the
next block; far from both ends of float32."""

NEGLIGIBLE = 2.0**-100
"""Plan entries below this count as 0, so that products within a block stay clear of denormal numbers, which a
CPU multiplies a hundred times slower."""

_ROUNDING = 1e-14
"""Of the network simplex in float64, on masses that sum to 1 or 2."""

PROXIMAL_STEPS = 50
"""Proximal steps of IPOT."""


def sinkhorn(
    log_kernel: Tensor,
    source_marginal: Tensor,
    target_marginal: Tensor,
    *,
    max_iterations: int,
    tolerance: float,
) -> tuple[Tensor, Tensor]:
    """Scale 2 ** log_kernel to the marginals.

    Every pair stops by its own marginal error and is then left alone, so it comes out the same in any batch.

    Args:
        log_kernel: [batch, source_tokens, target_tokens], −C/ε to base 2, −∞ wherever a token has no mass.
        source_marginal: [batch, source_tokens], rows sum to 1.
        target_marginal: [batch, target_tokens], rows sum to 1.
        max_iterations: iterations after which a pair is given up, ≥ 1.
        tolerance: marginal error (L1) at which a pair is done; looked at after iteration 1, 11, 21, ….

    Returns:
        The plan, shaped as the kernel, and the iterations spent on each pair, [batch].

    References:
        Cuturi (2013), Sinkhorn distances, NeurIPS, arXiv 1306.0895.
        Schmitzer (2019), Stabilized sparse scaling algorithms for entropy regularized transport problems,
        SIAM J. Sci. Comput. 41(3), arXiv 1610.06519.
    """
    solved = torch.empty_like(log_kernel)
    spent = torch.empty(len(log_kernel), dtype=torch.int64, device=log_kernel.device)
    open_pairs = torch.arange(len(log_kernel), device=log_kernel.device)
    a, b = source_marginal, target_marginal
    f, g = log_iteration(log_kernel, a.log2(), b.log2(), torch.zeros_like(b))
    iteration = 1
    while True:
        plan = hardshrink((log_kernel + f.unsqueeze(2)).add_(g.unsqueeze(1)).exp2_(), NEGLIGIBLE)
        done = marginal_error(plan, a, b) <= tolerance
        if iteration >= max_iterations:
            done = torch.ones_like(done)
        if bool(done.any()):
            solved[open_pairs[done]] = plan[done]
            spent[open_pairs[done]] = iteration
            rest = ~done
            if not bool(rest.any()):
                return solved, spent
            open_pairs, log_kernel, plan = open_pairs[rest], log_kernel[rest], plan[rest]
            a, b, f, g = a[rest], b[rest], f[rest], g[rest]
        steps = min(BLOCK, max_iterations - iteration)
        log_u, log_v = _scale(plan, a, b, steps)
        f, g = f + log_u, g + log_v
        iteration += steps


def ipot(
    log_kernel: Tensor, source_marginal: Tensor, target_marginal: Tensor, *, steps: int = PROXIMAL_STEPS
) -> tuple[Tensor, Tensor]:
    """Walk towards the unregularised plan in proximal steps, each solved by one Sinkhorn iteration.

    The plan of each step is the prior of the next, T ← scale(exp(−C/β) ⊙ T), so it sharpens as it goes while
    β only sets the pace. All of it stays in the log domain, where entries that vanish do no harm. As in the
    paper, the column scaling is carried from one proximal step to the next. The target marginal is met
    exactly; the source marginal is a little off, and not ever less so with more steps: look at the marginal
    error.

    Args:
        log_kernel: [batch, source_tokens, target_tokens], −C/β to base 2, −∞ wherever a token has no mass.
        source_marginal: [batch, source_tokens], rows sum to 1.
        target_marginal: [batch, target_tokens], rows sum to 1.
        steps: proximal steps, ≥ 1, the same for every pair.

    Returns:
        The plan, shaped as the kernel, and the proximal steps spent on each pair, [batch].

    Reference:
        Xie, Wang, Wang, Zha (2020), A fast proximal point method for computing exact Wasserstein distance,
        UAI, arXiv 1802.04307.
    """
    log_a, log_b = source_marginal.log2(), target_marginal.log2()
    log_plan = torch.zeros_like(log_kernel)
    log_v = torch.zeros_like(target_marginal)
    for _ in range(steps):
        log_plan += log_kernel
        log_u, log_v = log_iteration(log_plan, log_a, log_b, log_v)
        log_plan.add_(log_u.unsqueeze(2)).add_(log_v.unsqueeze(1))
    spent = torch.full((len(log_kernel),), steps, dtype=torch.int64, device=log_kernel.device)
    return log_plan.exp2(), spent


def exact(cost: Tensor, source_marginal: Tensor, target_marginal: Tensor) -> tuple[Tensor, Tensor]:
    """Solve each pair to optimality on its real tokens, on the CPU.

    At token counts (≤ ~64) this costs less than entropic iterations on a CPU, and the plan has at most
    m + n − 1 entries, the sharpest there is. On an accelerator the costs travel to the host and back.

    Args:
        cost: [batch, source_tokens, target_tokens], finite.
        source_marginal: [batch, source_tokens], rows sum to 1; tokens without mass are left out.
        target_marginal: [batch, target_tokens], likewise.

    Returns:
        The plan, shaped as the cost, and whether the simplex proved each pair optimal, [batch] booleans.

    Raises:
        MissingExtraError: POT is not installed.

    Reference:
        Bonneel, van de Panne, Paris, Heidrich (2011), Displacement interpolation using Lagrangian mass
        transport, ACM TOG 30(6); Flamary et al. (2021), POT: Python Optimal Transport, JMLR 22(78).
    """
    return _by_simplex(cost, source_marginal, target_marginal, None)


def partial(
    cost: Tensor, source_marginal: Tensor, target_marginal: Tensor, threshold: Tensor
) -> tuple[Tensor, Tensor]:
    """Move mass only where that costs less than a threshold, to optimality, on the CPU.

    Each side gets a dustbin that can take all mass of the other at half the threshold, and the two dustbins exchange
    what is left for nothing: min ⟨T, C⟩ + threshold · (1 − ΣT) over T ≥ 0 with T·1 ≤ a and Tᵀ·1 ≤ b.

    Args:
        cost, source_marginal, target_marginal: as for :func:`exact`.
        threshold: [batch], ≥ 0, in the unit of the cost.

    Returns:
        As :func:`exact`; a pair of which nothing is moved has a plan of zeros.

    Raises:
        MissingExtraError: POT is not installed.

    Reference:
        Caffarelli, McCann (2010), Free boundaries in optimal transport and Monge–Ampère obstacle problems, Annals of
        Mathematics 171(2) (the dustbin).
    """
    return _by_simplex(cost, source_marginal, target_marginal, threshold)


def _by_simplex(
    cost: Tensor, source_marginal: Tensor, target_marginal: Tensor, threshold: Tensor | None
) -> tuple[Tensor, Tensor]:
    try:
        import ot
    except ImportError as error:
        raise MissingExtraError("POT", "train") from error
    costs, sources, targets = (x.cpu().double().numpy() for x in (cost, source_marginal, target_marginal))
    dustbins = [None] * len(costs) if threshold is None else threshold.cpu().double().tolist()
    plans = np.zeros_like(costs)
    optimal = np.zeros(len(costs), dtype=bool)
    for pair, (matrix, source, target, dustbin) in enumerate(
        zip(costs, sources, targets, dustbins, strict=True)
    ):
        rows, columns = source.nonzero()[0], target.nonzero()[0]
        block = matrix[np.ix_(rows, columns)]
        a, b = source[rows] / source.sum(), target[columns] / target.sum()
        if dustbin is not None:
            a, b = np.append(a, 1.0), np.append(b, 1.0)
            block = np.pad(block, (0, 1), constant_values=dustbin / 2)
            block[-1, -1] = 0.0
        plan, log = ot.emd(a, b, block, log=True, check_marginals=False)
        plan = plan[: len(rows), : len(columns)]
        # What rounding leaves behind where all mass goes into the dustbins is no mass.
        plans[pair][np.ix_(rows, columns)] = np.where(plan > _ROUNDING, plan, 0.0)
        optimal[pair] = log["warning"] is None
    return (
        torch.from_numpy(plans).to(cost.device, cost.dtype),
        torch.from_numpy(optimal).to(cost.device),
    )


def unbalanced(
    log_kernel: Tensor,
    source_marginal: Tensor,
    target_marginal: Tensor,
    *,
    yielding: float,
    max_iterations: int,
    tolerance: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Scale 2 ** log_kernel towards the marginals, each of which yields where meeting it is dear.

    Every pair stops by itself and is then left as it is, so it comes out the same in any batch.

    Args:
        log_kernel: [batch, source_tokens, target_tokens], log₂(a bᵀ) − C/ε to base 2, −∞ wherever a token has no
            mass; no constant may have been added to the cost.
        source_marginal: [batch, source_tokens], rows sum to 1.
        target_marginal: [batch, target_tokens], rows sum to 1.
        yielding: τ / (τ + ε): 1 would be Sinkhorn's iteration, 0 would leave the kernel as it is.
        max_iterations: iterations after which a pair is given up, ≥ 1.
        tolerance: the largest relative change of a token's scaling in one iteration at which a pair is done.

    Returns:
        The plan, shaped as the kernel; iterations spent on each pair, [batch]; whether each is done, [batch]
        booleans.

    Reference:
        Chizat, Peyré, Schmitzer, Vialard (2018), Scaling algorithms for unbalanced optimal transport problems,
        Mathematics of Computation 87, arXiv 1607.05816.
    """
    log_a, log_b = source_marginal.log2(), target_marginal.log2()
    pads, other_pads = source_marginal == 0, target_marginal == 0
    f, g = torch.zeros_like(log_a), torch.zeros_like(log_b)
    least = math.log2(1 + tolerance)
    spent = torch.zeros(len(log_kernel), dtype=torch.int64, device=log_kernel.device)
    moving = torch.ones(len(log_kernel), dtype=torch.bool, device=log_kernel.device)
    while bool(moving.any()) and int(spent.max()) < max_iterations:
        new_f = (yielding * (log_a - _log_sum(log_kernel + g.unsqueeze(1), dim=2))).masked_fill(pads, 0.0)
        new_g = (yielding * (log_b - _log_sum(log_kernel + new_f.unsqueeze(2), dim=1))).masked_fill(
            other_pads, 0.0
        )
        change = (new_g - g).abs().amax(dim=1)
        f, g = (torch.where(moving[:, None], new, old) for new, old in ((new_f, f), (new_g, g)))
        spent += moving
        moving &= change > least
    plan = hardshrink((log_kernel + f.unsqueeze(2)).add_(g.unsqueeze(1)).exp2_(), NEGLIGIBLE)
    return plan, spent, ~moving


def marginal_error(plan: Tensor, source_marginal: Tensor, target_marginal: Tensor) -> Tensor:
    """[batch], L1 distance of the plan's marginals from those asked for, the larger of the two sides."""
    source_error = (plan.sum(dim=2) - source_marginal).abs().sum(dim=1)
    target_error = (plan.sum(dim=1) - target_marginal).abs().sum(dim=1)
    return torch.maximum(source_error, target_error)


def log_iteration(log_kernel: Tensor, log_a: Tensor, log_b: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """One iteration wholly in the log domain, from the target's potential ``g`` to both new potentials."""
    f = log_a - _log_sum(log_kernel + g.unsqueeze(1), dim=2)
    return f, log_b - _log_sum(log_kernel + f.unsqueeze(2), dim=1)


def _log_sum(logs: Tensor, dim: int) -> Tensor:
    """Log of the sum of what ``logs`` (overwritten) are the logs of, all to base 2.

    Where everything is excluded the answer is the lowest finite number, so that pads never meet ∞ − ∞.
    """
    lowest = torch.finfo(logs.dtype).min
    largest = logs.amax(dim=dim, keepdim=True).clamp_(min=lowest)
    total = logs.sub_(largest).exp2_().sum(dim=dim).log2_()
    return total.add_(largest.squeeze(dim)).clamp_(min=lowest)


def _scale(kernel: Tensor, a: Tensor, b: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Logs of the row and column scalings after ``steps`` plain iterations that start from the kernel itself.

    A row vector times a batch of contiguous matrices is by far the fastest product on a CPU; the transposed
    copy, made once a block, gives both half-steps that form.
    """
    transposed = kernel.transpose(1, 2).contiguous()
    a, b = a.unsqueeze(1), b.unsqueeze(1)
    u, v = torch.empty_like(a), torch.ones_like(b)
    for _ in range(steps):
        torch.bmm(v, transposed, out=u)
        torch.div(a, u.clamp_(min=FLOOR), out=u)
        torch.bmm(u, kernel, out=v)
        torch.div(b, v.clamp_(min=FLOOR), out=v)
    return u.log2_().squeeze(1), v.log2_().squeeze(1)
