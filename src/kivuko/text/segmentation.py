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
from collections.abc import Callable, Iterator, Sequence

from kivuko.text.normal import INVISIBLE, normalise
from kivuko.text.scripts import UNKNOWN, character_script

# Khmer text with borders has its longest words at 16 code points; a longer run has lost its borders.
_LONGEST_WORD = {"Khmr": 16, "Thai": 2, "Laoo": 2, "Mymr": 2, "Hani": 2, "Hira": 2, "Kana": 2}
# What stands for a letter in many orthographies (hudhaa in Oromo, the okina, oʻ and gʻ in Uzbek, puso in Guarani, ng'
# in Swahili) or for a lost one, however it is typed. Letters of Unicode's (the saltillo, half rings and the prime of
# transliterations among them) and the right quotation mark are one wherever they stand. What is a quotation mark, an
# accent or a prime by itself is one between two letters alone: 5′10″ are two numbers. ˈ ˊ ˋ write tones and are none.
_APOSTROPHES = str.maketrans(dict.fromkeys("’ʼʻʽʾʿʹꞌ", "'"))
_BETWEEN_LETTERS = "‘‛`´′‵＇｀՚׳᾽᾿"
# Scripts that set quotation marks right beside the next word, and have no apostrophe: those without spaces, and
# Hangul, whose particles follow the closing mark (‘단어’는).
_QUOTING = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u318f\u31f0-\u31ff\u3400-\u9fff"
    "\uac00-\ud7ff\uf900-\ufaff"
)
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
_JOINERS = "\u200c\u200d"
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")
_KHMER_COENG = "\u17d2"


def english_sentences(text: str) -> list[str]:
    """A text cut at the ends of lines and after full stops, question and exclamation marks before a space."""
    return [sentence for sentence in _BETWEEN_SENTENCES.split(text) if sentence]


def words(text: str) -> list[str]:
    """Lower-cased words of ``text`` in order; empty only if it has no letter and no digit.

    Apostrophes inside a word belong to it, however they are typed, and become ``'``; around it they are quotation
    marks. No word is empty or has a space in it.
    """
    whole = lowered(text)
    if whole.isascii():
        return _ASCII_WORD.findall(whole)
    found: list[str] = []
    for run in _word_pattern().findall(whole):
        if run.isascii():
            found.append(run)
        else:
            found.extend(word for part in parts_of_run(run) for word in _word_or_bigrams(*part))
    return found


def words_with_spans(text: str) -> list[tuple[str, tuple[int, int]]]:
    """What :func:`words` gives, each with where it begins and ends in ``text`` as it stands.

    Where a run has several words, and the normal form has changed its characters (composed or taken out), each has
    the run's span.
    """
    return parts_with_spans(text, words)


def parts_with_spans(
    text: str, parts_of: Callable[[str], Sequence[str]]
) -> list[tuple[str, tuple[int, int]]]:
    """What a function finds in each run of a text, in order, each with its span as in :func:`words_with_spans`.

    Args:
        text: as it stands.
        parts_of: a run → its parts, as they stand in its :func:`lowered` form; no two begin at the same place.
    """
    found: list[tuple[str, tuple[int, int]]] = []
    for match in _run_as_typed().finditer(text):
        begin, end = match.span()
        own = parts_of(match[0])
        if len(own) == 1:
            found.append((own[0], (begin, end)))
            continue
        whole, at = lowered(match[0]), 0
        for part in own:
            place = whole.find(part, at) if len(whole) == end - begin else -1
            at = max(at, place + 1)
            found.append((part, (begin + place, begin + place + len(part)) if place >= 0 else (begin, end)))
    return found


def whole_characters(text: str, begin: int, end: int) -> tuple[int, int]:
    """A part of a text, with all of the written characters (letters with their marks) that it has something of."""
    borders = list(itertools.accumulate(map(len, clusters(text)), initial=0))
    first = max(border for border in borders if border <= begin)
    return first, min((border for border in borders if border >= end), default=len(text))


