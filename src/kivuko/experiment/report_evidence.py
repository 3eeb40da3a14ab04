"""The evidence that the finished cells hold for and against each registered hypothesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kivuko.evaluation.significance import holm
from kivuko.experiment.config import UNSEEN
from kivuko.experiment.hypotheses import (
    HYPOTHESES,
    MARGIN,
    MMARCO,
    Contrast,
    GainWithDistance,
    Hypothesis,
    Part,
    Prediction,
    Verdict,
    Where,
    judge,
    together,
)
from kivuko.experiment.report_cells import BASELINES, CENTRED, ENGLISH, Measurements, Values, Variant
from kivuko.experiment.report_statistics import Effect, Trials, paired_effect, rank_correlation
from kivuko.experiment.report_winners import competitors, rank

_FEWEST_LANGUAGES = 5  # fewer cannot make a rank correlation significant
_PREDICTED = {"greater": "above 0", "equal": f"within ±{MARGIN}", "not greater": f"below {MARGIN}"}
_SAYS = {"confirmed": "for", "refuted": "against", "undecided": "undecided"}


@dataclass(frozen=True)
class Evidence:
    """What a part of a hypothesis came to: in words, its prediction, and its effect or why there is none."""

    tested: str
    predicts: Prediction
    effect: Effect | None
    missing: str | None = None
    by_p_alone: bool = False


@dataclass(frozen=True)
class Decision:
    """A hypothesis with its verdict and one table row for each piece of evidence."""

    hypothesis: Hypothesis
    verdict: Verdict
    rows: tuple[dict[str, Any], ...]


def decide(
    cells: Measurements,
    tiers: Mapping[str, str],
    trials: Trials,
    hypotheses: Sequence[Hypothesis] = HYPOTHESES,
) -> list[Decision]:
    """Decide every hypothesis from the cells there are.

    All p-values are one Holm family; what was not measured supports nothing.
    """
    gathered = [
        (hypothesis, [piece for part in hypothesis.parts for piece in _gather(cells, tiers, part, trials)])
        for hypothesis in hypotheses
    ]
    p_values = {
        f"{hypothesis.name} {number}": piece.effect.p
        for hypothesis, pieces in gathered
        for number, piece in enumerate(pieces)
        if piece.effect is not None
    }
    adjusted = holm(p_values)
    decisions = []
    for hypothesis, pieces in gathered:
        rows, verdicts = [], []
        for number, piece in enumerate(pieces):
            row: dict[str, Any] = {"hypothesis": hypothesis.name, "tested": piece.tested}
            row["predicted"] = _PREDICTED[piece.predicts]
            verdict: Verdict = "undecided"
            if piece.effect is not None:
                p = adjusted[f"{hypothesis.name} {number}"]
                verdict = judge(piece.effect, p, piece.predicts, by_p_alone=piece.by_p_alone)
                row |= piece.effect.columns() | {"p (Holm)": round(p, 6)}
            verdicts.append(verdict)
            row["alone it says"] = _words(verdict, piece)
            rows.append(row)
        decisions.append(Decision(hypothesis, together(verdicts), tuple(rows)))
    return decisions


def _words(verdict: Verdict, piece: Evidence) -> str:
    if piece.effect is None:
        return f"nothing: {piece.missing}"
    words = _SAYS[verdict]
    if verdict == "confirmed" and piece.predicts == "greater" and piece.effect.low <= 0:
        words += " (these languages; the interval for others includes 0)"
    return words


def _gather(cells: Measurements, tiers: Mapping[str, str], part: Part, trials: Trials) -> list[Evidence]:
    if isinstance(part, Contrast):
        return [_contrast(cells, tiers, part, trials)]
    if isinstance(part, GainWithDistance):
        return [_gain_with_distance(cells, part, trials)]
    return _fusion(cells, trials)


def _contrast(cells: Measurements, tiers: Mapping[str, str], part: Contrast, trials: Trials) -> Evidence:
    tested = f"{part.first} − {part.second}"
    if part.baseline:
        tested = f"({part.first} − {part.baseline}) − {part.share:.2g} × ({part.second} − {part.baseline})"
    names = (part.first, part.second, *([part.baseline] if part.baseline else []))
    lacking = [name for name in names if not cells.budgets(name)]
    if lacking:
        return Evidence(f"{tested}; {part.where}", part.predicts, None, f"no cell of {', '.join(lacking)}")
    matched = cells.matched_budgets(part.first, part.second)
    if not matched:
        return Evidence(f"{tested}; {part.where}", part.predicts, None, "no budget in common")
    pairs = {}
    for language in _languages(cells, tiers, part.where):
        pair = _averaged(cells, part, matched, language)
        if pair is not None:
            pairs[language] = pair
    if not pairs:
        return Evidence(f"{tested}; {part.where}", part.predicts, None, "no such rows")
    budgets = ", ".join(
        first.budget if first.budget == second.budget else f"{first.budget} against {second.budget}"
        for first, second in matched
    )
    tested = f"{tested}; {part.where} ({len(pairs)}); {budgets}"
    return Evidence(tested, part.predicts, paired_effect(pairs, trials))


def _languages(cells: Measurements, tiers: Mapping[str, str], where: Where) -> list[str]:
    if where == "English queries":
        return [ENGLISH]
    languages = cells.languages()
    if where == "unseen by the encoder":
        return [language for language in languages if tiers.get(language) == UNSEEN]
    if where == "outside mMARCO":
        return [language for language in languages if language.split("-")[0] not in MMARCO]
    return languages


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
    tested = f"correlation over languages of {part.first} − {part.second} with 1 − {CENTRED}"
    contrast = Contrast(part.first, part.second)
    matched = cells.matched_budgets(part.first, part.second)
    gains, distances = [], []
    for language in cells.languages():
        pair, near = _averaged(cells, contrast, matched, language), cells.reference(CENTRED, language)
        if pair is not None and near is not None:
            gains.append(float((pair[0] - pair[1]).mean()))
            distances.append(1 - near)
    if len(gains) < _FEWEST_LANGUAGES:
        missing = f"{len(gains)} languages with all three regimes, at least {_FEWEST_LANGUAGES} needed"
        return Evidence(tested, "greater", None, missing)
    effect = rank_correlation(gains, distances, trials)
    return Evidence(f"{tested} ({len(gains)} languages)", "greater", effect, by_p_alone=True)


def _fusion(cells: Measurements, trials: Trials) -> list[Evidence]:
    """Languages without a lexicon, such as those never trained on, have nothing to fuse and no part in it."""
    found = []
    for language in cells.languages():
        fused, alone, chosen = [], [], []
        for budget in cells.budgets():
            both = [
                variant
                for variant in competitors(cells, budget)
                if variant.regime not in BASELINES
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
            found.append(Evidence(tested, "greater", paired_effect({language: pair}, trials)))
    return found or [Evidence("fused − alone", "greater", None, "no fused rows of help titles")]
