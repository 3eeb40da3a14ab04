"""What building collections and building bitext have in common."""

from __future__ import annotations

from pathlib import Path

from kivuko.artifact import usable_meta
from kivuko.data.pages import HelpPages, load_pages
from kivuko.data.sources import libreoffice_help
from kivuko.errors import InputError
from kivuko.languages import Language, resolve

RECIPE = 8
"""Raised when a rule of building changes, so that what was built before is built anew."""
NOTICE = (
    "Almost all of this text is software help and interface text: results say little about other domains."
)


def foreign_language(language: Language | str) -> Language:
    """The language meant, which must not be English.

    Raises:
        UnknownNameError: no such language.
        InputError: it is English.
    """
    found = resolve(language) if isinstance(language, str) else language
    if found.short == "en":
        raise InputError(
            "English is the source language: its pages are the documents of every collection",
            got=language,
            remedy="name the language to carry search to, such as om",
        )
    return found


def is_current(path: Path, kind: str, language: Language, source_folder: Path | None) -> bool:
    """Whether ``path`` holds what would be built: same recipe, language and, if one is asked for, source."""
    meta = usable_meta(path, kind)
    if meta is None:
        return False
    same_source = source_folder is None or meta.get("from") == str(source_folder.resolve())
    return same_source and (meta.get("recipe"), meta.get("language")) == (RECIPE, language.tag)


def basic_meta(language: Language, source_folder: Path | None) -> dict[str, object]:
    """The part of a manifest's metadata that every artefact of ours has."""
    return {
        "language": language.tag,
        "notice": NOTICE,
        "recipe": RECIPE,
        "from": None if source_folder is None else str(source_folder.resolve()),
    }


def english_pages(source_folder: Path | None) -> HelpPages:
    """The English help: from the folder given if it is in there, else from the package.

    Raises:
        FetchError: the package cannot be brought.
    """
    english = resolve("en")
    in_folder = source_folder is not None and libreoffice_help.has(english, source_folder)
    return load_pages(english, source_folder if in_folder else None)
