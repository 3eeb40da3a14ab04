"""What the Unicode CLDR project calls things (Unicode-3.0): emoji and symbols in 80 languages, and names in more.

The npm package ``cldr-annotations-full`` has one JSON file per language with up to 1,966 characters each. Their
names are short and of everyday things (animals, food, weather, feelings): general words, not software text. They
make a dictionary and a vocabulary probe: who tests on the probe must not take the translations from here.

``cldr-localenames-full``, ``cldr-numbers-full`` and ``cldr-dates-full`` have the names of languages, scripts,
countries, currencies, months, days and units of time. Python's Babel has the same data, but as pickles, which could
run anything when they are opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.languages import Language, resolve
from kivuko.packages import fetch_npm, package_version, roots
from kivuko.public.help_pages import HelpPages, Page
from kivuko.readers.dictionaries import RawTranslations, Translation, untranslated, without_notes
from kivuko.text import normalise

PROBE, EMOJI, NAMES = "cldr-probe", "cldr", "cldr-names"
LICENCE = "Unicode-3.0"
ANNOTATIONS = "cldr-annotations-full"
NAME_PACKAGES = ("cldr-localenames-full", "cldr-numbers-full", "cldr-dates-full")
# Languages of at least a hundred named characters: the package has files of a handful for many more.
_CODES = frozenset({
    "af", "am", "ar", "as", "az", "be", "bg", "bn", "br", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es",
    "et", "eu", "fa", "fi", "fo", "fr", "ga", "gd", "gl", "gu", "ha", "he", "hi", "hr", "hu", "hy", "id", "ig",
    "is", "it", "ja", "jv", "ka", "kk", "km", "kn", "ko", "ky", "lb", "lo", "lt", "lv", "mi", "mk", "ml", "mn",
    "mr", "ms", "mt", "my", "nb", "ne", "nl", "nn", "nso", "om", "or", "pa", "pl", "ps", "pt", "qu", "rm", "ro",
    "ru", "rw", "sd", "si", "sk", "sl", "so", "sq", "sr", "sr-Latn", "sv", "sw", "ta", "te", "tg", "th", "ti",
    "tk", "tl", "tn", "tr", "ug", "uk", "ur", "uz", "vi", "wo", "xh", "yo", "zh", "zh-Hant", "zu",
})  # fmt: skip
_WITHOUT_NAMES = frozenset({"azb", "dv", "en", "tw"})
# Where the folder is not called after the language's short code.
_FOLDERS = {"tl": "fil", "nb": "no"}
# A month without a name is called by its number.
_PLACEHOLDER = re.compile(r"M?\d+")


@dataclass(frozen=True)
class Annotation:
    """What one character is called.

    Attributes:
        emoji: the character (or a sequence of them), such as ``"🐢"``.
        name: its short name, normalised.
        keywords: what it can be found under, normalised, in the file's order; may repeat the name or be empty.
    """

    emoji: str
    name: str
    keywords: tuple[str, ...]


def has_annotations(language: Language) -> bool:
    """Whether CLDR names at least a hundred characters in this language."""
    return language.short in _CODES


def has_emoji(language: Language) -> bool:
    """Whether CLDR names emoji in this language, which is not English."""
    return language.short != "en" and has_annotations(language)


def has_names(language: Language) -> bool:
    """Whether CLDR has names of languages, countries and the like in this language."""
    return language.short not in _WITHOUT_NAMES


def annotation_packages(language: Language) -> tuple[str, ...]:
    """Name of the npm package with the annotations, the same for every language."""
    return (ANNOTATIONS,)


def name_packages(language: Language) -> tuple[str, ...]:
    """Names of the npm packages with names, the same for every language."""
    return NAME_PACKAGES


def in_folder(language: Language, source_folder: Path) -> bool:
    """Whether a folder that a person gave has this language's annotations."""
    return _file(language, source_folder) is not None


