"""A table as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Headings and rows as a Markdown table, without a line's end behind the last row.

    A vertical line inside a cell, which would end it, is escaped unless it is already; so is a line's end.

    Args:
        columns: the headings.
        rows: as many cells each.
    """
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text).replace("\n", " ")
