"""Which of several systems differ, two by two on the same queries, with one correction over all that is compared."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kivuko.errors import InputError, UnknownNameError
from kivuko.evaluation.bootstrap import bootstrap_intervals, hierarchical_intervals
from kivuko.evaluation.effects import ALPHA, Effect, Trials, Values, paired_effects
from kivuko.evaluation.significance import detectable_difference, holm, queries_needed

#: What is pooled over languages, every language counting alike.
POOLED = "all languages"
#: The size from which a difference is worth claiming.
WORTH_CLAIMING = 0.01


@dataclass(frozen=True)
class Score:
    """What a system reached.

    Attributes:
        system: its name.
        measure: such as ``nDCG@10``.
        language: whose queries, or ``POOLED``.
        mean: over queries and seeds; pooled, the mean over languages of their means.
        low: lower end of the 95 % bootstrap interval, over queries; pooled, over languages and queries.
        high: upper end.
        n: queries.
        seeds: runs that differ in their seed.
        seed_deviation: standard deviation of the seeds' means; None for one seed.
    """

    system: str
    measure: str
    language: str
    mean: float
    low: float
    high: float
    n: int
    seeds: int
    seed_deviation: float | None


@dataclass(frozen=True)
class Difference:
    """How two systems differ.

    Attributes:
        first: a system.
        second: the other one; the baseline, where there is one.
        measure: such as ``nDCG@10``.
        language: whose queries, or ``POOLED``.
        effect: first − second.
        p_holm: its p, corrected over the whole family.
        detectable: the smallest true difference that so many queries show with 80 % probability at α; None where
            their differences show no spread, or a language has one query only.
        detectable_in_family: the same at α / family, the level that Holm's correction is sure to leave.
        needed: queries that show the difference seen with 80 % probability at α / family; None when there is none,
            or no number is enough.
        significant: whether ``p_holm`` is below α.
    """

    first: str
    second: str
    measure: str
    language: str
    effect: Effect
    p_holm: float
    detectable: float | None
    detectable_in_family: float | None
    needed: int | None
    significant: bool

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``same values``, ``no difference worth claiming``, or ``inconclusive``.

        To claim that there is none takes both: queries enough to have shown one of ``WORTH_CLAIMING``, and an
        interval that holds none.
        """
        effect = self.effect
        if self.significant:
            return "better" if effect.difference > 0 else "worse"
        if effect.difference == 0 and effect.standard_error == 0:
            return "same values"
        shown = self.detectable_in_family is not None and self.detectable_in_family <= WORTH_CLAIMING
        inside = effect.low > -WORTH_CLAIMING and effect.high < WORTH_CLAIMING
        return "no difference worth claiming" if shown and inside else "inconclusive"


@dataclass(frozen=True)
class SystemComparison:
    """All systems, all pairs that were asked for.

    Attributes:
        systems: names, in the order given.
        measures: in the order given.
        languages: by tag; ``POOLED`` is not among them.
        baseline: what all others are compared with; None where all pairs are compared.
        scores: every system by measure, and by language (``POOLED`` last, where there are several).
        differences: every pair, in the same order.
        trials: how often chance was asked.
        alpha: level of significance.
    """

    systems: tuple[str, ...]
    measures: tuple[str, ...]
    languages: tuple[str, ...]
    baseline: str | None
    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    trials: Trials
    alpha: float

    @property
    def headline(self) -> str:
        """What is shown first: the only language, or ``POOLED``."""
        return self.languages[0] if len(self.languages) == 1 else POOLED

    @property
    def slices(self) -> tuple[str, ...]:
        """The languages, and ``POOLED`` where there are several."""
        return self.languages if len(self.languages) == 1 else (*self.languages, POOLED)

    @property
    def too_few_permutations(self) -> bool:
        """Whether the smallest p that sampling can give is too great for a family of this size."""
        sampled = any(not difference.effect.exact for difference in self.differences)
        return sampled and len(self.differences) / (self.trials.permutations + 1) >= self.alpha

    @cached_property
    def score_at(self) -> dict[tuple[str, str, str], Score]:
        """(system, measure, language) → its score."""
        return {(score.system, score.measure, score.language): score for score in self.scores}

    @cached_property
    def difference_at(self) -> dict[tuple[str, str], list[Difference]]:
        """(measure, language) → the differences of all pairs."""
        found: dict[tuple[str, str], list[Difference]] = {}
        for difference in self.differences:
            found.setdefault((difference.measure, difference.language), []).append(difference)
        return found

    def rows(self) -> list[dict[str, Any]]:
        """Every score and every difference as a flat row that can be written as JSON."""
        scores = [{"kind": "score"} | vars(score) for score in self.scores]
        return scores + [
            {"kind": "difference"}
            | {name: value for name, value in vars(difference).items() if name != "effect"}
            | vars(difference.effect)
            | {"verdict": difference.verdict}
            for difference in self.differences
        ]