def read_annotations(language: Language, source_folder: Path | None = None) -> list[Annotation]:
    """The named characters of one language, by code point; those without a name are left out.

    Args:
        language: a language that :func:`has_annotations` knows.
        source_folder: unpacked package; without it the package is fetched.

    Raises:
        InputError: no names in this language, here or in ``source_folder``; or the file is damaged.
        FetchError: the package cannot be brought.
    """
    if not has_annotations(language):
        raise InputError(
            f"CLDR has too few names of emoji in {language.name}",
            expected="a language of the cldr-probe column in `kivuko data list`",
        )
    folder = fetch_npm(ANNOTATIONS) if source_folder is None else source_folder
    file = _file(language, folder)
    if file is None:
        raise InputError(
            f"there are no CLDR annotations in {language.name} in this folder",
            where=folder,
            expected="annotations/XX/annotations.json",
            remedy=f"give a folder with the unpacked npm package {ANNOTATIONS}",
        )
    return _parse(file.read_bytes(), file)


def emoji_pages(language: Language, source_folder: Path | None = None) -> HelpPages:
    """Page ``emoji/1f422`` → name and (in English) keywords of the character with these code points.

    Raises:
        InputError: ``source_folder`` has no names in this language.
        FetchError: the package cannot be brought.
    """
    english = language.short == "en"
    pages = [_emoji_page(entry, english) for entry in read_annotations(language, source_folder)]
    version = None if source_folder else package_version(fetch_npm(ANNOTATIONS))
    return HelpPages.of(pages, ANNOTATIONS, version)


def read_emoji(language: Language) -> RawTranslations:
    """The English name of each emoji with its name in ``language``, in the order of the English file.

    Keywords are left out: they are lists of their own in each language, not translations of one another.

    Raises:
        FetchError: the package cannot be brought.
    """
    foreign_names = {each.emoji: each.name for each in read_annotations(language)}
    report, rows = DropReport(), []
    for each in read_annotations(resolve("en")):
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
    versions = {ANNOTATIONS: package_version(fetch_npm(ANNOTATIONS))}
    return RawTranslations(EMOJI, LICENCE, versions, rows, report)


def read_names(language: Language) -> RawTranslations:
    """English names with those in ``language``, by kind and key, notes in brackets left out.

    Raises:
        FetchError: a package cannot be brought.
        InputError: a file is damaged.
    """
    folders = {name: fetch_npm(name) for name in NAME_PACKAGES}
    return names_in(language, folders, {name: package_version(folder) for name, folder in folders.items()})


def names_in(language: Language, folders: dict[str, Path], versions: dict[str, str]) -> RawTranslations:
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
    return RawTranslations(NAMES, LICENCE, versions, rows, report)


def _emoji_page(entry: Annotation, english: bool) -> Page:
    code_points = "-".join(f"{ord(character):04x}" for character in entry.emoji)
    keywords = ", ".join(word for word in entry.keywords if word != entry.name) if english else ""
    return Page(f"emoji/{code_points}", entry.name, {"keywords": keywords} if keywords else {})


def _file(language: Language, folder: Path) -> Path | None:
    part = f"annotations/{_FOLDERS.get(language.short, language.short)}/annotations.json"
    return next((root / part for root in roots(folder) if (root / part).is_file()), None)


def _parse(data: bytes, where: object) -> list[Annotation]:
    """``{"annotations": {"annotations": {"🐢": {"tts": [name], "default": [keyword, …]}}}}``."""
    try:
        body = json.loads(data.decode("utf-8"))["annotations"]["annotations"]
        entries = [(emoji, body[emoji].get("tts"), body[emoji].get("default", [])) for emoji in sorted(body)]
        return [
            Annotation(emoji, name, tuple(map(normalise, keywords)))
            for emoji, names, keywords in entries
            if names and (name := normalise(names[0]))
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "this is not a CLDR annotation file in UTF-8",
            where=where,
            got=f"{type(error).__name__}: {error}",
            remedy=f"bring the npm package {ANNOTATIONS} again",
        ) from error


def _names(folders: dict[str, Path], language: Language) -> Iterator[tuple[str, str]]:
    """Key and name; a language that lacks one of the files has fewer."""
    code = _FOLDERS.get(language.short, language.short)
    local, numbers, dates = (folders[package] / "main" / code for package in NAME_PACKAGES)
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
