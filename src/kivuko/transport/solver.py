"""The one entry to the solvers: checks, float32, masks, the meaning of ε; then the solver asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor

from kivuko.errors import InputError, UnknownNameError
from kivuko.transport.exact import exact
from kivuko.transport.ipot import ipot
from kivuko.transport.plan import TransportPlan, measure
from kivuko.transport.sinkhorn import sinkhorn

Solver = Literal["sinkhorn", "ipot", "exact"]
EpsilonMode = Literal["relative", "absolute"]


def solve(
    cost: Tensor,
    source_marginal: Tensor,
    target_marginal: Tensor,
    *,
    solver: Solver = "sinkhorn",
    epsilon: float = 0.3,
    epsilon_mode: EpsilonMode = "relative",
    max_iterations: int = 200,
    tolerance: float = 1e-2,
    ipot_beta: float = 0.5,
    ipot_iterations: int = 50,
    ipot_inner_iterations: int = 1,
) -> TransportPlan:
    """Find plans T ≥ 0 with T·1 = a and Tᵀ·1 = b that move the mass cheaply, one for each pair of a batch.

    A token is real where its marginal is above 0; all else is a pad, takes no part and may hold any cost.
    Half-precision inputs are solved in float32, also under autocast; float64 stays float64. No gradient flows
    through the plan. On a CPU it runs on one thread, however many torch has been given, and wants
    ``torch.set_flush_denormal(True)``: a switch beyond this function, so call it once in the program's entry.

    Args:
        cost: [batch, source_tokens, target_tokens], finite wherever both tokens have mass.
        source_marginal: [batch, source_tokens], a ≥ 0, rows sum to 1.
        target_marginal: [batch, target_tokens], b ≥ 0, rows sum to 1.
        solver: ``"sinkhorn"`` (entropic, blurred by ε), ``"ipot"`` (unregularised, iterative) or ``"exact"``
            (network simplex on the CPU: sharpest, and cheapest there at up to ~64 tokens).
        epsilon: weight of the entropy for ``"sinkhorn"``, > 0.
        epsilon_mode: ``"relative"``: ε is ``epsilon`` times the pair's spread of the cost (see
            :func:`cost_spread`), so that equally crowded spaces get equally sharp plans whatever their
            anisotropy; ``"absolute"``: in the unit of the cost. It rules ``ipot_beta`` too.
        max_iterations: Sinkhorn iterations after which a pair is given up, ≥ 1.
        tolerance: marginal error (L1, see :class:`TransportPlan`) at which a pair is done; Sinkhorn stops
            there (0: never before ``max_iterations``), the other solvers only report ``converged`` by it.
        ipot_beta: β of IPOT, > 0; smaller takes longer strides, each less exactly.
        ipot_iterations: proximal steps of IPOT, ≥ 1.
        ipot_inner_iterations: Sinkhorn iterations inside each step, ≥ 1.

    Returns:
        A :class:`TransportPlan` of the same form for every solver.

    Raises:
        InputError: shapes do not fit, a real token's cost is not finite, a marginal is no distribution, or a
            setting is out of range.
        UnknownNameError: no such solver or epsilon mode.
    """
    _check_names(solver, epsilon_mode)
    _check_above("epsilon", epsilon, 0)
    _check_above("ipot_beta", ipot_beta, 0)
    _check_at_least("tolerance", tolerance, 0)
    _check_at_least("max_iterations", max_iterations, 1)
    _check_at_least("ipot_iterations", ipot_iterations, 1)
    _check_at_least("ipot_inner_iterations", ipot_inner_iterations, 1)
    with torch.no_grad(), torch.autocast(cost.device.type, enabled=False), _one_thread():
        _check_shapes(cost, source_marginal, target_marginal)
        dtype = torch.promote_types(cost.dtype, torch.float32)
        a = _distribution(source_marginal.to(dtype), "source")
        b = _distribution(target_marginal.to(dtype), "target")
        cost = _finite_cost(cost.to(dtype), a, b)
        if solver == "exact":
            plan, optimal = exact(cost, a, b)
            iterations = torch.zeros(len(cost), dtype=torch.int64, device=cost.device)
            found = measure(plan, cost, a, b, iterations=iterations, tolerance=tolerance)
            return replace(found, converged=found.converged & optimal)
        if solver == "sinkhorn":
            plan, iterations = sinkhorn(
                log_kernel(cost, a, b, epsilon, epsilon_mode),
                a,
                b,
                max_iterations=max_iterations,
                tolerance=tolerance,
            )
        else:
            plan, iterations = ipot(
                log_kernel(cost, a, b, ipot_beta, epsilon_mode),
                a,
                b,
                outer_iterations=ipot_iterations,
                inner_iterations=ipot_inner_iterations,
            )
        return measure(plan, cost, a, b, iterations=iterations, tolerance=tolerance)


def cost_spread(cost: Tensor, source_marginal: Tensor, target_marginal: Tensor) -> Tensor:
    """[batch], the unit of a relative ε: the cost's standard deviation under the independent plan a bᵀ.

    It looks at real tokens only, at one pair at a time, and not at the cost's mean, which anisotropy shifts.

    Args:
        cost: [batch, source_tokens, target_tokens], finite.
        source_marginal: [batch, source_tokens], rows sum to 1.
        target_marginal: [batch, target_tokens], rows sum to 1.
    """
    centred = cost - _mean_cost(cost, source_marginal, target_marginal)
    return _mean_cost(centred * centred, source_marginal, target_marginal).sqrt().flatten()


def log_kernel(
    cost: Tensor, source_marginal: Tensor, target_marginal: Tensor, epsilon: float, epsilon_mode: EpsilonMode
) -> Tensor:
    """−C/ε as a logarithm to base 2, and −∞ on pads: the one place where they are excluded.

    A constant is added to each pair's costs to keep them near 0; no plan depends on it. ε is kept above the
    costs' own rounding, so that a pair of constant cost, whose spread is 0, gets the independent plan and not
    one fitted to noise.

    Args:
        cost: [batch, source_tokens, target_tokens], finite.
        source_marginal: [batch, source_tokens], 0 on pads.
        target_marginal: [batch, target_tokens], 0 on pads.
        epsilon: weight of the entropy, > 0.
        epsilon_mode: what it is measured in.
    """
    mean = _mean_cost(cost, source_marginal, target_marginal)
    centred = cost - mean
    spread = _mean_cost(centred * centred, source_marginal, target_marginal).sqrt()
    weight = epsilon * spread if epsilon_mode == "relative" else torch.full_like(spread, epsilon)
    precision = torch.finfo(cost.dtype)
    weight = torch.maximum(weight, precision.eps * torch.hypot(mean, spread) + precision.tiny)
    kernel = centred / (-math.log(2) * weight)
    for marginal, axis in ((source_marginal, 2), (target_marginal, 1)):
        kernel += (marginal > 0).to(cost.dtype).log2_().unsqueeze(axis)
    return kernel


def _mean_cost(cost: Tensor, source_marginal: Tensor, target_marginal: Tensor) -> Tensor:
    """[batch, 1, 1], the cost of the independent plan a bᵀ."""
    return source_marginal.unsqueeze(1) @ cost @ target_marginal.unsqueeze(2)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run the CPU's share on the calling thread alone, and give the others back afterwards.

    A solve is hundreds of operations of some microseconds. Spread over two threads on a busy machine each
    waits for the other thread to be scheduled, which made a solve 5 to 20 times slower.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _check_names(solver: str, epsilon_mode: str) -> None:
    if solver not in get_args(Solver):
        raise UnknownNameError("transport solver", solver, get_args(Solver))
    if epsilon_mode not in get_args(EpsilonMode):
        raise UnknownNameError("epsilon mode", epsilon_mode, get_args(EpsilonMode))


def _check_above(name: str, value: float, bound: float) -> None:
    if not bound < value < math.inf:
        raise InputError(
            "a transport setting is out of range", where=name, expected=f"a number above {bound}", got=value
        )


def _check_at_least(name: str, value: float, bound: int) -> None:
    if not bound <= value < math.inf:
        raise InputError(
            "a transport setting is out of range", where=name, expected=f"a number from {bound} up", got=value
        )


def _check_shapes(cost: Tensor, source_marginal: Tensor, target_marginal: Tensor) -> None:
    fits = (
        cost.dim() == 3
        and source_marginal.shape == cost.shape[:2]
        and target_marginal.shape == (cost.shape[0], cost.shape[2])
    )
    if not fits or not cost.numel():
        raise InputError(
            "cost and marginals do not fit together",
            expected="[batch, source_tokens, target_tokens], [batch, source_tokens], [batch, target_tokens], "
            "none empty",
            got=", ".join(str(list(x.shape)) for x in (cost, source_marginal, target_marginal)),
        )


def _distribution(marginal: Tensor, side: str) -> Tensor:
    """The marginal with the rounding of its own precision taken out, so that both sides sum alike."""
    total = marginal.sum(dim=1, keepdim=True)
    good = (marginal >= 0).all(dim=1) & ((total.squeeze(1) - 1).abs() <= 2e-2)
    if not bool(good.all()):
        pair = int((~good).nonzero()[0])
        raise InputError(
            f"the {side} marginal is not a distribution",
            where=f"pair {pair} of the batch",
            expected="entries ≥ 0 that sum to 1",
            got=f"sum {float(total[pair]):.4g}, smallest entry {float(marginal[pair].min()):.4g}",
            remedy="make it with uniform_marginal, weighted_marginal or norm_marginal",
        )
    return marginal / total


def _finite_cost(cost: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The cost with every entry finite: a real token's has to be, a pad's becomes 0 where it is not."""
    # One sum tells that all is well, at a tenth of the time a mask costs; squares have to stay finite too.
    if bool(torch.isfinite(torch.linalg.vector_norm(cost))):
        return cost
    cost = torch.where((a > 0).unsqueeze(2) & (b > 0).unsqueeze(1), cost, 0.0)
    if not bool(torch.isfinite(cost).all()):
        pair, source, target = (~torch.isfinite(cost)).nonzero()[0].tolist()
        raise InputError(
            "the cost of a real token is not finite",
            where=f"pair {pair}, source token {source}, target token {target} of the batch",
            expected="a finite number",
            got=float(cost[pair, source, target]),
            remedy="look for diverged training or a vector of zeros divided by its norm",
        )
    return cost
