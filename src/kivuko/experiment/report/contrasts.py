"""Paired comparisons that answer one question each: a dose, lines two by two, languages left out or unseen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kivuko.evaluation.effects import Effect, Trials, paired_effect
from kivuko.experiment.asked import Comparison, Dose
from kivuko.experiment.report.cells import Measurements, Row, Topic, Values, Variant
from kivuko.experiment.report.winners import difference, with_holm


def dose_table(cells: Measurements, dose: Dose, trials: Trials) -> list[Row]:
    """Each line of a dose at every budget of the line it is set beside, over the languages that both have.

    A line of the dose 0 that was not run at a budget is taken at its first.
    """
    rows: list[tuple[Row, Effect | None]] = []
    for budget in cells.budgets(dose.beside):
        middle = Variant(dose.beside, budget)
        for regime, amount in dose.lines.items():
            known = cells.budgets(regime)
            if not known or (amount and budget not in known):
                continue
            variant = Variant(regime, budget if budget in known else known[0])
            shared = [
                name
                for name in cells.languages()
                if cells.values(variant, name) is not None and cells.values(middle, name) is not None
            ]
            means = [cells.mean(variant, name) or 0.0 for name in shared]
            row: Row = {
                "budget": budget,
                f"{dose.label} asked": amount,
                "regime": str(variant),
                f"{dose.label} realised": 0.0 if amount == 0 else _realised(cells, variant, dose.fact),
                "languages": len(shared),
                "nDCG@10": round(float(np.mean(means)), 4) if means else None,
            }
            itself = regime == dose.beside
            rows.append((row, None if itself else difference(cells, variant, middle, shared, trials)))
    return with_holm(rows)


def _realised(cells: Measurements, variant: Variant, fact: str) -> float | None:
    """The mean over cells, stages and sides of a fact that training reports."""
    found = [value for cell in cells.cells_of(variant) for value in _facts(cell.get("facts", {}), fact)]
    return round(float(np.mean(found)), 3) if found else None


def _facts(facts: Mapping[str, Any], wanted: str) -> Iterator[float]:
    for name, fact in facts.items():
        if name == wanted:
            yield float(fact)
        elif isinstance(fact, Mapping):
            yield from _facts(fact, wanted)


def compared(cells: Measurements, comparison: Comparison, trials: Trials) -> list[Row | str]:
    """Lines two by two: pooled at each budget, then by language over the budgets that both have."""
    pooled: list[tuple[Row, Effect | None]] = []
    single: list[tuple[Row, Effect | None]] = []
    for first, second in ((pair.line, other) for pair in comparison.pairs for other in pair.over):
        by_language: dict[str, list[tuple[Values, Values]]] = {}
        for ours, theirs in cells.matched_budgets(first, second):
            effect = difference(cells, ours, theirs, cells.languages(), trials)
            if effect is not None:
                pooled.append(({"compared": f"{first} − {second}", "budget": ours.budget}, effect))
            for language in cells.languages():
                ours_here, theirs_here = cells.values(ours, language), cells.values(theirs, language)
                if ours_here is not None and theirs_here is not None:
                    by_language.setdefault(language, []).append((ours_here, theirs_here))
        for language, found in sorted(by_language.items()):
            sides = (np.mean([a for a, _ in found], axis=0), np.mean([b for _, b in found], axis=0))
            shown: Row = {"compared": f"{first} − {second}", "language": language, "budgets": len(found)}
            single.append((shown, paired_effect({language: sides}, trials)))
    if not pooled:
        return ["No two of the regimes to compare have been run at one budget."]
    return [
        "Pooled over languages (one Holm family):",
        *with_holm(pooled),
        "By language, averaged over the budgets that both have (one Holm family):",
        *with_holm(single),
    ]


def in_summary(cells: Measurements, comparison: Comparison, trials: Trials) -> Iterator[str]:
    """One sentence for each line of a comparison that is to have one: how far it is ahead, at each budget."""
    for pair in comparison.pairs:
        if pair.says is None:
            continue
        found = []
        for other in pair.over:
            for ours, theirs in cells.matched_budgets(pair.line, other):
                effect = difference(cells, ours, theirs, cells.languages(), trials)
                if effect is not None:
                    interval = f"[{effect.low:+.3f}, {effect.high:+.3f}]"
                    found.append(f"over {other} at {ours.budget} {effect.difference:+.3f} {interval}")
        if found:
            yield f"{pair.says}, over all languages: {'; '.join(found)}."


def leave_one_out(cells: Measurements, trials: Trials) -> list[Row]:
    """What a language keeps when it is taken out of training, against the encoder as it comes."""
    rows: list[tuple[Row, Effect | None]] = []
    for variant in cells.variants():
        named = cells.without(variant.regime)
        if not named:
            continue
        regime = cells.whole(variant.regime) or variant.regime
        whole = Variant(regime, variant.budget)
        for language in named:
            floor, kept = cells.reference(cells.floor, language), cells.mean(variant, language)
            full = cells.mean(whole, language) if regime != variant.regime else None
            row: Row = {
                "left out": language,
                "regime": regime,
                "budget": variant.budget,
                cells.floor or "untrained": _rounded(floor),
                "left out of training": _rounded(kept),
                "trained": _rounded(full),
            }
            if floor is not None and kept is not None and full is not None and full > floor:
                row["share of the gain kept"] = f"{(kept - floor) / (full - floor):.0%}"
            rows.append((row, _against_floor(cells, variant, [language], trials)))
    return with_holm(rows)


def never_trained(cells: Measurements, trials: Trials) -> list[Row | str]:
    """Trained students on languages outside their training, against the untrained encoder; one Holm family."""
    topics: list[Topic] = []
    rows: list[tuple[Row, Effect | None]] = []
    for topic in cells.topics():
        for variant in cells.variants():
            trained = cells.trained_languages(variant)
            if not trained or cells.without(variant.regime):
                continue
            unseen = [name for name in cells.languages(topic) if name not in trained]
            effect = _against_floor(cells, variant, unseen, trials, topic)
            if effect is not None:
                row: Row = {"regime": variant.regime, "budget": variant.budget}
                topics.append(topic)
                rows.append((row | _gains(cells, variant, unseen, topic), effect))
    parts: list[Row | str] = []
    for topic, corrected, before in zip(topics, with_holm(rows), [None, *topics], strict=False):
        parts += [corrected] if topic == before else [f"**{topic}**", corrected]
    return parts


def floor_variant(cells: Measurements) -> Variant | None:
    """The untrained encoder, where it was measured."""
    budgets = cells.budgets(cells.floor) if cells.floor else []
    return Variant(cells.floor, budgets[0]) if cells.floor and budgets else None


def _gains(cells: Measurements, variant: Variant, languages: Sequence[str], topic: Topic) -> Row:
    floor = floor_variant(cells)
    row: Row = {}
    for language in languages:
        ours = cells.values(variant, language, topic)
        theirs = None if floor is None else cells.values(floor, language, topic)
        if ours is not None and theirs is not None:
            row[language] = f"{ours.mean():.3f} ({ours.mean() - theirs.mean():+.3f})"
    return row


def _against_floor(
    cells: Measurements,
    variant: Variant,
    languages: Sequence[str],
    trials: Trials,
    topic: Topic | None = None,
) -> Effect | None:
    floor = floor_variant(cells)
    return None if floor is None else difference(cells, variant, floor, languages, trials, topic=topic)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
