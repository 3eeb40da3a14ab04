"""Assemble the page: words first, then pictures, then every table, then where it all came from."""

from __future__ import annotations

import base64
import csv
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from kivuko.artifact import write_atomically
from kivuko.errors import FetchError
from kivuko.evaluation.effects import Trials
from kivuko.evaluation.results import described
from kivuko.experiment.report.assembly import PICTURES, REPORT_TRIALS, Content, Report
from kivuko.experiment.report.cells import SYSTEMS, Measurements, Row
from kivuko.experiment.report.drawing import Chart
from kivuko.experiment.report.fonts import font_faces, font_files, matplotlib_families
from kivuko.experiment.report.maps import heat_map, language_tables
from kivuko.experiment.report.plans import plan_chart, plans, students
from kivuko.experiment.report.queries import win_loss
from kivuko.experiment.test_bed import TestBed
from kivuko.languages import resolve

PAGE, SCORES, FIGURES = "report.html", "scores.csv", "figures"
#: Shades of the heat map, light to dark, one hue: lightness alone carries the value.
WHITE_FROM = 0.665  # where white on the shade and black on it are equally easy to read
PALE, DEEP = (0xF2, 0xF0, 0xE6), (0x08, 0x3D, 0x77)


def write_page(
    report: Report,
    cells: Measurements,
    bed: TestBed,
    folder: Path,
    drawn: Sequence[Chart],
    *,
    command: str,
    config: str,
    trials: Trials = REPORT_TRIALS,
) -> list[str]:
    """Write ``report.html``, which holds all it needs, and ``scores.csv``.

    Args:
        report: of the cells.
        cells: the measurements.
        bed: the queries' texts.
        folder: where ``report.html`` and, for spreadsheets, ``scores.csv`` go.
        drawn: the charts.
        command: the command line that writes it again.
        config: text of the experiment's configuration.
        trials: how often chance is asked.

    Returns:
        What the page lacks, and why; empty where it lacks nothing.

    Raises:
        StorageError: the disk refused the write.
    """
    import jinja2

    lacking = []
    try:
        fonts = font_files()
    except FetchError as error:
        fonts = []
        lacking.append(f"Fonts are not embedded, the reader's own are used: {error.what}.")
    families = matplotlib_families(fonts)
    found_plans = plans(students(cells), bed, cells.main.collection)
    borrowed = []
    for picture in cells.experiment.pictures:
        if (folder / picture.path).is_file():
            borrowed.append((picture.title, data_uri((folder / picture.path).read_bytes(), "image/png")))
        else:
            lacking.append(f"No picture {picture.path}: {picture.title}.")
    maps = [heat_map(cells, system, trials) for system in SYSTEMS]
    save_table(folder / SCORES, [row for map_ in maps for row in map_.table()])
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"prose": prose, "shade": shade, "number": number, "name": language_name}
    environment.filters |= {"grouped": grouped, "image": svg_image}
    page = environment.get_template("page.html.jinja").render(
        report=report,
        head=described(report.title, command, report.notes),
        main=cells.main,
        floor=cells.floor,
        ceiling=cells.ceiling,
        sections={name: content for name, content in report.sections.items() if name != PICTURES},
        maps=maps,
        charts=drawn,
        borrowed=borrowed,
        languages=language_tables(cells, trials),
        contests=win_loss(cells, bed),
        plans=[plan_chart(plan, families) for plan in found_plans],
        lacking=lacking,
        tiers=cells.experiment.tier_of(),
        config=config,
        cells=[cells.cells[key] for key in sorted(cells.cells)],
        style=_resource("style.css"),
        fonts="/*FONTS*/",
    )
    shown = re.sub(r"<[^>]*>", " ", page)
    page = page.replace("/*FONTS*/", font_faces(shown, fonts), 1)
    with write_atomically(folder / PAGE) as temporary:
        temporary.write_text(page, encoding="utf-8")
        temporary.chmod(0o644)
    return lacking


def data_uri(content: bytes, kind: str) -> str:
    """A file as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def svg_image(svg: str) -> str:
    """An SVG as the address of an image: what it calls by name inside stays apart from the page."""
    return data_uri(svg.encode(), "image/svg+xml")


def save_charts(charts: Sequence[Chart], folder: Path, *, figures: str = FIGURES) -> list[tuple[str, str]]:
    """Write each chart as PNG, and what it shows as CSV, into ``figures/`` (or another place) of a folder.

    Returns:
        Title and path, from the folder, of each picture.

    Raises:
        StorageError: the disk refused the write.
    """
    for chart in charts:
        picture = folder / figures / f"{chart.name}.png"
        with write_atomically(picture) as temporary:
            temporary.write_bytes(chart.png)
            temporary.chmod(0o644)
        save_table(picture.with_suffix(".csv"), chart.table)
    return [(chart.title, f"{figures}/{chart.name}.png") for chart in charts]


def save_table(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV under the names of all their columns, in the order in which these come up.

    Raises:
        StorageError: the disk refused the write.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with write_atomically(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    path.chmod(0o644)


def _resource(name: str) -> str:
    return files("kivuko.experiment.report").joinpath(name).read_text(encoding="utf-8")


def prose(text: str) -> Any:
    """Markdown of the report as HTML; HTML in it is shown as text."""
    import markupsafe
    from markdown_it import MarkdownIt

    return markupsafe.Markup(MarkdownIt("commonmark", {"html": False}).render(text))


def shade(value: float) -> str:
    """CSS colours of a heat-map cell for a value from 0 to 1: background, and text that can be read on it."""
    part = min(1.0, max(0.0, value))
    mixed = [round(pale + (deep - pale) * part) for pale, deep in zip(PALE, DEEP, strict=True)]
    return f"background:rgb({','.join(map(str, mixed))});color:{'#fff' if part > WHITE_FROM else '#000'}"


def number(value: Any) -> str:
    """A table's cell as text."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(number, value)) if isinstance(value, list) else str(value)


def language_name(tag: str) -> str:
    """``orm-Latn`` → ``Oromo``."""
    return resolve(tag).name


def grouped(content: Content) -> Sequence[tuple[str, Any]]:
    """A section's content as (``"text"``, Markdown) and (``"table"``, rows) in order."""
    parts: list[tuple[str, Any]] = []
    for item in [content] if isinstance(content, str) else content:
        if isinstance(item, str):
            parts.append(("text", item))
        elif parts and parts[-1][0] == "table":
            parts[-1][1].append(item)
        else:
            parts.append(("table", [item]))
    return parts
