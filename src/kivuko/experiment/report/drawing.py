"""How the report's charts are drawn, by matplotlib: figures, lines with bands, colours.

Colours are Okabe and Ito's, which people with any kind of colour vision can tell apart; no two systems of a chart
that it names have both colour and marker in common.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kivuko.experiment.report.cells import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe & Ito, "Color Universal Design", without black and with its yellow darkened for white paper.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D00", "#7A5195")
#: As many as have no divisor in common with the colours, so that a pair of both comes again after all of them.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h", "<", "p", "*", ">", "d", "H", "8")
INK, LINES = "#1b1b1a", "#c9c9c4"


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
