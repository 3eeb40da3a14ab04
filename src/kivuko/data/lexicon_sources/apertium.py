"""Dictionaries of Apertium's pairs with English, one Debian package each (GPL-2 or GPL-3, see the package).

The packages have no ``.dix``, only what was compiled of it, which is read here. Both directions are: what is only
translated from English weighs half. These are the words that Apertium itself translates with: a lexicon with them
is no independent rival of the Apertium baseline, so it is a source by name and no part of ``public``.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from kivuko.collections.counts import DropReport
from kivuko.data.formats.apertium_bin import read_lemmas
from kivuko.data.formats.apertium_dix import FROM_ENGLISH_WEIGHT
from kivuko.languages import Language
from kivuko.packages import fetch_archive, package_version, read_deb
from kivuko.readers.dictionaries import RawTranslations, Translation, untranslated
from kivuko.text import normalise

NAME = "apertium"
# The package, and its two languages as its files are called.
_PAIRS = {
    "bos-Latn": ("apertium-hbs-eng", "hbs", "eng"),
    "cat-Latn": ("apertium-eng-cat", "cat", "eng"),
    "epo-Latn": ("apertium-eo-en", "eo", "en"),
    "eus-Latn": ("apertium-eu-en", "eu", "en"),
    "glg-Latn": ("apertium-en-gl", "gl", "en"),
    "hrv-Latn": ("apertium-hbs-eng", "hbs", "eng"),
    "isl-Latn": ("apertium-isl-eng", "isl", "eng"),
    "mkd-Cyrl": ("apertium-mkd-eng", "mkd", "eng"),
    "spa-Latn": ("apertium-eng-spa", "spa", "eng"),
    "srp-Latn": ("apertium-hbs-eng", "hbs", "eng"),
}


def covers(language: Language) -> bool:
    """Whether Debian has a package of this language with English."""
    return language.tag in _PAIRS


def read(language: Language) -> RawTranslations:
    """Pairs of lemmas of a language that :func:`covers` knows: those into English, then those only from it.

    Raises:
        FetchError: the package cannot be brought.
        InputError: a dictionary is damaged.
    """
    package, foreign_code, english_code = _PAIRS[language.tag]
    archive = fetch_archive(package)
    files = {
        PurePosixPath(path).name: content for path, content in read_deb(archive, r"autobil\.bin$|/copyright$")
    }
    rows: list[Translation] = []
    report = DropReport()
    seen: set[tuple[str, str]] = set()
    directions = (
        (f"{foreign_code}-{english_code}.autobil.bin", False, 1.0),
        (f"{english_code}-{foreign_code}.autobil.bin", True, FROM_ENGLISH_WEIGHT),
    )
    for name, english_first, weight in directions:
        if name not in files:  # Basque, Icelandic and Macedonian go only into English
            continue
        for left, right in read_lemmas(files[name], f"{package}, {name}", report.reasons):
            english, foreign = map(normalise, (left, right) if english_first else (right, left))
            if (english, foreign) in seen:
                continue
            seen.add((english, foreign))
            reason = untranslated(english, foreign, language)
            if reason:
                report.drop(reason)
            else:
                rows.append(Translation(english, foreign, weight))
    report.kept = len(rows)
    licence = _licence(files["copyright"].decode("utf-8", "replace"))
    return RawTranslations(NAME, licence, {package: package_version(archive)}, rows, report)


def _licence(copyright_file: str) -> str:
    """What Debian's copyright file names for all files of the package, as an SPDX expression."""
    found = re.search(r"^Files: \*\n(?:.+\n)*?License: GPL-(\d)(\+?)$", copyright_file, re.MULTILINE)
    if found is None:
        return "see the package's copyright file"
    return f"GPL-{found[1]}.0-{'or-later' if found[2] else 'only'}"
