"""Costs and marginals: what goes into the transport."""

from __future__ import annotations

import pytest
import torch

from kivuko.errors import InputError
from kivuko.transport import cosine_cost, uniform_marginal

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


def test_uniform_marginal_by_hand() -> None:
    third = 1 / 3
    found = uniform_marginal(MASK)
    torch.testing.assert_close(found, torch.tensor([[third, third, 0.0, third], [0.0, 1.0, 0.0, 0.0]]))
    assert found.dtype == torch.float32


def test_a_row_without_tokens_is_refused_by_number() -> None:
    with pytest.raises(InputError, match=r"no token to carry mass\n.*row 1 of the batch"):
        uniform_marginal(torch.tensor([[True, True], [False, False]]))
    with pytest.raises(InputError, match="no token to carry mass"):
        uniform_marginal(torch.ones(2, 0))
