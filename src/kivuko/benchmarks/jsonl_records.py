"""Documents and queries as JSON lines, with the fields that the field's files call them by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kivuko.collections.judged import JudgedDocument
from kivuko.errors import InputError
from kivuko.files.streams import lines
from kivuko.languages import Language

IDS = ("_id", "docid", "doc_id", "id")
TEXTS = ("text", "contents")

#: Where a record stands, for errors (``file:line``), and what it says.
Record = tuple[str, Mapping[str, Any]]


def records(path: Path) -> Iterator[Record]:
    """``file:line`` and object of each line that is not blank.

    Raises:
        InputError: a line is no JSON object, not in UTF-8, or the file is missing or damaged.
    """
    for number, line in lines(path):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            record = json.loads(line)
        except ValueError as error:
            raise InputError(
                "this line is not JSON", where=where, expected="one JSON object a line", got=str(error)
            ) from error
        if not isinstance(record, dict):
            raise InputError(
                "this line is no JSON object", where=where, expected="{…}", got=type(record).__name__
            )
        yield where, record


def field(record: Mapping[str, Any], names: Sequence[str], where: str) -> str:
    """The first of these fields that a record has, as text.

    Raises:
        InputError: it has none of them, or something other than text or a whole number in it.
    """
    for name in names:
        if name in record:
            value = record[name]
            if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
                return str(value)
            raise InputError(
                f"the field {name} is no text", where=where, expected="text", got=type(value).__name__
            )
    raise InputError(
        "a field is missing", where=where, expected=" or ".join(names), got=", ".join(record) or "no field"
    )


def documents(found: Iterable[Record], language: Language) -> Iterator[JudgedDocument]:
    """Records as documents, in their order; a title is optional.

    Raises:
        InputError: see :func:`field`, and what reading the records raises.
    """
    for where, record in found:
        title = "" if record.get("title") is None else field(record, ("title",), where)
        yield JudgedDocument(
            field(record, IDS, where).strip(), title, field(record, TEXTS, where), language.tag
        )


def queries(found: Iterable[Record]) -> dict[str, str]:
    """Records as queries: id → text.

    Raises:
        InputError: see :func:`field`; or an id comes twice.
    """
    texts: dict[str, str] = {}
    for where, record in found:
        query = field(record, IDS, where).strip()
        if query in texts:
            raise InputError(
                "a query's id comes twice", where=where, expected="an id of its own", got=repr(query)
            )
        texts[query] = field(record, TEXTS, where)
    return texts
