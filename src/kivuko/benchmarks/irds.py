"""Any test collection of ir_datasets, by its id.

MacAvaney, Yates, Feldman, Downey, Cohan, Goharian, "Simplified Data Wrangling with ir_datasets", SIGIR 2021,
arXiv 2103.02280. The library fetches what its owner publishes, and names what has to be asked for. Tested with data
sets of local files made of the library's own classes: the machines this was written on reach none of the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from kivuko.collections.counts import DropReport
from kivuko.collections.judged import JudgedDocument, Parts
from kivuko.errors import FetchError, InputError, MissingExtraError, UnknownNameError
from kivuko.languages import Language, resolve

Value = TypeVar("Value")


def read_ir_dataset(
    name: str, document_language: Language | None = None, *, query_field: str = ""
) -> tuple[Parts, Language | None]:
    """Documents, queries and judgments of an id such as ``"mr-tydi/sw/test"``.

    A document's title and text (or body) are taken where it has both; otherwise the text that the library gives for
    it. Of several judgments of a query and document the best counts; the others are counted as left out.

    Args:
        name: an id of ir_datasets with judgments.
        document_language: where the library does not say it.
        query_field: the queries' field to take; by default the library's own choice, such as a topic's title.

    Returns:
        The parts, and the queries' language where the library says it.

    Raises:
        MissingExtraError: ir_datasets is not installed.
        UnknownNameError: it has no such id, or none with documents, queries and judgments.
        InputError: nobody says the documents' language.
        FetchError: the data cannot be brought; the library's own words say where it is had.
    """
    try:
        import ir_datasets
    except ImportError as error:
        raise MissingExtraError("ir_datasets", "data") from error
    try:
        # Some of its data sets are fetched in part before they are known.
        data = _fetched(name, lambda: ir_datasets.load(name))
    except KeyError as error:
        raise UnknownNameError("id of ir_datasets", name, ir_datasets.registry) from error
    if not (data.has_docs() and data.has_queries() and data.has_qrels()):
        inside = [key for key in ir_datasets.registry if key.startswith(f"{name}/")]
        raise UnknownNameError("id of ir_datasets with documents, queries and judgments", name, inside)
    said = data.docs_lang()
    language = document_language or (resolve(said) if said else None)
    if language is None:
        raise InputError(
            "ir_datasets does not say the language of these documents",
            where=name,
            expected="--document-language CODE",
            got="none",
        )
    report = DropReport()
    queries = _fetched(name, lambda: _queries(data, query_field, report))
    qrels = _fetched(name, lambda: _qrels(data, report))
    asked = data.queries_lang()
    return Parts(_documents(data, name, language), queries, qrels, report), resolve(asked) if asked else None


def _fetched(name: str, read: Callable[[], Value]) -> Value:
    """What a read gives; whatever keeps the library from its data is one error here."""
    try:
        return read()
    except (OSError, ValueError, RuntimeError) as error:
        raise FetchError(
            "ir_datasets cannot bring this collection",
            where=name,
            got=(str(error).splitlines() or [type(error).__name__])[0],
            remedy="do what it says above, or give the collection's files "
            "(docs/test-collections.md says how they have to lie)",
        ) from error


def _text(record: Any, *names: str) -> str:
    """The first of these fields that a record has and that is not empty."""
    return next((str(getattr(record, name)) for name in names if getattr(record, name, None)), "")


def _queries(data: Any, query_field: str, report: DropReport) -> dict[str, str]:
    found = {}
    for query in data.queries_iter():
        if query_field:
            text = _text(query, query_field)
        else:
            text = query.default_text() if hasattr(query, "default_text") else _text(query, "text", "title")
        if text.strip():
            found[query.query_id] = text
        else:
            report.drop("query without text")
    return found


def _qrels(data: Any, report: DropReport) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for qrel in data.qrels_iter():
        grades = found.setdefault(qrel.query_id, {})
        if qrel.doc_id in grades:
            report.drop("second judgment of a document")
        grades[qrel.doc_id] = max(qrel.relevance, grades.get(qrel.doc_id, qrel.relevance))
    return found


def _documents(data: Any, name: str, language: Language) -> Iterator[JudgedDocument]:
    stream = _fetched(name, lambda: iter(data.docs_iter()))
    while (document := _fetched(name, lambda: next(stream, None))) is not None:
        if hasattr(document, "text") or hasattr(document, "body"):
            title, text = _text(document, "title"), _text(document, "text", "body")
        else:  # its own choice of fields, the title among them
            title, text = "", document.default_text()
        yield JudgedDocument(document.doc_id, title, text, language.tag)
