"""Lines of tab-separated fields, plain or compressed, with errors that name the line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.progress import Progress

from kivuko.errors import InputError, UnknownNameError
from kivuko.files.streams import lines, plain_name
from kivuko.languages import resolve

HEADER = "line that names the columns"
_HEADER_WORDS = frozenset(
    {
        *("id", "ids", "docid", "docno", "doc", "document", "passage", "pid", "qid", "corpus", "url"),
        *(
            "query",
            "queries",
            "question",
            "topic",
            "title",
            "headline",
            "text",
            "texts",
            "content",
            "contents",
            "body",
        ),
        *("source", "src", "target", "tgt", "trg", "original", "translation", "translated", "foreign"),
        *(
            "name",
            "heading",
            "number",
            "num",
            "description",
            "abstract",
            "summary",
            "article",
            "page",
            "answer",
        ),
        *("sentence", "sent", "word", "term", "phrase", "language", "lang"),
        *("score", "scores", "margin", "laser", "weight", "probability"),
    }
)
_BETWEEN_WORDS = re.compile(r"[\W\d_]+")
# What else separates fields in files that people have, and what it is called.
_OTHER_SEPARATORS = (("|||", "'|||'"), (",", "commas"), (";", "semicolons"), ("|", "'|'"))


def read_tsv(
    path: Path, fields: Sequence[str], progress: Progress | None = None
) -> Iterator[tuple[int, list[str] | None]]:
    """Number and fields of each line; None for an empty line, which the caller counts.

    Args:
        path: the file.
        fields: names of the fields every line must have.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: a line has another number of fields; not a file; not UTF-8; a NUL.
    """
    for number, line in lines(path, progress):
        if not line.strip():
            yield number, None
            continue
        values = line.split("\t")
        if len(values) != len(fields):
            raise ragged(path, number, line, f"{len(fields)} tab-separated fields: {', '.join(fields)}")
        yield number, values


def ragged(path: Path, number: int, line: str, expected: str) -> InputError:
    """The error of a line with too few or too many fields, with what seems to separate them instead of tabs."""
    found = line.count("\t") + 1
    got, remedy = str(found), "mend the line; a tab inside a field has to become a space"
    separator = next((name for mark, name in _OTHER_SEPARATORS if mark in line), None)
    if found == 1 and plain_name(path).lower().endswith(".csv"):
        separator = separator or "commas"
    if found == 1 and separator:
        got = f"1: no tab, but {separator}"
        remedy = (
            "put one tab between the fields: sed 's/ *||| */\\t/g' FILE > NEW.tsv"
            if separator == "'|||'"
            else "if these separate the fields (CSV), save the table as text with tabs (TSV) in UTF-8"
        )
    return InputError(
        "this line has the wrong number of fields",
        where=f"{path}:{number}",
        expected=expected,
        got=got,
        remedy=remedy,
    )


def names_columns(fields: Sequence[str], *languages: str) -> bool:
    """Whether a first line says what the columns are and is no data: ``src<TAB>tgt``, ``id<TAB>title<TAB>text``.

    Args:
        fields: of the line.
        languages: tags of the languages that a column may be in, which may be called by any of their names.

    Returns:
        True where there are several fields, all different, and each consists of words that name columns.
    """
    spelled = [field.strip().casefold() for field in fields]
    return (
        len(spelled) > 1
        and len(set(spelled)) == len(spelled)
        and all(_names_column(field, languages) for field in spelled)
    )


def _names_column(field: str, languages: Sequence[str]) -> bool:
    parts = [part for part in _BETWEEN_WORDS.split(field) if part]
    return bool(parts) and (
        _is_one_of(field, languages)
        or all(part in _HEADER_WORDS or _is_one_of(part, languages) for part in parts)
    )


def _is_one_of(name: str, languages: Sequence[str]) -> bool:
    try:
        return bool(languages) and resolve(name).tag in languages
    except UnknownNameError:
        return False


def write_tsv(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write rows of fields, each as :func:`tsv_line`."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(map(tsv_line, rows))


def tsv_line(row: Sequence[str]) -> str:
    """A row as a line; tabs and line ends inside a field become spaces."""
    return "\t".join(" ".join(field.splitlines()).replace("\t", " ") for field in row) + "\n"


def write_jsonl(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write one JSON object a line, characters as they are."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
