"""What comparing many systems in many languages costs, beside scipy's tests.

    OMP_NUM_THREADS=1 python bench/comparison.py [--folder docs/results/comparison]

CPU time on one core. scipy is timed on a few pairs, and on all pairs of one language, and scaled up; that its p and
intervals agree with ours is recorded beside. About a minute and a half.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy import stats

from kivuko.evaluation.comparison import PerQuery, SystemComparison, compare_systems
from kivuko.evaluation.effects import Trials
from kivuko.evaluation.results import write_results
from kivuko.evaluation.significance import compare

SEED = 20261123
SYSTEMS, LANGUAGES, QUERIES = 20, 30, 150
PERMUTATIONS, RESAMPLES = 10_000, 10_000
MEASURE = "nDCG@10"
SAMPLED = 5  # pairs that are timed one by one
BATCH = 200  # of scipy, 45 MB
ALLOWED = 60.0


def make_values(systems: int, languages: int) -> dict[str, dict[str, list[PerQuery]]]:
    """Values that look like nDCG@10: queries differ more than systems do, many are 0 or 1, and many differences 0."""
    rng = np.random.default_rng(SEED)
    difficulty = rng.normal(0.45, 0.4, size=(languages, QUERIES))
    values: dict[str, dict[str, list[PerQuery]]] = {}
    for system in range(systems):
        noise = rng.normal(0.004 * system, 0.15, size=(languages, QUERIES))
        table = np.clip(difficulty + noise, 0, 1)
        values[f"system{system:02d}"] = {
            f"language{language:02d}": [
                {MEASURE: {f"q{query}": float(value) for query, value in enumerate(row)}}
            ]
            for language, row in enumerate(table)
        }
    return values


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds, and what came of it."""
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def with_scipy(differences: np.ndarray) -> tuple[Any, Any, Any]:
    """p, low and high of one pair (axis query) or many (axes query, pair), by scipy with as many samples."""
    batch = BATCH if differences.ndim > 1 else None
    test = stats.permutation_test(
        (differences,), lambda values, axis: values.mean(axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=PERMUTATIONS, rng=np.random.default_rng(SEED), batch=batch,
    )  # fmt: skip
    interval = stats.bootstrap(
        (differences,), np.mean, method="percentile", n_resamples=RESAMPLES, rng=np.random.default_rng(SEED),
        batch=batch,
    ).confidence_interval  # fmt: skip
    return test.pvalue, interval.low, interval.high


def pair_by_pair(
    values: dict[str, dict[str, list[PerQuery]]], comparison: SystemComparison
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """The same p and interval by scipy and by ``compare`` for a few pairs, and CPU seconds a pair."""
    rows = []
    seconds: dict[str, list[float]] = {"scipy": [], "compare": []}
    found = [one for one in comparison.differences if one.language == comparison.languages[0]]
    for one in found[:: len(found) // SAMPLED][:SAMPLED]:
        first, second = (values[name][one.language][0][MEASURE] for name in (one.first, one.second))
        differences = np.array([first[query] - second[query] for query in first])
        spent, theirs = timed(lambda differences=differences: with_scipy(differences))
        seconds["scipy"].append(spent)
        spent, alone = timed(
            lambda first=first, second=second: compare(first, second, seed=0, permutations=PERMUTATIONS)
        )
        seconds["compare"].append(spent)
        rows.append({
            "pair": f"{one.first} − {one.second}",
            "p": one.effect.p,
            "p, compare": alone.p,
            "p, scipy": theirs[0],
            "interval": f"{one.effect.low:.4f} to {one.effect.high:.4f}",
            "interval, scipy": f"{theirs[1]:.4f} to {theirs[2]:.4f}",
        })  # fmt: skip
    return rows, {name: median(sample) for name, sample in seconds.items()}


def at_once(values: dict[str, dict[str, list[PerQuery]]], comparison: SystemComparison) -> float:
    """CPU seconds of scipy for all pairs of one language."""
    language = comparison.languages[0]
    table = {system: list(found[language][0][MEASURE].values()) for system, found in values.items()}
    pairs = [(one.first, one.second) for one in comparison.difference_at[MEASURE, language]]
    differences = np.array([np.subtract(table[first], table[second]) for first, second in pairs]).T
    return timed(lambda: with_scipy(differences))[0]


NOTES = f"""
CPU seconds on one core to compare {SYSTEMS} systems on {QUERIES} queries in each of {LANGUAGES} languages: all pairs,
in every language and pooled, {RESAMPLES:,} bootstrap resamples each, Holm over all, with power. The values are
random, seed {SEED}. "scipy, pair by pair" is `scipy.stats.permutation_test` and `scipy.stats.bootstrap` on one
language's queries, timed on {SAMPLED} pairs and scaled to all pairs and languages; "scipy, all pairs at once" is the
same on the matrix of one language, {BATCH} samples at once, scaled to all languages. Both are without the pooled
comparisons, which have as many queries as all languages together.

All pairs of a language share their signs and their resamples, so that a test is one product of a matrix
(permutations × queries) with a matrix (queries × pairs), and likewise a bootstrap, of how often each query is drawn.
Every pair gets the p that it gets alone (`p, compare`: equal, not only close). The product is taken in float64, which
tells a tie from a small difference; float32 does not.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("docs/results/comparison"))
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds")
    options = parser.parse_args()
    values = make_values(SYSTEMS, LANGUAGES)
    rows = []
    seconds: dict[int, float] = {}
    for permutations in (PERMUTATIONS, 10 * PERMUTATIONS):
        trials = Trials(permutations=permutations, resamples=RESAMPLES)
        rounds = [
            timed(lambda trials=trials: compare_systems(values, trials=trials)) for _ in range(options.rounds)
        ]
        seconds[permutations] = median(spent for spent, _ in rounds)
        comparison = rounds[0][1]
        rows.append({
            "how": "compare_systems", "permutations": permutations, "comparisons": len(comparison.differences),
            "CPU s": seconds[permutations], "n": options.rounds,
        })  # fmt: skip
        if permutations == PERMUTATIONS:
            checked, alone = pair_by_pair(values, comparison)
            matrix = at_once(values, comparison)
    single = SYSTEMS * (SYSTEMS - 1) // 2 * LANGUAGES
    rows += [
        {
            "how": f"{name}, pair by pair (scaled up)", "permutations": PERMUTATIONS, "comparisons": single,
            "CPU s": spent * single, "n": SAMPLED,
        }
        for name, spent in alone.items()
    ]  # fmt: skip
    rows.append({
        "how": "scipy, all pairs at once (scaled up)", "permutations": PERMUTATIONS, "comparisons": single,
        "CPU s": matrix * LANGUAGES, "n": 1,
    })  # fmt: skip
    target = {
        "target": f"{SYSTEMS} systems × {LANGUAGES} languages, {PERMUTATIONS:,} permutations, CPU s on one core",
        "asked": f"below {ALLOWED:g}",
        "measured": seconds[PERMUTATIONS],
        "met": "yes" if seconds[PERMUTATIONS] < ALLOWED else "no",
    }
    write_results(
        options.folder,
        "What comparing systems costs",
        rows,
        command="OMP_NUM_THREADS=1 python bench/comparison.py",
        notes=NOTES,
        extra={"Targets (CPU time)": [target], "The same pairs by scipy": checked},
    )
    for row in rows:
        print(f"{row['CPU s']:9.1f} s  {row['how']}, {row['permutations']:,} permutations")
    print(f"{target['measured']:9.1f} s  {target['asked']}: {target['met']}")


if __name__ == "__main__":
    main()
