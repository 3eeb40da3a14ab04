"""What building collections and building bitext have in common: the recipe, and when a cached build is current."""

from __future__ import annotations

from pathlib import Path

from kivuko.artifact import usable_meta
from kivuko.languages import Language

RECIPE = 8
"""Raised when a rule of building changes, so that what was built before is built anew."""
NOTICE = (
    "Almost all of this text is software help and interface text: results say little about other domains."
)


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
