"""How far a mean over queries could have come out otherwise, had other such queries (or languages) been asked.

``scipy.stats.bootstrap`` gives the same intervals (the tests hold us to it). Own code stays because many systems
share their draws here, which turns the resampling of all of them into one matrix product: 190 pairs of systems cost
little more than one. It has no resampling on two levels either.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import InputError

_CELLS = 4_000_000  # resampled values held at once, which bounds memory at 32 MB

Values = NDArray[np.float64]


def bootstrap_interval(
    values: Sequence[float], *, seed: int, resamples: int = 10_000, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over queries (Efron, 1979, doi:10.1214/aos/1176344552).

    Args:
        values: one value a query.
        seed: seed of the resampling.
        resamples: how many times to resample, at least 1.
        level: probability inside the interval, between 0 and 1.

    Returns:
        Lower and upper end; equal to the value itself for one query.

    Raises:
        InputError: there is no value.
    """
    column = np.asarray(values, dtype=np.float64)[:, None]
    low, high = bootstrap_intervals(column, seed=seed, resamples=resamples, level=level)
    return float(low[0]), float(high[0])


def bootstrap_intervals(
    values: Values, *, seed: int, resamples: int = 10_000, level: float = 0.95
) -> tuple[Values, Values]:
    """:func:`bootstrap_interval` of each column, with the same draws for all.

    Args:
        values: axes query, column.
        seed: seed of the resampling.
        resamples: how many times to resample, at least 1.
        level: probability inside the interval, between 0 and 1.

    Returns:
        The lower and the upper ends, one a column; those of one column alone are the same.

    Raises:
        InputError: there is no value.
    """
    _check(values)
    rng = np.random.default_rng(seed)
    means = np.zeros((resamples, values.shape[1]))
    _add_resampled_means(means, np.arange(resamples), values, rng)
    return _quantiles(means, level)


def seeded_interval(
    groups: Sequence[Values], *, seed: int, resamples: int = 10_000, level: float = 0.95
) -> tuple[float, float]:
    """:func:`hierarchical_intervals` of one mean over languages, queries and seeds of training, seeds drawn too.

    A student trained with one seed is asked in all languages, so a resample draws its seeds once for all of them.

    Args:
        groups: the values of each language, axes query, seed; as many seeds everywhere.
        seed: seed of the resampling.
        resamples: how many times to resample, at least 1.
        level: probability inside the interval, between 0 and 1.

    Returns:
        The lower and the upper end.

    Raises:
        InputError: there is no language, or one without a value.
    """
    means = _resampled(groups, np.random.default_rng(seed), resamples)
    seeds = means.shape[1]
    drawn = np.random.default_rng([seed, seeds]).integers(seeds, size=means.shape)
    low, high = _quantiles(np.take_along_axis(means, drawn, axis=1).mean(axis=1, keepdims=True), level)
    return float(low[0]), float(high[0])


def hierarchical_intervals(
    groups: Sequence[Values], *, seed: int, resamples: int = 10_000, level: float = 0.95
) -> tuple[Values, Values]:
    """Percentile intervals of the mean of languages' means: languages drawn with replacement, then their queries.

    Languages count alike however many queries they have. What varies is the languages, so with few of them the
    interval is wide; it answers "what of other languages like these?". Sampling error within a language enters
    twice, through the observed spread of the languages' means and through the second draw: the interval is too wide
    rather than too narrow where the languages hardly differ (Davison and Hinkley, Bootstrap Methods and their
    Application, 1997, section 3.8).

    Args:
        groups: the values of each language, axes query, column, the same columns everywhere; one that occurs twice
            counts twice.
        seed: seed of the resampling.
        resamples: how many times to resample, at least 1.
        level: probability inside the interval, between 0 and 1.

    Returns:
        The lower and the upper ends, one a column; those of one column alone are the same.

    Raises:
        InputError: there is no language, or one without a value.
    """
    return _quantiles(_resampled(groups, np.random.default_rng(seed), resamples), level)


def _resampled(groups: Sequence[Values], rng: np.random.Generator, resamples: int) -> Values:
    """[resamples, columns] means of languages' means; one language alone is not drawn, its queries are."""
    if not groups:
        raise InputError("no interval without languages", expected="at least one language", got="none")
    for values in groups:
        _check(values)
    drawn = rng.integers(len(groups), size=(resamples, len(groups)))
    means = np.zeros((resamples, groups[0].shape[1]))
    for number, values in enumerate(groups):
        rows, _ = np.nonzero(drawn == number)  # the resample of each time this language is drawn, in order
        _add_resampled_means(means, rows, values, rng)
    return means / len(groups)


def _check(values: Values) -> None:
    if not len(values):
        raise InputError("no interval without values", expected="one value a query", got="none")


def _add_resampled_means(
    means: Values, rows: NDArray[np.intp], values: Values, rng: np.random.Generator
) -> None:
    """Add to each of these rows (ascending) of ``means`` the column means of one more resample of the queries."""
    queries = len(values)
    step = max(1, _CELLS // queries)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        first, last = int(part[0]), int(part[-1]) + 1
        # How often each query is drawn; the mean over the draws is then a matrix product.
        cells = (part - first)[:, None] * queries + rng.integers(queries, size=(len(part), queries))
        times = np.bincount(cells.ravel(), minlength=(last - first) * queries).reshape(-1, queries)
        means[first:last] += times.astype(np.float64) @ values / queries


def _quantiles(means: Values, level: float) -> tuple[Values, Values]:
    columns = np.ascontiguousarray(means.T)  # sorting along memory is several times faster
    low, high = np.quantile(columns, [(1 - level) / 2, (1 + level) / 2], axis=1)
    return low, high
