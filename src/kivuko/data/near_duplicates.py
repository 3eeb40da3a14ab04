"""Filters for translation pairs that remember what came before: near-duplicates, and English sides that recur.

They are exact on a coarse key, in one pass and with some 9 bytes for each pair that is kept
(:class:`kivuko.data.seen_texts.SeenTexts`). Pairs that differ by a word are two pairs: finding those takes
MinHash or embeddings, which is not done here.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass, field

from kivuko.data.bitext_filters import PairFilter
from kivuko.data.seen_texts import SeenTexts
from kivuko.text import comparison_key

_NUMBER = re.compile(r"\d+")
_NUMBERS_IN_A_ROW = re.compile(r"\b0(?: 0)+\b")


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


@dataclass
class NearDuplicate(PairFilter):
    """A pair whose two sides both have the :func:`near_duplicate_key` of an earlier one that came this far."""

    name = "near-duplicate"
    remembers = True
    reason = "near-duplicate"
    _seen: SeenTexts = field(default_factory=SeenTexts, init=False, repr=False)

    def drops(self, english: str, foreign: str) -> bool:
        """See :class:`PairFilter`."""
        return not self._seen.add(f"{near_duplicate_key(english)}\t{near_duplicate_key(foreign)}")


@dataclass
class RepeatedEnglish(PairFilter):
    """An English side that ``threshold`` earlier pairs had, however they were translated; the first ones stay."""

    name = "repeated-english"
    remembers = True
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
