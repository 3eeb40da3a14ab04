"""Changing an engine's documents. What is here runs in the one thread that writes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.errors import LockedError
from kivuko.service.answers import NewDocuments
from kivuko.service.problems import ProblemError, busy
from kivuko.service.searching import shortened, unknown_document

T = TypeVar("T")
#: Seconds for which a change waits until another process has made its own, and seconds between looks.
_PATIENCE, _LOOK = 5.0, 0.05


def add(engine: Engine, asked: NewDocuments) -> dict[str, Any]:
    """Add documents, see :class:`kivuko.service.answers.Changed`.

    Raises:
        ProblemError: an id comes twice or is there already, or another process does not stop changing the engine.
        KivukoError: the engine cannot be changed so.
    """
    documents = [Document(each.id, each.title, each.text, dict(each.metadata)) for each in asked.documents]
    ids = [document.id for document in documents]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice is not None:
        raise ProblemError(
            "invalid-input", "two documents have the same id", where="documents", got=shortened(twice)
        )
    there = [] if asked.replace else [name for name in ids if _has(engine, name)]
    if there:
        raise ProblemError("document-exists", "the engine has a document of this id", got=shortened(there[0]))
    facts = _patiently(lambda: engine.add(documents, replace=asked.replace))
    return {
        "added": len(documents) - facts["documents_without_content"],
        "deleted": 0,
        "without_content": facts["documents_without_content"],
        "cut": facts["documents_truncated"],
        "generation": engine.generation,
    }


def delete(engine: Engine, document_id: str) -> dict[str, Any]:
    """Remove a document, see :class:`kivuko.service.answers.Changed`.

    Raises:
        ProblemError: there is no such document, or another process does not stop changing the engine.
        KivukoError: the engine cannot be changed so.
    """
    if not _has(engine, document_id):
        raise unknown_document(document_id)
    _patiently(lambda: engine.delete([document_id]))
    return {"added": 0, "deleted": 1, "without_content": 0, "cut": 0, "generation": engine.generation}


def _has(engine: Engine, document_id: str) -> bool:
    try:
        engine.document(document_id)
    except KeyError:
        return False
    return True


def _patiently(change: Callable[[], T]) -> T:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return change()
        except LockedError as error:
            if time.monotonic() > until:
                raise busy("being-changed", error.what, _PATIENCE) from error
            time.sleep(_LOOK)
