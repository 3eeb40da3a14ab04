"""Lines of tab-separated or JSON fields, plain or compressed, with errors that name the line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kivuko.errors import InputError
from kivuko.files.streams import lines

_HALF = re.compile("[\ud800-\udfff]")


def read_tsv(path: Path, fields: Sequence[str]) -> Iterator[tuple[int, list[str] | None]]:
    """Number and fields of each line; None for an empty line, which the caller counts.

    Args:
        path: the file.
        fields: names of the fields every line must have.

    Raises:
        InputError: a line has another number of fields; not a file; not UTF-8.
    """
    for number, line in lines(path):
        if not line.strip():
            yield number, None
            continue
        values = line.split("\t")
        if len(values) != len(fields):
            raise InputError(
                "this line has the wrong number of fields",
                where=f"{path}:{number}",
                expected=f"{len(fields)} tab-separated fields: {', '.join(fields)}",
                got=f"{len(values)}",
                remedy="mend the line; a tab inside a field has to become a space",
            )
        yield number, values


def read_jsonl(path: Path, fields: Sequence[str]) -> Iterator[tuple[int, list[str] | None]]:
    """Number and the named string fields of each line; None for an empty line, which the caller counts.

    Raises:
        InputError: a line is not a JSON object with these fields as strings; not a file; not UTF-8.
    """
    for number, body in read_json_objects(path, fields):
        yield number, None if body is None else [body[field] for field in fields]


def read_json_objects(path: Path, fields: Sequence[str]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Number and JSON object of each line, which has the named fields as strings; None for an empty line.

    Raises:
        InputError: as :func:`read_jsonl`.
    """
    for number, line in lines(path):
        if not line.strip():
            yield number, None
            continue
        try:
            body = json.loads(line)
        except ValueError as error:
            raise InputError("this line is not JSON", where=f"{path}:{number}", got=str(error)) from error
        if not isinstance(body, dict) or not all(isinstance(body.get(field), str) for field in fields):
            raise InputError(
                "this line lacks a field",
                where=f"{path}:{number}",
                expected=f"a JSON object with the strings {', '.join(fields)}",
                got=f"fields {', '.join(body)}" if isinstance(body, dict) else type(body).__name__,
            )
        yield number, body


def has_half_characters(text: str) -> bool:
    """Whether a text from JSON holds half of a surrogate pair (``"\\ud83d"``), which no UTF-8 file can."""
    return _HALF.search(text) is not None


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
