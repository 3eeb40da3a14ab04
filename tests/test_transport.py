"""What must hold for every plan, by whichever solver, on whichever batch."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kivuko.errors import InputError, UnknownNameError
from kivuko.transport import (
    TransportPlan,
    cost_spread,
    solve,
    solve_partial,
    solve_unbalanced,
    uniform_marginal,
)
from kivuko.transport.cost import log_kernel
from kivuko.transport.solvers import PROXIMAL_STEPS, ipot

SOLVERS = ["sinkhorn", "ipot", "exact"]
#: And those that may leave mass.
WAYS = [*SOLVERS, "partial", "unbalanced"]
TIGHT: dict[str, Any] = {"tolerance": 1e-5, "max_iterations": 2000}
invariant = settings(max_examples=40, derandomize=True)


class Problem(NamedTuple):
    cost: Tensor
    source: Tensor
    target: Tensor


def solve_by(way: Any, cost: Tensor, source: Tensor, target: Tensor) -> TransportPlan:
    """Any way to a plan, at its defaults; ``partial`` leaves some mass of most problems, and all of some."""
    if way == "partial":
        return solve_partial(cost, source, target, 0.6)
    if way == "unbalanced":
        return solve_unbalanced(cost, source, target)
    return solve(cost, source, target, solver=way)


def make_problem(
    seed: int, batch: int, m: int, n: int, *, ragged: bool = True, uniform: bool = False
) -> Problem:
    """Cosine-like costs; with ``ragged``, every pair keeps a different, scattered set of its tokens."""
    generator = torch.Generator().manual_seed(seed)
    cost = (
        1
        - 0.6 * torch.rand(batch, m, n, generator=generator)
        + 0.2 * torch.rand(batch, m, 1, generator=generator)
    )

    def marginal(length: int) -> Tensor:
        mask = torch.rand(batch, length, generator=generator) < (0.7 if ragged else 1.0)
        mask[torch.arange(batch), torch.randint(length, (batch,), generator=generator)] = True
        weights = (
            torch.ones(batch, length) if uniform else 0.1 + torch.rand(batch, length, generator=generator)
        )
        kept = weights * mask
        return kept / kept.sum(dim=1, keepdim=True)

    return Problem(cost, marginal(m), marginal(n))


problems = st.builds(
    make_problem, st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)
)


def assert_same_form(found: TransportPlan, problem: Problem) -> None:
    batch = len(problem.cost)
    assert found.plan.shape == problem.cost.shape
    assert found.plan.dtype == torch.promote_types(problem.cost.dtype, torch.float32)
    for name, dtype in {"cost": found.plan.dtype, "marginal_error": found.plan.dtype,
                        "iterations": torch.int64, "converged": torch.bool}.items():  # fmt: skip
        assert getattr(found, name).shape == (batch,), name
        assert getattr(found, name).dtype == dtype, name
    assert found.largest_entry.shape == found.entropy.shape == (batch,)
    assert not found.plan.requires_grad


@pytest.mark.parametrize("solver", SOLVERS)
@invariant
@given(problem=problems)
def test_every_solver_meets_the_marginals_with_a_nonnegative_plan(solver: Any, problem: Problem) -> None:
    found = solve(*problem, solver=solver, epsilon=0.5, **TIGHT)
    assert_same_form(found, problem)
    assert bool((found.plan >= 0).all())
    # One Sinkhorn iteration a step leaves IPOT's source marginal off (0.06 has been seen, in float64 as well).
    assert found.marginal_error.max() < (0.2 if solver == "ipot" else 2e-5)
    source_error = (found.plan.sum(2) - problem.source).abs().sum(1)
    target_error = (found.plan.sum(1) - problem.target).abs().sum(1)
    torch.testing.assert_close(found.marginal_error, torch.maximum(source_error, target_error))
    torch.testing.assert_close(found.cost, (found.plan * problem.cost).sum((1, 2)))
    pads = (problem.source == 0)[:, :, None] | (problem.target == 0)[:, None, :]
    assert bool((found.plan[pads] == 0).all())


@invariant
@given(problem=problems, epsilon=st.sampled_from([0.05, 0.3, 1.0]))
def test_sinkhorn_equals_pot(problem: Problem, epsilon: float) -> None:
    cost = problem.cost.double()
    source, target = problem.source.double(), problem.target.double()
    found = solve(cost, source, target, epsilon=epsilon, tolerance=1e-9, max_iterations=20_000)
    # POT's ε is in the unit of the cost; where all costs are alike, any gives the independent plan.
    absolute = (epsilon * cost_spread(cost, source, target)).clamp(min=1e-3)
    assert found.plan.dtype == torch.float64
    for pair in range(len(cost)):
        rows, columns = problem.source[pair] > 0, problem.target[pair] > 0
        a, b = problem.source[pair, rows].double(), problem.target[pair, columns].double()
        block = cost[pair][rows][:, columns]
        expected = ot.sinkhorn((a / a.sum()).numpy(), (b / b.sum()).numpy(), block.numpy(), float(absolute[pair]),
                               method="sinkhorn_log", numItermax=20_000, stopThr=1e-11)  # fmt: skip
        np.testing.assert_allclose(found.plan[pair][rows][:, columns].numpy(), expected, atol=1e-7)


@invariant
@given(problem=problems)
def test_exact_costs_what_pot_says_and_no_solver_beats_it(problem: Problem) -> None:
    found = solve(*problem, solver="exact")
    assert bool(found.converged.all())
    for pair in range(len(problem.cost)):
        a, b = problem.source[pair].double(), problem.target[pair].double()
        expected = ot.emd2((a / a.sum()).numpy(), (b / b.sum()).numpy(), problem.cost[pair].double().numpy())
        assert float(found.cost[pair]) == pytest.approx(expected, abs=1e-5)
    entropic = solve(*problem, epsilon=0.3, **TIGHT)
    assert bool((entropic.cost >= found.cost - 1e-4).all())


@invariant
@given(problem=problems, threshold=st.floats(0.05, 1.5))
def test_partial_plans_are_pots(problem: Problem, threshold: float) -> None:
    cost, source, target = (x.double() for x in problem)
    found = solve_partial(cost, source, target, threshold)
    assert bool(found.converged.all())
    assert bool((found.plan.sum(2) <= source + 1e-6).all())
    assert bool((found.plan.sum(1) <= target + 1e-6).all())
    assert bool((found.plan[cost >= threshold] == 0).all())
    for pair in range(len(cost)):
        rows, columns = source[pair] > 0, target[pair] > 0
        block = cost[pair][rows][:, columns].numpy()
        a, b = (x / x.sum() for x in (source[pair, rows].numpy(), target[pair, columns].numpy()))
        theirs = ot.partial.partial_wasserstein_lagrange(a, b, block, reg_m=threshold)
        # There may be several plans of least cost; what they cost is one number.
        ours = found.plan[pair][rows][:, columns].numpy()
        assert ((block - threshold) * ours).sum() == pytest.approx(
            ((block - threshold) * theirs).sum(), abs=1e-6
        )


@invariant
@given(problem=problems)
def test_partial_transport_leads_from_nothing_to_the_balanced_plan(problem: Problem) -> None:
    whole = solve(*problem, solver="exact")
    found = solve_partial(*problem, 10.0)
    torch.testing.assert_close(found.moved, torch.ones(len(found.moved)))
    torch.testing.assert_close(found.cost, whole.cost, atol=1e-5, rtol=1e-5)
    none = solve_partial(*problem, 0.0)
    assert float(none.moved.max()) < 1e-12
    assert bool(none.converged.all())
    # A threshold of each pair's own.
    mixed = solve_partial(*problem, torch.tensor([0.0] + [10.0] * (len(whole.cost) - 1)))
    assert float(mixed.moved[0]) < 1e-12
    torch.testing.assert_close(mixed.plan[1:], found.plan[1:])


@invariant
@given(problem=problems, relaxation=st.sampled_from([0.05, 0.3, 2.0]), epsilon=st.sampled_from([0.05, 0.2]))
def test_unbalanced_plans_are_pots(problem: Problem, relaxation: float, epsilon: float) -> None:
    cost, source, target = (x.double() for x in problem)
    found = solve_unbalanced(
        cost, source, target, relaxation=relaxation, epsilon=epsilon, tolerance=1e-10, max_iterations=20_000
    )
    assert bool(found.converged.all())
    for pair in range(len(cost)):
        rows, columns = source[pair] > 0, target[pair] > 0
        a, b = (x / x.sum() for x in (source[pair, rows].numpy(), target[pair, columns].numpy()))
        block = cost[pair][rows][:, columns].numpy()
        theirs = ot.unbalanced.sinkhorn_unbalanced(
            a, b, block, epsilon, relaxation, method="sinkhorn", reg_type="kl", c=np.outer(a, b),
            numItermax=20_000, stopThr=1e-12,
        )  # fmt: skip
        np.testing.assert_allclose(found.plan[pair][rows][:, columns].numpy(), theirs, atol=1e-6)


@invariant
@given(problem=problems)
def test_relaxation_leads_from_the_kernel_to_the_marginals(problem: Problem) -> None:
    settings: Any = {"epsilon": 0.1, "max_iterations": 10_000, "tolerance": 1e-7}
    little, some, much = (solve_unbalanced(*problem, relaxation=tau, **settings) for tau in (1e-6, 0.3, 60.0))
    kernel = problem.source[:, :, None] * problem.target[:, None, :] * torch.exp(-problem.cost / 0.1)
    torch.testing.assert_close(little.plan, kernel, atol=1e-6, rtol=1e-2)
    assert bool((little.moved <= some.moved + 1e-6).all())
    assert bool((some.moved <= much.moved + 1e-6).all())
    assert float(much.marginal_error.max()) < 1e-2


@pytest.mark.parametrize("solver", WAYS)
@invariant
@given(problem=problems, extra=st.integers(1, 5), junk=st.sampled_from([0.0, -50.0, math.nan, math.inf]))
def test_padding_changes_nothing_whatever_it_holds(
    solver: Any, problem: Problem, extra: int, junk: float
) -> None:
    plain = solve_by(solver, *problem)
    batch, m, n = problem.cost.shape
    cost = torch.full((batch, m + extra, n + 2 * extra), junk)
    cost[:, :m, :n] = problem.cost
    source, target = torch.zeros(batch, m + extra), torch.zeros(batch, n + 2 * extra)
    source[:, :m], target[:, :n] = problem.source, problem.target
    padded = solve_by(solver, cost, source, target)
    torch.testing.assert_close(padded.plan[:, :m, :n], plain.plan, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(padded.cost, plain.cost, atol=1e-5, rtol=1e-4)
    assert torch.equal(padded.iterations, plain.iterations)
    assert float(padded.plan[:, m:].abs().sum() + padded.plan[:, :, n:].abs().sum()) == 0


@pytest.mark.parametrize("solver", WAYS)
@invariant
@given(problem=problems)
def test_a_pair_comes_out_the_same_in_any_batch(solver: Any, problem: Problem) -> None:
    together = solve_by(solver, *problem)
    for pair in range(len(problem.cost)):
        alone = solve_by(solver, *(x[pair : pair + 1] for x in problem))
        torch.testing.assert_close(alone.plan[0], together.plan[pair], atol=1e-5, rtol=1e-3)
        assert int(alone.iterations) == int(together.iterations[pair])
        assert bool(alone.converged) == bool(together.converged[pair])


@pytest.mark.parametrize("solver", WAYS)
@invariant
@given(problem=problems, seed=st.integers(0, 10**6))
def test_permuting_tokens_permutes_the_plan(solver: Any, problem: Problem, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(problem.source.shape[1], generator=generator)
    columns = torch.randperm(problem.target.shape[1], generator=generator)
    plain = solve_by(solver, *problem)
    shuffled = solve_by(
        solver, problem.cost[:, rows][:, :, columns], problem.source[:, rows], problem.target[:, columns]
    )
    torch.testing.assert_close(shuffled.plan, plain.plan[:, rows][:, :, columns], atol=1e-5, rtol=1e-3)


@invariant
@given(problem=problems)
def test_epsilon_leads_from_the_exact_plan_to_the_independent_one(problem: Problem) -> None:
    exact = solve(*problem, solver="exact")
    sharp = solve(*problem, epsilon=0.01, tolerance=1e-3, max_iterations=20_000)
    assert float((sharp.cost - exact.cost).abs().max()) < 5e-3
    blurred = solve(*problem, epsilon=1e4)
    independent = problem.source[:, :, None] * problem.target[:, None, :]
    torch.testing.assert_close(blurred.plan, independent, atol=1e-4, rtol=1e-2)
    middling = solve(*problem, epsilon=0.5, **TIGHT)
    assert bool((exact.entropy <= middling.entropy + 1e-4).all())
    assert bool((middling.entropy <= blurred.entropy + 1e-4).all())


@invariant
@given(problem=problems, shift=st.floats(-3, 3), scale=st.floats(0.1, 50))
def test_epsilon_ignores_the_costs_mean_and_unit(problem: Problem, shift: float, scale: float) -> None:
    plain = solve(*problem, epsilon=0.5, **TIGHT)
    moved = solve(problem.cost * scale + shift, problem.source, problem.target, epsilon=0.5, **TIGHT)
    torch.testing.assert_close(moved.plan, plain.plan, atol=1e-4, rtol=1e-2)


def test_epsilon_is_a_multiple_of_the_standard_deviation_over_real_tokens() -> None:
    cost = torch.tensor([[[0.0, 2.0, 99.0], [2.0, 0.0, 99.0]]])
    half, masked = torch.full((1, 2), 0.5), torch.tensor([[0.5, 0.5, 0.0]])
    assert float(cost_spread(cost, half, masked)) == pytest.approx(1.0)
    found = solve(cost, half, masked, epsilon=0.25, **TIGHT)
    # By symmetry the plan is [[p, q], [q, p]] with q/p = e^(−2/.25) and p + q = 1/2.
    assert float(found.plan[0, 0, 1]) == pytest.approx(0.5 / (1 + math.exp(8)), rel=1e-4)


def test_a_constant_cost_gives_the_independent_plan() -> None:
    source, target = torch.tensor([[0.2, 0.8]]), torch.tensor([[0.5, 0.25, 0.25]])
    found = solve(torch.full((1, 2, 3), 0.7), source, target)
    torch.testing.assert_close(found.plan, source[:, :, None] * target[:, None, :])
    assert bool(found.converged)


@pytest.mark.parametrize("epsilon", [5e-3, 5e-5])
def test_float32_survives_an_epsilon_at_which_the_plain_kernel_is_all_zero(epsilon: float) -> None:
    problem = make_problem(3, 4, 12, 9)
    assert float(torch.exp(-problem.cost / (epsilon * cost_spread(*problem))[:, None, None]).max()) == 0
    settings: Any = {"epsilon": epsilon, "max_iterations": 1001}
    found = solve(*problem, **settings)
    double = solve(*(x.double() for x in problem), **settings)
    torch.testing.assert_close(found.plan.double(), double.plan, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(found.marginal_error.double(), double.marginal_error, atol=1e-3, rtol=0)


def test_largest_entry_and_entropy_by_hand() -> None:
    half = torch.full((1, 2), 0.5)
    sharp = solve(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), half, half, solver="exact")
    assert float(sharp.largest_entry) == pytest.approx(0.5)
    assert float(sharp.entropy) == pytest.approx(math.log(2))
    blurred = solve(torch.ones(1, 2, 2), half, half)
    assert float(blurred.largest_entry) == pytest.approx(0.25)
    assert float(blurred.entropy) == pytest.approx(math.log(4))


def test_sinkhorn_stops_each_pair_at_its_own_tolerance_and_says_when_it_does_not() -> None:
    problem = make_problem(0, 6, 12, 12)
    flat = problem.cost.clone()
    flat[0] = 1.0
    found = solve(flat, problem.source, problem.target, epsilon=0.1, tolerance=1e-3, max_iterations=500)
    assert int(found.iterations[0]) == 1 < int(found.iterations.max()) <= 500
    assert bool((found.marginal_error <= 1e-3).eq(found.converged).all())
    short = solve(*problem, epsilon=0.02, tolerance=1e-4, max_iterations=5)
    assert short.iterations.tolist() == [5] * 6
    assert not short.converged.any()
    assert solve(*problem, tolerance=0, max_iterations=37).iterations.tolist() == [37] * 6


def reference_ipot(cost: Tensor, a: Tensor, b: Tensor, beta: float, steps: int) -> Tensor:
    """Algorithm 1 of Xie et al. as printed, one inner iteration, one pair, float64, in the plain domain."""
    kernel, plan, sigma = torch.exp(-cost / beta), torch.ones_like(cost), torch.ones_like(b)
    for _ in range(steps):
        prior = kernel * plan
        delta = a / (prior @ sigma)
        sigma = b / (prior.T @ delta)
        plan = delta[:, None] * prior * sigma[None, :]
    return plan


@pytest.mark.parametrize("beta", [0.2, 0.5])
def test_ipot_follows_the_published_algorithm(beta: float) -> None:
    problem = make_problem(1, 3, 7, 5, ragged=False)
    cost, source, target = (x.double() for x in problem)
    found = solve(cost, source, target, solver="ipot", beta=beta)
    for pair in range(3):
        absolute = beta * float(cost_spread(cost, source, target)[pair])
        expected = reference_ipot(cost[pair], source[pair], target[pair], absolute, PROXIMAL_STEPS)
        torch.testing.assert_close(found.plan[pair], expected, atol=1e-10, rtol=1e-6)
    assert found.iterations.tolist() == [PROXIMAL_STEPS] * 3


def test_ipot_reaches_the_exact_cost() -> None:
    problem = make_problem(2, 8, 16, 16)
    plan, _ = ipot(log_kernel(*problem, 0.5), problem.source, problem.target, steps=500)
    exact = solve(*problem, solver="exact")
    assert float(((plan * problem.cost).sum((1, 2)) - exact.cost).abs().max()) < 2e-3


@pytest.mark.parametrize("solver", WAYS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_solved_in_float32(solver: Any, dtype: torch.dtype) -> None:
    problem = make_problem(5, 4, 11, 7)
    half = Problem(*(x.to(dtype) for x in problem))
    found = solve_by(solver, *half)
    assert_same_form(found, half)
    expected = solve_by(solver, half.cost.float(), problem.source, problem.target)
    torch.testing.assert_close(found.cost, expected.cost, atol=5e-3, rtol=1e-2)
    exactly = solve_by(solver, half.cost.float(), half.source.float(), half.target.float())
    assert torch.equal(found.plan, exactly.plan)


@pytest.mark.parametrize("solver", WAYS)
def test_autocast_changes_nothing(solver: Any) -> None:
    problem = make_problem(6, 4, 11, 7)
    outside = solve_by(solver, *problem)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = solve_by(solver, *problem)
    assert torch.equal(inside.plan, outside.plan)


@pytest.mark.parametrize("solver", WAYS)
def test_gradient_flows_through_the_cost_and_never_through_the_plan(solver: Any) -> None:
    problem = make_problem(7, 2, 6, 5)
    cost = problem.cost.clone().requires_grad_()
    found = solve_by(solver, cost, problem.source, problem.target)
    assert not found.plan.requires_grad
    assert not found.cost.requires_grad
    (found.plan * cost).sum((1, 2)).mean().backward()
    torch.testing.assert_close(cost.grad, found.plan / 2)


def test_denormal_numbers_change_no_plan() -> None:
    problem = make_problem(8, 4, 16, 16)
    flushed = solve(*problem, epsilon=0.05)
    try:
        assert torch.set_flush_denormal(True)
        assert torch.allclose(solve(*problem, epsilon=0.05).plan, flushed.plan, atol=1e-7)
    finally:
        torch.set_flush_denormal(False)


def test_torch_has_its_threads_back_after_a_solve_and_after_an_error() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        solve(*make_problem(9, 2, 4, 4))
        assert torch.get_num_threads() == 3
        with pytest.raises(InputError):
            solve(torch.full((2, 3, 3), math.nan), UNIFORM, UNIFORM)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


UNIFORM = uniform_marginal(torch.ones(2, 3))


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("solver", WAYS)
def test_a_cost_that_is_not_finite_is_refused_by_place(solver: Any, value: float) -> None:
    cost = torch.ones(2, 3, 3)
    cost[1, 2, 0] = value
    with pytest.raises(InputError, match="pair 1, source token 2, target token 0"):
        solve_by(solver, cost, UNIFORM, UNIFORM)


def test_pads_alone_on_one_side_are_refused() -> None:
    empty = UNIFORM.clone()
    empty[1] = 0
    with pytest.raises(InputError, match=r"source marginal.*\n.*pair 1"):
        solve(torch.ones(2, 3, 3), empty, UNIFORM)


@pytest.mark.parametrize(
    "marginal", [torch.tensor([[1.5, -0.5, 0.0]] * 2), torch.ones(2, 3), torch.full((2, 3), math.nan)]
)
def test_a_marginal_that_is_no_distribution_is_refused(marginal: Tensor) -> None:
    with pytest.raises(InputError, match="target marginal is not a distribution"):
        solve(torch.ones(2, 3, 3), UNIFORM, marginal)


def test_shapes_that_do_not_fit_are_refused() -> None:
    for cost in (torch.ones(2, 3, 4), torch.ones(3, 3), torch.ones(1, 3, 3), torch.ones(2, 0, 3)):
        with pytest.raises(InputError, match="do not fit together"):
            solve(cost, UNIFORM, UNIFORM)


def test_settings_out_of_range_and_unknown_names_are_refused() -> None:
    cost = torch.ones(2, 3, 3)
    for wrong in ({"epsilon": 0.0}, {"epsilon": math.nan}, {"max_iterations": 0}, {"tolerance": -1.0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            solve(cost, UNIFORM, UNIFORM, **wrong)  # type: ignore[arg-type]
    for threshold in (-0.1, math.nan, math.inf, torch.tensor([0.5, -1.0])):
        with pytest.raises(InputError, match="threshold"):
            solve_partial(cost, UNIFORM, UNIFORM, threshold)
    for wrong in ({"relaxation": 0.0}, {"epsilon": -1.0}, {"max_iterations": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            solve_unbalanced(cost, UNIFORM, UNIFORM, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="sinkhorn"):
        solve(cost, UNIFORM, UNIFORM, solver="sinkorn")  # type: ignore[arg-type]
