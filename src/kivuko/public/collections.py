"""Build the test collections there are for a language: English documents, and queries from their translations.

All are made of pages with an English and a translated title, so one set of rules makes queries, splits and the
filter against leakage of them. The documents of a collection are the same in every language.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kivuko.artifact import cache_folder, usable_meta
from kivuko.cleaning.pairs import drop_reason
from kivuko.collections.collection import KIND, LIBREOFFICE_HELP, Contents, Description, QuerySet
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.collections.split import SPLITS, Split, split_of
from kivuko.collections.writing import write_collection
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language, foreign_language, resolve
from kivuko.public.help_pages import HelpPages, Page
from kivuko.public.recipe import basic_meta, is_current
from kivuko.public.sources import COLLECTIONS, CollectionSource
from kivuko.text import comparison_key, words

FEWEST_WORDS = 4
"""Of a paragraph that is a query, and of a definition that is a document."""
JUDGMENTS = "nobody: the page that a query was translated from is the relevant one"


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
        name: a collection that :func:`collections_for` names for the language.
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
    documents = _documents(source, english.pages.values(), reports["documents"])
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
    packages = ", ".join(_versions(english, foreign))
    description = Description(name, language, JUDGMENTS, source.licence, "none", packages, source.notice)
    contents = Contents(
        documents,
        {
            QuerySet(kind, split, resolve("en") if kind == "english-title" else language): {
                query: text for query, text in found.items() if split_of(query) == split
            }
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


def collection_source(name: str) -> CollectionSource:
    """The collection called ``name``.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in COLLECTIONS:
        raise UnknownNameError("collection", name, COLLECTIONS)
    return COLLECTIONS[name]


def covering_source(name: str, language: Language) -> CollectionSource:
    """The collection called ``name``, which must exist in ``language``.

    Raises:
        UnknownNameError: there is none of that name.
        InputError: it does not exist in the language; the message says which do.
    """
    source = collection_source(name)
    if source.covers(language):
        return source
    others = ", ".join(collections_for(language)) or "none"
    raise InputError(
        f"there is no {source.label} in {language.name}, so no collection can be built",
        expected=f"a language with {name} in `kivuko data list`; collections in {language.name}: {others}",
        remedy=f"its bitext can still be built: kivuko data build {language.short}",
    )


def collections_for(language: Language) -> list[str]:
    """Names of the collections there are in a language: those of running text first."""
    if language.short == "en":
        return []
    return [source.name for source in COLLECTIONS.values() if source.covers(language)]


def english_side(source: CollectionSource, source_folder: Path | None) -> HelpPages:
    """A collection's English pages: from the folder given if they are in there, else from the package.

    Raises:
        FetchError: the package cannot be brought.
    """
    english = resolve("en")
    in_folder = source_folder is not None and source.has(english, source_folder)
    return source.load(english, source_folder if in_folder else None)


# --- Documents ------------------------------------------------------------------------------------------------------


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


def definition_documents(pages: Iterable[Page], report: DropReport) -> list[Document]:
    """Definitions as documents without a title, so that no document names the term that is asked for.

    A definition of fewer than four words ("on the keyboard"), or one that several terms have, tells no term from
    the others and is left out. The term may still occur in its own definition: :func:`naming_definitions`.
    """
    pages = list(pages)
    used = Counter(comparison_key(_definition(page)) for page in pages)
    documents = []
    for page in pages:
        text = _definition(page)
        if len(words(text)) < FEWEST_WORDS:
            report.drop(f"no definition of {FEWEST_WORDS} words")
        elif used[comparison_key(text)] > 1:
            report.drop("several terms have this definition")
        else:
            documents.append(Document(page.id, "", text))
            report.kept += 1
    return documents


def naming_definitions(pages: Iterable[Page]) -> int:
    """How many English definitions contain, word for word, the term they define."""
    return sum(
        f" {_spaced(page.title)} " in f" {_spaced(_definition(page))} " for page in pages if words(page.title)
    )


# --- Queries --------------------------------------------------------------------------------------------------------


