"""Regimes by languages as a heat map: what each reached, and where it differs from centred zero-shot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kivuko.evaluation.significance import holm, randomisation_test
from kivuko.experiment.report_cells import BUDGETS, CEILING, CENTRED, ENGLISH, Measurements, Variant, left_out
from kivuko.experiment.report_statistics import ALPHA, Trials


@dataclass(frozen=True)
class HeatCell:
    """One regime in one language.

    Attributes:
        mean: nDCG@10 on test help titles, averaged over queries and seeds.
        difference: its mean minus that of centred zero-shot on the same queries; None for that row itself.
        p: two-sided p of that difference, Holm over the whole map.
    """

    mean: float
    difference: float | None
    p: float | None

    @property
    def mark(self) -> str:
        """▲ above and ▼ below centred zero-shot where p < .05, else nothing."""
        if self.p is None or self.difference is None or self.p >= ALPHA:
            return ""
        return "▲" if self.difference > 0 else "▼"

    @property
    def says(self) -> str:
        """The cell in words, for who points at it or hears it read."""
        if self.difference is None or self.p is None:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f}, {self.difference:+.3f} against centred zero-shot, p (Holm) {self.p:.2g}"


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

    def table(self) -> list[dict[str, Any]]:
        """One row a cell, for spreadsheets."""
        return [
            {
                "system": self.system,
                "regime": variant.regime,
                "budget": variant.budget,
                "language": language,
                "nDCG@10": round(cell.mean, 4),
                "against centred zero-shot": None if cell.difference is None else round(cell.difference, 4),
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
    floor = Variant(CENTRED, (cells.budgets(CENTRED) or ["none"])[0])
    shown = [
        variant
        for variant in cells.variants()
        if not left_out(variant.regime)
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
    """The languages of help titles: those that any student was trained on, then the others."""
    trained = {language for variant in cells.variants() for language in cells.trained_languages(variant)}
    return sorted(cells.languages(), key=lambda language: (language not in trained, language))


def _against(
    cells: Measurements,
    floor: Variant,
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
        theirs = cells.values(floor, language)
        ours = {
            variant: values
            for variant in shown
            if variant not in (floor, Variant(CEILING, "none"))
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
