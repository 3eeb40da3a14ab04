"""Dictionaries as lines of a text file: MUSE's word pairs, and tab-separated translations."""

from __future__ import annotations

import math
from pathlib import Path

from kivuko.data.drops import DropReport
from kivuko.data.formats.tables import read_lines
from kivuko.data.translations import Translation
from kivuko.errors import InputError


def read_muse(path: Path, *, english_first: bool) -> tuple[list[Translation], DropReport]:
    """MUSE dictionaries (Conneau et al., ICLR 2018, arXiv 1710.04087): two words a line, space or tab between.

    The published files are made by machine and have the odd line that does not fit; such lines are counted.

    Args:
        path: the file, such as ``en-sw.txt``.
        english_first: true for ``en-xx.txt``, false for ``xx-en.txt``.

    Raises:
        InputError: no such file, not UTF-8, or most lines do not have two words.
    """
    report, rows, first_odd = DropReport(), [], ""
    for number, line in read_lines(path):
        found = line.split()
        if len(found) == 2:
            english, foreign = found if english_first else reversed(found)
            rows.append(Translation(english, foreign))
        elif found:
            report.drop("lines without two words")
            first_odd = first_odd or f"{path}:{number}"
        else:
            report.drop("empty lines")
    report.kept = len(rows)
    if report.reasons["lines without two words"] >= max(1, len(rows)):
        raise InputError(
            "most lines of this file do not have two words",
            where=first_odd,
            expected="one English and one foreign word a line, with a space or tab between them",
            got=f"{report.reasons_text} of {report.before:,}",
            remedy="for phrases give English<TAB>foreign lines with --format tsv",
        )
    return _some(rows, path), report


def read_translations_tsv(path: Path) -> tuple[list[Translation], DropReport]:
    """Lines of ``English<TAB>foreign`` or ``English<TAB>foreign<TAB>weight`` in UTF-8.

    The layout to bring extracts of PanLex (weight: the quality of the translation) and of Wiktionary into: one
    translation a line, words or phrases, no header; weights are above 0, and 1 where none is given. Empty
    lines are counted; any other line that does not fit is an error.

    Raises:
        InputError: no such file, not UTF-8, or a line that does not fit; names ``file:line``.
    """
    report, rows = DropReport(), []
    for number, line in read_lines(path):
        if not line.strip():
            report.drop("empty lines")
            continue
        fields = [field.strip() for field in line.split("\t")]
        weight = _weight(fields[2]) if len(fields) == 3 else 1.0
        if len(fields) not in {2, 3} or not fields[0] or not fields[1] or weight is None:
            raise InputError(
                "this line is no translation",
                where=f"{path}:{number}",
                expected="English<TAB>foreign, or English<TAB>foreign<TAB>weight with a weight above 0",
                got=repr(line[:80]),
                remedy="mend or remove the line",
            )
        rows.append(Translation(fields[0], fields[1], weight))
    report.kept = len(rows)
    return _some(rows, path), report


def _weight(text: str) -> float | None:
    try:
        weight = float(text)
    except ValueError:
        return None
    return weight if math.isfinite(weight) and weight > 0 else None


def _some(rows: list[Translation], path: Path) -> list[Translation]:
    if not rows:
        raise InputError("the file has no translations", where=path, expected="one translation a line")
    return rows
