"""How far a mean over queries could have come out otherwise, had other such queries been asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kivuko.errors import InputError

_CELLS = 4_000_000  # resampled values held at once, which bounds memory at 32 MB


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
    if not len(values):
        raise InputError("no interval without values", expected="one value a query", got="none")
    array = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // len(array))
    means = np.concatenate(
        [
            array[rng.integers(len(array), size=(min(step, resamples - start), len(array)))].mean(axis=1)
            for start in range(0, resamples, step)
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
