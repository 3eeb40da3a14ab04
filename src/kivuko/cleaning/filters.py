"""Filters for translation pairs: each a small named object that knows when a pair is none, and says why.

Most look at the two texts alone. The last two remember what came before: near-duplicates, and English sides that
recur. They are exact on a coarse key, in one pass and with some 9 bytes for each pair that is kept
(:class:`kivuko.files.seen_texts.SeenTexts`). Pairs that differ by a word are two pairs: finding those takes
MinHash or embeddings, which is not done here. :mod:`kivuko.cleaning.chain` applies several in order and counts.
"""

from __future__ import annotations

import functools
import html
import re
import unicodedata
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from kivuko.cleaning.interface_text import mnemonics, placeholders_disagree
from kivuko.cleaning.numbers import numbers_disagree
from kivuko.files.seen_texts import SeenTexts
from kivuko.languages import Language, resolve
from kivuko.text import comparison_key, script_share, words
from kivuko.text.identification import Verdict, judge

_CJK = frozenset({"Hans", "Hant", "Jpan", "Kore"})
_CREDITS = re.compile(r"translator[\s_-]*credits?\b|\byour (?:names|emails)\b", re.IGNORECASE)
_MARKUP = re.compile(
    r"(?:https?|ftp|mailto|file):\S+|\bwww\.\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|</?[a-zA-Z][^<>]*>|&#?\w+;"
)
_NUMBER = re.compile(r"\d+")
_NUMBERS_IN_A_ROW = re.compile(r"\b0(?: 0)+\b")


@dataclass
class PairFilter(ABC):
    """One ground for dropping a pair.

    Attributes:
        language: what the foreign side should be in.
        threshold: the number the filter decides by; None for one that needs none.
        not_checked: sides that the filter could say nothing about, and therefore kept.
    """

    name: ClassVar[str]
    language: Language
    threshold: float | None = None
    not_checked: int = field(default=0, init=False)

    @property
    @abstractmethod
    def reason(self) -> str:
        """What a dropped pair is counted under."""

    @abstractmethod
    def drops(self, english: str, foreign: str) -> bool:
        """Whether the pair goes. Both texts are normalised."""


class Empty(PairFilter):
    """A side without words; mere numbers are none."""

    name = "empty"
    reason = "empty, or without words"

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        return not _spelled(english) or not _spelled(foreign)


class Identical(PairFilter):
    """A foreign side that is the English one, but for case, spaces and punctuation at the end."""

    name = "identical"
    reason = "identical to the English"

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        return comparison_key(english) == comparison_key(foreign)


class Credits(PairFilter):
    """The places of a catalogue where translators put their names."""

    name = "credits"
    reason = "names of translators"

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        return _CREDITS.search(english) is not None


@dataclass
class MostlyEnglish(PairFilter):
    """More than ``threshold`` of the foreign side's words also stand in the English side."""

    name = "mostly-english"
    reason = "mostly English"
    threshold: float = 0.6

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        foreign_words = _spelled(foreign)
        if not foreign_words:
            return False
        return 1 - len(_own(english, foreign_words)) / len(foreign_words) > self.threshold


@dataclass
class WrongScript(PairFilter):
    """Of the letters of foreign words that the English side lacks, a share below ``threshold`` is in the script."""

    name = "script"
    reason = "wrong script"
    threshold: float = 0.5

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        own = _own(english, _spelled(foreign))
        return bool(own) and script_share(" ".join(own), self.language.script) < self.threshold


@dataclass
class LengthRatio(PairFilter):
    """One side is more than ``threshold`` times as long as the other, in weighted characters (:func:`length`)."""

    name = "length-ratio"
    threshold: float = 4.0

    @property
    def reason(self) -> str:
        """See :class:`PairFilter`."""
        return f"length ratio above {self.threshold:g}"

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        lengths = sorted([len(english), length(foreign, self.language)])
        return lengths[1] > self.threshold * lengths[0]


@dataclass
class TooShort(PairFilter):
    """A side with fewer than ``threshold`` letters and marks; a Chinese, Japanese or Korean one stands for three."""

    name = "too-short"
    threshold: float = 2

    @property
    def reason(self) -> str:
        """See :class:`PairFilter`."""
        return f"fewer than {self.threshold:g} letters"

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        return min(len(_letters(english)), length(_letters(foreign), self.language)) < self.threshold


@dataclass
class TooLong(PairFilter):
    """A side with more than ``threshold`` characters; a Chinese, Japanese or Korean one stands for three."""

    name = "too-long"
    threshold: float = 1000

    @property
    def reason(self) -> str:
        """See :class:`PairFilter`."""
        return f"more than {self.threshold:g} characters"

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        return max(len(english), length(foreign, self.language)) > self.threshold


