"""Lines of TREC files, what is wrong with those that are none, and qrels.

Columns are separated by any ASCII white space, mixed as one likes; lines end with LF or CRLF; a byte order mark may
open the file. Everything else that a file can be instead (separated by commas, exported with no-break spaces, cut
off, in another encoding, the other kind of file) is refused with its line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from kivuko.errors import InputError
from kivuko.ranking import MAX_GRADE, Qrels
from kivuko.text.faults import decode, head_of

Value = TypeVar("Value", int, float)


@dataclass(frozen=True)
class Format:
    """A kind of file: its name, its columns in words, and how many they are."""

    name: str
    columns: str
    count: int


RUN = Format("run", "query_id Q0 document_id rank score tag (six columns)", 6)
QRELS = Format("qrels", "query_id 0 document_id grade (four columns)", 4)

# White space that is none in TREC format, control characters, a byte order mark, a zero-width space.
_STRAY = re.compile(r"[^\S \t\r\n\v\f]|[\x00-\x08\x0e-\x1f\x7f\ufeff\u200b]")


class Line(NamedTuple):
    """A line of a file, numbered from 1, with its end."""

    path: Path
    number: int
    text: str

    @property
    def where(self) -> str:
        """``file:line``."""
        return f"{self.path}:{self.number}"

    @property
    def ended(self) -> bool:
        """Whether there is an end of line; the last line of a file that was cut off has none."""
        return self.text.endswith("\n")


def read_lines(path: Path, form: Format) -> Iterator[tuple[Line, list[str]]]:
    """Each line and its columns.

    Raises:
        InputError: no such file, or a line that is not UTF-8, holds a stray character or has too few or too many
            columns.
    """
    if not path.is_file():
        raise InputError("no such file", where=path, expected=f"lines of {form.columns}")
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            text = decode(raw, f"{path}:{number}", partial(head_of, path))
            line = Line(path, number, text.removeprefix("\ufeff") if number == 1 else text)
            # Most lines are printable ASCII; the search would double the time of reading.
            plain = line.text.rstrip("\r\n").replace("\t", " ")
            stray = None if plain.isascii() and plain.isprintable() else _STRAY.search(line.text)
            if stray is not None:
                raise _stray_character(line, stray)
            fields = line.text.split()
            if len(fields) != form.count:
                raise _wrong_columns(line, len(fields), form)
            yield line, fields


def fits(name: str) -> bool:
    """Whether an id or a tag can be a column, and be read again."""
    return name.split() == [name] and _STRAY.search(name) is None


def _stray_character(line: Line, stray: re.Match[str]) -> InputError:
    name = unicodedata.name(stray[0], "a control character")
    remedy = "separate the columns by spaces or tabs, and keep such characters out of ids"
    if stray[0] == "\ufeff":
        remedy = "files were joined: remove the mark, and look for lines that are there twice"
    return InputError(
        "a line holds a character that TREC format does not have",
        where=line.where,
        expected="columns separated by spaces or tabs",
        got=f"U+{ord(stray[0]):04X} ({name.lower()}) at column {stray.start() + 1}",
        remedy=remedy,
    )


def _wrong_columns(line: Line, found: int, form: Format) -> InputError:
    """The error of a line with too few or too many columns, with what it looks like instead."""
    what, got = "a line has the wrong number of columns", f"{found} columns"
    remedy = "write one document a line, with every column"
    separator = next((mark for mark in ",;|" if len(line.text.split(mark)) >= form.count - 1), None)
    if not found:
        what, got, remedy = "a line is blank", "a blank line", "remove it"
    elif separator is not None and found < form.count:
        got = f"columns separated by {separator!r}"
        remedy = "separate the columns by spaces or tabs, and write no header"
    elif line.ended and found in (RUN.count, QRELS.count):
        other = RUN if form is QRELS else QRELS
        got = f"{found} columns, as in {'a run' if other is RUN else 'qrels'}"
        remedy = f"give the {form.name} here; this is the {other.name}"
    elif found > form.count == len(line.text.split("\t")):
        got, remedy = (
            f"{got}, {form.count} if only tabs counted",
            "remove the spaces from the ids and the tag",
        )
    elif not line.ended:
        what, remedy = "the last line is cut off", "copy or write the whole file again"
    return InputError(what, where=line.where, expected=form.columns, got=got, remedy=remedy)


def not_a_number(what: str, line: Line, form: Format, got: str) -> InputError:
    """The error of a column that should be a number."""
    remedy = "leave out of the file what has no number"
    if "," in got:
        remedy = "write a decimal point, and no comma"
    elif line.number == 1 and got[:1].isalpha() and got.lower() not in ("nan", "inf", "infinity"):
        remedy = "remove the header line, or look whether the columns are in the order of TREC"
    return InputError(what, where=line.where, expected=form.columns, got=repr(got), remedy=remedy)


def read_qrels(path: Path) -> Qrels:
    """Read TREC qrels.

    Raises:
        InputError: as for :func:`read_run`, and when there is no judgment or a grade is not a whole number from
            ``-MAX_GRADE`` to ``MAX_GRADE``.
    """
    qrels: Qrels = {}
    for line, (query, _, document, grade) in read_lines(Path(path), QRELS):
        if not grade.isascii() or not grade.removeprefix("-").isdigit():
            raise not_a_number("a grade is not an integer", line, QRELS, grade)
        value = int(grade[:20])
        if abs(value) > MAX_GRADE:
            raise InputError(
                "a grade is out of range",
                where=line.where,
                expected=f"a whole number from -{MAX_GRADE} to {MAX_GRADE}, usually 0 to 4",
                got=grade,
                remedy="look whether the columns are in the order of TREC, with the grade last",
            )
        add_once(qrels.setdefault(query, {}), query, document, value, line)
    if not qrels:
        raise InputError(
            "these qrels hold no judgment", where=path, expected=QRELS.columns, got="an empty file"
        )
    return qrels


def add_once(documents: dict[str, Value], query: str, document: str, value: Value, line: Line) -> None:
    """Note a document's score or grade.

    Raises:
        InputError: the query has the document already.
    """
    if document in documents:
        raise InputError(
            "a document occurs twice for a query",
            where=line.where,
            expected="each document at most once for a query",
            got=f"query {query}, document {document} again",
            remedy="remove one of the lines",
        )
    documents[document] = value