#: Measure → query id → value, as in ``scores.per_query``.
PerQuery = Mapping[str, Mapping[str, float]]


def compare_systems(
    values: Mapping[str, Mapping[str, Sequence[PerQuery]]],
    *,
    baseline: str | None = None,
    trials: Trials | None = None,
    alpha: float = ALPHA,
) -> SystemComparison:
    """Compare systems two by two on the same queries, with Holm's correction over everything that is compared.

    The family is all pairs × all measures × all languages, what is pooled over them included.

    Args:
        values: system → language → each seed's values, all systems over the same languages, measures and queries.
        baseline: the system that all others are compared with; all pairs are when it is None.
        trials: how often to sample; by default as often as :class:`Trials` says.
        alpha: level of significance, between 0 and 1.

    Raises:
        InputError: there are fewer than two systems, or they differ in languages, measures or queries, or a system
            differs in its number of seeds.
        UnknownNameError: the baseline is not among the systems.
    """
    trials = trials or Trials()
    systems = tuple(values)
    if len(systems) < 2:
        raise InputError(
            "nothing to compare", expected="at least two systems", got=", ".join(systems) or "none"
        )
    if baseline is not None and baseline not in values:
        raise UnknownNameError("baseline", baseline, systems)
    languages, measures = _same_everywhere(values)
    numbers = range(len(systems))
    pairs = list(itertools.combinations(numbers, 2))
    if baseline is not None:
        pairs = [(number, systems.index(baseline)) for number in numbers if systems[number] != baseline]
    scores: list[Score] = []
    found: list[tuple[str, str, tuple[int, int], Effect]] = []
    for measure in measures:
        by_seed = {language: _by_seed(values, language, measure) for language in languages}
        scores += _scores(systems, measure, by_seed, trials)
        means = {
            language: np.stack([seeds.mean(axis=0) for seeds in by_seed[language]], axis=1)
            for language in languages
        }
        slices = [(language, {language: means[language]}) for language in languages]
        if len(languages) > 1:
            slices.append((POOLED, means))
        first, second = map(list, zip(*pairs, strict=True))
        for language, tables in slices:
            sides = {name: (table[:, first], table[:, second]) for name, table in tables.items()}
            effects = paired_effects(sides, trials)
            found += [(measure, language, pair, effect) for pair, effect in zip(pairs, effects, strict=True)]
    adjusted = holm({str(number): effect.p for number, (_, _, _, effect) in enumerate(found)})
    differences = [
        _difference(
            (systems[pair[0]], systems[pair[1]], measure, language),
            effect,
            p_holm,
            languages=len(languages) if language == POOLED else 1,
            alphas=(alpha, alpha / len(found)),
        )
        for (measure, language, pair, effect), p_holm in zip(found, adjusted.values(), strict=True)
    ]
    return SystemComparison(
        systems, measures, languages, baseline, tuple(scores), tuple(differences), trials, alpha
    )


