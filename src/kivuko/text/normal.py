"""The one normal form of text, and the coarser key under which two texts count as the same."""

from __future__ import annotations

import re
import unicodedata

WORD_BORDER = "\u200b"
"""Zero-width space: invisible, and in Khmer the border between words, so it is kept."""

INVISIBLE = "\u00ad\u2060\ufeff"
"""Soft hyphen, word joiner, byte-order mark: :func:`normalise` takes them out."""

_INVISIBLE = re.compile(f"[{INVISIBLE}]")
_ZERO_WIDTH = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_SPACE = re.compile(r"\s+")
# Sentence ends and title ends, the Khmer, Devanagari, Ethiopic, Arabic, Tibetan and CJK ones among them.
_TRAILING = re.compile(r"[\s.,:;!?…។៖।॥።፣፤፥፦؟،؛༎།。、，：；！？]+$")


def normalise(text: str) -> str:
    """NFC, every run of whitespace one space, no soft hyphens or byte-order marks, U+200B kept inside.

    Normalising twice changes nothing more.
    """
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    return _SPACE.sub(" ", text).strip(f" {WORD_BORDER}")


def comparison_key(text: str) -> str:
    """Two texts with the same key count as the same text when leakage and duplicates are looked for.

    Case, whitespace, zero-width characters and trailing punctuation do not matter.
    """
    text = unicodedata.normalize("NFC", _ZERO_WIDTH.sub("", text)).casefold()
    return _TRAILING.sub("", _SPACE.sub(" ", text).strip())
