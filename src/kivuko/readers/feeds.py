"""Feeds of changes: which documents of a collection are new, other than they were, or gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.files.json_lines import id_field, json_objects
from kivuko.readers.documents import documents_in

CHANGED, DELETED = "changed", "deleted"


@dataclass(frozen=True)
class Changes:
    """What a feed says, once: of each document its last change.

    Attributes:
        documents: new ones, and those that are other than they were.
        deleted: ids of those that are gone.
        before: changes that were left out because they are earlier than what was asked for.
        latest: when the last of all was made; None where the feed says of none.
    """

    documents: list[Document]
    deleted: list[str]
    before: int
    latest: datetime | None


def read_changes(path: Path | str, *, since: datetime | None = None) -> Changes:
    """A feed as JSON lines, plain or compressed, in the order in which the changes were made.

    A line is a document as :func:`kivuko.readers.documents.read_documents` has it, or ``{"id": …, "deleted": true}``.
    Its field ``changed``, a time in ISO 8601 (in UTC, unless it says otherwise), is no metadata of the document.

    Args:
        path: the file.
        since: earlier changes are left out; lines need a time then. All are taken by default.

    Raises:
        InputError: a line is no document and no deletion, or has no time that can be read (names ``file:line``).
    """
    path = Path(path)
    last: dict[str, Document | None] = {}
    times: list[datetime] = []
    before: list[int] = []

    def documents() -> Iterator[tuple[int, dict[str, Any] | None]]:
        for number, body in json_objects(path):
            where = f"{path}:{number}"
            if body is None:
                yield number, None
                continue
            time = _time(body.pop(CHANGED, None), where, needed=since is not None)
            if time is not None:
                times.append(time)
                if since is not None and time < since:
                    before.append(number)
                    continue
            gone = body.pop(DELETED, False)
            if gone is False:
                yield number, body
            elif gone is True:
                name = id_field(body, ("id",), where)
                last.pop(name, None)
                last[name] = None
            else:
                raise InputError(
                    "whether a document is deleted is true or false",
                    where=where,
                    expected='"deleted": true',
                    got=repr(gone),
                )

    for _, document in documents_in(path, documents()):
        last.pop(document.id, None)
        last[document.id] = document
    return Changes(
        [document for document in last.values() if document is not None],
        [name for name, document in last.items() if document is None],
        len(before),
        max(times, default=None),
    )


def read_time(text: str, where: str) -> datetime:
    """A time in ISO 8601; one that does not say where is in UTC.

    Raises:
        InputError: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            "this is no time", where=where, expected="ISO 8601, such as 2026-11-30T14:05:00Z", got=repr(text)
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _time(value: object, where: str, *, needed: bool) -> datetime | None:
    if value is None and not needed:
        return None
    if not isinstance(value, str):
        raise InputError(
            "this change does not say when it was made",
            where=where,
            expected='"changed": "2026-11-30T14:05:00Z"',
            got="no such field" if value is None else repr(value),
            remedy="add it, or take all changes, without --since",
        )
    return read_time(value, where)
