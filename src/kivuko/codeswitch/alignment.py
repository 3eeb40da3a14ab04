"""Word alignment of bitext: IBM Model 1 both ways with a mild preference for the diagonal, in NumPy.

A *link* is a pair of word positions, one on each side of a text pair; a *cell* is a pair of word types.
Every possible link is held in flat arrays, so that an iteration is a handful of gathers and ``bincount``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int32]
Floats = NDArray[np.float64]

#: A translation's P(foreign | English) · P(English | foreign) is at least this.
_LIKELY = 0.05


@dataclass(frozen=True)
class Alignment:
    """Expected links between word types.

    Attributes:
        english_words: English word types, in order of first appearance.
        foreign_words: foreign word types, likewise.
        english: index of each cell's English type, shape (cells,).
        foreign: index of each cell's foreign type.
        count: expected number of times the two are linked, both directions agreeing; a whole number where the
            aligner decides for each link.
    """

    english_words: list[str]
    foreign_words: list[str]
    english: Integers
    foreign: Integers
    count: Floats


@dataclass(frozen=True)
class _Side:
    """One side of the text: the type of each running word, and of each link its running word."""

    types: Integers
    word: Integers
    size: int


def align(
    english: Sequence[Sequence[str]],
    foreign: Sequence[Sequence[str]],
    *,
    iterations: int = 2,
    diagonal: float = 1.0,
    null: float = 0.1,
) -> Alignment:
    """Align pairs of word lists.

    IBM Model 1 (Brown, Della Pietra, Della Pietra, Mercer, Computational Linguistics 19(2), 1993) is trained
    by EM in each direction, with a word that may come from nothing and a prior that favours like positions
    (Dyer, Chahuneau, Smith, NAACL 2013). The directions are joined by multiplying the links' posteriors, a
    soft intersection (Liang, Taskar, Klein, NAACL 2006).

    Args:
        english: words of each text; no text may be empty.
        foreign: the words of its translation, as many texts.
        iterations: rounds of EM in each direction; few keep the near-synonyms that search profits from.
        diagonal: λ of the prior exp(−λ |i/m − j/n|); 0 is plain Model 1.
        null: prior probability that a word has no counterpart.
    """
    english_words, english_types = word_types(english)
    foreign_words, foreign_types = word_types(foreign)
    m, n = _lengths(english), _lengths(foreign)
    of_english, of_foreign = _link_words(m, n)
    keys = english_types[of_english].astype(np.int64) * len(foreign_words) + foreign_types[of_foreign]
    cells, cell = np.unique(keys, return_inverse=True)
    cell_english = (cells // len(foreign_words)).astype(np.int32)
    cell_foreign = (cells % len(foreign_words)).astype(np.int32)
    cell = cell.astype(np.int32)
    prior = np.exp(-diagonal * np.abs(_positions(m)[of_english] - _positions(n)[of_foreign]))
    sides = (
        _Side(english_types, of_english, len(english_words)),
        _Side(foreign_types, of_foreign, len(foreign_words)),
    )
    there = _posteriors(sides[0], cell, cell_foreign, len(foreign_words), prior, iterations, null)
    back = _posteriors(sides[1], cell, cell_english, len(english_words), prior, iterations, null)
    count = np.bincount(cell, there * back, len(cells)).astype(np.float64)
    return Alignment(english_words, foreign_words, cell_english, cell_foreign, count)


def likely_translations(
    english: Sequence[Sequence[str]], foreign: Sequence[Sequence[str]]
) -> dict[tuple[str, str], float]:
    """English word, foreign word → P(foreign | English) · P(English | foreign), where that is at least .05.

    Args:
        english: words of each text; no text may be empty.
        foreign: the words of its translation, as many texts.
    """
    found = align(english, foreign)
    of_english = np.bincount(found.english, found.count)
    of_foreign = np.bincount(found.foreign, found.count)
    likelihood = found.count**2 / np.maximum(of_english[found.english] * of_foreign[found.foreign], 1e-12)
    return {
        (found.english_words[found.english[cell]], found.foreign_words[found.foreign[cell]]): float(
            likelihood[cell]
        )
        for cell in np.flatnonzero(likelihood >= _LIKELY)
    }


def _posteriors(
    generated: _Side,
    cell: Integers,
    given: Integers,
    given_size: int,
    prior: Floats,
    iterations: int,
    null: float,
) -> Floats:
    """P(link | pair) where each generated word chooses one given word or nothing; sums to ≤ 1 per word."""
    words, word = len(generated.types), generated.word
    unigram = np.bincount(generated.types, minlength=generated.size) / words
    nothing = null * unigram[generated.types]
    prior = (1 - null) * prior / np.bincount(word, prior, words)[word]
    table = np.full(len(given), 1.0 / generated.size)
    posterior = prior
    for _ in range(iterations):
        joint = prior * table[cell]
        posterior = joint / (np.bincount(word, joint, words) + nothing)[word]
        expected = np.bincount(cell, posterior, len(given))
        table = expected / np.maximum(np.bincount(given, expected, given_size), 1e-300)[given]
    return posterior


def word_types(texts: Sequence[Sequence[str]]) -> tuple[list[str], Integers]:
    """Word types in order of first appearance, and the index of each running word's type."""
    index: dict[str, int] = {}
    types = [index.setdefault(word, len(index)) for text in texts for word in text]
    return list(index), np.array(types, dtype=np.int32)


def _lengths(texts: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    return np.array([len(text) for text in texts], dtype=np.int64)


def _positions(lengths: NDArray[np.int64]) -> NDArray[np.float32]:
    """Relative position of each running word within its text, in (0, 1)."""
    starts = np.cumsum(lengths) - lengths
    within = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    return ((within + 0.5) / np.repeat(lengths, lengths)).astype(np.float32)


def _link_words(m: NDArray[np.int64], n: NDArray[np.int64]) -> tuple[Integers, Integers]:
    """English and foreign running word of every link, the links of an English word side by side."""
    choices = np.repeat(n, m)
    of_english = np.repeat(np.arange(m.sum()), choices)
    first_link = np.cumsum(choices) - choices
    first_word = np.repeat(np.cumsum(n) - n, m)
    of_foreign = np.arange(len(of_english)) - np.repeat(first_link - first_word, choices)
    return of_english.astype(np.int32), of_foreign.astype(np.int32)
