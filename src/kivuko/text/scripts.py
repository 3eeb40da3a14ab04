"""Which script a text is written in, as ISO 15924 codes."""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter

_CODES = {
    "LATIN": "Latn", "CYRILLIC": "Cyrl", "GREEK": "Grek", "ARMENIAN": "Armn", "GEORGIAN": "Geor",
    "HEBREW": "Hebr", "ARABIC": "Arab", "THAANA": "Thaa", "ETHIOPIC": "Ethi", "DEVANAGARI": "Deva",
    "BENGALI": "Beng", "GURMUKHI": "Guru", "GUJARATI": "Gujr", "ORIYA": "Orya", "TAMIL": "Taml",
    "TELUGU": "Telu", "KANNADA": "Knda", "MALAYALAM": "Mlym", "SINHALA": "Sinh", "THAI": "Thai",
    "LAO": "Laoo", "TIBETAN": "Tibt", "MYANMAR": "Mymr", "KHMER": "Khmr", "MONGOLIAN": "Mong",
    "HANGUL": "Hang", "HIRAGANA": "Hira", "KATAKANA": "Kana", "KATAKANA-HIRAGANA": "Kana", "CJK": "Hani",
    "TIFINAGH": "Tfng", "CHEROKEE": "Cher", "NKO": "Nkoo", "JAVANESE": "Java", "BOPOMOFO": "Bopo",
}  # fmt: skip
UNKNOWN = "Zyyy"
"""What text without letters is written in (ISO 15924: common)."""

_WRITTEN_WITH = {
    "Hans": frozenset({"Hani"}),
    "Hant": frozenset({"Hani"}),
    "Jpan": frozenset({"Hani", "Hira", "Kana"}),
    "Kore": frozenset({"Hang", "Hani"}),
}


@functools.cache
def character_script(character: str) -> str:
    """Script of one letter or mark; ``"Zyyy"`` for anything else (digits, punctuation, spaces)."""
    if unicodedata.category(character)[0] not in "LM":
        return UNKNOWN
    return _CODES.get(unicodedata.name(character, "").split(" ")[0], UNKNOWN)


def script_of(text: str) -> str:
    """The script most letters of ``text`` have; on a tie the one that comes first in the text.

    Kana makes it ``"Jpan"``; Han alone is ``"Hani"``, for a few characters do not tell Hans from Hant.
    """
    counts = Counter(map(character_script, text))
    del counts[UNKNOWN]
    if not counts:
        return UNKNOWN
    kana = counts["Hira"] + counts["Kana"]
    if kana and kana + counts["Hani"] >= max(counts.values()):
        return "Jpan"
    return max(counts, key=counts.__getitem__)


def script_share(text: str, script: str) -> float:
    """Share (0 to 1) of the letters of ``text`` that belong to ``script``; 0 for text without letters.

    Args:
        text: any text.
        script: ISO 15924 code of a language's script; Hans, Hant, Jpan and Kore stand for their parts.
    """
    accepted = _WRITTEN_WITH.get(script, frozenset({script}))
    scripts = [found for found in map(character_script, text) if found != UNKNOWN]
    return sum(found in accepted for found in scripts) / len(scripts) if scripts else 0.0
