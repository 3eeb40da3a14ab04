"""Regimes by languages as a heat map with what differs from the untrained encoder, and one table a language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kivuko.evaluation.bootstrap import bootstrap_intervals
from kivuko.evaluation.effects import ALPHA, Trials
from kivuko.evaluation.significance import holm, randomisation_test
from kivuko.experiment.report.cells import BUDGETS, ENGLISH, MEASURE, SYSTEMS, Measurements, Row, Variant
from kivuko.experiment.report.contrasts import floor_variant


@dataclass(frozen=True)
class HeatCell:
    """One regime in one language.

    Attributes:
        mean: nDCG@10 on the main test queries, averaged over queries and seeds.
        difference: its mean minus that of the untrained encoder on the same queries; None for that row itself.
        p: two-sided p of that difference, Holm over the whole map.
    """

    mean: float
    difference: float | None
    p: float | None

    @property
    def mark(self) -> str:
        """▲ above and ▼ below the untrained encoder where p < .05, else nothing."""
        if self.p is None or self.difference is None or self.p >= ALPHA:
            return ""
        return "▲" if self.difference > 0 else "▼"

    @property
    def says(self) -> str:
        """The cell in words, for who points at it or hears it read."""
        if self.difference is None or self.p is None:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f}, {self.difference:+.3f} against the untrained encoder, p (Holm) {self.p:.2g}"


@dataclass(frozen=True)
class HeatMap:
    """The map.

    Attributes:
        system: ``alone`` or ``fused``.
        languages: the columns: those that students were trained on, then others, English last.
        rows: each regime with its cells, None where nothing was measured, and its mean over the languages
            without English, None unless all were measured.
        tests: size of the family of p-values.
    """

    system: str
    languages: tuple[str, ...]
    rows: tuple[tuple[Variant, tuple[HeatCell | None, ...], float | None], ...]
    tests: int

    def table(self) -> list[Row]:
        """One row a cell, for spreadsheets."""
        return [
            {
                "system": self.system,
                "regime": variant.regime,
                "budget": variant.budget,
                "language": language,
                "nDCG@10": round(cell.mean, 4),
                "against the untrained encoder": None
                if cell.difference is None
                else round(cell.difference, 4),
                "p (Holm)": None if cell.p is None else round(cell.p, 6),
            }
            for variant, line, _ in self.rows
            for language, cell in zip(self.languages, line, strict=True)
            if cell is not None
        ]

    @property
    def budgets(self) -> tuple[str, ...]:
        """The budgets of the rows, from least to most."""
        return tuple(sorted({variant.budget for variant, _, _ in self.rows}, key=BUDGETS.index))


def heat_map(cells: Measurements, system: str, trials: Trials) -> HeatMap:
    """Put every regime that was measured with a system (``alone``, ``fused``) on the map."""
    languages = [*in_order(cells), ENGLISH]
    floor = floor_variant(cells)
    shown = [
        variant
        for variant in cells.variants()
        if not cells.without(variant.regime)
        and any(cells.values(variant, name, system=system) is not None for name in languages)
    ]
    differences, p_values = _against(cells, floor, shown, languages, system, trials)
    adjusted = holm(p_values)
    rows = []
    for variant in shown:
        line: list[HeatCell | None] = []
        for language in languages:
            values = cells.values(variant, language, system=system)
            key = f"{variant} {language}"
            line.append(
                None
                if values is None
                else HeatCell(float(values.mean()), differences.get(key), adjusted.get(key))
            )
        means = [cell.mean for cell in line[:-1] if cell is not None]
        rows.append((variant, tuple(line), float(np.mean(means)) if len(means) == len(line) - 1 else None))
    return HeatMap(system, tuple(languages), tuple(rows), len(adjusted))


def in_order(cells: Measurements) -> list[str]:
    """The languages of the main queries: those that any student was trained on, then the others."""
    trained = {language for variant in cells.variants() for language in cells.trained_languages(variant)}
    return sorted(cells.languages(), key=lambda language: (language not in trained, language))


def _against(
    cells: Measurements,
    floor: Variant | None,
    shown: Sequence[Variant],
    languages: Sequence[str],
    system: str,
    trials: Trials,
) -> tuple[dict[str, float], dict[str, float]]:
    """Differences from the floor and their p, by variant and language; one set of signs for each language."""
    differences, p_values = {}, {}
    # So many that the smallest p there can be is still significant after correction.
    permutations = max(trials.permutations, 2 * round(len(shown) * len(languages) / ALPHA))
    for language in languages:
        theirs = None if floor is None else cells.values(floor, language)
        ours = {
            variant: values
            for variant in shown
            if variant != floor and variant.regime != cells.ceiling
            for values in [cells.values(variant, language, system=system)]
            if values is not None
        }
        if theirs is None or not ours:
            continue
        stacked = np.column_stack(list(ours.values()))
        found, _ = randomisation_test(
            stacked,
            np.repeat(theirs[:, None], len(ours), axis=1),
            seed=trials.seed,
            permutations=permutations,
        )
        for variant, difference, p in zip(ours, stacked.mean(axis=0) - theirs.mean(), found, strict=True):
            differences[f"{variant} {language}"] = float(difference)
            p_values[f"{variant} {language}"] = float(p)
    return differences, p_values


def language_table(cells: Measurements, language: str, trials: Trials) -> list[Row]:
    """Rows of a language on the main test queries, by nDCG@10; intervals over queries, spread over seeds apart."""
    found = []
    for variant in cells.variants():
        for system, label in SYSTEMS.items():
            seeds = cells.by_seed(variant, language, system=system)
            if not seeds:
                continue
            values = np.mean(list(seeds.values()), axis=0)
            spread = float(np.std([v.mean() for v in seeds.values()], ddof=1)) if len(seeds) > 1 else None
            row: Row = {"regime": variant.regime, "budget": variant.budget, "system": label}
            found.append((row, values, len(seeds), spread))
    if not found:
        return []
    low, high = bootstrap_intervals(
        np.column_stack([values for _, values, _, _ in found]), seed=trials.seed, resamples=trials.resamples
    )
    rows = [
        row
        | {
            MEASURE: f"{values.mean():.3f}",
            "95 %": f"{low[place]:.3f} – {high[place]:.3f}",
            "seeds": count,
            "± over seeds": None if spread is None else f"{spread:.3f}",
            "n": len(values),
        }
        for place, (row, values, count, spread) in enumerate(found)
    ]
    return sorted(rows, key=lambda row: str(row[MEASURE]), reverse=True)


def language_tables(cells: Measurements, trials: Trials) -> dict[str, list[Row]]:
    """Language tag → its table, English last."""
    return {name: language_table(cells, name, trials) for name in (*in_order(cells), ENGLISH)}
