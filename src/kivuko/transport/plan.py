"""The result every solver returns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class TransportPlan:
    """How the mass of the source tokens was moved onto the target tokens.

    Attributes:
        plan: [batch, source_tokens, target_tokens], at least float32, carrying no gradient; each pair's
            entries sum to about 1 and are exactly 0 where either token has no mass.
        cost: [batch], transport cost ⟨plan, C⟩ of each pair, in the unit of the cost matrix.
        marginal_error: [batch], the L1 distance between the plan's marginals and the ones asked for, the
            larger of the two sides; in 0…2, and half of it is the share of mass in a wrong place.
        iterations: [batch], integers: iterations spent on each pair (proximal steps for IPOT, 0 for exact).
        converged: [batch], booleans: the marginal error is within the tolerance asked for (for the exact
            solver: and the network simplex says the plan is optimal).
    """

    plan: Tensor
    cost: Tensor
    marginal_error: Tensor
    iterations: Tensor
    converged: Tensor

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


def measure(
    plan: Tensor,
    cost: Tensor,
    source_marginal: Tensor,
    target_marginal: Tensor,
    *,
    iterations: Tensor,
    tolerance: float,
) -> TransportPlan:
    """Wrap a solved plan with its cost and its honestly measured marginal error.

    Args:
        plan: [batch, source_tokens, target_tokens], what a solver found.
        cost: as the plan, finite everywhere.
        source_marginal: [batch, source_tokens], the marginal asked for.
        target_marginal: [batch, target_tokens], likewise.
        iterations: [batch], integers.
        tolerance: marginal error at or below which a pair counts as converged.
    """
    error = marginal_error(plan, source_marginal, target_marginal)
    return TransportPlan(
        plan=plan,
        cost=(plan * cost).sum(dim=(1, 2)),
        marginal_error=error,
        iterations=iterations,
        converged=error <= tolerance,
    )


def marginal_error(plan: Tensor, source_marginal: Tensor, target_marginal: Tensor) -> Tensor:
    """[batch], L1 distance of the plan's marginals from those asked for, the larger of the two sides."""
    source_error = (plan.sum(dim=2) - source_marginal).abs().sum(dim=1)
    target_error = (plan.sum(dim=1) - target_marginal).abs().sum(dim=1)
    return torch.maximum(source_error, target_error)
