"""Translations of words and short phrases, as dictionaries have them, with their origin and what was dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kivuko.data.drops import DropReport
from kivuko.languages import Language
from kivuko.text import comparison_key, script_share


@dataclass(frozen=True)
class Translation:
    """One line of a dictionary.

    Attributes:
        english: a word or phrase, in the spelling of the source.
        foreign: a word or phrase that translates it.
        weight: how much the source says for it, above 0; only the ratio to its other lines counts.
    """

    english: str
    foreign: str
    weight: float = 1.0


@dataclass(frozen=True)
class RawTranslations:
    """Translations of one source.

    Attributes:
        source: the source's name.
        licence: SPDX expression; the file's name for a person's own.
        packages: package → version; empty for a person's own file.
        rows: the translations in an order that does not change.
        drops: records of the source that became rows, and why the others did not.
    """

    source: str
    licence: str
    packages: Mapping[str, str]
    rows: list[Translation]
    drops: DropReport


def untranslated(english: str, foreign: str, language: Language) -> str | None:
    """Why ``foreign`` is no translation although it stands in the place of one; None if it may be one.

    A name that is equal in both languages cannot be told from one that nobody translated. Nothing is lost by
    leaving both out: a word without translations stands for itself when a query is translated.
    """
    if not foreign.strip() or not english.strip():
        return "empty"
    if comparison_key(english) == comparison_key(foreign):
        return "same as the English"
    return None if script_share(foreign, language.script) >= 0.5 else "not in the language's script"
