"""Titles of Wikipedia articles on the same subject in English and another language.

Two layouts: Wikimedia's SQL dumps of one wiki (``omwiki-DATE-langlinks.sql.gz`` with ``omwiki-DATE-page.sql.gz``
beside it, or the same of ``enwiki``, which are a hundred times as large), or lines of ``English<TAB>foreign``
titles. Names of people and places are most of the titles; pairs that are spelled alike are left out. Tested only on
files of our own wording: no machine of the project reaches the dumps.

The dumps are read without a database. ``CREATE TABLE`` names the columns, so a column that a later version of
MediaWiki adds or drops does no harm; all rows of an ``INSERT`` may stand on its line, or each on a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.progress import Progress

from kivuko.errors import InputError
from kivuko.files.streams import COMPRESSED, byte_lines, lines, plain_name
from kivuko.files.tables import HEADER, names_columns
from kivuko.languages import Language
from kivuko.readers.dictionaries import ENGLISH, Reading, Translation, untranslated
from kivuko.text import normalise

REMOVED = "disambiguators in brackets removed"
_DUMP = re.compile(r"([a-z0-9_]+)wiki-.*langlinks\.sql")
# What tells articles of one name apart: Mercury (planet), and the same with East Asian brackets.
_DISAMBIGUATOR = re.compile(r"(?<=\S)\s*[(（][^()（）]*[)）]\s*$")
# Where a Wikipedia is not called after the language's short code.
_CODES = {"nb": "no"}
_VALUE = rb"(?:'[^'\\]*(?:\\.[^'\\]*)*'|[^'(),\s]+)"
_COLUMN = re.compile(rb"\s+`(\w+)` ")
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"Z": b"\x1a"}


def is_langlinks_dump(path: Path) -> bool:
    """Whether a file is called as Wikimedia calls a dump of this table."""
    return _DUMP.fullmatch(plain_name(path)) is not None


def read_wikipedia_titles(path: Path, language: Language, progress: Progress | None = None) -> Reading:
    """Pairs of titles, without what stands in brackets at their ends; how many lost it is in ``changed``.

    Args:
        path: a ``langlinks`` dump with the ``page`` dump of the same wiki beside it, or a file of two titles a
            line with a tab between them, English first; each plain or compressed.
        language: of the foreign titles.
        progress: a rich display for bars over the files' bytes.

    Raises:
        InputError: a dump of a third language's wiki or without its ``page`` dump, a line or row that cannot
            be read (names ``file:line``), or no title is left.
    """
    reading = Reading()
    if is_langlinks_dump(path):
        _read_dumps(path, language, reading, progress)
    else:
        for number, line in lines(path, progress):
            titles = line.split("\t")
            if not line.strip():
                reading.drops.drop("empty lines")
            elif number == 1 and names_columns(titles, ENGLISH, language.tag):
                reading.drops.drop(HEADER)
            elif len(titles) != 2:
                raise InputError(
                    "this line is no pair of titles",
                    where=f"{path}:{number}",
                    expected="the English title, a tab and the foreign title",
                    got=repr(line[:80]),
                )
            else:
                _add(reading, titles[0], titles[1], language)
    return reading.finished(path, f"titles in English and {language.name}")


def _read_dumps(path: Path, language: Language, reading: Reading, progress: Progress | None) -> None:
    """Hold the links between the two languages, then go through the pages they start from."""
    code = language.short.split("-")[0]
    code = _CODES.get(code, code)
    found = _DUMP.fullmatch(plain_name(path))
    wiki = found[1] if found else ""
    if wiki not in {"en", code}:
        raise InputError(
            "this is the dump of another Wikipedia",
            where=path,
            expected=f"enwiki-DATE-langlinks.sql or {code}wiki-DATE-langlinks.sql, which has far fewer pages",
            got=f"{wiki}wiki",
        )
    wanted, pages = (code if wiki == "en" else "en").encode(), pages_beside(path)
    links: dict[int, bytes] = {}
    rows = read_table(path, "langlinks", ("ll_from", "ll_lang", "ll_title"), progress)
    for number, (page, linked_language, linked_title) in rows:
        if linked_language == wanted:
            links[_number(path, number, page)] = linked_title
        else:
            reading.drops.drop("links to other languages")
    columns = ("page_id", "page_namespace", "page_title", "page_is_redirect")
    for number, (page, namespace, title, redirect) in read_table(pages, "page", columns, progress):
        linked = links.pop(_number(pages, number, page), None)
        if linked is None:
            continue
        if namespace != b"0":
            reading.drops.drop("pages that are no articles")
        elif redirect != b"0":
            reading.drops.drop("redirects")
        else:
            titles = (title, linked) if wiki == "en" else (linked, title)
            try:
                english, foreign = (each.decode("utf-8").replace("_", " ") for each in titles)
            except UnicodeDecodeError:  # the column holds 255 bytes, wherever a character ends
                reading.drops.drop("titles cut inside a character")
            else:
                _add(reading, english, foreign, language)
    for _ in links:
        reading.drops.drop("links from pages that are not in the page dump")


def _add(reading: Reading, english: str, foreign: str, language: Language) -> None:
    titles = [normalise(title) for title in (english, foreign)]
    plain = [_DISAMBIGUATOR.sub("", title) for title in titles]
    reason = untranslated(plain[0], plain[1], language)
    if reason:
        reading.drops.drop(reason)
        return
    reading.rows.append(Translation(plain[0], plain[1]))
    if removed := sum(before != after for before, after in zip(titles, plain, strict=True)):
        reading.changed[REMOVED] += removed


def pages_beside(path: Path) -> Path:
    """The ``page`` dump of the same wiki and date as a ``langlinks`` dump.

    Raises:
        InputError: it is not there.
    """
    name = plain_name(path).replace("langlinks.sql", "page.sql")
    for ending in ("", *COMPRESSED):
        if (pages := path.with_name(name + ending)).is_file():
            return pages
    raise InputError(
        "the page dump that names the linked pages is not there",
        where=path.with_name(name),
        expected=f"{name}, plain or compressed, beside {path.name}",
        remedy="bring the page dump of the same wiki and date",
    )


def _number(path: Path, number: int, value: bytes) -> int:
    if not value.isdigit():
        raise InputError("a page id is no number", where=f"{path}:{number}", got=repr(value[:40]))
    return int(value)


def read_table(
    path: Path, table: str, columns: Sequence[str], progress: Progress | None = None
) -> Iterator[tuple[int, list[bytes]]]:
    """Line number and the wanted columns of each row; text is unescaped, numbers and ``NULL`` are as they stand.

    Args:
        path: the dump, plain or compressed.
        table: name of the table.
        columns: names of the columns, in the order wanted.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: no such table or column in it, a row that cannot be read, or a dump that ends early; names
            ``file:line``.
    """
    create, insert = f"CREATE TABLE `{table}`".encode(), f"INSERT INTO `{table}`".encode()
    names: list[str] = []
    row_layout: re.Pattern[bytes] | None = None
    creating = inserting = found = False
    number = 0
    for number, line in byte_lines(path, progress):
        start = 0
        if line.startswith(create):
            creating = True
        elif creating:
            if column := _COLUMN.match(line):
                names.append(column[1].decode())
            elif line.startswith(b")"):
                creating, row_layout = False, _layout(path, number, names, columns)
        elif line.startswith(insert):
            if row_layout is None:
                raise InputError(
                    f"the rows of {table} come before its columns are named",
                    where=f"{path}:{number}",
                    expected=f"CREATE TABLE `{table}` above them",
                )
            start, inserting, found = line.index(b"VALUES") + len(b"VALUES"), True, True
        end = len(line.rstrip())
        while inserting and start < end:
            row = row_layout.match(line, start) if row_layout else None
            if row is None:
                raise InputError(
                    f"a row of {table} cannot be read",
                    where=f"{path}:{number}",
                    expected=f"{len(names)} values in brackets",
                    got=repr(line[start : start + 60]),
                    remedy="fetch the dump again: it may be cut short",
                )
            yield number, [_unescaped(row[column]) for column in columns]
            start, inserting = row.end(), row["after"] == b","
    if inserting or not found:
        raise InputError(
            f"the dump ends inside the rows of {table}" if found else f"there are no rows of {table} in this",
            where=f"{path}:{number}",
            expected=f"a MySQL dump of the table {table}",
            remedy="fetch it again",
        )


def _layout(path: Path, number: int, names: list[str], columns: Sequence[str]) -> re.Pattern[bytes]:
    """A row of the table, with groups that are called after the wanted columns."""
    lacking = [column for column in columns if column not in names]
    if lacking:
        raise InputError(
            "the table lacks a column",
            where=f"{path}:{number}",
            expected=", ".join(columns),
            got=", ".join(names) or "none",
        )
    fields = (b"(?P<%b>%b)" % (name.encode(), _VALUE) if name in columns else _VALUE for name in names)
    return re.compile(rb"\s*\(" + b",".join(fields) + rb"\)\s*(?P<after>[,;])")


def _unescaped(field: bytes) -> bytes:
    if not field.startswith(b"'"):
        return field
    text = field[1:-1]
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text) if b"\\" in text else text
