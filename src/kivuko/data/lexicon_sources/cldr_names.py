"""Names in CLDR: languages, scripts, countries, currencies, months, days, units of time (Unicode-3.0).

From the npm packages ``cldr-localenames-full``, ``cldr-numbers-full`` and ``cldr-dates-full``, which are plain
JSON. Python's Babel has the same data, but as pickles, which could run anything when they are opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.languages import Language, resolve
from kivuko.packages import fetch_npm, package_version
from kivuko.readers.dictionaries import RawTranslations, Translation, untranslated, without_notes

NAME = "cldr-names"
LICENCE = "Unicode-3.0"
_PACKAGES = ("cldr-localenames-full", "cldr-numbers-full", "cldr-dates-full")
_ABSENT = frozenset({"azb", "dv", "en", "tw"})
# Where the folder is not called after the language's short code.
_FOLDERS = {"nb": "no", "tl": "fil"}
# A month without a name is called by its number.
_PLACEHOLDER = re.compile(r"M?\d+")


def covers(language: Language) -> bool:
    """Whether CLDR has names in this language."""
    return language.short not in _ABSENT


def read(language: Language) -> RawTranslations:
    """English names with those in ``language``, by kind and key, notes in brackets left out.

    Raises:
        FetchError: a package cannot be brought.
        InputError: a file is damaged.
    """
    folders = {name: fetch_npm(name) for name in _PACKAGES}
    return read_names(language, folders, {name: package_version(folder) for name, folder in folders.items()})


def read_names(language: Language, folders: dict[str, Path], versions: dict[str, str]) -> RawTranslations:
    """The same from unpacked packages; ``folders`` maps each package's name to its folder."""
    english, foreign = (dict(_names(folders, each)) for each in (resolve("en"), language))
    report, rows = DropReport(), []
    for key, name in english.items():
        translated = without_notes(foreign.get(key, ""))
        reason = untranslated(name := without_notes(name), translated, language)
        if key not in foreign:
            report.drop("without a name in the language")
        elif reason or _PLACEHOLDER.fullmatch(translated):
            report.drop(reason or "a number for a name")
        else:
            rows.append(Translation(name, translated))
    report.kept = len(rows)
    return RawTranslations(NAME, LICENCE, versions, rows, report)


def _names(folders: dict[str, Path], language: Language) -> Iterator[tuple[str, str]]:
    """Key and name; a language that lacks one of the files has fewer."""
    code = _FOLDERS.get(language.short, language.short)
    local, numbers, dates = (folders[package] / "main" / code for package in _PACKAGES)
    for kind in ("languages", "scripts", "territories"):
        for key, name in _at(local / f"{kind}.json", code, "localeDisplayNames", kind).items():
            yield f"{kind} {key}", name
    for key, currency in _at(numbers / "currencies.json", code, "numbers", "currencies").items():
        if "displayName" in currency:
            yield f"currency {key}", currency["displayName"]
    gregorian = _at(dates / "ca-gregorian.json", code, "dates", "calendars", "gregorian")
    for kind in ("months", "days"):
        for form, widths in gregorian.get(kind, {}).items():
            for key, name in widths.get("wide", {}).items():
                yield f"{kind} {form} {key}", name
    for unit, names in _at(dates / "dateFields.json", code, "dates", "fields").items():
        if "-" not in unit:  # -short and -narrow are abbreviations
            for key, name in names.items():
                if key == "displayName" or key.startswith("relative-type-"):
                    yield f"{unit} {key}", name


def _at(path: Path, code: str, *keys: str) -> dict[str, Any]:
    """The object under ``main.CODE.keys…``; empty if there is no such file or key."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["main"][code]
        for key in keys:
            found = found.get(key, {})
    except (ValueError, KeyError, AttributeError) as error:
        raise InputError("this is no CLDR file in JSON", where=path, got=repr(error)) from error
    return dict(found)
