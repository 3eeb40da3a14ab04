"""Whether two systems differ on the same queries by more than chance, corrected for how often one asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import InputError
from kivuko.evaluation.bootstrap import bootstrap_interval

_CELLS = 4_000_000  # signs held at once


@dataclass(frozen=True)
class Comparison:
    """A paired comparison of two systems on the same queries.

    Attributes:
        difference: mean of first − second over the queries.
        low: lower end of its 95 % bootstrap interval.
        high: upper end.
        p: two-sided p of the paired randomisation test.
        n: queries.
        exact: whether every sign assignment was enumerated rather than sampled.
    """

    difference: float
    low: float
    high: float
    p: float
    n: int
    exact: bool


def compare(
    first: Mapping[str, float], second: Mapping[str, float], *, seed: int, permutations: int = 100_000
) -> Comparison:
    """Two-sided paired randomisation test of the mean difference, with its effect.

    Under the null hypothesis each query's two values could as well have come from the other system, so the
    sign of its difference is free. All sign assignments are enumerated when there are at most
    ``permutations`` of them; otherwise they are sampled, and the observed one is counted in, which keeps p
    above 0 and the test valid (Smucker, Allan, Carterette, CIKM 2007, doi:10.1145/1321440.1321528).

    Args:
        first: query id → value, such as ``scores.per_query["nDCG@10"]``.
        second: the same for the other system, over the same queries.
        seed: seed of the sampling and of the bootstrap.
        permutations: how many sign assignments to sample, at least 1.

    Raises:
        InputError: there are no queries, or the two are not over the same ones.
    """
    if not first or first.keys() != second.keys():
        apart = len(first.keys() ^ second.keys())
        raise InputError(
            "a paired comparison needs the same queries on both sides",
            got=f"{len(first)} and {len(second)} queries, {apart} of them on one side only",
            remedy="score both runs with the same qrels",
        )
    differences = np.array([first[query] - second[query] for query in sorted(first)])
    low, high = bootstrap_interval(differences.tolist(), seed=seed)
    moving = differences[differences != 0]  # a zero keeps its place under either sign
    exact = 2 ** min(len(moving), 62) <= permutations
    p = _exact_p(moving) if exact else _sampled_p(moving, np.random.default_rng(seed), permutations)
    return Comparison(float(differences.mean()), low, high, p, len(differences), exact)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment of a family of p-values (Holm, Scandinavian Journal of Statistics 6, 1979).

    Args:
        p_values: name of a comparison → its p, in [0, 1].

    Returns:
        The adjusted p of each, in the order given; comparing them with α holds the family-wise error at α.

    Raises:
        InputError: a value is not in [0, 1].
    """
    for name, p in p_values.items():
        if not 0 <= p <= 1:
            raise InputError("not a p-value", where=name, expected="a number in [0, 1]", got=p)
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}


def _as_extreme(sums: NDArray[np.float64], differences: NDArray[np.float64]) -> int:
    # Sums that are equal on paper differ in the last bits by the order of addition; they count as equal.
    slack = 1e-12 * float(np.abs(differences).sum())
    return int((np.abs(sums) >= abs(float(differences.sum())) - slack).sum())


def _exact_p(differences: NDArray[np.float64]) -> float:
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    return _as_extreme(sums, differences) / len(sums)


def _sampled_p(differences: NDArray[np.float64], rng: np.random.Generator, permutations: int) -> float:
    step = max(1, _CELLS // len(differences))
    extreme = 0
    for start in range(0, permutations, step):
        size = (min(step, permutations - start), len(differences))
        signs = rng.integers(2, size=size, dtype=np.int8) * 2.0 - 1.0
        extreme += _as_extreme(signs @ differences, differences)
    return (extreme + 1) / (permutations + 1)
