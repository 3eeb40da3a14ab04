"""Which regime wins where: chosen on development queries, measured on test queries.

A regime chosen on the queries it is measured on looks better than it is. So winner and runner-up are the first
two on development queries, and what is reported is their difference on test queries, which may be negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kivuko.experiment.report_cells import CEILING, HELP_TITLES, Measurements, Topic, Variant, left_out, order
from kivuko.experiment.report_statistics import Effect, Trials, paired_effect, with_holm

#: Not chosen among: the ceiling knows English queries, and translation engines belong to no budget.
_OUT_OF_COMPETITION = (CEILING, "apertium-query", "apertium-document")
EVERYWHERE = "every language"


@dataclass(frozen=True)
class Ranking:
    """Variants in the order of their mean over some languages.

    Attributes:
        variants: best first; on a tie the one with less, in the order of the tables.
        means: the mean of each that decided the order.
        split: ``development``, or ``test`` where no candidate has development rows.
        passed_over: candidates with test rows but without development rows, when others have them.
    """

    variants: tuple[Variant, ...]
    means: tuple[float, ...]
    split: str
    passed_over: tuple[Variant, ...]

    def tied(self) -> bool:
        """Whether the first two have the same mean."""
        return len(self.means) > 1 and abs(self.means[0] - self.means[1]) < 1e-12


def competitors(cells: Measurements, budget: str | None = None, system: str = "alone") -> list[Variant]:
    """The variants to choose among at a budget; with None, at any.

    What needs nothing (``none``) can be had at every budget and competes there too, unless it is fused: the
    lexicon it is fused with belongs to a budget.
    """
    free = budget is not None and system == "alone"
    return [
        variant
        for variant in cells.variants()
        if (budget in (None, variant.budget) or (free and variant.budget == "none"))
        and variant.regime not in _OUT_OF_COMPETITION
        and not left_out(variant.regime)
    ]


def rank(
    cells: Measurements, candidates: Sequence[Variant], languages: Sequence[str], system: str
) -> Ranking | None:
    """Rank candidates by nDCG@10 on help titles of development pages; None without a candidate.

    A candidate counts only where it has rows in every one of the languages.
    """
    means: dict[str, dict[Variant, float]] = {"test": {}, "development": {}}
    for split, found in means.items():
        for variant in candidates:
            values = [cells.values(variant, name, system=system, split=split) for name in languages]
            if languages and all(value is not None for value in values):
                found[variant] = float(np.mean([value.mean() for value in values if value is not None]))
    developed = {variant: mean for variant, mean in means["development"].items() if variant in means["test"]}
    chosen = developed or means["test"]
    if not chosen:
        return None
    ranked = sorted(chosen, key=lambda variant: (-round(chosen[variant], 12), order(variant)))
    return Ranking(
        variants=tuple(ranked),
        means=tuple(chosen[variant] for variant in ranked),
        split="development" if developed else "test",
        passed_over=tuple(variant for variant in means["test"] if variant not in chosen),
    )


def difference(
    cells: Measurements,
    first: Variant,
    second: Variant,
    languages: Sequence[str],
    trials: Trials,
    *,
    systems: tuple[str, str] = ("alone", "alone"),
    topic: Topic = HELP_TITLES,
) -> Effect | None:
    """Paired effect on a topic's test queries over the languages that both have; None without one."""
    pairs = {}
    for language in languages:
        ours = cells.values(first, language, topic, system=systems[0])
        theirs = cells.values(second, language, topic, system=systems[1])
        if ours is not None and theirs is not None:
            pairs[language] = (ours, theirs)
    return paired_effect(pairs, trials) if pairs else None


def slices(languages: Sequence[str], tiers: Mapping[str, str]) -> dict[str, list[str]]:
    """Every language by itself, the languages of every tier, and all of them."""
    found = {language: [language] for language in languages}
    for language in languages:
        found.setdefault(f"tier: {tiers.get(language, 'not declared')}", []).append(language)
    if len(languages) > 1:
        found[EVERYWHERE] = list(languages)
    return found


def winners(
    cells: Measurements, tiers: Mapping[str, str], system: str, trials: Trials
) -> list[dict[str, Any]]:
    """The winner, the runner-up and their difference, for each slice and budget; one Holm family.

    Args:
        cells: the measurements.
        tiers: language tag → tier.
        system: ``alone`` or ``fused``.
        trials: how often to sample.
    """
    rows = []
    for name, languages in slices(cells.languages(), tiers).items():
        for budget in cells.budgets():
            ranking = rank(cells, competitors(cells, budget, system), languages, system)
            if ranking is None or not any(variant.budget == budget for variant in ranking.variants):
                continue
            rows.append(_row(cells, name, languages, budget, ranking, tiers, system, trials))
    return with_holm(rows)


def _row(
    cells: Measurements,
    name: str,
    languages: Sequence[str],
    budget: str,
    ranking: Ranking,
    tiers: Mapping[str, str],
    system: str,
    trials: Trials,
) -> dict[str, Any]:
    def test_mean(variant: Variant) -> float:
        values = [cells.values(variant, language, system=system) for language in languages]
        return round(float(np.mean([value.mean() for value in values if value is not None])), 4)

    def called(variant: Variant) -> str:
        return variant.regime if variant.budget == budget else str(variant)

    first, *others = ranking.variants
    row: dict[str, Any] = {
        "slice": name,
        "tier": tiers.get(name, "not declared") if name == languages[0] else f"{len(languages)} languages",
        "budget": budget,
        "winner": called(first),
        "nDCG@10": test_mean(first),
        "runner-up": called(others[0]) if others else None,
        "its nDCG@10": test_mean(others[0]) if others else None,
    }
    if others:
        effect = difference(cells, first, others[0], languages, trials, systems=(system, system))
        if effect is not None:
            row |= effect.columns()
    notes = ["tied on development"] if ranking.split == "development" and ranking.tied() else []
    if ranking.split == "test":
        notes.append("chosen on test: no development rows")
    if ranking.passed_over:
        notes.append(f"{len(ranking.passed_over)} without development rows passed over")
    return row | {"candidates": len(ranking.variants), "note": "; ".join(notes) or None}
