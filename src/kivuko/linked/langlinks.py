"""Inter-language links from a wiki's table ``langlinks``, as MySQL dumps it (``…-langlinks.sql.gz``).

The rows are ``(page id here, prefix of the other wiki, title there)``, many to a line.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from rich.progress import Progress

from kivuko.collections.counts import DropReport
from kivuko.data.sieve import Sieved
from kivuko.errors import InputError
from kivuko.files.resumable import Unfinished
from kivuko.files.streams import byte_lines
from kivuko.readers.langlinks import read_table

_DATABASE = re.compile(rb"--.*\bDatabase:\s*(\S+)")
_HEAD_LINES = 40


def database_of(path: Path) -> str:
    """The wiki whose links these are, such as ``"swwiki"``, by the dump's head.

    Raises:
        InputError: the head does not say so.
    """
    for number, line in byte_lines(path):
        if found := _DATABASE.match(line):
            return found[1].decode("ascii", "replace")
        if number == _HEAD_LINES:
            break
    raise InputError(
        "this does not look like a dump of a wiki's table",
        where=path,
        expected="a line like '-- Host: HOST    Database: swwiki' at its head",
        remedy="give the file called langlinks.sql.gz as it was fetched",
    )


def read_langlinks(
    path: Path,
    prefixes: Collection[str],
    report: DropReport,
    progress: Progress | None = None,
    work: Unfinished | None = None,
    part: str = "langlinks",
) -> dict[str, dict[str, str]]:
    """Page id → prefix → title in the other wiki, for the wikis wanted.

    Args:
        path: the dump, plain or compressed; read as a stream.
        prefixes: the other wikis; links to more wikis are not looked at.
        report: counts the links dropped, by reason; who follows the others counts them.
        progress: a display for a bar over the file.
        work: where the links are kept, under the name ``part``.

    Raises:
        InputError: a row is malformed, or the file is damaged or cut short; names ``file:line``.
    """
    wanted = {prefix.encode(): prefix for prefix in prefixes}
    links: dict[str, dict[str, str]] = {}

    def followed(row: tuple[int, list[bytes]]) -> list[str] | None:
        _, (page, prefix, title) = row
        return [page.decode(), wanted[prefix], title.hex()] if prefix in wanted else None

    rows = read_table(path, "langlinks", ("ll_from", "ll_lang", "ll_title"), progress)
    for page, prefix, title in Sieved(work, part, rows, followed, "links"):
        try:
            decoded = bytes.fromhex(title).decode("utf-8")
        except UnicodeDecodeError:
            report.drop("title that is not UTF-8")  # old tables cut titles at 255 bytes, inside a character
            continue
        if decoded:
            links.setdefault(page, {})[prefix] = decoded
        else:
            report.drop("empty title")
    return links
