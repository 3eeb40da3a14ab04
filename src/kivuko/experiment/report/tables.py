"""Tables of what the cells reached: the quality target, regimes by languages, cost, learning curves, probes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from kivuko.evaluation.effects import Trials
from kivuko.experiment.report.cells import (
    BITEXT,
    ENGLISH,
    MEASURE,
    SYSTEMS,
    Measurements,
    Row,
    Topic,
    Variant,
)
from kivuko.experiment.report.winners import difference


def target_languages(cells: Measurements) -> list[str]:
    """The target's languages for which ceiling and untrained encoder were measured; none without a target."""
    target = cells.experiment.target
    return [
        language
        for language in (target.tags if target else ())
        if cells.reference(cells.ceiling, language) is not None
        and cells.reference(cells.floor, language) is not None
    ]


def gap_closed(cells: Measurements, variant: Variant, system: str) -> float | None:
    """Share of the gap between untrained encoder and ceiling that is closed on the target languages.

    All three are averaged over the languages first. None where one of the languages was not measured, or where
    the gap is not positive.
    """
    languages = target_languages(cells)
    reached = [cells.mean(variant, language, system) for language in languages]
    floors = [cells.reference(cells.floor, language) for language in languages]
    ceilings = [cells.reference(cells.ceiling, language) for language in languages]
    if not languages or None in reached:
        return None
    floor, gap = _mean(floors), _mean(ceilings) - _mean(floors)
    return (_mean(reached) - floor) / gap if gap > 0 else None


def target(cells: Measurements, trials: Trials) -> list[Row]:
    """The share of the gap closed by every variant, and where it beats BM25 by a lexicon of its own budget."""
    rows: list[Row] = []
    languages = target_languages(cells)
    for variant in cells.variants():
        for system, label in SYSTEMS.items():
            share = gap_closed(cells, variant, system)
            if share is None or variant.regime == cells.ceiling:
                continue
            means = [cells.mean(variant, language, system) for language in languages]
            row: Row = {"regime": variant.regime, "budget": variant.budget, "system": label}
            row |= {"nDCG@10": round(_mean(means), 4), "share of the gap closed": f"{share:.1%}"}
            rows.append(row | _against_lexicon(cells, variant, system, trials))
    return rows


def beaten(cells: Measurements, variant: Variant, system: str) -> dict[str, float]:
    """Target language → how far the variant lies above lexicon BM25 of its budget (else of the first known)."""
    found = {}
    for language in target_languages(cells):
        ours, theirs = (
            cells.mean(variant, language, system),
            cells.reference(cells.lexicon, language, variant.budget),
        )
        if ours is not None and theirs is not None:
            found[language] = ours - theirs
    return found


def _against_lexicon(cells: Measurements, variant: Variant, system: str, trials: Trials) -> Row:
    margins = beaten(cells, variant, system)
    if not margins or cells.lexicon is None or variant.regime == cells.lexicon:
        return {}
    worst = min(margins, key=lambda language: (margins[language], language))
    known = cells.budgets(cells.lexicon)
    budget = variant.budget if variant.budget in known else known[0]
    lexicon = Variant(cells.lexicon, budget)
    effect = difference(cells, variant, lexicon, [worst], trials, systems=(system, "alone"))
    row: Row = {
        "beats lexicon BM25 in": f"{sum(margin > 0 for margin in margins.values())} of {len(margins)}",
        "lexicon of": budget,
        "least margin": f"{margins[worst]:+.3f} ({worst})",
    }
    if effect is not None:
        row["its interval"] = f"[{effect.low:.3f}, {effect.high:.3f}]"
    return row


def scores_by_budget(cells: Measurements) -> list[Row | str]:
    """For each budget, regimes by languages: mean ± standard deviation over seeds."""
    languages = cells.languages()
    if any(cells.by_seed(variant, ENGLISH) for variant in cells.variants()):
        languages = [ENGLISH, *languages]
    parts: list[Row | str] = []
    for budget in cells.budgets():
        rows = _by_language(cells, cells.main, languages, budget)
        if rows:
            parts += [f"**Budget: {budget}**", *rows]
    return parts


def other_topics(cells: Measurements) -> list[Row | str]:
    """The same for every other collection and query kind, each named for what it is."""
    parts: list[Row | str] = []
    for topic in cells.topics():
        if topic == cells.main:
            continue
        what = cells.experiment.about.get(topic.collection)
        parts.append(f"**{topic}**" + (f" ({what})" if what else ""))
        parts += _by_language(cells, topic, cells.languages(topic), None)
    return parts


def further_measures(cells: Measurements) -> list[Row | str]:
    """What the experiment measures beside nDCG@10, on the main test queries."""
    parts: list[Row | str] = []
    for measure in cells.experiment.measures:
        rows = _by_language(cells, cells.main, cells.languages(), None, measure)
        parts += [f"**{measure}**", *rows] if rows else []
    return parts


