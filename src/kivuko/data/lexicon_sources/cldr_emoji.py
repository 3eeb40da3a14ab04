"""Names of emoji in CLDR, joined by emoji: up to 1,960 everyday words and phrases.

The same names make a test collection: who tests on it must not take the translations from here.
"""

from __future__ import annotations

from kivuko.collections.counts import DropReport
from kivuko.data.sources import cldr_annotations
from kivuko.languages import Language, resolve
from kivuko.packages import fetch_npm, package_version
from kivuko.readers.dictionaries import RawTranslations, Translation, untranslated, without_notes

NAME = "cldr"


def covers(language: Language) -> bool:
    """Whether CLDR names emoji in this language."""
    return language.short != "en" and cldr_annotations.covers(language)


def read(language: Language) -> RawTranslations:
    """The English name of each emoji with its name in ``language``, in the order of the English file.

    Keywords are left out: they are lists of their own in each language, not translations of one another.

    Raises:
        FetchError: the package cannot be brought.
    """
    foreign_names = {each.emoji: each.name for each in cldr_annotations.read(language)}
    report, rows = DropReport(), []
    for each in cldr_annotations.read(resolve("en")):
        if each.emoji not in foreign_names:
            report.drop("without a name in the language")
            continue
        english, foreign = without_notes(each.name), without_notes(foreign_names[each.emoji])
        reason = untranslated(english, foreign, language)
        if reason:
            report.drop(reason)
        else:
            rows.append(Translation(english, foreign))
    report.kept = len(rows)
    package = cldr_annotations.package(language)
    versions = {package: package_version(fetch_npm(package))}
    return RawTranslations(NAME, cldr_annotations.LICENCE, versions, rows, report)
