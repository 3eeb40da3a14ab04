"""Paired effects on one language's queries or pooled over languages, for the report on an experiment.

A pooled difference is the mean over languages of each language's mean difference, so every language counts
alike. Its p is that of the randomisation test with signs drawn within these languages (would it have come out
otherwise with the systems exchanged?); its interval is a hierarchical bootstrap that draws languages first and
then queries, so it also says how far other languages could differ, and is the wider of the two.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from kivuko.evaluation.significance import compare, holm
from kivuko.experiment.report_cells import Values

ALPHA = 0.05
_CELLS = 4_000_000  # resampled values held at once
_ENUMERATED = 8  # languages up to which all orders are tried


@dataclass(frozen=True)
class Trials:
    """How often chance is asked.

    Attributes:
        seed: seed of every resampling.
        permutations: sign assignments of a randomisation test.
        resamples: resamples of a bootstrap over languages and queries.
    """

    seed: int = 0
    permutations: int = 20_000
    resamples: int = 2_000


@dataclass(frozen=True)
class Effect:
    """A paired comparison.

    Attributes:
        difference: mean of first − second; for a correlation, its coefficient.
        low: lower end of the 95 % interval.
        high: upper end.
        p: two-sided p, not corrected.
        d_z: Cohen's d_z, the difference in standard deviations of the queries' differences (within languages
            where several are pooled); None when there is no spread.
        n: queries; for a correlation, languages.
    """

    difference: float
    low: float
    high: float
    p: float
    d_z: float | None
    n: int

    def columns(self) -> dict[str, Any]:
        """The columns of a table."""
        return {
            "difference": round(self.difference, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "d_z": None if self.d_z is None else round(self.d_z, 2),
            "n": self.n,
            "p": round(self.p, 6),
        }


def paired_effect(pairs: Mapping[str, tuple[Values, Values]], trials: Trials) -> Effect:
    """Compare two systems on the same queries.

    Args:
        pairs: language → both systems' score of each query, in the same order.
        trials: how often to sample.

    Raises:
        InputError: there is no language, or none of its queries.
    """
    # A language of few queries counts as much as one of many: scale its values so that the mean over all
    # queries is the mean over languages. The test's signs stay free query by query.
    total = sum(len(first) for first, _ in pairs.values())
    weighted = [
        {
            f"{language} {number}": float(value) * total / (len(pairs) * len(pair[side]))
            for language, pair in pairs.items()
            for number, value in enumerate(pair[side])
        }
        for side in (0, 1)
    ]
    result = compare(weighted[0], weighted[1], seed=trials.seed, permutations=trials.permutations)
    differences = {language: first - second for language, (first, second) in pairs.items()}
    low, high = result.low, result.high
    if len(pairs) > 1:
        low, high = _hierarchical_interval(list(differences.values()), trials)
    spread = math.sqrt(
        sum(float(d.var(ddof=1)) for d in differences.values() if len(d) > 1) / len(differences)
    )
    d_z = result.difference / spread if spread > 1e-12 else None
    return Effect(result.difference, low, high, result.p, d_z, total)


def _hierarchical_interval(differences: Sequence[Values], trials: Trials) -> tuple[float, float]:
    """Percentile interval of the mean over languages: languages drawn with replacement, then queries."""
    rng = np.random.default_rng(trials.seed)
    count = len(differences)
    drawn = rng.integers(count, size=(trials.resamples, count))
    means = np.empty(drawn.shape)
    for number, values in enumerate(differences):
        places = np.argwhere(drawn == number)
        step = max(1, _CELLS // len(values))
        for start in range(0, len(places), step):
            rows, columns = places[start : start + step].T
            chosen = rng.integers(len(values), size=(len(rows), len(values)))
            means[rows, columns] = values[chosen].mean(axis=1)
    low, high = np.quantile(means.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def rank_correlation(first: Sequence[float], second: Sequence[float], trials: Trials) -> Effect:
    """Spearman's rank correlation with a permutation test; the interval resamples the pairs.

    All orders are tried for at most eight pairs. Where the ranks do not vary the coefficient is 0 and p is 1.
    """
    ours, theirs = stats.rankdata(first), stats.rankdata(second)
    observed = _correlation(ours, theirs)
    rng = np.random.default_rng(trials.seed)
    if len(ours) <= _ENUMERATED:
        orders = itertools.permutations(theirs)
        found = [_correlation(ours, np.array(order)) for order in orders]
    else:
        found = [_correlation(ours, rng.permutation(theirs)) for _ in range(trials.permutations)]
        found.append(observed)
    p = sum(abs(value) >= abs(observed) - 1e-12 for value in found) / len(found)
    draws = rng.integers(len(ours), size=(trials.resamples, len(ours)))
    a, b = np.asarray(first), np.asarray(second)
    resampled = [_correlation(stats.rankdata(a[draw]), stats.rankdata(b[draw])) for draw in draws]
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Effect(observed, float(low), float(high), p, None, len(ours))


def _correlation(first: Values, second: Values) -> float:
    a, b = first - first.mean(), second - second.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale else 0.0


def with_holm(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with ``p (Holm)`` beside their ``p``; the rows with a p are one family."""
    adjusted = holm({str(number): row["p"] for number, row in enumerate(rows) if row.get("p") is not None})
    return [
        row | {"p (Holm)": round(adjusted[str(number)], 6)} if str(number) in adjusted else dict(row)
        for number, row in enumerate(rows)
    ]


def intervals(values: Values, trials: Trials) -> tuple[Values, Values]:
    """95 % bootstrap intervals of many systems' means over the same queries, with common draws.

    Args:
        values: axes system, query.
        trials: how often to sample.

    Returns:
        The lower and the upper ends, one a system.
    """
    queries = values.shape[1]
    draws = np.random.default_rng(trials.seed).multinomial(
        queries, np.full(queries, 1 / queries), trials.resamples
    )
    low, high = np.quantile(draws @ values.T / queries, [0.025, 0.975], axis=0)
    return low, high
