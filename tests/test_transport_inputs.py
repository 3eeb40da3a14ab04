"""Costs and marginals: what goes into the transport."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kivuko.errors import InputError
from kivuko.transport import cosine_cost, norm_marginal, uniform_marginal, weighted_marginal

MASK = torch.tensor([[True, True, False, True], [False, True, False, False]])


def test_cosine_cost_by_hand() -> None:
    source = torch.tensor([[[2.0, 0.0], [0.0, 0.0]]])
    target = torch.tensor([[[5.0, 0.0], [0.0, 1.0], [-3.0, 0.0]]])
    torch.testing.assert_close(
        cosine_cost(source, target), torch.tensor([[[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]]])
    )


def test_cosine_cost_skips_normalising_on_demand_and_is_differentiable() -> None:
    source = torch.nn.functional.normalize(
        torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    torch.testing.assert_close(cosine_cost(source, source, normalised=True), cosine_cost(source, source))
    student = source.clone().requires_grad_()
    cosine_cost(student, source).sum().backward()
    assert student.grad is not None
    assert float(student.grad.abs().sum()) > 0


@pytest.mark.parametrize("other", [(2, 4, 7), (3, 4, 8), (4, 8)])
def test_cosine_cost_refuses_shapes_that_do_not_fit(other: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="do not fit together"):
        cosine_cost(torch.ones(2, 3, 8), torch.ones(other))


def test_marginals_by_hand() -> None:
    third = 1 / 3
    torch.testing.assert_close(
        uniform_marginal(MASK), torch.tensor([[third, third, 0.0, third], [0.0, 1.0, 0.0, 0.0]])
    )
    weights = torch.tensor([[1.0, 2.0, 9.0, 1.0], [math.nan, 5.0, -1.0, math.inf]])
    torch.testing.assert_close(
        weighted_marginal(weights, MASK), torch.tensor([[0.25, 0.5, 0.0, 0.25], [0.0, 1.0, 0.0, 0.0]])
    )
    vectors = torch.tensor([[3.0, 4.0], [0.0, 0.0], [7.0, 7.0], [6.0, 8.0]]).expand(2, 4, 2)
    with pytest.raises(InputError, match="row 1"):
        norm_marginal(vectors, MASK)  # the only token that row 1 keeps has norm 0
    torch.testing.assert_close(
        norm_marginal(vectors, MASK[:1].expand(2, 4))[0], torch.tensor([third, 0.0, 0.0, 2 / 3])
    )


@settings(max_examples=60, derandomize=True)
@given(st.lists(st.floats(0, 2.0**90, width=32), min_size=1, max_size=12), st.sampled_from([1e-30, 1.0, 1e8]))
def test_every_marginal_sums_to_one_whatever_the_weights_scale(weights: list[float], scale: float) -> None:
    row = torch.tensor([[*weights, 1.0, 123.0]]) * scale
    mask = torch.ones_like(row, dtype=torch.bool)
    mask[0, -1] = False
    marginal = weighted_marginal(row, mask)
    assert float(marginal.sum()) == pytest.approx(1, abs=1e-5)
    assert float(marginal[0, -1]) == 0
    assert bool((marginal >= 0).all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights_become_float32(dtype: torch.dtype) -> None:
    assert weighted_marginal(torch.ones(2, 4, dtype=dtype), MASK).dtype == torch.float32
    vectors = torch.full((2, 4, 16), 3e4, dtype=dtype, requires_grad=True)
    marginal = norm_marginal(vectors, MASK)  # the squares overflow half precision
    torch.testing.assert_close(marginal, uniform_marginal(MASK))
    assert not marginal.requires_grad


def test_a_row_without_tokens_is_refused_by_number() -> None:
    mask = torch.tensor([[True, True], [False, False]])
    for make in (
        lambda: uniform_marginal(mask),
        lambda: weighted_marginal(torch.ones(2, 2), mask),
        lambda: norm_marginal(torch.ones(2, 2, 3), mask),
        lambda: weighted_marginal(torch.tensor([[1.0, 1.0], [0.0, 0.0]]), torch.ones(2, 2)),
        lambda: uniform_marginal(torch.ones(2, 0)),
    ):
        with pytest.raises(InputError, match="no token to carry mass"):
            make()


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_a_weight_that_is_no_mass_is_refused_by_place(bad: float) -> None:
    weights = torch.ones(2, 4)
    weights[0, 3] = bad
    with pytest.raises(InputError, match="row 0, token 3"):
        weighted_marginal(weights, MASK)


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match="do not fit together"):
        weighted_marginal(torch.ones(2, 3), MASK)
