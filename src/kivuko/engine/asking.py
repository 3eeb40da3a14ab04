"""Asking an engine as people and programs do: text of any form, languages and methods by name, one answer.

What is asked here is asked of one state of the engine, also while another process changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from kivuko.engine.engine import Engine
from kivuko.engine.results import Results
from kivuko.engine.state import Reader
from kivuko.errors import InputError, KivukoError
from kivuko.languages import Language
from kivuko.retrieval.search import Hit
from kivuko.text import normalise

T = TypeVar("T")


def ask(
    engine: Engine,
    query: str,
    *,
    language: Language | str | None = None,
    top: int = 10,
    where: Mapping[str, object] | None = None,
    method: str | None = None,
    reader: Reader | None = None,
    explain: bool = False,
) -> Results:
    """The best documents for a query.

    Args:
        engine: what is asked.
        query: text in any of its languages.
        language: which one; guessed by default.
        top: documents wanted, at least 1.
        where: see :meth:`kivuko.engine.Engine.search`.
        method: how to search, see :meth:`kivuko.engine.Engine.way`; what was found best for the language by default.
        reader: which model reads the query, where the method has one.
        explain: whether each hit says which words of the query met which of its own.

    Raises:
        InputError: the query is empty, or nothing is wanted, or the method lacks its model or lexicon.
        ArtifactError: the engine does not have the language.
        UnknownNameError: no such language or method, or no document has a field that ``where`` names.
    """
    text = asked_text(query)
    require_some(top)

    def search() -> Results:
        spoken = engine.guess(text) if language is None else engine.language(language)
        way = engine.way(spoken, method, reader=reader)
        found = engine.search(text, language=spoken, top=top, where=where, explain=explain, way=way)
        return replace(found, guessed=language is None)

    return steadily(engine, search)


def facts(hit: Hit, found: Results) -> dict[str, Any]:
    """What other libraries keep beside the text of a hit: its own metadata, and how it was found.

    Returns:
        The document's metadata, and ``id``, ``title``, ``score``, ``passage`` (where in the document's full text it
        stands, None where words alone found it) and ``query_language`` (a tag), which come before fields of the
        document that have these names.
    """
    return {
        **hit.document.metadata,
        "id": hit.id,
        "title": hit.title,
        "score": hit.score,
        "passage": None if hit.span is None else list(hit.span),
        "query_language": found.language.tag,
    }


def asked_text(query: str, where: str = "query") -> str:
    """A query in the form that documents have.

    Raises:
        InputError: nothing is asked, or no text (a table's missing value); ``where`` says where that stands.
    """
    if not isinstance(query, str):
        raise InputError("the query is no text", where=where, expected="a text", got=repr(query))
    text = normalise(query)  # as documents are: a tokenizer needs other pieces for letters typed in parts
    if not text:
        raise InputError("the query is empty", where=where, expected="at least one word")
    return text


def require_some(top: int, where: str = "top") -> None:
    """Refuse a number of documents below 1."""
    if top < 1:
        raise InputError("no document is wanted", where=where, expected="at least 1", got=top)


def steadily(engine: Engine, work: Callable[[], T]) -> T:
    """Do what asks an engine several things; once more where another process has changed it between them."""
    while True:
        generation = engine.generation
        try:
            return work()
        except KivukoError:
            if engine.generation == generation:
                raise
