"""Optimal transport: the entries to the solvers, and the plan that each of them returns.

``solve`` moves all mass, ``solve_partial`` what costs less than a threshold, ``solve_unbalanced`` so much as pays for
missing the marginals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from kivuko.errors import InputError, UnknownNameError
from kivuko.transport.cost import log_kernel
from kivuko.transport.solvers import exact, ipot, marginal_error, partial, sinkhorn, unbalanced

Solver = Literal["sinkhorn", "ipot", "exact"]


@dataclass(frozen=True, eq=False)
class TransportPlan:
    """How the mass of the source tokens was moved onto the target tokens.

    Attributes:
        plan: [batch, source_tokens, target_tokens], at least float32, carrying no gradient; each pair's
            entries sum to about 1, or to less where mass may be left, and are exactly 0 where either token has no
            mass.
        cost: [batch], transport cost ⟨plan, C⟩ of each pair, in the unit of the cost matrix.
        marginal_error: [batch], the L1 distance between the plan's marginals and the ones asked for, the
            larger of the two sides; in 0…2, and half of it is the share of mass in a wrong place, or left.
        iterations: [batch], integers: iterations spent on each pair (proximal steps for IPOT, 0 for the network
            simplex).
        converged: [batch], booleans: a balanced plan's marginal error is within the tolerance asked for; the network
            simplex says that its plan is optimal; an unbalanced plan's scalings have stopped moving.
    """

    plan: Tensor
    cost: Tensor
    marginal_error: Tensor
    iterations: Tensor
    converged: Tensor

    @property
    def moved(self) -> Tensor:
        """[batch], the mass that each plan moves, at most about 1."""
        return self.plan.sum(dim=(1, 2))

    @property
    def largest_entry(self) -> Tensor:
        """[batch], each pair's largest plan entry: log it, for a blurred plan pulls everything to the mean.

        With uniform marginals it lies between 1/(m·n), nothing aligned, and 1/max(m, n), for m and n tokens
        on the two sides.
        """
        return self.plan.amax(dim=(1, 2))

    @property
    def entropy(self) -> Tensor:
        """[batch], each plan's entropy −Σ T log T in nats; log(m·n) is the uniform plan's."""
        entropies: Tensor = torch.special.entr(self.plan)
        return entropies.sum(dim=(1, 2))


def solve(
    cost: Tensor,
    source_marginal: Tensor,
    target_marginal: Tensor,
    *,
    solver: Solver = "sinkhorn",
    epsilon: float = 0.3,
    beta: float = 0.5,
    max_iterations: int = 200,
    tolerance: float = 1e-2,
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
        epsilon: weight of the entropy for ``"sinkhorn"``, > 0, relative to the pair's spread of the cost (see
            :func:`~kivuko.transport.cost_spread`), so that equally crowded spaces get equally sharp plans whatever
            their anisotropy.
        beta: weight β of each proximal step for ``"ipot"``, > 0, in the same unit; smaller takes longer strides, each
            less exactly.
        max_iterations: Sinkhorn iterations after which a pair is given up, ≥ 1.
        tolerance: marginal error (L1, see :class:`TransportPlan`) at which a pair is done; Sinkhorn stops
            there (0: never before ``max_iterations``), the other solvers only report ``converged`` by it.

    Returns:
        A :class:`TransportPlan` of the same form for every solver.

    Raises:
        InputError: shapes do not fit, a real token's cost is not finite, a marginal is no distribution, or a
            setting is out of range.
        UnknownNameError: no such solver.
    """
    if solver not in get_args(Solver):
        raise UnknownNameError("transport solver", solver, get_args(Solver))
    for name, value in (("epsilon", epsilon), ("beta", beta)):
        _check_setting(name, value, "a number above 0", value > 0)
    _check_trials(max_iterations, tolerance)
    with _solving(cost, source_marginal, target_marginal) as (cost, a, b):
        if solver == "exact":
            plan, optimal = exact(cost, a, b)
            found = _measured(plan, cost, a, b, _none_spent(cost), tolerance)
            return replace(found, converged=found.converged & optimal)
        if solver == "sinkhorn":
            kernel = log_kernel(cost, a, b, epsilon)
            plan, iterations = sinkhorn(kernel, a, b, max_iterations=max_iterations, tolerance=tolerance)
        else:
            plan, iterations = ipot(log_kernel(cost, a, b, beta), a, b)
        return _measured(plan, cost, a, b, iterations, tolerance)


