"""Titles of Wikipedia articles on the same subject in English and another language.

Two layouts: Wikimedia's SQL dumps of one wiki (``omwiki-DATE-langlinks.sql.gz`` with ``omwiki-DATE-page.sql.gz``
beside it, or the same of ``enwiki``, which are a hundred times as large), or lines of ``English<TAB>foreign``
titles. Names of people and places are most of the titles; pairs that are spelled alike are left out. Tested only on
files of our own wording: no machine of the project reaches the dumps.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rich.progress import Progress

from kivuko.data.formats.reading import Reading
from kivuko.data.formats.sql_dump import read_table
from kivuko.data.sieve import Sieved
from kivuko.data.streams import COMPRESSED, lines, plain_name
from kivuko.data.translations import Translation, untranslated
from kivuko.data.unfinished import Unfinished
from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.text import normalise

_DUMP = re.compile(r"([a-z0-9_]+)wiki-.*langlinks\.sql")
# What tells articles of one name apart: Mercury (planet), and the same with East Asian brackets.
_DISAMBIGUATOR = re.compile(r"(?<=\S)\s*[(（][^()（）]*[)）]\s*$")
# Where a Wikipedia is not called after the language's short code.
_CODES = {"nb": "no"}
REMOVED = "disambiguators in brackets removed"


def is_langlinks_dump(path: Path) -> bool:
    """Whether a file is called as Wikimedia calls a dump of this table."""
    return _DUMP.fullmatch(plain_name(path)) is not None


def read_wikipedia_titles(
    path: Path, language: Language, progress: Progress | None = None, work: Unfinished | None = None
) -> Reading:
    """Pairs of titles, without what stands in brackets at their ends; how many lost it is in ``changed``.

    Args:
        path: a ``langlinks`` dump with the ``page`` dump of the same wiki beside it, or a file of two titles a
            line with a tab between them, English first; each plain or compressed.
        language: of the foreign titles.
        progress: a rich display for bars over the files' bytes.
        work: what an interrupted run left of the dumps; a list of titles is quick.

    Raises:
        InputError: a dump of a third language's wiki or without its ``page`` dump, a line or row that cannot
            be read (names ``file:line``), or no title is left.
    """
    reading = Reading()
    if is_langlinks_dump(path):
        _read_dumps(path, language, reading, progress, work)
    else:
        for number, line in lines(path, progress):
            titles = line.split("\t")
            if not line.strip():
                reading.drops.drop("empty lines")
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


def _read_dumps(
    path: Path, language: Language, reading: Reading, progress: Progress | None, work: Unfinished | None
) -> None:
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

    def linked(row: tuple[int, list[bytes]]) -> list[Any] | None:
        number, (page, linked_language, title) = row
        return [_number(path, number, page), title.hex()] if linked_language == wanted else None

    rows = read_table(path, "langlinks", ("ll_from", "ll_lang", "ll_title"), progress)
    kept = Sieved(work, "links", rows, linked, "links")
    links: dict[int, bytes] = {page: bytes.fromhex(title) for page, title in kept}
    if kept.read > kept.kept:
        reading.drops.reasons["links to other languages"] = kept.read - kept.kept

    def named(row: tuple[int, list[bytes]]) -> list[Any] | None:
        number, (page, namespace, title, redirect) = row
        page_number = _number(pages, number, page)
        if page_number not in links:
            return None
        return [page_number, namespace == b"0", title.hex(), redirect != b"0"]

    columns = ("page_id", "page_namespace", "page_title", "page_is_redirect")
    for page, is_article, title_hex, redirects in Sieved(
        work, "pages", read_table(pages, "page", columns, progress), named, "pages"
    ):
        linked_title, title = links.pop(page, None), bytes.fromhex(title_hex)
        if linked_title is None:
            continue
        if not is_article:
            reading.drops.drop("pages that are no articles")
        elif redirects:
            reading.drops.drop("redirects")
        else:
            titles = (title, linked_title) if wiki == "en" else (linked_title, title)
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
