"""How a translation is written in the place of English text: case, and the border between two of them."""

from __future__ import annotations

from kivuko.languages import Language
from kivuko.text.normal import WORD_BORDER

# Georgian capitals exist in Unicode but hardly in text.
_WITH_CASE = frozenset({"Latn", "Cyrl", "Grek", "Armn"})
_DOTTED_CAPITAL_I = frozenset({"aze", "tur"})
_TSHEG = "\u0f0b"
_BORDERS = {"Khmr": WORD_BORDER, "Tibt": _TSHEG}


def in_case_of(english: str, translation: str, language: Language) -> str:
    """The translation in the case pattern of the English text it replaces.

    CAPITALS (two letters or more) give capitals; a capital first letter gives one; anything else ("iPhone")
    leaves the translation as it is, and so do scripts without case.
    """
    if language.script not in _WITH_CASE:
        return translation
    if english.isupper() and sum(map(str.isalpha, english)) > 1:
        return _dotted(translation, language).upper()
    if english[:1].isupper():
        first = next((at for at, character in enumerate(translation) if character.isalpha()), 0)
        capital = _dotted(translation[first : first + 1], language).title()
        return translation[:first] + capital + translation[first + 1 :]
    return translation


def border_between(language: Language) -> str:
    """What stands between two words of the language where English has one space.

    Scripts without spaces write nothing there, Khmer U+200B (which text normalisation keeps as the border of
    words) and Tibetan the tsheg: running text of the language looks so, and an encoder's pieces differ after
    a space.
    """
    return _BORDERS.get(language.script, "") if language.spaceless else " "


def _dotted(text: str, language: Language) -> str:
    return text.replace("i", "İ") if language.iso639_3 in _DOTTED_CAPITAL_I else text
