"""TREC's topics: id and text, between ``<top>`` and ``</top>`` or as TSV."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from kivuko.errors import InputError
from kivuko.files.streams import encoded_lines
from kivuko.files.tables import read_tsv

TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)[^<>]*>")
_FIELD = re.compile(r"<(num|title|desc|narr)>", re.IGNORECASE)
_LABEL = re.compile(r"^\s*(?:Number|Topic|Title|Description|Narrative)\s*:\s*", re.IGNORECASE)


def read_tsv_topics(path: Path) -> Iterator[tuple[str, str]]:
    """Topics as ``id<TAB>text`` lines.

    Raises:
        InputError: a line has not two fields, or an id comes twice.
    """
    seen: set[str] = set()
    for number, row in read_tsv(path, ("query id", "text")):
        if row is None:
            continue
        query, text = row[0].strip(), row[1].strip()
        if not query or query in seen or not text:
            raise InputError(
                "this topic cannot be used",
                where=f"{path}:{number}",
                expected="an id of its own and a text",
                got=f"{query!r}, {text[:40]!r}",
            )
        seen.add(query)
        yield query, text


def read_topics(path: Path, encoding: str = "utf-8") -> Iterator[tuple[str, str]]:
    """Id and title of each ``<top>``; closing tags and labels such as ``Number:`` may be there or not.

    Raises:
        InputError: a topic has no number or no title, or is not closed, a number comes twice, there is no topic, or
            a line is in another encoding.
    """
    seen: set[str] = set()
    block: list[str] | None = None
    start = 0
    for number, line in encoded_lines(path, encoding):
        opening, closing = "<top>" in line.lower(), "</top>" in line.lower()
        if opening:
            if block is not None:
                break
            block, start = [], number
        if block is not None:
            block.append(line)
        if closing and block is not None:
            query, title = _topic("\n".join(block))
            if not query or not title or query in seen:
                raise InputError(
                    "this topic cannot be used",
                    where=f"{path}:{start}",
                    expected="<num> with a number of its own, and a <title>",
                    got=f"number {query!r}, title {title[:40]!r}",
                )
            seen.add(query)
            yield query, title
            block = None
    if block is not None or not seen:
        raise InputError(
            "there is no topic" if block is None else "a topic is not closed",
            where=f"{path}:{start or 1}",
            expected="<top> … </top>",
        )


def _topic(block: str) -> tuple[str, str]:
    parts = _FIELD.split(block)
    fields = dict(zip((name.lower() for name in parts[1::2]), parts[2::2], strict=True))
    number, title = (
        " ".join(_LABEL.sub("", html.unescape(TAG.sub(" ", fields.get(name, "")))).split())
        for name in ("num", "title")
    )
    return number, title
