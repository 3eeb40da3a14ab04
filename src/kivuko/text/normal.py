"""The one normal form of text, and the coarser key under which two texts count as the same."""

from __future__ import annotations

import html
import re
import unicodedata
from html.entities import html5

WORD_BORDER = "\u200b"
"""Zero-width space: invisible, and in Khmer the border between words, so it is kept."""

INVISIBLE = "\u00ad\u2060\ufeff"
"""Soft hyphen, word joiner, byte-order mark: :func:`normalise` takes them out."""

#: Of HTML and XML: by number, or by name and with its semicolon.
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|([A-Za-z][A-Za-z0-9]*));")
_INVISIBLE = re.compile(f"[{INVISIBLE}]")
# Soft hyphen, grapheme joiner, zero-width characters, and what directs bidirectional text (Unicode Standard Annex 9,
# section 2: U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069) with its deprecated kin.
_ZERO_WIDTH = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
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

    Case, whitespace, zero-width characters, directional controls and trailing punctuation do not matter.
    """
    text = unicodedata.normalize("NFC", _ZERO_WIDTH.sub("", text)).casefold()
    return _TRAILING.sub("", _SPACE.sub(" ", text).strip())


def unescaped(text: str) -> str:
    """Text without character references, however often it was escaped: ``fish &amp;amp; chips`` → ``fish & chips``.

    An ampersand that begins no reference of HTML stays as it is.
    """
    former = None
    while former != text and "&" in text:
        former, text = text, _REFERENCE.sub(_referred, text)
    return text


def _referred(found: re.Match[str]) -> str:
    # html.unescape alone would make "©right;" of "&copyright;".
    return html.unescape(found[0]) if found[1] is None or f"{found[1]};" in html5 else found[0]