def _same_everywhere(
    values: Mapping[str, Mapping[str, Sequence[PerQuery]]],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The languages and measures that all systems have, on the same queries.

    Raises:
        InputError: they have not.
    """
    model, by_language = next(iter(values.items()))
    for system, found in values.items():
        _same(f"languages of {system} and {model}", found, by_language)
        if len({len(seeds) for seeds in found.values()}) > 1:
            counts = ", ".join(f"{language} {len(seeds)}" for language, seeds in found.items())
            raise InputError("a system has not the same seeds in every language", where=system, got=counts)
        for language, seeds in found.items():
            if not seeds or not by_language[language]:
                raise InputError("a system without a run", where=f"{system}, {language}")
            known = by_language[language][0]
            for per_query in seeds:
                _same(f"measures of {system} and {model}, {language}", per_query, known)
                for measure, scored in per_query.items():
                    _same(f"queries of {system} and {model}, {language}, {measure}", scored, known[measure])
    languages = tuple(sorted(by_language))
    if not languages or POOLED in languages:
        raise InputError("these languages cannot be compared", expected=f"names other than {POOLED!r}",
                         got=", ".join(languages) or "none")  # fmt: skip
    measures = tuple(by_language[languages[0]][0])
    for language in languages:
        _same(f"measures of {language} and {languages[0]}", by_language[language][0], measures)
    if not measures:
        raise InputError("nothing to compare", expected="at least one measure", got="none")
    return languages, measures


def _same(what: str, found: Iterable[str], expected: Iterable[str]) -> None:
    apart = sorted(set(found) ^ set(expected))
    if apart:
        raise InputError(
            "systems can be compared on the same queries only",
            where=what,
            got=f"{len(apart)} on one side only, such as {', '.join(apart[:3])}",
            remedy="score all runs with the same qrels, and give every system the same languages",
        )


def _by_seed(
    values: Mapping[str, Mapping[str, Sequence[PerQuery]]], language: str, measure: str
) -> list[Values]:
    """Each system's values, axes seed, query; queries by id."""
    queries = sorted(next(iter(values.values()))[language][0][measure])
    return [
        np.array([[seed[measure][query] for query in queries] for seed in found[language]], dtype=np.float64)
        for found in values.values()
    ]


def _scores(
    systems: Sequence[str], measure: str, by_seed: Mapping[str, list[Values]], trials: Trials
) -> list[Score]:
    tables = {
        language: np.stack([seeds.mean(axis=0) for seeds in found], axis=1)
        for language, found in by_seed.items()
    }
    # Each seed's mean, and pooled, its mean over languages.
    seed_means = {language: [seeds.mean(axis=1) for seeds in found] for language, found in by_seed.items()}
    rows = [
        (language, table.mean(axis=0), bootstrap_intervals(table, seed=trials.seed), len(table))
        for language, table in tables.items()
    ]
    if len(tables) > 1:
        mean = np.mean([table.mean(axis=0) for table in tables.values()], axis=0)
        interval = hierarchical_intervals(list(tables.values()), seed=trials.seed, resamples=trials.resamples)
        seed_means[POOLED] = [
            np.mean([means[number] for means in seed_means.values()], axis=0)
            for number in range(len(systems))
        ]
        rows.append((POOLED, mean, interval, sum(map(len, tables.values()))))
    return [
        Score(
            system=system,
            measure=measure,
            language=language,
            mean=float(mean[number]),
            low=float(low[number]),
            high=float(high[number]),
            n=n,
            seeds=len(seed_means[language][number]),
            seed_deviation=_deviation(seed_means[language][number]),
        )
        for language, mean, (low, high), n in rows
        for number, system in enumerate(systems)
    ]


def _deviation(means: Values) -> float | None:
    return float(means.std(ddof=1)) if len(means) > 1 else None


def _difference(
    compared: tuple[str, str, str, str],
    effect: Effect,
    p_holm: float,
    *,
    languages: int,
    alphas: tuple[float, float],
) -> Difference:
    """Of two systems by a measure in a language; ``alphas`` are the level of one test and of one in the family."""
    error = effect.standard_error
    alpha, in_family = alphas
    detectable, detectable_in_family, needed = None, None, None
    if error:
        detectable = detectable_difference(error, effect.n, alpha=alpha, languages=languages)
        detectable_in_family = detectable_difference(error, effect.n, alpha=in_family, languages=languages)
        if effect.difference:
            needed = queries_needed(effect.difference, error, effect.n, alpha=in_family, languages=languages)
    return Difference(
        *compared, effect, p_holm, detectable, detectable_in_family, needed, significant=p_holm < alpha
    )