@dataclass
class MostlyMarkup(PairFilter):
    """A side with more than ``threshold`` of its characters in addresses, tags and entities."""

    name = "markup"
    reason = "mostly addresses or markup"
    threshold: float = 0.5

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        return max(markup_share(english), markup_share(foreign)) > self.threshold


class Numbers(PairFilter):
    """Numbers that disagree: see :func:`kivuko.cleaning.numbers.numbers_disagree`."""

    name = "numbers"
    reason = "numbers disagree"

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        # &#39; is an apostrophe.
        return numbers_disagree(html.unescape(english), html.unescape(foreign))


class Placeholders(PairFilter):
    """Placeholders that only one side has: see :func:`kivuko.cleaning.interface_text.placeholders_disagree`."""

    name = "placeholders"
    reason = "placeholders disagree"

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        return placeholders_disagree(english, foreign)


class Mnemonics(PairFilter):
    """More or fewer letters marked as shortcuts: see :func:`kivuko.cleaning.interface_text.mnemonics`."""

    name = "mnemonics"
    reason = "shortcuts disagree"

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        return mnemonics(english) != mnemonics(foreign)


class NotEnglish(PairFilter):
    """An English side that :func:`kivuko.text.identification.judge` finds to be in another language."""

    name = "english"
    reason = "English side identified as another language"

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        return _is_in_another(self, english, resolve("en"))


class OtherLanguage(PairFilter):
    """A foreign side that :func:`kivuko.text.identification.judge` finds to be in another language.

    Only words that are not in the English side are asked about, because names that stay as they are
    (``Open Document Format for Office Applications``) would decide it. Scripts without spaces are asked about whole.
    """

    name = "language"

    @property
    def reason(self) -> str:
        """See :class:`PairFilter`."""
        return f"not identified as {self.language.name}"

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        asked = foreign if self.language.spaceless else " ".join(_own(english, _spelled(foreign)))
        return _is_in_another(self, asked, self.language)


@dataclass
class NearDuplicate(PairFilter):
    """A pair whose two sides both have the :func:`near_duplicate_key` of an earlier one that came this far."""

    name = "near-duplicate"
    reason = "near-duplicate"
    _seen: SeenTexts = field(default_factory=SeenTexts, init=False, repr=False)

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        return not self._seen.add(f"{near_duplicate_key(english)}\t{near_duplicate_key(foreign)}")


@dataclass
class RepeatedEnglish(PairFilter):
    """An English side that ``threshold`` earlier pairs had, however they were translated; the first ones stay."""

    name = "repeated-english"
    threshold: float = 5
    _seen: SeenTexts = field(default_factory=SeenTexts, init=False, repr=False)

    @property
    def reason(self) -> str:
        """See :class:`PairFilter`."""
        return f"English side with more than {self.threshold:g} translations"

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        key = comparison_key(english)
        return not any(self._seen.add(f"{key}\t{count}") for count in range(int(self.threshold)))


def length(text: str, language: Language) -> int:
    """Length in letters of an alphabet; a Chinese, Japanese or Korean character stands for about three."""
    return 3 * len(text) if language.script in _CJK else len(text)


def markup_share(text: str) -> float:
    """Share (0 to 1) of the characters that belong to addresses, tags and entities."""
    return sum(len(found[0]) for found in _MARKUP.finditer(text)) / len(text) if text else 0.0


def near_duplicate_key(text: str) -> str:
    """Two texts with the same key are near-duplicates.

    Case, numbers (all become 0, with what separates their digits), punctuation, symbols and white space do not
    matter. Letters, their marks and their order do.
    """
    numbered = _NUMBER.sub("0", comparison_key(text))
    return _NUMBERS_IN_A_ROW.sub("0", " ".join("".join(map(_compared, numbered)).split()))


@functools.cache
def _compared(character: str) -> str:
    """Letters, marks (many vowels are some) and numerals as they are; a space for anything else."""
    return character if unicodedata.category(character)[0] in "LMN" else " "


def _is_in_another(pair_filter: PairFilter, text: str, language: Language) -> bool:
    verdict = judge(text, language)
    pair_filter.not_checked += verdict is Verdict.NOT_CHECKED
    return verdict is Verdict.NOT_IN


@functools.lru_cache(maxsize=16)  # several filters ask for the words of the same pair
def _spelled(text: str) -> tuple[str, ...]:
    """The words that are not mere numbers."""
    return tuple(word for word in words(text) if not word.isdigit())


def _own(english: str, foreign_words: tuple[str, ...]) -> list[str]:
    """The foreign words that are not in the English text."""
    known = frozenset(_spelled(english))
    return [word for word in foreign_words if word not in known]


def _letters(text: str) -> str:
    """Letters and marks; in many scripts vowels are marks, and a word may have no second letter."""
    return "".join(each for each in text if unicodedata.category(each)[0] in "LM")
