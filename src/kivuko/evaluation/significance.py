"""Whether two systems differ on the same queries by more than chance, corrected for how often one asks.

``scipy.stats.permutation_test`` is the same test (the tests hold us to it, enumerated and sampled). Own code stays
because all pairs of systems share their signs here, which makes the test one matrix product: 190 pairs × 30 languages
and their pool take 5 seconds with 10,000 permutations, where scipy takes 100 without the pool when it is given the
pairs of a language at once and 430 pair by pair (``bench/comparison.py``). Nor does scipy count sums as equal within
rounding of the values: its margin is a share of the observed mean, which is too small where the mean is near 0.

And power: how small a true difference the queries at hand could have shown, and how many more the one seen would
take. Both come from the paired t test, whose power that of the randomisation test approaches: a true difference is
found with probability ``power`` when it is (t₁₋α⸝₂ + t_power) standard errors wide, with t quantiles at the test's
degrees of freedom (Bloom, Evaluation Review 19(5), 1995, "Minimum detectable effects",
doi:10.1177/0193841X9501900504; for retrieval, Sakai, Information Retrieval Journal 19, 2016,
doi:10.1007/s10791-015-9273-z). The exact figure, from the non-central t distribution, is within .2 % at α = .05
from 10 queries on; at α = .05/57 it is .6 % greater with 50 queries and 4 % greater with 10. The spread is the one
observed, so both are estimates. What can be shown is no restatement of p, as "observed power" is: the difference
seen does not enter it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kivuko.errors import InputError
from kivuko.evaluation.bootstrap import bootstrap_interval

_CELLS = 4_000_000  # signs, or sums, held at once
# Values that are equal on paper differ in their last bits by how they were computed, and so do sums by the order of
# addition. Measures and their sums are told apart only beyond this share of their size.
_ROUNDING = 1e-12

Values = NDArray[np.float64]


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
    sides = [
        np.array([[side[query]] for query in sorted(first)], dtype=np.float64) for side in (first, second)
    ]
    differences = told_apart(*sides)[:, 0]
    low, high = bootstrap_interval(differences.tolist(), seed=seed)
    p, exact = randomisation_test(*sides, seed=seed, permutations=permutations)
    return Comparison(float(differences.mean()), low, high, float(p[0]), len(differences), bool(exact[0]))


def randomisation_test(
    first: Values, second: Values, *, seed: int, permutations: int
) -> tuple[Values, NDArray[np.bool_]]:
    """Two-sided paired randomisation test of the sum of first − second, of many pairs of systems on the same queries.

    Under the null hypothesis each query's two values could as well have come from the other system, so the
    sign of its difference is free. All sign assignments are enumerated when there are at most ``permutations`` of
    them; otherwise they are sampled, the same ones for every pair, and the observed one is counted in, which keeps p
    above 0 and the test valid (Smucker, Allan, Carterette, CIKM 2007, doi:10.1145/1321440.1321528; Phipson and
    Smyth, 2010, doi:10.2202/1544-6115.1585). A pair has the same p whatever other pairs are tested with it.

    Args:
        first: one system of each pair, axes query, pair.
        second: the other one, the same shape.
        seed: seed of the sampling.
        permutations: how many sign assignments to sample, at least 1.

    Returns:
        p of each pair, and whether its sign assignments were enumerated.
    """
    differences = told_apart(first, second)
    # Counts a sum that equals the observed one on paper as equal, whichever way it was added up.
    slack = _ROUNDING * (np.abs(first) + np.abs(second)).sum(axis=0)
    least = np.abs(differences.sum(axis=0)) - slack
    moving = np.count_nonzero(differences, axis=0)  # a zero keeps its place under either sign
    exact = moving < permutations.bit_length()  # 2 to the power of it is at most that many
    p = np.empty(len(exact))
    for pair in np.flatnonzero(exact).tolist():
        column = differences[:, pair]
        p[pair] = np.mean(np.abs(_all_sums(column[column != 0])) >= least[pair])
    if not exact.all():
        sampled = np.ascontiguousarray(differences[:, ~exact])
        extreme = _count_extreme(sampled, least[~exact], np.random.default_rng(seed), permutations)
        p[~exact] = (extreme + 1) / (permutations + 1)
    return p, exact


def told_apart(first: Values, second: Values) -> Values:
    """first − second, 0 where the two differ by no more than rounding."""
    differences = first - second
    differences[np.abs(differences) <= _ROUNDING * (np.abs(first) + np.abs(second))] = 0.0
    return differences


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


def _all_sums(differences: Values) -> Values:
    """The sum under each of the 2ⁿ sign assignments."""
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    return sums


def _count_extreme(
    differences: Values, least: Values, rng: np.random.Generator, permutations: int
) -> NDArray[np.int64]:
    """How many of the sampled sums of each column reach ``least`` in absolute value."""
    queries, pairs = differences.shape
    extreme = np.zeros(pairs, dtype=np.int64)
    # Each sample takes whole 64-bit words, so that the step changes nothing.
    words = -(-queries // 64)
    step = max(1, _CELLS // max(queries, pairs))
    for start in range(0, permutations, step):
        size = (min(step, permutations - start), words)
        drawn = rng.integers(0, 2**64, size=size, dtype=np.uint64).astype("<u8", copy=False)
        signs = np.unpackbits(drawn.view(np.uint8), axis=1, count=queries).astype(np.float64)
        signs *= 2.0
        signs -= 1.0
        # float32 would halve the time of the product, but could not tell a tie from a small difference.
        sums = signs @ differences
        extreme += np.count_nonzero(np.abs(sums, out=sums) >= least, axis=0)
    return extreme


#: The probability of finding the difference that "can be shown".
POWER = 0.8
#: Beyond this many queries the difference seen is as good as none.
MOST_QUERIES = 10**9


def detectable_difference(
    standard_error: float, n: int, *, alpha: float, power: float = POWER, languages: int = 1
) -> float:
    """The smallest true mean difference that a two-sided paired test finds with this probability.

    Args:
        standard_error: of the mean difference, in the measure's unit; 0 when all differences are equal.
        n: queries, of all languages together; more than there are languages.
        alpha: level of the test, between 0 and 1.
        power: probability of finding it, between .5 and 1.
        languages: how many languages are pooled; each costs a degree of freedom.
    """
    degrees = n - languages
    return _standard_errors(degrees, alpha, power) * standard_error


def queries_needed(
    difference: float,
    standard_error: float,
    n: int,
    *,
    alpha: float,
    power: float = POWER,
    languages: int = 1,
) -> int | None:
    """The smallest number of queries that shows a true difference of this size, were they spread as these n are.

    Args:
        difference: in the measure's unit, of any sign.
        standard_error: of the mean difference over the n queries.
        n: queries at hand, of all languages together; more than there are languages.
        alpha: level of the test, between 0 and 1.
        power: probability of finding it, between .5 and 1.
        languages: how many languages are pooled; the queries are spread over them as the n are.

    Returns:
        Queries of all languages together; None when it would take more than ``MOST_QUERIES``.
    """

    def enough(queries: int) -> bool:
        error = standard_error * math.sqrt(n / queries)
        return _standard_errors(queries - languages, alpha, power) * error <= abs(difference)

    if not enough(MOST_QUERIES):
        return None
    low, high = languages, MOST_QUERIES  # never enough, as no degree of freedom is left; and enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _standard_errors(degrees: int, alpha: float, power: float) -> float:
    return float(special.stdtrit(degrees, 1 - alpha / 2) + special.stdtrit(degrees, power))
