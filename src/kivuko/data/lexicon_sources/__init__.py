"""Public dictionaries, one file each: what they cover, where they come from, what they are licensed under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kivuko.data.lexicon_sources import cldr_emoji, cldr_names, freedict, ict_terms
from kivuko.data.translations import RawTranslations
from kivuko.languages import Language

__all__ = ["SOURCES", "LexiconSource"]


class LexiconSource(Protocol):
    """What each file here has."""

    NAME: str

    def covers(self, language: Language) -> bool:
        """Whether there is something in this language."""

    def read(self, language: Language) -> RawTranslations:
        """All of it."""


SOURCES: Mapping[str, LexiconSource] = {
    source.NAME: source for source in (cldr_emoji, cldr_names, freedict, ict_terms)
}
"""All of them, which ``public`` merges."""