def is_unspaced(text: str) -> bool:
    """Whether the first letter of a text is of a script that puts no spaces between words."""
    letter = next((character for character in text if character_script(character) != UNKNOWN), "")
    return bool(letter) and character_script(letter) in (*_LONGEST_WORD, "Tibt")


def is_plain_run(text: str) -> bool:
    """Whether a text is one run of letters, marks and digits, in the form of :func:`words` and in one kind of script.

    In scripts that show their words it is a word. Quicker than looking for runs; one with an apostrophe is not told.
    """
    if not _plain_pattern().fullmatch(text) or "_" in text or text != lowered(text):
        return False
    scripts = set(map(character_script, text))
    return scripts <= _LONGEST_WORD.keys() or scripts.isdisjoint(_LONGEST_WORD)


def lowered(text: str) -> str:
    """A text as its words are taken from it: normalised, in lower case, with one kind of apostrophe."""
    return _typed_apostrophe().sub("'", normalise(text).lower()).translate(_APOSTROPHES)


def runs(whole: str) -> Iterator[tuple[int, str]]:
    """Where each run of letters, marks and digits begins in a text that is :func:`lowered`, and the run."""
    pattern = _ASCII_WORD if whole.isascii() else _word_pattern()
    return ((found.start(), found[0]) for found in pattern.finditer(whole))


def parts_of_run(run: str) -> Iterator[tuple[str, int]]:
    """A run's parts in scripts that show their words and in scripts that do not.

    With each part stands how many code points a word of its script has at most where the run still has its borders;
    0 in scripts that always show them.
    """
    part, part_limit = "", 0
    for cluster in clusters(run):
        limit = _LONGEST_WORD.get(character_script(cluster[0]), 0)
        if part and limit != part_limit:
            yield part, part_limit
            part = ""
        part, part_limit = part + cluster, limit
    yield part, part_limit


def _word_or_bigrams(part: str, limit: int) -> list[str]:
    characters = clusters(part)
    if limit == 0 or len(part) <= limit or len(characters) <= 2:
        return [part]
    return [first + second for first, second in itertools.pairwise(characters)]


def clusters(run: str) -> list[str]:
    """Written characters: letters with the marks, joiners and (Khmer) subscript letters that follow them."""
    found: list[str] = []
    for character in run:
        mark = unicodedata.category(character)[0] == "M" or character in _JOINERS
        if found and (mark or found[-1][-1] == _KHMER_COENG):
            found[-1] += character
        else:
            found.append(character)
    return found


@functools.cache
def _word_pattern() -> re.Pattern[str]:
    """Letters and digits with their marks; Python's ``\\w`` leaves out the marks that write vowels."""
    letter = rf"(?:[^\W_][{_marks()}{_JOINERS}]*)"
    return re.compile(rf"{letter}+(?:(?<![{_QUOTING}])'(?![{_QUOTING}]){letter}+)*")


@functools.cache
def _run_as_typed() -> re.Pattern[str]:
    """Letters and digits with their marks, and all that may be an apostrophe between them, in text as it stands."""
    letter = rf"(?:[^\W_][{_marks()}{_JOINERS}{INVISIBLE}]*)"
    apostrophes = "".join(["'", _BETWEEN_LETTERS, *map(chr, _APOSTROPHES)])
    return re.compile(rf"{letter}+(?:[{apostrophes}][{INVISIBLE}]*{letter}+)*")


@functools.cache
def _typed_apostrophe() -> re.Pattern[str]:
    """What is an apostrophe between two letters only."""
    after_letter = rf"(?:(?<=[^\W\d_].)|(?<=[{_marks()}{_JOINERS}].))"
    return re.compile(rf"[{_BETWEEN_LETTERS}]{after_letter}(?=[^\W\d_])")


@functools.cache
def _plain_pattern() -> re.Pattern[str]:
    return re.compile(rf"[^\W_][\w{_marks()}{_JOINERS}]*")


@functools.cache
def _marks() -> str:
    return "".join(
        re.escape(character)
        for character in map(chr, range(0x300, min(0x20000, sys.maxunicode)))
        if unicodedata.category(character)[0] == "M"
    )
