"""Build the LibreOffice help collection of one language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from kivuko.artifact import cache_folder, write_artifact
from kivuko.data.collection import (
    DOCUMENTS_FILE,
    KIND,
    TRAINING_TITLES_FILE,
    Document,
    queries_file,
)
from kivuko.data.drops import DropReport
from kivuko.data.formats.tables import write_jsonl, write_tsv
from kivuko.data.pages import load_pages
from kivuko.data.queries import paragraph_queries, title_queries, training_titles
from kivuko.data.recipe import basic_meta, english_pages, foreign_language, is_current
from kivuko.data.sources import libreoffice_help
from kivuko.data.sources.libreoffice_help import Page
from kivuko.data.split import SPLITS, split_of
from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.text import comparison_key


def build_collection(
    language: Language | str, path: Path | None = None, *, source_folder: Path | None = None
) -> Path:
    """Build the help collection of one language: English pages, and queries from their translations.

    Args:
        language: the language of the queries; the documents are English.
        path: where to; ``data/TAG/collection`` in the cache by default.
        source_folder: unpacked help packages or an installed LibreOffice, instead of fetching.

    Returns:
        The collection's folder; one that is complete and current is returned as it is.

    Raises:
        UnknownNameError: the language is unknown.
        InputError: the language has no help, or ``source_folder`` lacks it.
        FetchError: a package cannot be brought.
        StorageError: the disk refused a write.
    """
    language = foreign_language(language)
    if not libreoffice_help.covers(language):
        raise InputError(
            f"there is no LibreOffice help in {language.name}, so no collection can be built",
            expected="a language of the collection column in `kivuko data list`",
            remedy=f"its bitext can still be built: kivuko data build {language.short}",
        )
    path = path or cache_folder() / "data" / language.tag / "collection"
    if is_current(path, KIND, language, source_folder):
        return path
    english, foreign = english_pages(source_folder), load_pages(language, source_folder)
    reports = {name: DropReport() for name in ("documents", "title", "paragraph")}
    documents = page_documents(english.pages.values(), reports["documents"])
    indexed = {document.id: english.pages[document.id] for document in documents}
    titles = title_queries(indexed, foreign.pages, language, reports["title"])
    queries = {
        "title": titles,
        "paragraph": paragraph_queries(indexed, foreign.pages, language, reports["paragraph"]),
        "english-title": {page_id: indexed[page_id].title for page_id in titles},
    }
    by_name: dict[str, Iterable[str]] = {"documents": indexed, **queries}
    meta = basic_meta(language, source_folder) | {
        "licences": {libreoffice_help.NAME: libreoffice_help.LICENCE},
        "packages": {english.package: english.version, foreign.package: foreign.version},
        "counts": {name: report.as_json() for name, report in reports.items()},
        "splits": {name: _by_split(ids) for name, ids in by_name.items()},
    }
    parents = {"english-pages": english.hash, "pages": foreign.hash}
    with write_artifact(path, KIND, parents=parents, meta=meta) as building:
        write_jsonl(building / DOCUMENTS_FILE, map(asdict, documents))
        write_tsv(building / TRAINING_TITLES_FILE, training_titles(indexed.values()))
        for kind, found in queries.items():
            write_tsv(building / queries_file(kind), found.items())
    return path


def page_documents(pages: Iterable[Page], report: DropReport) -> list[Document]:
    """The pages that say something; a heading that repeats the title is not said twice."""
    documents = []
    for page in pages:
        title = comparison_key(page.title)
        text = "\n".join(part for part in page.paragraphs.values() if comparison_key(part) != title)
        if text or page.title:
            documents.append(Document(page.id, page.title, text))
            report.kept += 1
        else:
            report.drop("empty page")
    return documents


def _by_split(ids: Iterable[str]) -> dict[str, int]:
    sides = [split_of(page_id) for page_id in ids]
    return {split: sides.count(split) for split in SPLITS}
