"""The public collections there are, by name: which languages they have, and how their documents come about.

All are pages with an English and a translated title, so one set of rules makes queries, splits and the filter
against leakage of them. ``libreoffice-help`` and ``gnome-help`` are search in help text; ``ict-terms`` and
``cldr-probe`` ask for a concept by its bare name, which is vocabulary and not search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from kivuko.artifact import hash_json
from kivuko.collections.collection import LIBREOFFICE_HELP
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.data.pages import HelpPages, load_pages
from kivuko.data.probe_pages import definition_documents, emoji_pages, term_pages
from kivuko.data.recipe import NOTICE
from kivuko.data.sources import cldr_annotations, gnome_help, ict_terms, libreoffice_help
from kivuko.data.sources.libreoffice_help import Page
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language, resolve
from kivuko.text import comparison_key


@dataclass(frozen=True)
class CollectionSource:
    """Where one collection's pages are from and what is made of them.

    Attributes:
        name: the collection's name.
        label: what it is, for a line of text that ends in "in LANGUAGE".
        licence: SPDX expression.
        notice: what results on it do not show.
        kinds: the kinds of queries it has.
        covers: whether it exists in a language.
        has: whether a folder that a person gave has the pages of a language.
        load: the pages of a language (English too), from a folder that a person gave or a package.
        documents: the documents among English pages; counts the others.
        hides_titles: whether documents do not show their title, which is what the queries translate.
    """

    name: str
    label: str
    licence: str
    notice: str
    kinds: tuple[str, ...]
    covers: Callable[[Language], bool]
    has: Callable[[Language, Path], bool]
    load: Callable[[Language, Path | None], HelpPages]
    documents: Callable[[Iterable[Page], DropReport], list[Document]]
    hides_titles: bool = False


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


def _gnome_pages(language: Language, source_folder: Path | None) -> HelpPages:
    pages, version = gnome_help.read_pages(language, source_folder)
    content_hash = hash_json([asdict(page) for page in pages])
    return HelpPages({page.id: page for page in pages}, gnome_help.PACKAGE, version, content_hash)


COLLECTIONS = {
    source.name: source
    for source in (
        CollectionSource(
            LIBREOFFICE_HELP,
            "LibreOffice help",
            libreoffice_help.LICENCE,
            NOTICE,
            ("title", "paragraph", "english-title"),
            libreoffice_help.covers,
            libreoffice_help.has,
            load_pages,
            page_documents,
        ),
        CollectionSource(
            "gnome-help",
            "GNOME help",
            gnome_help.LICENCE,
            NOTICE,
            ("title", "paragraph", "english-title"),
            gnome_help.covers,
            gnome_help.has,
            _gnome_pages,
            page_documents,
        ),
        CollectionSource(
            "ict-terms",
            "list of ICT terms",
            ict_terms.LICENCE,
            "Terms of information technology and their definitions, by the ICT Development Office and the Ethiopian "
            "Languages Research Center (ELRC): a vocabulary probe. A query is a bare term, and lexicons made of "
            "the same list know the answer.",
            ("title", "english-title"),
            ict_terms.covers,
            ict_terms.has,
            term_pages,
            definition_documents,
            hides_titles=True,
        ),
        CollectionSource(
            "cldr-probe",
            "list of emoji names",
            cldr_annotations.LICENCE,
            "Names and keywords of emoji and symbols: a vocabulary probe, not search. A document is a few words "
            "long, a query is a bare name, and lexicons made of CLDR know the answer.",
            ("title", "english-title"),
            cldr_annotations.covers,
            cldr_annotations.has,
            emoji_pages,
            page_documents,
        ),
    )
}
"""All collections by name, in the order in which a language's are named."""
