"""Paired comparisons that answer one question each: switching rate, transport, languages left out or unseen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kivuko.errors import UnknownNameError
from kivuko.experiment.report_cells import CENTRED, HELP_TITLES, Measurements, Topic, Variant, left_out
from kivuko.experiment.report_statistics import Trials, paired_effect, with_holm
from kivuko.experiment.report_winners import difference
from kivuko.languages import resolve

Row = dict[str, Any]
#: Share of words asked to be replaced → regime; the control replaces none.
RATES = {0: "english", 25: "codeswitch-25", 50: "codeswitch", 75: "codeswitch-75", 100: "codeswitch-100"}
#: What transport is measured against: the same bitext, teacher and steps.
TRANSPORT = (
    ("optical", "greedy"),
    ("optical", "mse"),
    ("optical", "bitext-contrastive"),
    ("optical-contrast", "greedy-contrast"),
    ("optical-contrast", "bitext-contrastive"),
    ("optical-contrast", "optical"),
    ("optical-sinkhorn", "optical"),
    ("optical-ipot", "optical"),
)


def switching_rate(cells: Measurements, trials: Trials) -> list[Row]:
    """Each rate beside the rate .5 of the same budget, over the languages that both have."""
    rows = []
    for budget in cells.budgets("codeswitch"):
        middle = Variant("codeswitch", budget)
        for rate, regime in RATES.items():
            known = cells.budgets(regime)
            if not known or (rate and budget not in known):
                continue
            variant = Variant(regime, budget if budget in known else known[0])
            row: Row = {"budget": budget, "rate asked": rate / 100, "regime": str(variant)}
            row["rate realised"] = 0.0 if rate == 0 else _realised(cells, variant)
            shared = [
                name
                for name in cells.languages()
                if cells.values(variant, name) is not None and cells.values(middle, name) is not None
            ]
            means = [cells.mean(variant, name) or 0.0 for name in shared]
            row |= {"languages": len(shared), "nDCG@10": round(float(np.mean(means)), 4) if means else None}
            if rate != 50:
                effect = difference(cells, variant, middle, shared, trials)
                row |= {} if effect is None else effect.columns()
            rows.append(row)
    return with_holm(rows)


def _realised(cells: Measurements, variant: Variant) -> float | None:
    """The mean over cells, stages and sides of the realised rate that a switched text's report keeps."""
    found = [rate for cell in cells.cells_of(variant) for rate in _rates(cell.get("facts", {}))]
    return round(float(np.mean(found)), 3) if found else None


def _rates(facts: Mapping[str, Any]) -> Iterator[float]:
    for name, fact in facts.items():
        if name == "realised rate":
            yield float(fact)
        elif isinstance(fact, Mapping):
            yield from _rates(fact)


def transport(cells: Measurements, trials: Trials) -> list[Row | str]:
    """What transport adds: pooled at each budget, then by language over the budgets that both have."""
    pooled: list[Row] = []
    single: list[Row] = []
    for first, second in TRANSPORT:
        matched = cells.matched_budgets(first, second)
        by_language: dict[str, list[tuple[Any, Any]]] = {}
        for ours, theirs in matched:
            effect = difference(cells, ours, theirs, cells.languages(), trials)
            if effect is not None:
                named: Row = {"compared": f"{first} − {second}", "budget": ours.budget}
                pooled.append(named | effect.columns())
            for language in cells.languages():
                pair = (cells.values(ours, language), cells.values(theirs, language))
                if pair[0] is not None and pair[1] is not None:
                    by_language.setdefault(language, []).append(pair)
        for language, found in sorted(by_language.items()):
            sides = (np.mean([a for a, _ in found], axis=0), np.mean([b for _, b in found], axis=0))
            effect = paired_effect({language: sides}, trials)
            shown: Row = {"compared": f"{first} − {second}", "language": language, "budgets": len(found)}
            single.append(shown | effect.columns())
    if not pooled:
        return ["No two of the regimes to compare have been run at one budget."]
    return [
        "Pooled over languages (one Holm family):",
        *with_holm(pooled),
        "By language, averaged over the budgets that both have (one Holm family):",
        *with_holm(single),
    ]


def leave_one_out(cells: Measurements, trials: Trials) -> list[Row]:
    """What a language keeps when it alone is taken out of training, against centred zero-shot."""
    rows = []
    for variant in cells.variants():
        parts = left_out(variant.regime)
        if parts is None:
            continue
        whole = Variant(parts[0], variant.budget)
        # The tag says which language; the lists of training languages say it too where the name is unusual.
        trained = cells.trained_languages(variant)
        gone = sorted(cells.trained_languages(whole) - trained) if cells.seeds(whole) else []
        for language in gone or _named(parts[1]):
            row: Row = {"left out": language, "regime": parts[0], "budget": variant.budget}
            floor, kept = cells.reference(CENTRED, language), cells.mean(variant, language)
            full = cells.mean(whole, language)
            row |= {
                CENTRED: _rounded(floor),
                "left out of training": _rounded(kept),
                "trained": _rounded(full),
            }
            if floor is not None and kept is not None and full is not None and full > floor:
                row["share of the gain kept"] = f"{(kept - floor) / (full - floor):.0%}"
            row |= _against_centred(cells, variant, [language], trials)
            rows.append(row)
    return with_holm(rows)


def _named(code: str) -> list[str]:
    try:
        return [resolve(code).tag]
    except UnknownNameError:
        return [code]


def never_trained(cells: Measurements, trials: Trials) -> list[Row | str]:
    """Trained students on languages outside their training, against centred zero-shot; one Holm family."""
    found: list[tuple[Topic, Row]] = []
    for topic in cells.topics():
        for variant in cells.variants():
            trained = cells.trained_languages(variant)
            if not trained or left_out(variant.regime):
                continue
            unseen = [name for name in cells.languages(topic) if name not in trained]
            compared = _against_centred(cells, variant, unseen, trials, topic)
            if compared:
                row: Row = {"regime": variant.regime, "budget": variant.budget}
                found.append((topic, row | _gains(cells, variant, unseen, topic) | compared))
    corrected = with_holm([row for _, row in found])
    parts: list[Row | str] = []
    for (topic, _), row, before in zip(
        found, corrected, [None, *(topic for topic, _ in found)], strict=False
    ):
        parts += [row] if topic == before else [f"**{topic.collection}, queries: {topic.queries}**", row]
    return parts


def _gains(cells: Measurements, variant: Variant, languages: Sequence[str], topic: Topic) -> Row:
    floor = Variant(CENTRED, cells.budgets(CENTRED)[0])
    row = {}
    for language in languages:
        ours, theirs = cells.values(variant, language, topic), cells.values(floor, language, topic)
        if ours is not None and theirs is not None:
            row[language] = f"{ours.mean():.3f} ({ours.mean() - theirs.mean():+.3f})"
    return row


def _against_centred(
    cells: Measurements,
    variant: Variant,
    languages: Sequence[str],
    trials: Trials,
    topic: Topic = HELP_TITLES,
) -> Row:
    known = cells.budgets(CENTRED)
    if not known:
        return {}
    effect = difference(cells, variant, Variant(CENTRED, known[0]), languages, trials, topic=topic)
    return {} if effect is None else effect.columns()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
