"""Ranks by document language, where one index holds documents in many languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kivuko.evaluation.results import RESULTS, read_results
from kivuko.experiment.page.drawing import INK, Chart, chart, panels
from kivuko.languages import resolve

#: What ``experiments/multilingual_index.py`` calls its folder, its table and the column that is drawn.
FOLDER = "multilingual-index"
TABLE = "Modes and ranks by document language"
RANK = "median rank in the one list"


def ranks_by_language(results: Path) -> Chart | None:
    """Each system as a square, languages that ask by languages that answer, from a folder of results.

    None where the folder has no results.

    Raises:
        InputError: the results are damaged.
    """
    if not (results / RESULTS).is_file():
        return None
    rows: list[dict[str, Any]] = read_results(results)["extra"][TABLE]
    systems = list(dict.fromkeys(row["system"] for row in rows))
    languages = list(dict.fromkeys(row["queries"] for row in rows))
    names = [resolve(tag).name for tag in languages]
    from matplotlib.colors import LogNorm

    figure, axes = panels(len(systems), columns=2, width=9.0, height=3.4)
    worst = max(row[RANK] for row in rows)
    for panel, system in zip(axes, systems, strict=True):
        table = {(row["queries"], row["documents"]): row[RANK] for row in rows if row["system"] == system}
        values = [[table[asking, answering] for answering in languages] for asking in languages]
        panel.imshow(values, cmap="Blues_r", norm=LogNorm(1, worst), aspect="auto")
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
        panel.set_xticks(range(len(names)), names, rotation=30, ha="right")
        panel.set_yticks(range(len(names)), names)
        panel.set_title(system, fontsize=10)
        for i, line in enumerate(values):
            for j, value in enumerate(line):
                dark = value**2 < worst
                panel.text(
                    j,
                    i,
                    f"{value:,.0f}",
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    color="white" if dark else "black",
                )
    for panel in axes[::2]:
        panel.set_ylabel("queries in", color=INK)
    return chart(
        figure,
        "rank-by-document-language",
        f"Rank by document language (of {FOLDER}, not of these cells)",
        "One index holds every page in all these languages; each number is the median rank, in that one list, of the "
        "page's version in the language below, asked in the language at the left. A perfect list has all "
        "versions of the page first, whatever their language. Darker is better.",
        rows,
    )