def solve_partial(
    cost: Tensor, source_marginal: Tensor, target_marginal: Tensor, threshold: Tensor | float
) -> TransportPlan:
    """Find plans T ≥ 0 with T·1 ≤ a and Tᵀ·1 ≤ b that move mass cheaply, and only where that costs less than this.

    What is said of pads, precision, gradients and threads at :func:`solve` holds here too. The plans are exact.

    Args:
        cost: [batch, source_tokens, target_tokens], finite wherever both tokens have mass.
        source_marginal: [batch, source_tokens], a ≥ 0, rows sum to 1.
        target_marginal: [batch, target_tokens], b ≥ 0, rows sum to 1.
        threshold: [batch] or one for all pairs, ≥ 0, in the unit of the cost: leaving mass costs so much.

    Returns:
        A :class:`TransportPlan`; look at ``moved``, which may be 0.

    Raises:
        InputError: shapes do not fit, a real token's cost is not finite, a marginal is no distribution, or a
            threshold is below 0.
        MissingExtraError: POT is not installed.

    References:
        Caffarelli, McCann (2010), Annals of Mathematics 171(2); for word alignment Arase, Bao, Yokoi (2023), ACL,
        arXiv 2306.04116.
    """
    with _solving(cost, source_marginal, target_marginal) as (cost, a, b):
        most = torch.as_tensor(threshold, dtype=cost.dtype, device=cost.device).expand(len(cost))
        _check_setting("threshold", float(most.max()), "numbers from 0 up", bool((most >= 0).all()))
        plan, optimal = partial(cost, a, b, most)
        return replace(_measured(plan, cost, a, b, _none_spent(cost), math.inf), converged=optimal)


def solve_unbalanced(
    cost: Tensor,
    source_marginal: Tensor,
    target_marginal: Tensor,
    *,
    relaxation: float = 0.3,
    epsilon: float = 0.05,
    max_iterations: int = 200,
    tolerance: float = 1e-3,
) -> TransportPlan:
    """Find plans T ≥ 0 of least ⟨T, C⟩ + ε KL(T | a bᵀ) + τ (KL(T·1 | a) + KL(Tᵀ·1 | b)).

    What is said of pads, precision, gradients and threads at :func:`solve` holds here too.

    Args:
        cost: [batch, source_tokens, target_tokens], finite wherever both tokens have mass.
        source_marginal: [batch, source_tokens], a ≥ 0, rows sum to 1.
        target_marginal: [batch, target_tokens], b ≥ 0, rows sum to 1.
        relaxation: τ > 0, in the unit of the cost; the greater, the more mass is moved, all of it in the limit.
        epsilon: weight of the entropy, > 0, in the unit of the cost too: a spread, which is 0 for sides of one token,
            would not say how much of their mass to move.
        max_iterations: iterations after which a pair is given up, ≥ 1.
        tolerance: relative change of a token's scaling at which a pair is done.

    Returns:
        A :class:`TransportPlan`; look at ``moved``.

    Raises:
        InputError: shapes do not fit, a real token's cost is not finite, a marginal is no distribution, or a
            setting is out of range.

    Reference:
        Chizat, Peyré, Schmitzer, Vialard (2018), Mathematics of Computation 87, arXiv 1607.05816.
    """
    for name, value in (("relaxation", relaxation), ("epsilon", epsilon)):
        _check_setting(name, value, "a number above 0", value > 0)
    _check_trials(max_iterations, tolerance)
    with _solving(cost, source_marginal, target_marginal) as (cost, a, b):
        kernel = cost / (-math.log(2) * epsilon) + a.log2().unsqueeze(2) + b.log2().unsqueeze(1)
        plan, iterations, done = unbalanced(
            kernel,
            a,
            b,
            yielding=relaxation / (relaxation + epsilon),
            max_iterations=max_iterations,
            tolerance=tolerance,
        )
        return replace(_measured(plan, cost, a, b, iterations, math.inf), converged=done)


@contextmanager
def _solving(
    cost: Tensor, source_marginal: Tensor, target_marginal: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """What a solver takes, checked, without gradients and on one thread."""
    with torch.no_grad(), torch.autocast(cost.device.type, enabled=False), _one_thread():
        _check_shapes(cost, source_marginal, target_marginal)
        dtype = torch.promote_types(cost.dtype, torch.float32)
        a = _distribution(source_marginal.to(dtype), "source")
        b = _distribution(target_marginal.to(dtype), "target")
        yield _finite_cost(cost.to(dtype), a, b), a, b


def _none_spent(cost: Tensor) -> Tensor:
    return torch.zeros(len(cost), dtype=torch.int64, device=cost.device)


def _measured(
    plan: Tensor, cost: Tensor, a: Tensor, b: Tensor, iterations: Tensor, tolerance: float
) -> TransportPlan:
    """A solved plan with its cost and its honestly measured marginal error."""
    error = marginal_error(plan, a, b)
    return TransportPlan(
        plan=plan,
        cost=(plan * cost).sum(dim=(1, 2)),
        marginal_error=error,
        iterations=iterations,
        converged=error <= tolerance,
    )


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


def _check_setting(name: str, value: float, expected: str, fits: bool) -> None:
    if not (fits and value < math.inf):
        raise InputError("a transport setting is out of range", where=name, expected=expected, got=value)


def _check_trials(max_iterations: int, tolerance: float) -> None:
    _check_setting("tolerance", tolerance, "a number from 0 up", tolerance >= 0)
    _check_setting("max_iterations", max_iterations, "a number from 1 up", max_iterations >= 1)


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
            remedy="make it with uniform_marginal or weighted_marginal",
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
