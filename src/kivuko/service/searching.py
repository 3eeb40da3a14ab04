"""Asking an engine what a request asks for. What is here runs in the pool's threads."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from kivuko.engine import Engine
from kivuko.engine.asking import ask, asked_text
from kivuko.engine.state import Way
from kivuko.errors import KivukoError
from kivuko.languages import Language, resolve
from kivuko.retrieval.scan import prepare_for_many
from kivuko.retrieval.search import Hit
from kivuko.service.answers import SearchBody
from kivuko.service.problems import ProblemError, of_error
from kivuko.service.settings import LIMITS

#: Characters of a long passage before what is shown of it.
_BEFORE = 200


def search(engine: Engine, asked: SearchBody) -> dict[str, Any]:
    """The answer to a search, see :class:`kivuko.service.answers.Found`.

    Raises:
        KivukoError: the engine cannot be asked so.
        ProblemError: it does not know the language.
    """
    started = time.perf_counter()
    query = asked_text(asked.query)
    found = ask(
        engine,
        query,
        language=None if asked.language is None else _language(engine, asked.language),
        top=asked.top,
        where=asked.where,
        method=asked.method,
        reader=asked.reader,
        explain=asked.explain,
    )
    return {
        "query": query,
        "language": found.language.tag,
        "guessed": found.guessed,
        **_described(found.way),
        "generation": found.generation,
        "truncated": found.truncated,
        "seconds": round(time.perf_counter() - started, 6),
        "hits": [_hit(hit) for hit in found],
    }


def languages(engine: Engine) -> dict[str, Any]:
    """See :class:`kivuko.service.answers.Languages`."""
    known = engine.languages
    return {
        "languages": [
            {
                "tag": language.tag,
                "short": language.short,
                "name": language.name,
                "script": language.script,
                "direction": language.direction,
                "of_documents": facts.folder is None,
                "ways": [_described(way) for way in engine.ways(language)],
                "quality": _quality(facts.quality),
            }
            for language, facts in known.items()
        ],
        "documents": engine.index.info()["documents"],
        "generation": engine.generation,
    }


def document(engine: Engine, document_id: str) -> dict[str, Any]:
    """See :class:`kivuko.service.answers.OneDocument`.

    Raises:
        ProblemError: there is no such document.
    """
    try:
        found = engine.document(document_id)
    except KeyError:
        raise unknown_document(document_id) from None
    return {
        "id": found.id,
        "title": found.title,
        "text": found.text,
        "metadata": dict(found.metadata),
        "generation": engine.generation,
    }


def ready(engine: Engine) -> dict[str, Any]:
    """See :class:`kivuko.service.answers.Ready`."""
    return {
        "status": "ready",
        "generation": engine.generation,
        "documents": engine.index.info()["documents"],
    }


def warm(engine: Engine) -> None:
    """Open what the engine's languages are searched with, so that nobody waits for that."""
    for language in engine.languages:
        engine.search("a", language=language, top=1)
    if engine.index.space is not None:
        prepare_for_many()


def unknown_document(document_id: str) -> ProblemError:
    """The engine has no such document."""
    return ProblemError(
        "unknown-document", "the engine has no document of this id", got=shortened(document_id)
    )


def shortened(text: str) -> str:
    """What a person sent, as a problem may repeat it."""
    return ascii(text if len(text) <= 80 else f"{text[:80]}…")


def _language(engine: Engine, name: str) -> Language:
    spoken = resolve(name)
    if spoken not in engine.languages:
        try:
            engine.language(spoken)
        except KivukoError as error:
            raise of_error(error, engine.path, "unknown-language") from error
    return spoken


def _described(way: Way) -> dict[str, Any]:
    return {"method": way.method, "reader": way.reader, "way": str(way)}


def _quality(facts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Of what was measured, the row of the system that is used: titles where they were asked."""
    if facts is None:
        return None
    rows = [row for row in facts["rows"] if row["system"] == facts["used"]]
    row = max(rows, key=lambda each: bool(each["questions"] == "titles"))
    return {
        "measure": facts["measure"],
        **{name: row[name] for name in ("questions", "mean", "low", "high", "n")},
    }


def _hit(hit: Hit) -> dict[str, Any]:
    title = len(hit.title)
    begin, end = _shown(hit)
    return {
        "id": hit.id,
        "title": hit.title,
        "snippet": hit.snippet,
        "passage": {"begin": begin, "end": end, "text": hit.document.full_text[begin:end]},
        "score": hit.score,
        "metadata": dict(hit.document.metadata),
        "matches": [
            {
                "query_word": match.query_word,
                "document_word": match.document_word,
                "similarity": match.similarity,
                "query_span": match.query_span,
                "document_spans": [
                    span
                    for span in match.document_spans
                    if span[1] <= title or begin <= span[0] < span[1] <= end
                ],
                "read_as": match.read_as,
            }
            for match in hit.matches
        ],
    }


def _shown(hit: Hit) -> tuple[int, int]:
    """The part of a document's full text that an answer shows below its title."""
    full = hit.document.full_text
    first = len(hit.title) + 1
    begin, end = hit.span or (0, len(full))
    begin = max(begin, first)
    if end - begin > LIMITS.passage:
        places = _places(hit, begin, end)
        if places:
            begin = max(begin, full.rfind(" ", begin, max(begin, places[0] - _BEFORE)) + 1)
        end = min(end, begin + LIMITS.passage)
    return begin, max(begin, end)


def _places(hit: Hit, begin: int, end: int) -> Sequence[int]:
    """Where in a part of its full text a document was met, the snippet where nothing explains it."""
    met = sorted(
        span[0]
        for match in hit.matches
        for span in match.document_spans
        if begin <= span[0] and span[1] <= end
    )
    if met:
        return met
    place = hit.document.full_text.find(hit.snippet.strip("…"), begin, end)
    return [place] if place >= 0 else []
