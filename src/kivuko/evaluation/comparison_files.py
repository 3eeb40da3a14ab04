"""A comparison of systems as Markdown and as LaTeX, both from the same tables."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kivuko.evaluation.comparison import SystemComparison
from kivuko.evaluation.comparison_tables import (
    Cell,
    Table,
    difference_tables,
    method,
    power_notes,
    reading_differences,
    reading_scores,
    score_tables,
)
from kivuko.text.tables import markdown_table

_LONGEST = 45  # rows that a page holds
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"$<$", ">": r"$>$", "−": r"$-$", "–": "--",
    "±": r"$\pm$", "×": r"$\times$", "†": r"$^{\dagger}$", "‡": r"$^{\ddagger}$", "α": r"$\alpha$",
    "[": "{[}", "]": "{]}",
}  # fmt: skip
_SIGNED = re.compile(r"(?<![\w.])([+-])(?=\d)")


def markdown(comparison: SystemComparison) -> str:
    """A page: how it was tested, scores, differences of all languages with what may be concluded."""
    parts = ["# Comparison of systems", _escape_markdown(method(comparison)), "## Scores"]
    parts += [_escape_markdown(reading_scores(comparison)), *map(titled_table, score_tables(comparison))]
    parts += ["## Differences", _escape_markdown(reading_differences(comparison))]
    # Over all languages first, then each.
    languages = [comparison.headline, *(name for name in comparison.slices if name != comparison.headline)]
    for language in languages:
        parts += map(titled_table, difference_tables(comparison, [language]))
        parts += markdown_list(power_notes(comparison, [language]))
    return "\n\n".join(parts) + "\n"


def titled_table(table: Table) -> str:
    """A table under its title."""
    rows = [
        [_escape_markdown(cell.text) + (f"<sup>{cell.marks}</sup>" if cell.marks else "") for cell in row]
        for row in table.rows
    ]
    shown = markdown_table(list(map(_escape_markdown, table.columns)), rows)
    return f"**{_escape_markdown(table.title)}**\n\n{shown}"


def markdown_list(notes: Sequence[str]) -> list[str]:
    """The notes as one part of a page; no part without notes."""
    return ["\n".join(f"- {_escape_markdown(note)}" for note in notes)] if notes else []


def latex(comparison: SystemComparison) -> str:
    """Scores of everything and differences of the headline, with a caption that says how it was tested."""
    captioned = [(table, reading_scores(comparison)) for table in score_tables(comparison)]
    captioned += [
        (table, reading_differences(comparison))
        for table in difference_tables(comparison, [comparison.headline])
    ]
    parts = [r"% Needs \usepackage{booktabs,longtable}; names beyond Latin letters need XeLaTeX or LuaLaTeX."]
    parts += [
        _latex_table(table, f"{table.title}. {method(comparison)} {reading}", f"tab:comparison-{number}")
        for number, (table, reading) in enumerate(captioned, start=1)
    ]
    return "\n\n".join(parts) + "\n"


def _latex_table(table: Table, caption: str, label: str) -> str:
    head = " & ".join(map(escape_latex, table.columns)) + r" \\"
    rows = [" & ".join(map(_latex_cell, row)) + r" \\" for row in table.rows]
    columns = "l" + "r" * (len(table.columns) - 1)
    titled = rf"\caption{{{escape_latex(caption)}}}\label{{{label}}}"
    if len(rows) > _LONGEST:
        lines = [
            rf"\begin{{longtable}}{{{columns}}}",
            rf"{titled}\\",
            r"\toprule",
            head,
            r"\midrule",
            r"\endfirsthead",
        ]
        lines += [r"\toprule", head, r"\midrule", r"\endhead", r"\bottomrule", r"\endlastfoot", *rows]
        return "\n".join([*lines, r"\end{longtable}"])
    lines = [
        r"\begin{table}",
        r"\centering",
        titled,
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        head,
        r"\midrule",
    ]
    return "\n".join([*lines, *rows, r"\bottomrule", r"\end{tabular}", r"\end{table}"])


def _latex_cell(cell: Cell) -> str:
    if not cell.marks:
        return escape_latex(cell.text)
    marks = escape_latex(cell.marks)
    return escape_latex(cell.text) + (marks if marks.startswith("$") else rf"\textsuperscript{{{marks}}}")


def escape_latex(text: str) -> str:
    """Text as LaTeX shows it, signs of numbers in mathematics."""
    escaped = "".join(_LATEX.get(character, character) for character in text)
    return _SIGNED.sub(r"$\1$", escaped)


def _escape_markdown(text: str) -> str:
    return re.sub(r"([\\|*_<`])", r"\\\1", text).replace("\n", " ")
