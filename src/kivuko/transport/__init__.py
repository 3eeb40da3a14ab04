"""Optimal transport between the tokens of a sentence and those of its translation.

Pure mathematics: tensors in, tensors out. ``solve`` finds the plan; the loss that trains on it is
``(solve(cost.detach(), a, b).plan * cost).sum((1, 2)).mean()``.
"""

from __future__ import annotations

from kivuko.transport.cost import cosine_cost
from kivuko.transport.marginals import norm_marginal, uniform_marginal, weighted_marginal
from kivuko.transport.plan import TransportPlan
from kivuko.transport.solver import EpsilonMode, Solver, cost_spread, solve

__all__ = [
    "EpsilonMode",
    "Solver",
    "TransportPlan",
    "cosine_cost",
    "cost_spread",
    "norm_marginal",
    "solve",
    "uniform_marginal",
    "weighted_marginal",
]
