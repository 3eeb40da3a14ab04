"""Names and keywords of emoji and symbols in 80 languages, from the Unicode CLDR project (Unicode-3.0).

One npm package, ``cldr-annotations-full``, has one JSON file per language with up to 1,966 characters each. The
names are short and of everyday things (animals, food, weather, feelings): general words, not software text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from kivuko.data.sources.source import roots
from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.packages import fetch_npm
from kivuko.text import normalise

NAME = "cldr-annotations"
LICENCE = "Unicode-3.0"
PACKAGE = "cldr-annotations-full"
# Languages of at least a hundred named characters: the package has files of a handful for many more.
_CODES = frozenset({
    "af", "am", "ar", "as", "az", "be", "bg", "bn", "br", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es",
    "et", "eu", "fa", "fi", "fo", "fr", "ga", "gd", "gl", "gu", "ha", "he", "hi", "hr", "hu", "hy", "id", "ig",
    "is", "it", "ja", "jv", "ka", "kk", "km", "kn", "ko", "ky", "lb", "lo", "lt", "lv", "mi", "mk", "ml", "mn",
    "mr", "ms", "mt", "my", "nb", "ne", "nl", "nn", "nso", "om", "or", "pa", "pl", "ps", "pt", "qu", "rm", "ro",
    "ru", "rw", "sd", "si", "sk", "sl", "so", "sq", "sr", "sr-Latn", "sv", "sw", "ta", "te", "tg", "th", "ti",
    "tk", "tl", "tn", "tr", "ug", "uk", "ur", "uz", "vi", "wo", "xh", "yo", "zh", "zh-Hant", "zu",
})  # fmt: skip
# Where the folder is not called after the language's short code.
_FOLDERS = {"tl": "fil", "nb": "no"}


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


def covers(language: Language) -> bool:
    """Whether the package names at least a hundred characters in this language."""
    return language.short in _CODES


def package(language: Language) -> str:
    """Name of the npm package, the same for every language."""
    return PACKAGE


def has(language: Language, source_folder: Path) -> bool:
    """Whether a folder that a person gave has this language's names."""
    return _file(language, source_folder) is not None


def read(language: Language, source_folder: Path | None = None) -> list[Annotation]:
    """The named characters of one language, by code point; those without a name are left out.

    Args:
        language: a language that :func:`covers` knows.
        source_folder: unpacked package; without it the package is fetched.

    Raises:
        InputError: no names in this language, here or in ``source_folder``; or the file is damaged.
        FetchError: the package cannot be brought.
    """
    if not covers(language):
        raise InputError(
            f"CLDR has too few names of emoji in {language.name}",
            expected="a language of the cldr-probe column in `kivuko data list`",
        )
    folder = fetch_npm(PACKAGE) if source_folder is None else source_folder
    file = _file(language, folder)
    if file is None:
        raise InputError(
            f"there are no CLDR annotations in {language.name} in this folder",
            where=folder,
            expected="annotations/XX/annotations.json",
            remedy=f"give a folder with the unpacked npm package {PACKAGE}",
        )
    return _parse(file.read_bytes(), file)


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
            remedy=f"bring the npm package {PACKAGE} again",
        ) from error
