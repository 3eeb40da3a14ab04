"""The report's charts: learning curves over bitext, languages, doses, quality against cost."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from kivuko.evaluation.effects import Effect, Trials
from kivuko.experiment.asked import Dose
from kivuko.experiment.report.answer import PICTURE, gains_of_arms
from kivuko.experiment.report.assembly import REPORT_TRIALS
from kivuko.experiment.report.cells import BITEXT, ENGLISH, MEASURE, Measurements, Row, Variant
from kivuko.experiment.report.contrasts import floor_variant
from kivuko.experiment.report.drawing import INK, LINES, Chart, Point, finished, line, look, panels
from kivuko.experiment.report.tables import pairs_available
from kivuko.experiment.report.winners import difference
from kivuko.languages import resolve

#: Pairs asked for at a budget; a language with fewer has what it has, as with ``all``.
_ASKED = {"1k": 1_000, "5k": 5_000}


def charts(cells: Measurements, trials: Trials = REPORT_TRIALS) -> list[Chart]:
    """Every chart that the cells hold enough for."""
    drawn = (
        answer(cells, trials),
        learning_curves(cells, trials),
        by_language(cells),
        *(dose_curve(cells, dose, trials) for dose in cells.experiment.doses),
        cost(cells),
    )
    return [chart for chart in drawn if chart is not None]


def answer(cells: Measurements, trials: Trials) -> Chart | None:
    """What each arm of the answer gains over the one beside which they stand, by group; None without a question."""
    asked = cells.experiment.answer
    gains = gains_of_arms(cells, asked, trials) if asked else []
    if not asked or not gains:
        return None
    arms = list(dict.fromkeys(gain.arm for gain in gains))
    groups = list(dict.fromkeys(gain.group for gain in gains))
    figure, (axes,) = panels(1, height=0.9 + 0.34 * len(arms))
    for gain in gains:
        place = groups.index(gain.group)
        colour, marker = look(place)
        at = arms.index(gain.arm) + 0.22 * (place - (len(groups) - 1) / 2)
        axes.plot([gain.effect.low, gain.effect.high], [at, at], color=colour, linewidth=1.2)
        label = gain.group if gain.arm == next(g.arm for g in gains if g.group == gain.group) else None
        axes.plot([gain.effect.difference], [at], marker, color=colour, markersize=4.5, label=label)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(arms)), arms)
    axes.invert_yaxis()
    axes.set_xlabel(f"{MEASURE} gained over {asked.beside}")
    figure.legend(loc="outside upper center", ncols=len(groups), frameon=False, labelcolor=INK, fontsize=7)
    return finished(
        figure,
        PICTURE,
        "The answer in one picture",
        f"Gain over {asked.beside}, alone, over the languages and collections of each group. Bars are 95 % intervals "
        "of a hierarchical bootstrap (languages on collections, queries, seeds).",
        [{"arm": gain.arm, "group": gain.group, **_gain(gain.effect)} for gain in gains],
    )


def learning_curves(cells: Measurements, trials: Trials) -> Chart | None:
    """Gain over the untrained encoder by pairs of bitext, over languages; None for fewer than two sizes."""
    curves: dict[str, list[Point]] = {}
    floor = floor_variant(cells)
    table: list[Row] = []
    for regime in _with_sizes(cells):
        for place, size in enumerate(BITEXT):
            effect = _effect(cells, Variant(regime, size), floor, cells.languages(), trials)
            if effect is not None:
                curves.setdefault(regime, []).append(_point(place, effect))
                table.append({"regime": regime, "pairs": size, **_gain(effect)})
    if not curves:
        return None
    figure, (axes,) = panels(1)
    for place, (regime, points) in enumerate(curves.items()):
        line(axes, points, place=place, label=regime)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks(range(len(BITEXT)), ["1,000", "5,000", "all"])
    axes.set_xlabel("pairs available")
    axes.set_xlim(-0.1, len(BITEXT) - 0.9)
    axes.set_ylabel(f"{MEASURE} gained over {cells.floor}")
    axes.legend(frameon=False, labelcolor=INK)
    return finished(
        figure,
        "learning-curves",
        "Learning curves over bitext",
        f"Students alone, {cells.main}: mean gain over {cells.floor}. Bands are 95 % intervals of a hierarchical "
        "bootstrap (languages, then queries); they are wide because languages differ, and the regimes' "
        "differences from each other are tested elsewhere on this page.",
        table,
    )


def by_language(cells: Measurements) -> Chart | None:
    """One panel a trained language: score by pairs of bitext, the lexicon beside the students."""
    regimes = _with_sizes(cells)
    largest = [Variant(regime, "all") for regime in regimes if "all" in cells.budgets(regime)]
    available = pairs_available(cells, largest[0]) if largest else {}
    languages = [language for language in cells.languages() if language in available]
    if not languages:
        return None
    figure, places = panels(len(languages), columns=3, width=9.0, height=2.2)
    table: list[Row] = []
    shown = [*regimes, *([cells.lexicon] if cells.lexicon else [])]
    for axes, language in zip(places, languages, strict=True):
        for place, regime in enumerate(shown):
            points = []
            for size in BITEXT:
                found = cells.by_seed(Variant(regime, size), language).values()
                seeds = [float(values.mean()) for values in found]
                if seeds:
                    count = min(_ASKED.get(size, available[language]), available[language])
                    spread = float(np.std(seeds, ddof=1)) if len(seeds) > 1 else 0.0
                    mean = float(np.mean(seeds))
                    points.append(Point(count, mean, mean - spread, mean + spread))
                    row: Row = {
                        "language": language,
                        "regime": regime,
                        "pairs": size,
                        "pairs available": count,
                    }
                    table.append(row | {MEASURE: mean, "low": mean - spread, "high": mean + spread})
            line(axes, points, place=place, label=regime, dashed=regime == cells.lexicon)
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_xticks([1_000, 5_000, 20_000, 50_000], ["1k", "5k", "20k", "50k"])
        axes.set_ylim(0, 1)
        axes.set_title(resolve(language).name, fontsize=10)
    handles, labels = places[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=4, frameon=False, labelcolor=INK, fontsize=8.5
    )
    return finished(
        figure,
        "learning-curves-by-language",
        "Learning curves by language",
        f"{MEASURE} on {cells.main} by pairs of bitext available, students alone and BM25 by a lexicon induced from "
        "the same pairs. Bands are ± one standard deviation over seeds where there is more than one.",
        table,
    )


def dose_curve(cells: Measurements, dose: Dose, trials: Trials) -> Chart | None:
    """Gain over the first line of a dose; None for fewer than two doses."""
    control = next(iter(_variants(cells, next(iter(dose.lines)))), None)
    curves: dict[str, list[Point]] = {}
    table: list[Row] = []
    for regime, amount in dose.lines.items():
        for variant in _variants(cells, regime):
            if amount and variant.budget != "all":
                continue
            for what, names in (("other languages", cells.languages()), ("English", [ENGLISH])):
                effect = _effect(cells, variant, control, names, trials)
                if effect is not None:
                    curves.setdefault(what, []).append(_point(amount, effect))
                    table.append({dose.label: amount, "regime": regime, "queries": what, **_gain(effect)})
    if len({point.at for points in curves.values() for point in points}) < 2:
        return None
    figure, (axes,) = panels(1)
    for place, (what, points) in enumerate(curves.items()):
        line(axes, points, place=place, label=f"queries in {what}")
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xlabel(dose.axis)
    axes.set_ylabel(f"{MEASURE} gained over {next(iter(dose.lines))}")
    axes.legend(frameon=False, labelcolor=INK)
    return finished(
        figure,
        re.sub(r"[^a-z0-9]+", "-", dose.title.lower()).strip("-"),
        dose.title,
        f"Gain over {next(iter(dose.lines))}, {cells.main}, students alone. Bands are "
        "95 % intervals (hierarchical bootstrap over languages and queries; over queries for English).",
        table,
    )


def cost(cells: Measurements) -> Chart | None:
    """What regimes reach by what their training costs."""
    found: list[tuple[float, float, Variant]] = []
    table: list[Row] = []
    fusable = [
        name
        for name in cells.languages()
        if any(cells.mean(variant, name, "fused") is not None for variant in cells.variants())
    ]
    for variant in cells.variants():
        if cells.baseline(variant.regime) or cells.without(variant.regime):
            continue
        minutes = float(np.mean([cell["cost"]["cpu_minutes"] for cell in cells.cells_of(variant)]))
        for system, languages in (("alone", cells.languages()), ("fused", fusable)):
            means = [cells.mean(variant, name, system) for name in languages]
            known = [mean for mean in means if mean is not None]
            if not known or len(known) < len(means):
                continue
            row: Row = {"regime": variant.regime, "budget": variant.budget, "system": system}
            table.append(row | {"cpu minutes": minutes, MEASURE: float(np.mean(known))})
            if system == "alone":
                found.append((minutes, float(np.mean(known)), variant))
    if not found:
        return None
    figure, (axes,) = panels(1)
    best, place = -1.0, 0
    for minutes, mean, variant in sorted(found, key=lambda point: (point[0], -point[1])):
        if mean <= best:
            axes.plot(minutes, mean, ".", color=LINES, markersize=9, zorder=1)
            continue
        best = mean
        colour, marker = look(place)
        label = f"{best:.3f} {variant}"
        axes.plot(minutes, mean, marker, color=colour, markersize=7, label=label, linestyle="none")
        place += 1
    axes.set_xlabel("CPU minutes of training")
    axes.set_ylabel(f"{MEASURE}, mean over languages")
    figure.legend(loc="outside right upper", frameon=False, labelcolor=INK, fontsize=9)
    return finished(
        figure,
        "quality-by-cost",
        "Quality against cost",
        f"Students alone, {cells.main}, mean over all languages. Named: nothing that costs less is as good. Grey: "
        "something cheaper is at least as good (the table names them). Minutes are of shared machines.",
        table,
    )


def _with_sizes(cells: Measurements) -> list[str]:
    """Trained regimes with at least two sizes of bitext."""
    regimes = dict.fromkeys(v.regime for v in cells.variants() if not cells.baseline(v.regime))
    return [regime for regime in regimes if len(set(BITEXT) & set(cells.budgets(regime))) > 1]


def _variants(cells: Measurements, regime: str) -> list[Variant]:
    return [variant for variant in cells.variants() if variant.regime == regime]


def _effect(
    cells: Measurements, variant: Variant, floor: Variant | None, languages: Sequence[str], trials: Trials
) -> Effect | None:
    return None if floor is None else difference(cells, variant, floor, languages, trials)


def _point(at: float, effect: Effect) -> Point:
    return Point(at, effect.difference, effect.low, effect.high)


def _gain(effect: Effect) -> Row:
    return {"gain": effect.difference, "low": effect.low, "high": effect.high}
