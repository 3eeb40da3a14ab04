"""The report in plain words: every sentence is made from the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kivuko.experiment.report_cells import LEXICON, Measurements
from kivuko.experiment.report_evidence import Decision
from kivuko.experiment.report_statistics import ALPHA, Trials
from kivuko.experiment.report_tables import (
    SYSTEMS,
    TARGET_LANGUAGES,
    baseline,
    beaten,
    gap_closed,
    target_languages,
)
from kivuko.experiment.report_winners import EVERYWHERE, competitors, difference, rank

Row = Mapping[str, Any]
#: The quality aimed at: share of the gap closed.
AIMS = {"alone": 0.60, "fused": 0.80}


def summary(
    cells: Measurements,
    winners: Mapping[str, Sequence[Row]],
    decisions: Sequence[Decision],
    missing: int,
    trials: Trials,
) -> str:
    """Markdown bullets: extent, target, winners, transport, hypotheses, what is missing."""
    lines = [_extent(cells, missing)]
    lines += [_target(cells, system) for system in SYSTEMS]
    lines += _winners(winners["alone"])
    lines += _transport(cells, trials)
    for verdict in ("confirmed", "refuted", "undecided"):
        names = [decision.hypothesis for decision in decisions if decision.verdict == verdict]
        if names:
            claims = "; ".join(f"{hypothesis.name} ({hypothesis.claim})" for hypothesis in names)
            lines.append(f"Hypotheses {verdict}: {claims}.")
    return "\n".join(f"- {line}" for line in lines)


def _extent(cells: Measurements, missing: int) -> str:
    variants = cells.variants()
    regimes = {variant.regime for variant in variants}
    seeds = Counter(len(cells.seeds(variant)) for variant in variants)
    by_seeds = ", ".join(f"{number} with {count} of them" for count, number in sorted(seeds.items()))
    absent = f"{missing} expected cells are missing" if missing else "no expected cell is missing"
    return (
        f"{len(cells.cells)} finished cells: {len(regimes)} regimes, {len(variants)} with their budgets "
        f"(number of seeds: {by_seeds}), {len(cells.languages())} languages on help titles; {absent}."
    )


def _target(cells: Measurements, system: str) -> str:
    languages = target_languages(cells)
    known = f"{len(languages)} of the {len(TARGET_LANGUAGES)} target languages"
    candidates = [
        variant
        for variant in competitors(cells)
        if not baseline(variant) and gap_closed(cells, variant, system) is not None
    ]
    ranking = rank(cells, candidates, languages, system)
    if ranking is None:
        return (
            f"The quality target of students {SYSTEMS[system]} cannot be judged: nothing measured on {known}."
        )
    best = ranking.variants[0]
    share = gap_closed(cells, best, system) or 0.0
    reached = "reached" if share >= AIMS[system] else "not reached"
    reached = reached if len(languages) == len(TARGET_LANGUAGES) else "not judged on fewer than all"
    chosen = (
        "chosen on development queries" if ranking.split == "development" else "chosen on test, so too good"
    )
    text = (
        f"Student {SYSTEMS[system]}: {best} ({chosen}) closes {share:.1%} of the gap between centred zero-shot "
        f"and English queries over {known}; the aim of {AIMS[system]:.0%} is {reached}."
    )
    margins = beaten(cells, best, system)
    if margins:
        lost = [f"{name} ({margin:+.3f})" for name, margin in margins.items() if margin <= 0]
        where = f"not in {', '.join(lost)}" if lost else "in every one"
        text += f" It beats {LEXICON} in {len(margins) - len(lost)} of {len(margins)} of them, {where}."
    return text


def _winners(rows: Sequence[Row]) -> list[str]:
    single = [row for row in rows if not row["slice"].startswith("tier: ") and row["slice"] != EVERYWHERE]
    lines = []
    for budget in dict.fromkeys(row["budget"] for row in rows):
        wins = Counter(row["winner"] for row in single if row["budget"] == budget)
        counted = ", ".join(f"{winner} in {count}" for winner, count in sorted(wins.items(), key=_by_count))
        ahead = sum(
            row["budget"] == budget and row.get("difference", 0) > 0 and row.get("p (Holm)", 1) < ALPHA
            for row in single
        )
        text = (
            f"Budget {budget}, alone, winners by language: {counted}; on test significantly ahead of the runner-up "
            f"in {ahead} of {sum(wins.values())}."
        )
        pooled = [row for row in rows if row["slice"] == EVERYWHERE and row["budget"] == budget]
        lines.append(text + "".join(_lead(row) for row in pooled))
    return lines


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _lead(row: Row) -> str:
    text = f" Over all of them {row['winner']} leads on development queries"
    if "difference" not in row:
        return f"{text} ({row['nDCG@10']:.3f} on test, no runner-up)."
    verdict = "not significant" if row["p (Holm)"] >= ALPHA else "significant"
    if row["difference"] < 0:
        verdict += ", and behind"
    return (
        f"{text}; on test it has {row['nDCG@10']:.3f}, {row['difference']:+.3f} "
        f"[{row['low']:+.3f}, {row['high']:+.3f}] over {row['runner-up']} ({verdict} after Holm)."
    )


def _transport(cells: Measurements, trials: Trials) -> list[str]:
    found = []
    for other in ("greedy", "mse", "bitext-contrastive"):
        for ours, theirs in cells.matched_budgets("optical", other):
            effect = difference(cells, ours, theirs, cells.languages(), trials)
            if effect is not None:
                interval = f"[{effect.low:+.3f}, {effect.high:+.3f}]"
                found.append(f"over {other} at {ours.budget} {effect.difference:+.3f} {interval}")
    return [f"Exact transport alone adds, over all languages: {'; '.join(found)}."] if found else []
