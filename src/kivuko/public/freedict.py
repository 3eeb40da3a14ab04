"""FreeDict: free bilingual dictionaries, one Debian package per pair and direction (mostly GPL-2.0-or-later).

Some were written by hand, some turned around or joined by machine from others: quality is not uniform, and
each says about its own ("too small", "low quality"). ``dict-freedict-swh-eng`` explains Swahili in English,
``dict-freedict-eng-swh`` the other way round; both are read where both exist.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.packages import fetch_archive, package_version, read_deb, roots
from kivuko.readers.dictionaries import RawTranslations, Translation, read_dictd, without_particle
from kivuko.text import script_share

NAME = "freedict"
LICENCE = "by dictionary, mostly GPL-2.0-or-later"
_TO_ENGLISH = frozenset({
    "afr", "ara", "ces", "cym", "dan", "deu", "ell", "epo", "fin", "fra", "gle", "hrv", "hun", "isl", "ita",
    "jpn", "kur", "lit", "nld", "pol", "por", "slk", "slv", "spa", "srp", "swe", "swh", "tur",
})  # fmt: skip
_FROM_ENGLISH = frozenset({
    "afr", "ara", "bul", "ces", "cym", "dan", "deu", "ell", "fin", "fra", "gle", "hin", "hrv", "hun", "ind",
    "ita", "jpn", "lit", "nld", "nor", "pol", "por", "rus", "spa", "srp", "swe", "swh", "tur",
})  # fmt: skip
_PARTS = (".", "usr/share/dictd")
# FreeDict's code where it is not ours.
_CODES = {"swa": "swh", "kmr": "kur", "nob": "nor"}


def covers(language: Language) -> bool:
    """Whether there is a package for this language in either direction."""
    return bool(packages(language))


def packages(language: Language) -> tuple[str, ...]:
    """Names of the Debian packages, the one that explains the language in English first."""
    if language.short == "sr-Latn":  # its Serbian is in Cyrillic
        return ()
    code = _code(language)
    return tuple(
        f"dict-freedict-{pair}"
        for pair, codes in ((f"{code}-eng", _TO_ENGLISH), (f"eng-{code}", _FROM_ENGLISH))
        if code in codes
    )


def read_translations(language: Language) -> RawTranslations:
    """Translations from all packages of a language that :func:`covers` knows, in the order of the text.

    Raises:
        FetchError: a package cannot be brought.
        InputError: a dictionary is damaged.
    """
    rows: list[Translation] = []
    report, licences, versions = DropReport(), [], {}
    for package in packages(language):
        archive = fetch_archive(package)
        files = dict(read_deb(archive, r"(\.index|\.dict\.dz|/copyright)$"))
        by_suffix = {PurePosixPath(path).suffix: (path, content) for path, content in files.items()}
        pair = package.removeprefix("dict-freedict-")
        (path, index), (_, text) = by_suffix[".index"], by_suffix[".dz"]
        rows += _rows(index, text, path, language, report, english_first=pair.startswith("eng-"))
        licences.append(_licence(by_suffix[""][1].decode("utf-8", "replace"), pair))
        versions[package] = package_version(archive)
    report.kept = len(rows)
    return RawTranslations(NAME, " AND ".join(dict.fromkeys(licences)), versions, rows, report)


def read_folder(folder: Path, language: Language) -> RawTranslations:
    """Translations from a person's folder with dictd files, ``NAME-xxx-eng.index`` and the like beside ``.dict.dz``.

    Raises:
        InputError: no folder, no dictionary of English and this language in it, or a damaged one.
    """
    names = {f"{_code(language)}-eng": False, f"eng-{_code(language)}": True}
    rows: list[Translation] = []
    report = DropReport()
    indexes = [
        index for root in roots(folder) for part in _PARTS for index in sorted((root / part).glob("*.index"))
    ]
    for index in indexes:
        english_first = names.get(index.stem[-7:])
        if english_first is not None:
            text = _text_beside(index).read_bytes()
            rows += _rows(index.read_bytes(), text, index, language, report, english_first=english_first)
    if not rows:
        raise InputError(
            f"there is no dictionary of English and {language.name} in this folder",
            where=folder,
            expected=" or ".join(f"freedict-{name}.index beside freedict-{name}.dict.dz" for name in names),
        )
    report.kept = len(rows)
    return RawTranslations(NAME, f"see {folder}", {}, rows, report)


def _text_beside(index: Path) -> Path:
    for suffix in (".dict.dz", ".dict"):
        if (text := index.with_suffix(suffix)).is_file():
            return text
    raise InputError("this index has no text beside it", where=index, expected=f"{index.stem}.dict.dz")


def _rows(
    index: bytes, text: bytes, where: object, language: Language, report: DropReport, *, english_first: bool
) -> list[Translation]:
    rows = []
    for entry in read_dictd(index, text, where):
        if not entry.headwords or not entry.translations:
            report.drop("entries without a plain headword or translation")
        for headword in entry.headwords:
            for translation in entry.translations:
                english, foreign = (headword, translation) if english_first else (translation, headword)
                if script_share(foreign, language.script) < 0.5:
                    report.drop("not in the language's script")
                else:
                    rows.append(Translation(without_particle(english), foreign))
    return rows


def _licence(copyright_file: str, pair: str) -> str:
    """The licence that Debian's copyright file names for one dictionary, as an SPDX expression."""
    found = re.search(rf"^Files: {pair}/\*\n(?:.+\n)*?License: (.+)$", copyright_file, re.MULTILINE)
    name = found[1] if found else "see the package's copyright file"
    return re.sub(r"(GPL|GFDL)-(\d)(?:\.(\d))?\+", r"\1-\2.\g<3>-or-later", name).replace(".-", ".0-")


def _code(language: Language) -> str:
    return _CODES.get(language.iso639_3, language.iso639_3)
