"""How far two systems differ on the same queries: paired effects, with intervals and tests.

A pooled difference is the mean over languages of each language's mean difference, so every language counts
alike. Its p is that of the randomisation test with signs drawn within these languages (would it have come out
otherwise with the systems exchanged?); its interval is a hierarchical bootstrap that draws languages first and
then queries, so it also says how far other languages could differ, and is the wider of the two.

Runs of one system that differ in their training seed are averaged query by query before anything is tested: the
queries are the sample. Where they are given one by one, the interval draws seeds too; elsewhere how far the seeds'
means lie apart is kept beside, as a standard deviation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import InputError
from kivuko.evaluation.bootstrap import bootstrap_intervals, hierarchical_intervals, seeded_interval
from kivuko.evaluation.significance import randomisation_test, told_apart

#: The level at which a p, corrected, counts as significant.
ALPHA = 0.05
_NO_SPREAD = 1e-12

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Trials:
    """How often chance is asked.

    The defaults are those of ``kivuko compare``: a correction over many comparisons needs small p. The report on an
    experiment asks less often (``kivuko.experiment.report.assembly.REPORT_TRIALS``), for it has thousands of tests.

    Attributes:
        seed: seed of every resampling.
        permutations: sign assignments of a randomisation test.
        resamples: resamples of a bootstrap over languages and queries; one over queries alone takes 10,000.
    """

    seed: int = 0
    permutations: int = 100_000
    resamples: int = 10_000


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
        standard_error: of the difference over other queries of the same languages; None when a language has one
            query only, and for a correlation.
        exact: whether every sign assignment (or order) was enumerated rather than sampled.
    """

    difference: float
    low: float
    high: float
    p: float
    d_z: float | None
    n: int
    standard_error: float | None = None
    exact: bool = False

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


def paired_effect(
    pairs: Mapping[str, tuple[Values, Values]],
    trials: Trials,
    *,
    pages: Mapping[str, Sequence[str]] | None = None,
) -> Effect:
    """Compare two systems on the same queries.

    Args:
        pairs: language → both systems' score of each query, in the same order: [queries], or [queries, seeds] of
            systems that were trained with several. The test is of the mean over seeds, the interval draws them too.
        trials: how often to sample.
        pages: see :func:`paired_effects`.

    Raises:
        InputError: there is no language, or none of its queries, or one system has more of them.
    """
    by_seed = {language: (_columns(first), _columns(second)) for language, (first, second) in pairs.items()}
    columns = {
        language: (first.mean(axis=1, keepdims=True), second.mean(axis=1, keepdims=True))
        for language, (first, second) in by_seed.items()
    }
    (effect,) = paired_effects(columns, trials, pages=pages)
    differences = [told_apart(*np.broadcast_arrays(*by_seed[language])) for language in sorted(by_seed)]
    # Seeds are drawn for all languages at once, so all must have as many.
    if {each.shape[1] for each in differences} != {differences[0].shape[1]} or differences[0].shape[1] == 1:
        return effect
    low, high = seeded_interval(differences, seed=trials.seed, resamples=trials.resamples)
    return replace(effect, low=low, high=high)


def _columns(values: Values) -> Values:
    return values if values.ndim == 2 else values[:, None]


def paired_effects(
    pairs: Mapping[str, tuple[Values, Values]],
    trials: Trials,
    *,
    pages: Mapping[str, Sequence[str]] | None = None,
) -> list[Effect]:
    """:func:`paired_effect` of many pairs of systems on the same queries, with the same draws for all.

    Args:
        pairs: language → the first and the second systems' scores, axes query, pair; the languages' order does not
            matter.
        trials: how often to sample.
        pages: language → what each query is about. Queries of one page, in several languages or of several kinds,
            are no independent evidence: the test gives all of them one sign. Without, each query has its own.

    Returns:
        One effect a pair, the same that each alone has.

    Raises:
        InputError: there is no language, or none of its queries, or one system has more of them.
    """
    languages = sorted(pairs)
    for language in languages:
        first, second = pairs[language]
        if not len(first) or first.shape != second.shape:
            raise InputError(
                "a paired comparison needs the same queries on both sides",
                where=language,
                got=f"{len(first)} and {len(second)} queries",
            )
    if not languages:
        raise InputError("no comparison without queries", expected="at least one language", got="none")
    # A language of few queries counts as much as one of many: its values are scaled so that the sum over all queries
    # is the mean over languages. The test's signs stay free query by query, or page by page.
    sides = [
        np.concatenate([pairs[name][side] / (len(languages) * len(pairs[name][side])) for name in languages])
        for side in (0, 1)
    ]
    if pages is not None:
        about = [page for name in languages for page in pages[name]]
        sides = [_by_page(side, about) for side in sides]
    p, exact = randomisation_test(*sides, seed=trials.seed, permutations=trials.permutations)
    differences = [told_apart(*pairs[name]) for name in languages]
    mean = np.mean([values.mean(axis=0) for values in differences], axis=0)
    if len(languages) > 1:
        low, high = hierarchical_intervals(differences, seed=trials.seed, resamples=trials.resamples)
    else:
        low, high = bootstrap_intervals(differences[0], seed=trials.seed)
    spread, error = _spread(differences)
    varied = spread > _NO_SPREAD
    return [
        Effect(
            difference=float(mean[pair]),
            low=float(low[pair]),
            high=float(high[pair]),
            p=float(p[pair]),
            d_z=float(mean[pair] / spread[pair]) if varied[pair] else None,
            n=sum(map(len, differences)),
            standard_error=None if error is None else float(error[pair]) * bool(varied[pair]),
            exact=bool(exact[pair]),
        )
        for pair in range(len(p))
    ]


def _by_page(values: Values, pages: Sequence[str]) -> Values:
    """[pages, pairs]: sums over the queries that are about the same."""
    _, number = np.unique(np.asarray(pages), return_inverse=True)
    sums = np.zeros((number.max() + 1, values.shape[1]))
    np.add.at(sums, number, values)
    return sums


def _spread(differences: list[Values]) -> tuple[Values, Values | None]:
    """Standard deviation of the differences within languages, and standard error of the mean of languages' means.

    The second is None where a language has one query only, which says nothing of the others.
    """
    variances = [
        values.var(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1]) for values in differences
    ]
    spread = np.sqrt(np.mean(variances, axis=0))
    if min(map(len, differences)) < 2:
        return spread, None
    errors = [variance / len(values) for variance, values in zip(variances, differences, strict=True)]
    return spread, np.sqrt(np.sum(errors, axis=0)) / len(differences)
