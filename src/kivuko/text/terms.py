"""Terms of dictionaries: the form in which they are kept, and the pieces by which they are found in a text.

A piece is a word; in a run that shows no borders of words (Thai, Lao, Khmer, Burmese, Chinese, Japanese) it is one
written character, so that a term can begin and end anywhere in the run. Tibetan shows the borders of syllables, and a
piece is a syllable. Two texts are the same term when they have the same pieces: case, hyphens, zero-width spaces, the
Japanese middle dot and the apostrophe that was typed make no difference.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kivuko.text.normal import WORD_BORDER
from kivuko.text.scripts import character_script
from kivuko.text.segmentation import clusters, lowered, parts_of_run, parts_with_spans, runs

_TIBETAN, _TSHEG = "Tibt", "\u0f0b"
#: What may stand between two written characters of one word: nothing, a border, the dot between words taken over.
_WITHIN_WORDS = frozenset({"", WORD_BORDER, "\u30fb", "\uff65"})
#: What is kept of a spelling in scripts without spaces.
_WITHIN_TERMS = _WITHIN_WORDS | {" ", "-", "\u2010", _TSHEG}
# How long a word can be, as the shares of it that a written character makes up: five characters of Chinese, ten of
# kana, four syllables of Tibetan, sixteen code points elsewhere (what Khmer text with borders has at most).
_SHARES = {"Hani": 16, "Hira": 8, "Kana": 8, _TIBETAN: 20}
_SHARE_OF_CODE_POINT, _WHOLE = 5, 80


class Piece(NamedTuple):
    """A piece of a text.

    Attributes:
        text: a word of :func:`kivuko.text.words`, or a written character.
        gap: what stands between it and the piece before; empty for the first.
        unspaced: whether it is a written character of a run without borders of words.
    """

    text: str
    gap: str
    unspaced: bool


def pieces(text: str) -> list[Piece]:
    """The pieces of a text, in order; none only if it has no letter and no digit."""
    whole = lowered(text)
    found: list[Piece] = []
    end = 0
    for start, run in runs(whole):
        gap = whole[end:start] if found else ""
        for part, limit in [(run, 0)] if run.isascii() else parts_of_run(run):
            for piece in clusters(part) if limit else (part,):
                found.append(Piece(piece, gap, limit > 0))
                gap = ""
        end = start + len(run)
    return found


def piece_spans(text: str) -> list[tuple[int, int]]:
    """Where each of the :func:`pieces` of a text begins and ends in it as it stands.

    Where a run has several pieces, and the normal form has changed its characters, each has the run's span.
    """
    return [span for _, span in parts_with_spans(text, lambda run: [each.text for each in pieces(run)])]


def term_key(term: Sequence[Piece], *, closed: bool = False) -> str:
    """What two spellings of a term, or a term and its place in a text, have in common.

    Args:
        term: its pieces, at least one.
        closed: leave out the spaces that a term has inside a run without borders of words.
    """
    return list(keys_of_beginnings(term, closed=closed))[-1]


def keys_of_beginnings(term: Sequence[Piece], *, closed: bool = False) -> Iterator[str]:
    """The :func:`term_key` of the first piece, of the first two, and so on."""
    key = term[0].text
    yield key
    for before, piece in itertools.pairwise(term):
        inside = before.unspaced and piece.unspaced and (closed or piece.gap in _WITHIN_WORDS)
        key += piece.text if inside else f" {piece.text}"
        yield key


def spelling(term: Sequence[Piece]) -> str:
    """How a term is written: words with single spaces; in scripts without spaces as it was."""
    written = term[0].text
    for before, piece in itertools.pairwise(term):
        as_it_was = (is_spaceless(before) or is_spaceless(piece)) and piece.gap in _WITHIN_TERMS
        written += (piece.gap if as_it_was else " ") + piece.text
    return written


def word_count(term: Sequence[Piece]) -> int:
    """How many words a term has; in a run without borders of words, how many it has at least."""
    count = shares = 0
    for number, piece in enumerate(term):
        goes_on = number and piece.gap in (_WITHIN_WORDS if piece.unspaced else {_TSHEG})
        if not (goes_on and is_spaceless(piece) and shares):
            count, shares = count + -(-shares // _WHOLE), 0
        if is_spaceless(piece):
            script = character_script(piece.text[0])
            shares += _SHARES.get(script, _SHARE_OF_CODE_POINT * len(piece.text))
        else:
            count += 1
    return count + -(-shares // _WHOLE)


def is_spaceless(piece: Piece) -> bool:
    """Whether its script does without spaces between words."""
    return piece.unspaced or character_script(piece.text[0]) == _TIBETAN
