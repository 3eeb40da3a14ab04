"""The evidence that the finished cells hold for and against each hypothesis of the experiment."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from kivuko.evaluation.effects import Effect, Trials, paired_effect
from kivuko.evaluation.significance import holm
from kivuko.experiment.hypotheses import (
    ENGLISH_QUERIES,
    EVERY_LANGUAGE,
    Contrast,
    GainWithDistance,
    Hypothesis,
    Part,
    Prediction,
    Verdict,
    judge,
    together,
)
from kivuko.experiment.report.cells import ENGLISH, Measurements, Row, Values, Variant
from kivuko.experiment.report.winners import competitors, effect_columns, rank

_FEWEST_LANGUAGES = 5  # fewer cannot make a rank correlation significant
_ENUMERATED = 8  # languages up to which all orders are tried
_SAYS = {"confirmed": "for", "refuted": "against", "undecided": "undecided"}


@dataclass(frozen=True)
class Evidence:
    """What a part of a hypothesis came to.

    Attributes:
        tested: what was compared, in words.
        predicts: what was predicted.
        margin: what counts as no difference.
        effect: None where there is none, for which ``missing`` is the reason.
        missing: see ``effect``.
        by_p_alone: whether the interval decides nothing.
        p_holm: the effect's p, corrected over all hypotheses.
    """

    tested: str
    predicts: Prediction
    margin: float
    effect: Effect | None
    missing: str | None = None
    by_p_alone: bool = False
    p_holm: float = 1.0

    @property
    def verdict(self) -> Verdict:
        """What it says by itself."""
        if self.effect is None:
            return "undecided"
        return judge(self.effect, self.p_holm, self.predicts, margin=self.margin, by_p_alone=self.by_p_alone)

    @property
    def predicted(self) -> str:
        """The prediction in words."""
        return {
            "greater": "above 0",
            "equal": f"within ±{self.margin}",
            "not greater": f"below {self.margin}",
        }[self.predicts]

    @property
    def says(self) -> str:
        """The verdict in words."""
        if self.effect is None:
            return f"nothing: {self.missing}"
        words = _SAYS[self.verdict]
        if self.verdict == "confirmed" and self.predicts == "greater" and self.effect.low <= 0:
            words += " (these languages; the interval for others includes 0)"
        return words


@dataclass(frozen=True)
class Decision:
    """A hypothesis with the evidence of its parts."""

    hypothesis: Hypothesis
    evidence: tuple[Evidence, ...]

    @property
    def verdict(self) -> Verdict:
        """What all parts say together."""
        return together([piece.verdict for piece in self.evidence])

    def rows(self) -> list[Row]:
        """One row a piece of evidence."""
        return [
            {"hypothesis": self.hypothesis.name, "tested": piece.tested, "predicted": piece.predicted}
            | effect_columns(piece.effect, piece.p_holm)
            | {"alone it says": piece.says}
            for piece in self.evidence
        ]


def decide(cells: Measurements, hypotheses: Sequence[Hypothesis], trials: Trials) -> list[Decision]:
    """Decide every hypothesis from the cells there are.

    All p-values are one Holm family; what was not measured supports nothing.
    """
    gathered = [
        (hypothesis, [piece for part in hypothesis.parts for piece in _gather(cells, part, trials)])
        for hypothesis in hypotheses
    ]
    adjusted = holm(
        {
            f"{hypothesis.name} {number}": piece.effect.p
            for hypothesis, pieces in gathered
            for number, piece in enumerate(pieces)
            if piece.effect is not None
        }
    )
    return [
        Decision(
            hypothesis,
            tuple(
                replace(piece, p_holm=adjusted.get(f"{hypothesis.name} {number}", 1.0))
                for number, piece in enumerate(pieces)
            ),
        )
        for hypothesis, pieces in gathered
    ]


def _gather(cells: Measurements, part: Part, trials: Trials) -> list[Evidence]:
    if isinstance(part, Contrast):
        return [_contrast(cells, part, trials)]
    if isinstance(part, GainWithDistance):
        return [_gain_with_distance(cells, part, trials)]
    return _fusion(cells, trials)


def _contrast(cells: Measurements, part: Contrast, trials: Trials) -> Evidence:
    first, second = part.compare
    tested = f"{first} − {second}"
    if part.baseline:
        tested = f"({first} − {part.baseline}) − {part.share:.2g} × ({second} − {part.baseline})"

    def nothing(why: str) -> Evidence:
        return Evidence(f"{tested}; {part.where}", part.predicts, part.margin, None, why)

    lacking = [name for name in part.lines() if not cells.budgets(name)]
    if lacking:
        return nothing(f"no cell of {', '.join(lacking)}")
    matched = [
        (ours, theirs)
        for ours, theirs in cells.matched_budgets(first, second)
        if part.budget in (None, ours.budget)
    ]
    if not matched:
        return nothing("no budget in common")
    pairs = {}
    for language in _languages(cells, part.where):
        pair = _averaged(cells, part, matched, language)
        if pair is not None:
            pairs[language] = pair
    if not pairs:
        return nothing("no such rows")
    budgets = ", ".join(
        ours.budget if ours.budget == theirs.budget else f"{ours.budget} against {theirs.budget}"
        for ours, theirs in matched
    )
    tested = f"{tested}; {part.where} ({len(pairs)}); {budgets}"
    pages = {language: cells.pages(language) for language in pairs}
    return Evidence(tested, part.predicts, part.margin, paired_effect(pairs, trials, pages=pages))


def _languages(cells: Measurements, where: str) -> list[str]:
    if where == ENGLISH_QUERIES:
        return [ENGLISH]
    languages, experiment = cells.languages(), cells.experiment
    if where == EVERY_LANGUAGE:
        return languages
    if where in experiment.language_sets:
        return [language for language in languages if experiment.language_sets[where].holds(language)]
    tiers = experiment.tier_of()
    return [language for language in languages if tiers.get(language) == where]


def _averaged(
    cells: Measurements, part: Contrast, matched: Sequence[tuple[Variant, Variant]], language: str
) -> tuple[Values, Values] | None:
    """Both sides' per-query scores, averaged over the matched budgets that have this language."""
    firsts, seconds = [], []
    for first, second in matched:
        ours, theirs = cells.values(first, language), cells.values(second, language)
        if ours is None or theirs is None:
            continue
        if part.baseline:
            known = cells.budgets(part.baseline)
            budget = first.budget if first.budget in known else known[0]
            base = cells.values(Variant(part.baseline, budget), language)
            if base is None:
                continue
            ours, theirs = ours - base, part.share * (theirs - base)
        firsts.append(ours)
        seconds.append(theirs)
    return (np.mean(firsts, axis=0), np.mean(seconds, axis=0)) if firsts else None