def title_queries(
    english: Mapping[str, Page], foreign: Mapping[str, Page], language: Language, report: DropReport
) -> dict[str, str]:
    """Page id → translated title, of titles that name one page only.

    Args:
        english: the documents, by id; a page that is not among them has no query.
        foreign: the same pages in ``language``.
        language: the language of the queries.
        report: counts what goes, by reason.
    """
    named = Counter(comparison_key(page.title) for page in foreign.values())
    queries = {}
    for page_id in sorted(english.keys() & foreign.keys()):
        title = foreign[page_id].title
        reason = drop_reason(english[page_id].title, title, language)
        if reason:
            report.drop(f"title {reason}")
        elif named[comparison_key(title)] > 1:
            report.drop("several pages have this title")
        else:
            queries[page_id] = title
            report.kept += 1
    return queries


def paragraph_queries(
    english: Mapping[str, Page], foreign: Mapping[str, Page], language: Language, report: DropReport
) -> dict[str, str]:
    """Page id → its first translated paragraph of at least four words that no other page has.

    The page's title, repeated as its heading, does not count. Arguments as for :func:`title_queries`.
    """
    pages_with = Counter(
        key
        for page in foreign.values()
        for key in {comparison_key(text) for text in page.paragraphs.values()}
    )
    queries = {}
    for page_id in sorted(english.keys() & foreign.keys()):
        reason = f"no translated paragraph of {FEWEST_WORDS} words"
        for text in _translated_paragraphs(english[page_id], foreign[page_id], language):
            if pages_with[comparison_key(text)] == 1:
                queries[page_id] = text
                report.kept += 1
                break
            reason = "every translated paragraph is on other pages too"
        else:
            report.drop(reason)
    return queries


def training_titles(english: Iterable[Page]) -> list[tuple[str, str]]:
    """(English title, page id) of training pages, without titles that a held-out page has too."""
    pages = list(english)
    held_out = {comparison_key(page.title) for page in pages if split_of(page.id) != "train"}
    return [
        (page.title, page.id)
        for page in pages
        if split_of(page.id) == "train" and page.title and comparison_key(page.title) not in held_out
    ]


def unique_paragraphs(english: Iterable[Page], split: Split) -> list[tuple[str, str]]:
    """(page id, paragraph) of a split's pages: of the paragraphs that stand on that page alone, one by its hash."""
    pages = list(english)
    pages_with = Counter(
        key for page in pages for key in {comparison_key(text) for text in page.paragraphs.values()}
    )
    chosen = []
    for page in pages:
        if split_of(page.id) != split:
            continue
        own = [
            text
            for text in page.paragraphs.values()
            if len(words(text)) >= FEWEST_WORDS
            and pages_with[comparison_key(text)] == 1
            and comparison_key(text) != comparison_key(page.title)
        ]
        if own:
            chosen.append((page.id, min(own, key=lambda text: hashlib.sha256(text.encode()).hexdigest())))
    return chosen


def _documents(source: CollectionSource, pages: Iterable[Page], report: DropReport) -> list[Document]:
    return (definition_documents if source.hides_titles else page_documents)(pages, report)


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


def _versions(*sides: HelpPages) -> dict[str, str | None]:
    return {side.package: side.version for side in sides}


def _by_split(ids: Iterable[str]) -> dict[str, int]:
    sides = [split_of(page_id) for page_id in ids]
    return {split: sides.count(split) for split in SPLITS}


def _translated_paragraphs(english: Page, foreign: Page, language: Language) -> Iterator[str]:
    title = comparison_key(foreign.title)
    for key, text in foreign.paragraphs.items():
        if (
            key in english.paragraphs
            and comparison_key(text) != title
            and len(words(text)) >= FEWEST_WORDS
            and drop_reason(english.paragraphs[key], text, language) is None
        ):
            yield text


def _definition(page: Page) -> str:
    return page.paragraphs.get("definition", "")


def _spaced(text: str) -> str:
    return " ".join(words(comparison_key(text)))
