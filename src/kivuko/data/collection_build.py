"""Build a test collection of one language: English documents, and queries from their translations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kivuko.artifact import cache_folder, usable_meta
from kivuko.collections.collection import KIND, LIBREOFFICE_HELP, Contents, Description, QuerySet
from kivuko.collections.counts import DropReport
from kivuko.collections.split import SPLITS, split_of
from kivuko.collections.writing import write_collection
from kivuko.data.collection_sources import (
    CollectionSource,
    collection_source,
    covering_source,
    english_side,
    page_documents,
)
from kivuko.data.pages import HelpPages
from kivuko.data.probe_pages import naming_definitions
from kivuko.data.queries import paragraph_queries, title_queries, training_titles
from kivuko.data.recipe import basic_meta, foreign_language, is_current
from kivuko.data.sources.libreoffice_help import Page
from kivuko.languages import Language, resolve

JUDGMENTS = "nobody: the page that a query was translated from is the relevant one"

__all__ = ["build_collection", "collection_folder", "page_documents"]


def build_collection(
    language: Language | str,
    path: Path | None = None,
    *,
    name: str = LIBREOFFICE_HELP,
    source_folder: Path | None = None,
) -> Path:
    """Build a collection of one language: English documents, and queries from their translations.

    The documents of a collection are the same in every language, so that one index serves all of them.

    Args:
        language: the language of the queries; the documents are English.
        path: where to; :func:`collection_folder` by default.
        name: a collection that :func:`kivuko.data.collections_for` names for the language.
        source_folder: unpacked packages or an installed program, instead of fetching.

    Returns:
        The collection's folder; one that is complete and current is returned as it is.

    Raises:
        UnknownNameError: the language or the collection is unknown.
        InputError: the collection does not exist in the language, or ``source_folder`` lacks it.
        FetchError: a package cannot be brought.
        StorageError: the disk refused a write.
    """
    language = foreign_language(language)
    source = covering_source(name, language)
    path = path or collection_folder(language, name)
    if is_current(path, KIND, language, source_folder) and _name_at(path) == name:
        return path
    english, foreign = english_side(source, source_folder), source.load(language, source_folder)
    reports = {part: DropReport() for part in ("documents", *source.kinds) if part != "english-title"}
    documents = source.documents(english.pages.values(), reports["documents"])
    indexed = {document.id: english.pages[document.id] for document in documents}
    queries = _queries(source, indexed, foreign.pages, language, reports)
    meta = basic_meta(language, source_folder) | {
        "notice": source.notice,
        "packages": _versions(english, foreign),
        "counts": {part: report.as_json() for part, report in reports.items()},
        "documents_by_split": _by_split(indexed),
    }
    if source.hides_titles:
        meta["documents_with_their_hidden_title"] = naming_definitions(indexed.values())
    parents = {"english-pages": english.hash, "pages": foreign.hash}
    description = Description(
        name,
        language,
        JUDGMENTS,
        source.licence,
        "none",
        ", ".join(_versions(english, foreign)),
        source.notice,
    )
    contents = Contents(
        documents,
        {
            QuerySet(kind, split, resolve("en") if kind == "english-title" else language): _of_split(
                found, split
            )
            for kind, found in queries.items()
            for split in SPLITS
        },
        {query: {query: 1} for found in queries.values() for query in found},
        training_titles=training_titles(indexed.values()),
    )
    return write_collection(path, description, contents, meta=meta, parents=parents)


def collection_folder(language: Language, name: str = LIBREOFFICE_HELP, folder: Path | None = None) -> Path:
    """Where a collection stands in a language's ``folder``, which is ``data/TAG`` in the cache by default.

    Raises:
        UnknownNameError: no collection is called ``name``.
    """
    folder = folder or cache_folder() / "data" / language.tag
    known_name = collection_source(name).name
    return folder / ("collection" if known_name == LIBREOFFICE_HELP else known_name)


def _queries(
    source: CollectionSource,
    indexed: dict[str, Page],
    foreign: dict[str, Page],
    language: Language,
    reports: dict[str, DropReport],
) -> dict[str, dict[str, str]]:
    """Queries of each kind the collection has, by id, from the pages that are documents."""
    titles = title_queries(indexed, foreign, language, reports["title"])
    queries = {"title": titles, "english-title": {page_id: indexed[page_id].title for page_id in titles}}
    if "paragraph" in source.kinds:
        queries["paragraph"] = paragraph_queries(indexed, foreign, language, reports["paragraph"])
    return {kind: queries[kind] for kind in source.kinds}


def _name_at(path: Path) -> str:
    """Name of the collection at ``path``."""
    return str((usable_meta(path, KIND) or {}).get("name"))


def _of_split(queries: dict[str, str], split: str) -> dict[str, str]:
    return {query: text for query, text in queries.items() if split_of(query) == split}


def _versions(*sides: HelpPages) -> dict[str, str | None]:
    return {side.package: side.version for side in sides}


def _by_split(ids: Iterable[str]) -> dict[str, int]:
    sides = [split_of(page_id) for page_id in ids]
    return {split: sides.count(split) for split in SPLITS}