def _gain_with_distance(cells: Measurements, part: GainWithDistance, trials: Trials) -> Evidence:
    first, second = part.compare
    tested = f"correlation over languages of {first} − {second} with 1 − {part.distance}"
    contrast = Contrast(compare=part.compare)
    matched = cells.matched_budgets(first, second)
    gains, distances = [], []
    for language in cells.languages():
        pair, near = _averaged(cells, contrast, matched, language), cells.reference(part.distance, language)
        if pair is not None and near is not None:
            gains.append(float((pair[0] - pair[1]).mean()))
            distances.append(1 - near)
    if len(gains) < _FEWEST_LANGUAGES:
        missing = f"{len(gains)} languages with all three regimes, at least {_FEWEST_LANGUAGES} needed"
        return Evidence(tested, "greater", 0.0, None, missing)
    effect = rank_correlation(gains, distances, trials)
    return Evidence(f"{tested} ({len(gains)} languages)", "greater", 0.0, effect, by_p_alone=True)


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


def _fusion(cells: Measurements, trials: Trials) -> list[Evidence]:
    """Languages without a lexicon, such as those never trained on, have nothing to fuse and no part in it."""
    found = []
    for language in cells.languages():
        fused, alone, chosen = [], [], []
        for budget in cells.budgets():
            both = [
                variant
                for variant in competitors(cells, budget)
                if not cells.baseline(variant.regime)
                and variant.budget == budget
                and cells.values(variant, language, system="fused") is not None
            ]
            ranking = rank(cells, both, [language], "alone")
            if ranking is None:
                continue
            ours = cells.values(ranking.variants[0], language, system="fused")
            theirs = cells.values(ranking.variants[0], language)
            if ours is not None and theirs is not None:
                fused.append(ours)
                alone.append(theirs)
                chosen.append(str(ranking.variants[0]))
        if fused:
            pair = (np.mean(fused, axis=0), np.mean(alone, axis=0))
            tested = f"fused − alone; {language}; {', '.join(chosen)}"
            found.append(Evidence(tested, "greater", 0.0, paired_effect({language: pair}, trials)))
    return found or [Evidence("fused − alone", "greater", 0.0, None, "no fused rows")]
