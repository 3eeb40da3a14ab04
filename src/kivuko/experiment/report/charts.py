"""The report's charts, drawn by matplotlib: learning curves over bitext, doses, quality against cost; and its fonts.

Colours are Okabe and Ito's, which people with any kind of colour vision can tell apart; no two systems of a chart
that it names have both colour and marker in common. The scripts of the page's text are embedded as Noto fonts, which
come from a Debian package into the cache, cut down to the characters that occur: Ethiopic, Khmer or Devanagari show
anywhere, without a network.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kivuko.evaluation.comparison import Effect, Trials
from kivuko.experiment.config import Dose
from kivuko.experiment.report.assembly import REPORT_TRIALS
from kivuko.experiment.report.cells import BITEXT, ENGLISH, MEASURE, Measurements, Row, Variant
from kivuko.experiment.report.contrasts import floor_variant
from kivuko.experiment.report.tables import pairs_available
from kivuko.experiment.report.winners import difference
from kivuko.languages import resolve
from kivuko.packages import fetch_deb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


PACKAGE = "fonts-noto-core"
#: In the order of preference; Latin, Greek and Cyrillic are left to the reader's own fonts.
FONTS = tuple(
    f"Noto{name}-Regular.ttf"
    for name in (
        "SansEthiopic", "SansKhmer", "SansDevanagari", "SansArabic", "SansSinhala", "SansThai", "SerifTibetan",
        "SansBengali", "SansTamil", "SansTelugu", "SansMyanmar", "SansLao", "SansHebrew", "SansArmenian",
        "SansGeorgian", "SansGurmukhi", "SansGujarati",
    )
)  # fmt: skip
FAMILY = "Kivuko Noto"


def font_files() -> list[Path]:
    """The files of those of :data:`FONTS` that the package has, in their order.

    Raises:
        FetchError: the package cannot be brought.
    """
    found = {path.name: path for path in fetch_deb(PACKAGE).rglob("*.ttf")}
    return [found[name] for name in FONTS if name in found]


def font_faces(text: str, files: Sequence[Path]) -> str:
    """CSS rules that embed, for every script of a text, the glyphs it needs.

    Args:
        text: everything that the page shows.
        files: from :func:`font_files`.
    """
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    letters = {ord(character) for character in text if ord(character) > 0x2FF}
    rules = []
    for path in files:
        font = TTFont(path, lazy=True)
        # What the text needs beyond letters (joiners, dotted circle) is in several fonts; it decides nothing.
        found = {code for code in letters & set(font.getBestCmap()) if not 0x2000 <= code <= 0x2BFF}
        if not found:
            continue
        letters -= found
        options = Options(flavor="woff", layout_features=["*"], notdef_outline=True)
        cut = Subsetter(options)
        cut.populate(unicodes=found | {0x20, 0x200B, 0x200C, 0x200D, 0x25CC})
        cut.subset(font)
        font.flavor = "woff"
        written = io.BytesIO()
        font.save(written)
        data = base64.b64encode(written.getvalue()).decode()
        scope = ",".join(f"U+{code:X}" for code in sorted(found | {0x200C, 0x200D}))
        rules.append(
            f'@font-face{{font-family:"{FAMILY}";src:url(data:font/woff;base64,{data}) format("woff");'
            f"unicode-range:{scope}}}"
        )
    return "\n".join(rules)


def matplotlib_families(files: Sequence[Path]) -> list[str]:
    """Make fonts known to matplotlib; what a text that may be in any of their scripts is to be drawn with."""
    from matplotlib import font_manager

    for path in files:
        font_manager.fontManager.addfont(path)
    return ["DejaVu Sans", *(font_manager.get_font(path).family_name for path in files)]


#: Okabe & Ito, "Color Universal Design", without black and with its yellow darkened for white paper.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D00", "#7A5195")
#: As many as have no divisor in common with the colours, so that a pair of both comes again after all of them.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h", "<", "p", "*", ">", "d", "H", "8")
INK, LINES = "#1b1b1a", "#c9c9c4"
#: Pairs asked for at a budget; a language with fewer has what it has, as with ``all``.
_ASKED = {"1k": 1_000, "5k": 5_000}


@dataclass(frozen=True)
class Chart:
    """A picture with its words.

    Attributes:
        name: of its file, without ending.
        title: heading.
        caption: what is drawn, and how to read it.
        svg: the picture for the page; its letters are drawn, so that every reader sees the same.
        png: the picture for elsewhere.
        table: what is drawn, as rows, for CSV and for who cannot see.
    """

    name: str
    title: str
    caption: str
    svg: str
    png: bytes
    table: Sequence[Row]


@dataclass(frozen=True)
class Point:
    """A place on a line, with the ends of its band."""

    at: float
    value: float
    low: float
    high: float


def charts(cells: Measurements, trials: Trials = REPORT_TRIALS) -> list[Chart]:
    """Every chart that the cells hold enough for."""
    drawn = (
        learning_curves(cells, trials),
        by_language(cells),
        *(dose_curve(cells, dose, trials) for dose in cells.experiment.doses),
        cost(cells),
    )
    return [chart for chart in drawn if chart is not None]


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


# How they are drawn


def panels(
    count: int, *, columns: int = 1, width: float = 7.4, height: float = 3.9
) -> tuple[Figure, list[Axes]]:
    """A figure in the page's plain style, with its panels; unused places stay empty.

    Args:
        count: how many panels.
        columns: how many of them stand side by side.
        width: of the figure, in inches.
        height: of a panel, in inches.
    """
    from matplotlib.figure import Figure

    lines = -(-count // columns)
    figure = Figure(figsize=(width, height * lines), layout="constrained")
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for empty in axes[count:]:
        empty.set_axis_off()
    for panel in axes[:count]:
        panel.set_facecolor("none")
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["bottom", "left"]].set_color(LINES)
        panel.tick_params(color=LINES, labelcolor=INK, labelsize=9)
        panel.grid(axis="y", color=LINES, linewidth=0.5)
        panel.xaxis.label.set_color(INK)
        panel.yaxis.label.set_color(INK)
        panel.title.set_color(INK)
    return figure, axes[:count]


def look(place: int) -> tuple[str, str]:
    """Colour and marker of a chart's system number ``place``, from 0: no other of the first 120 has both."""
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]


def line(axes: Axes, points: Sequence[Point], *, place: int, label: str, dashed: bool = False) -> None:
    """One line with its band.

    Args:
        axes: the panel.
        points: from left to right.
        place: which of the colours and markers.
        label: for the legend.
        dashed: whether to set the line apart from the others.
    """
    colour, marker = look(place)
    where = [point.at for point in points]
    axes.plot(
        where,
        [point.value for point in points],
        "--" if dashed else "-",
        marker=marker,
        markersize=4.5,
        color=colour,
        label=label,
        linewidth=1.6,
    )
    low, high = [point.low for point in points], [point.high for point in points]
    axes.fill_between(where, low, high, color=colour, alpha=0.12, linewidth=0)


def finished(figure: Figure, name: str, title: str, caption: str, table: Sequence[Row]) -> Chart:
    """A figure drawn, with its words and the numbers it shows."""
    svg, png = rendered(figure, name)
    rounded: list[Row] = [
        {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
        for row in table
    ]
    return Chart(name, title, caption, svg, png, rounded)


def rendered(figure: Figure, name: str) -> tuple[str, bytes]:
    """A figure as SVG and as PNG, both on white; the same figure gives the same bytes."""
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": name}):
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", facecolor="white", metadata={"Date": None})
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=160, facecolor="white", metadata={"Software": None})
    return drawn.getvalue(), picture.getvalue()