def _by_language(
    cells: Measurements, topic: Topic, languages: Sequence[str], budget: str | None, measure: str = MEASURE
) -> list[Row]:
    counts = _query_counts(cells, topic, languages)
    averaged = [language for language in languages if language != ENGLISH]
    rows = []
    for system, label in SYSTEMS.items():
        for variant in cells.variants():
            if budget not in (None, variant.budget):
                continue
            by_language = {
                name: cells.by_seed(variant, name, topic, system=system, measure=measure)
                for name in languages
            }
            if not any(by_language.values()):
                continue
            row: Row = {"regime": variant.regime}
            if budget is None:
                row["budget"] = variant.budget
            row |= {"system": label, "seeds": max(map(len, by_language.values()))}
            for name, seeds in by_language.items():
                row[f"{name} (n {counts[name]})"] = _spread([float(v.mean()) for v in seeds.values()])
            common = set.intersection(*(set(by_language[name]) for name in averaged)) if averaged else set()
            row["average"] = _spread(
                [
                    _mean([float(by_language[name][seed].mean()) for name in averaged])
                    for seed in sorted(common)
                ]
            )
            rows.append(row)
    return rows


def _query_counts(cells: Measurements, topic: Topic, languages: Sequence[str]) -> dict[str, int]:
    counts = {}
    for language in languages:
        found = [cells.values(variant, language, topic) for variant in cells.variants()]
        counts[language] = next((len(values) for values in found if values is not None), 0)
    return counts


def _spread(means: Sequence[float]) -> str | None:
    if not means:
        return None
    spread = f" ± {statistics.stdev(means):.3f}" if len(means) > 1 else ""
    return f"{_mean(means):.3f}{spread}"


def cost(cells: Measurements) -> list[Row]:
    """What each variant cost, averaged over its cells, beside what it reached."""
    rows = []
    for variant in cells.variants():
        row: Row = {"regime": variant.regime, "budget": variant.budget, "cells": len(cells.seeds(variant))}
        costs = [cell["cost"] or {} for cell in cells.cells_of(variant)]
        for name in ("tokens", "examples", "steps", "cpu_minutes", "minutes"):
            known = [cost[name] for cost in costs if cost.get(name) is not None]
            decimals = 1 if "minutes" in name else None
            row[name.replace("_", " ")] = round(_mean(known), decimals) if known else None
        for system in SYSTEMS:
            means = [cells.mean(variant, language, system) for language in cells.languages()]
            row[f"nDCG@10 {system}"] = None if not means or None in means else round(_mean(means), 4)
            share = gap_closed(cells, variant, system)
            row[f"gap closed {system}"] = None if share is None else f"{share:.1%}"
        rows.append(row)
    return rows


def learning_curves(cells: Measurements) -> list[Row | str]:
    """Scores by pairs of bitext: macro means over the languages that every size has, then by language."""
    pooled: list[Row] = []
    single: list[Row] = []
    for regime in dict.fromkeys(variant.regime for variant in cells.variants()):
        sizes = [budget for budget in BITEXT if budget in cells.budgets(regime)]
        if len(sizes) < 2:
            continue
        for system, label in SYSTEMS.items():
            curves = {
                language: [cells.mean(Variant(regime, size), language, system) for size in sizes]
                for language in cells.languages()
            }
            curves = {language: curve for language, curve in curves.items() if None not in curve}
            if not curves:
                continue
            means = [_mean([curve[place] for curve in curves.values()]) for place in range(len(sizes))]
            row: Row = {"regime": regime, "system": label, "languages": len(curves)}
            pooled.append(row | _curve(sizes, means))
            if system == "alone":
                available = pairs_available(cells, Variant(regime, sizes[-1]))
                single += [
                    {"language": language, "regime": regime}
                    | _curve(sizes, curve)
                    | {"pairs available, largest": available.get(language)}
                    for language, curve in curves.items()
                ]
    if not pooled:
        return ["No regime has been run with two sizes of bitext."]
    order = sorted(single, key=lambda row: str(row["language"]))
    return ["Averages over languages:", *pooled, "By language, student alone:", *order]


def _curve(sizes: Sequence[str], means: Sequence[float | None]) -> Row:
    known = [mean for mean in means if mean is not None]
    row: Row = {size: round(mean, 4) for size, mean in zip(sizes, known, strict=True)}
    return {size: row.get(size) for size in BITEXT} | {"last − first": round(known[-1] - known[0], 4)}


def pairs_available(cells: Measurements, variant: Variant) -> Mapping[str, int]:
    """Pairs by language that there were to train on; training of few steps does not see all of them.

    From what the stages of a variant's first cell recorded.
    """
    for stage in cells.cells_of(variant)[0].get("facts", {}).values():
        if isinstance(stage, Mapping) and isinstance(stage.get("pairs"), Mapping):
            return dict(stage["pairs"])
    return {}


def _mean(values: Sequence[float | None]) -> float:
    return float(np.mean([value for value in values if value is not None]))
