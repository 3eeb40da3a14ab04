"""Which regime wins where: chosen on development queries, measured on test queries.

A regime chosen on the queries it is measured on looks better than it is. So winner and runner-up are the first
two on development queries, and what is reported is their difference on test queries, which may be negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kivuko.evaluation.effects import Effect, Trials, paired_effect
from kivuko.evaluation.significance import holm
from kivuko.experiment.report.cells import Measurements, Row, Topic, Variant

EVERYWHERE = "every language"
UNDECLARED = "not declared"


@dataclass(frozen=True)
class Ranking:
    """Variants in the order of their mean over some languages.

    Attributes:
        variants: best first; on a tie the one that stands first in the tables.
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


@dataclass(frozen=True)
class Win:
    """The winner of a slice of the languages at a budget.

    Attributes:
        name: of the slice: a language's tag, a tier, or ``EVERYWHERE``.
        languages: of the slice.
        tier: of its one language; None where it has several.
        budget: the budget.
        ranking: the candidates, as development queries order them.
        means: nDCG@10 on test queries of the winner and, where there is one, of the runner-up.
        effect: their difference on test queries.
        p_holm: its p, corrected over all wins of a table.
    """

    name: str
    languages: tuple[str, ...]
    tier: str | None
    budget: str
    ranking: Ranking
    means: tuple[float, ...]
    effect: Effect | None
    p_holm: float | None = None

    def called(self, place: int) -> str | None:
        """The variant at a place of the ranking, by its regime where its budget is the slice's own."""
        if place >= len(self.ranking.variants):
            return None
        variant = self.ranking.variants[place]
        return variant.regime if variant.budget == self.budget else str(variant)

    @property
    def note(self) -> str | None:
        """What speaks against the choice."""
        notes = ["tied on development"] if self.ranking.split == "development" and self.ranking.tied() else []
        if self.ranking.split == "test":
            notes.append("chosen on test: no development rows")
        if self.ranking.passed_over:
            notes.append(f"{len(self.ranking.passed_over)} without development rows passed over")
        return "; ".join(notes) or None

    def row(self) -> Row:
        """As a row of the table."""
        rounded = [round(mean, 4) for mean in self.means]
        return {
            "slice": self.name,
            "tier": self.tier if self.tier is not None else f"{len(self.languages)} languages",
            "budget": self.budget,
            "winner": self.called(0),
            "nDCG@10": rounded[0],
            "runner-up": self.called(1),
            "its nDCG@10": rounded[1] if rounded[1:] else None,
            **effect_columns(self.effect),
            "candidates": len(self.ranking.variants),
            "note": self.note,
            **({} if self.p_holm is None else {"p (Holm)": round(self.p_holm, 6)}),
        }


def effect_columns(effect: Effect | None, p_holm: float | None = None) -> Row:
    """The columns of a table that an effect fills; none where there is no effect."""
    if effect is None:
        return {}
    return effect.columns() | ({} if p_holm is None else {"p (Holm)": round(p_holm, 6)})


def with_holm(rows: Sequence[tuple[Row, Effect | None]]) -> list[Row]:
    """Rows beside their effects as rows with an effect's columns; all the effects are one family."""
    p_values = {str(number): effect.p for number, (_, effect) in enumerate(rows) if effect is not None}
    # p as it is shown, to six decimals: what can be read in the table is what was corrected.
    adjusted = holm({number: round(p, 6) for number, p in p_values.items()})
    return [
        row | effect_columns(effect, adjusted.get(str(number))) for number, (row, effect) in enumerate(rows)
    ]


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
        and cells.competes(variant.regime)
    ]


def rank(
    cells: Measurements, candidates: Sequence[Variant], languages: Sequence[str], system: str
) -> Ranking | None:
    """Rank candidates by nDCG@10 on the main topic's development queries; None without a candidate.

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
    ranked = sorted(chosen, key=lambda variant: (-round(chosen[variant], 12), cells.order(variant)))
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
    topic: Topic | None = None,
) -> Effect | None:
    """Paired effect on a topic's test queries over the languages that both have; None without one."""
    pairs, pages = {}, {}
    for language in languages:
        if (sides := cells.sides(first, second, language, topic, systems=systems)) is not None:
            pairs[language], pages[language] = sides, cells.pages(language, topic)
    return paired_effect(pairs, trials, pages=pages) if pairs else None


def slices(languages: Sequence[str], tiers: Mapping[str, str]) -> dict[str, list[str]]:
    """Every language by itself, the languages of every tier where tiers are declared, and all of them."""
    found = {language: [language] for language in languages}
    for language in languages if tiers else ():
        found.setdefault(f"tier: {tiers.get(language, UNDECLARED)}", []).append(language)
    if len(languages) > 1:
        found[EVERYWHERE] = list(languages)
    return found


def winners(cells: Measurements, system: str, trials: Trials) -> list[Win]:
    """The winner, the runner-up and their difference, for each slice and budget; one Holm family.

    Args:
        cells: the measurements.
        system: ``alone`` or ``fused``.
        trials: how often to sample.
    """
    wins = []
    tiers = cells.experiment.tier_of()
    for name, languages in slices(cells.languages(), tiers).items():
        tier = tiers.get(name, UNDECLARED) if name == languages[0] else None
        for budget in cells.budgets():
            ranking = rank(cells, competitors(cells, budget, system), languages, system)
            if ranking is None or not any(variant.budget == budget for variant in ranking.variants):
                continue
            first, *others = ranking.variants
            means = [
                float(np.mean([cells.mean(variant, language, system) for language in languages]))
                for variant in ranking.variants[:2]
            ]
            effect = (
                difference(cells, first, others[0], languages, trials, systems=(system, system))
                if others
                else None
            )
            wins.append(Win(name, tuple(languages), tier, budget, ranking, tuple(means), effect))
    adjusted = holm({str(n): round(win.effect.p, 6) for n, win in enumerate(wins) if win.effect is not None})
    return [replace(win, p_holm=adjusted.get(str(number))) for number, win in enumerate(wins)]
