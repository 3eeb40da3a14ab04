"""Words for lexical search and word alignment, in any script and without a segmenter.

A word is a run of letters, marks and digits. Scripts that do not space their words: Khmer comes with U+200B
at word borders and Tibetan and Dzongkha with the tsheg, both of which end a run; runs that carry no borders
(Thai, Lao, Burmese, Chinese, Japanese, and Khmer typed without U+200B) are cut into overlapping bigrams of
written characters (a letter with its marks), the usual choice for lexical search without a dictionary.
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
import unicodedata

from kivuko.text.normal import INVISIBLE, normalise
from kivuko.text.scripts import UNKNOWN, character_script

# Khmer text with borders has its longest words at 16 code points; a longer run has lost its borders.
_LONGEST_WORD = {"Khmr": 16, "Thai": 2, "Laoo": 2, "Mymr": 2, "Hani": 2, "Hira": 2, "Kana": 2}
# Modifier letter apostrophe and right quotation mark: hudhaa in Oromo, elision and glottal stops elsewhere.
_APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'", "ʻ": "'"})
_JOINERS = "\u200c\u200d"
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")
_KHMER_COENG = "\u17d2"


def words(text: str) -> list[str]:
    """Lower-cased words of ``text`` in order; empty only if it has no letter and no digit.

    Apostrophes inside a word belong to it. No word is empty or has a space in it.
    """
    lowered = normalise(text).lower().translate(_APOSTROPHES)
    if lowered.isascii():
        return _ASCII_WORD.findall(lowered)
    found: list[str] = []
    for run in _word_pattern().findall(lowered):
        if run.isascii():
            found.append(run)
        else:
            found.extend(_words_of_run(run))
    return found


def words_with_spans(text: str) -> list[tuple[str, tuple[int, int]]]:
    """What :func:`words` gives, each with where it begins and ends in ``text`` as it stands.

    Bigrams of a run whose characters the normal form has changed (composed, or taken out) have the run's span.
    """
    found: list[tuple[str, tuple[int, int]]] = []
    for match in _word_pattern(INVISIBLE).finditer(text.translate(_APOSTROPHES)):
        begin, end = match.span()
        own = words(match[0])
        if len(own) == 1:
            found.append((own[0], (begin, end)))
            continue
        lowered, at = match[0].lower(), 0
        for word in own:
            place = lowered.find(word, at) if len(lowered) == end - begin else -1
            at = max(at, place)
            found.append((word, (begin + place, begin + place + len(word)) if place >= 0 else (begin, end)))
    return found


def whole_characters(text: str, begin: int, end: int) -> tuple[int, int]:
    """A part of a text, with all of the written characters (letters with their marks) that it has something of."""
    borders = list(itertools.accumulate(map(len, _clusters(text)), initial=0))
    first = max(border for border in borders if border <= begin)
    return first, min((border for border in borders if border >= end), default=len(text))


def is_unspaced(text: str) -> bool:
    """Whether the first letter of a text is of a script that puts no spaces between words."""
    letter = next((character for character in text if character_script(character) != UNKNOWN), "")
    return bool(letter) and character_script(letter) in (*_LONGEST_WORD, "Tibt")


def _words_of_run(run: str) -> list[str]:
    """A run as one word, or the bigrams of each of its parts in a script without spaces."""
    found: list[str] = []
    part, part_limit = "", 0
    for cluster in _clusters(run):
        limit = _LONGEST_WORD.get(character_script(cluster[0]), 0)
        if part and limit != part_limit:
            found.extend(_word_or_bigrams(part, part_limit))
            part = ""
        part, part_limit = part + cluster, limit
    return [*found, *_word_or_bigrams(part, part_limit)]


def _word_or_bigrams(part: str, limit: int) -> list[str]:
    clusters = _clusters(part)
    if limit == 0 or len(part) <= limit or len(clusters) <= 2:
        return [part]
    return [first + second for first, second in itertools.pairwise(clusters)]


def _clusters(run: str) -> list[str]:
    """Letters with the marks, joiners and (Khmer) subscript letters that follow them."""
    clusters: list[str] = []
    for character in run:
        mark = unicodedata.category(character)[0] == "M" or character in _JOINERS
        if clusters and (mark or clusters[-1][-1] == _KHMER_COENG):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


@functools.cache
def _word_pattern(also: str = "") -> re.Pattern[str]:
    """Letters and digits with their marks; Python's ``\\w`` leaves out the marks that write vowels.

    Args:
        also: characters that may stand within a word beside these.
    """
    marks = [
        re.escape(character)
        for character in map(chr, range(0x300, min(0x20000, sys.maxunicode)))
        if unicodedata.category(character)[0] == "M"
    ]
    letter = rf"(?:[^\W_][{''.join(marks)}{_JOINERS}{also}]*)"
    between = f"[{also}]*" if also else ""
    return re.compile(rf"{letter}+(?:'{between}{letter}+)*")
