"""Running text in files: JSON lines as mC4 and OSCAR have them, and plain text."""

from __future__ import annotations

import gzip
import itertools
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from kivuko.data.drops import DropReport
from kivuko.data.formats.tables import read_lines
from kivuko.errors import InputError

Unit = Literal["document", "paragraph"]
TEXT_FIELDS = ("text", "content")
"""Where a record's text is: mC4 and the older OSCAR call it text, OSCAR 23 content."""
_JSON_LINES = (".jsonl", ".json", ".jsonl.gz", ".json.gz")


def text_files(path: Path, report: DropReport) -> Iterator[Path]:
    """The file itself, or the files with text in a folder, in the order of their paths; others are counted.

    Raises:
        InputError: nothing is there, or nothing that can be read.
    """
    if path.is_file():
        if not _is_read(path):
            raise InputError(
                "this kind of file is not read",
                where=path,
                expected=f"a name that ends in {', '.join((*_JSON_LINES, '.txt'))}",
                remedy="rename the file, or convert it to one JSON object a line",
            )
        yield path
        return
    if not path.is_dir():
        raise InputError("there is no such file or folder", where=path, remedy="check the path")
    read = 0
    for file in sorted(path.rglob("*")):
        if file.is_file() and _is_read(file):
            read += 1
            yield file
        elif file.is_file():
            report.drop("file that is neither plain text nor JSON lines")
    if not read:
        raise InputError(
            "this folder has no text",
            where=path,
            expected=f"files that end in {', '.join(_JSON_LINES)} or .txt",
        )


def _is_read(file: Path) -> bool:
    return file.name.endswith((*_JSON_LINES, ".txt"))


def texts_of_file(file: Path, unit: Unit) -> Iterator[str]:
    """Documents or paragraphs of one file, as they are.

    Raises:
        InputError: a line is damaged or has no text, or is not in UTF-8; names ``file:line``.
    """
    if file.suffix == ".txt":
        lines = (line for _, line in read_lines(file))
        yield from _paragraphs(lines) if unit == "paragraph" else ["\n".join(lines)]
        return
    for number, line in _json_lines(file):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise InputError(
                "this line is not JSON",
                where=f"{file}:{number}",
                expected="one JSON object a line, in UTF-8",
                got=str(error),
                remedy="mend or remove the line; a download that broke off ends in half a line",
            ) from error
        yield from split_text(text_of(record, f"{file}:{number}"), unit)


def _json_lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of each line that is not blank."""
    number = 0
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            "this compressed file is damaged or cut short",
            where=f"{file}:{number + 1}",
            got=str(error),
            remedy="fetch it again",
        ) from error


def text_of(record: object, where: str) -> str:
    """A record's text.

    Raises:
        InputError: it has none.
    """
    if isinstance(record, dict):
        for field in TEXT_FIELDS:
            if isinstance(record.get(field), str):
                return str(record[field])
    raise InputError(
        "this record has no text",
        where=where,
        expected=f"a JSON object with a string called {' or '.join(TEXT_FIELDS)}",
        got=f"fields {', '.join(map(str, record))}" if isinstance(record, dict) else type(record).__name__,
    )


def split_text(text: str, unit: Unit) -> Iterator[str]:
    """The text as it is, or its paragraphs, which blank lines part."""
    return _paragraphs(text.splitlines()) if unit == "paragraph" else iter([text])


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """Runs of lines that blank lines part, each joined to one text."""
    for blank, run in itertools.groupby(lines, key=lambda line: not line.strip()):
        if not blank:
            yield "\n".join(run)
