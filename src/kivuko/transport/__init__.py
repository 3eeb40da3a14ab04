"""Optimal transport between the tokens of a sentence and those of its translation.

Pure mathematics: tensors in, tensors out. ``solve`` finds the plan; the loss that trains on it is
``(solve(cost.detach(), a, b).plan * cost).sum((1, 2)).mean()``. ``solve_partial`` and ``solve_unbalanced`` may leave
mass where it is.
"""

from __future__ import annotations

from kivuko.transport.cost import cosine_cost, cost_spread, uniform_marginal, weighted_marginal
from kivuko.transport.plan import Solver, TransportPlan, solve, solve_partial, solve_unbalanced

__all__ = [
    "Solver",
    "TransportPlan",
    "cosine_cost",
    "cost_spread",
    "solve",
    "solve_partial",
    "solve_unbalanced",
    "uniform_marginal",
    "weighted_marginal",
]
