"""The words of documents in their order, and where phrases stand in them.

BM25 needs only how often a word occurs. A phrase (``ice cream`` as the translation of one word) needs places, too:
four bytes a word, which a search reads only of documents that have every word of the phrase. Taking the words from
the documents' texts again would need no space, but a hundred times as long (180 µs a document against 1 or 2, of 120
words each), which for frequent words are minutes in a million documents.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kivuko.collections.document import Document
from kivuko.retrieval.bounds import chunks_of, rows_of
from kivuko.text import words

if TYPE_CHECKING:
    from kivuko.retrieval.lexical import WordCounts

#: Stand for no word, so that no phrase goes over them: the end of a title or a text, and a word that was not counted.
END, UNCOUNTED = -1, -2
#: Words read at once.
_BLOCK = 1 << 20
_WORDS, _OFFSETS = "word-order.npy", "word-order-offsets.npy"


@dataclass(frozen=True)
class WordOrder:
    """Words of documents in their order.

    Attributes:
        words: [entries] int32, numbers of words; :data:`END` closes each document's title, and then its text.
        offsets: [documents + 1] int64; document i owns entries ``offsets[i]`` to ``offsets[i + 1]``.
    """

    words: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def take(self, documents: NDArray[np.int64]) -> WordOrder:
        """Some documents, in the order asked for."""
        offsets = np.concatenate(([0], np.cumsum(np.diff(self.offsets)[documents])))
        return WordOrder(self.words[rows_of(self.offsets, documents)], offsets)

    def renumbered(self, numbers: NDArray[np.int32]) -> WordOrder:
        """The same with ``numbers[i]`` in the place of word i."""
        return WordOrder(np.append(numbers, np.int32(END))[self.words], self.offsets)

    @classmethod
    def join(cls, parts: Sequence[WordOrder]) -> WordOrder:
        """Documents of several parts, one part after the other."""
        lengths = [np.zeros(0, np.int64), *(np.diff(part.offsets) for part in parts)]
        entries = [np.zeros(0, np.int32), *(part.words for part in parts)]
        return cls(np.concatenate(entries), np.concatenate(([0], np.cumsum(np.concatenate(lengths)))))

    def save(self, folder: Path) -> None:
        """Write two files into an existing folder."""
        np.save(folder / _WORDS, self.words)
        np.save(folder / _OFFSETS, self.offsets)

    @classmethod
    def open(cls, folder: Path) -> WordOrder | None:
        """Memory-map what :meth:`save` wrote; None where an earlier version of Kivuko wrote no order."""
        if not (folder / _WORDS).is_file():
            return None
        return cls(np.load(folder / _WORDS, mmap_mode="r"), np.load(folder / _OFFSETS))


def words_in_order(document: Document) -> tuple[list[str], list[str]]:
    """The words of a document's title, and those of its text."""
    return words(document.title), words(document.text)


@dataclass(frozen=True)
class OrderedPart:
    """Documents whose words are numbered alike.

    Attributes:
        words: counted in them.
        documents: numbers of the documents that can be found.
        order: the order of the words of some documents, by their numbers.
    """

    words: WordCounts
    documents: NDArray[np.int64]
    order: Callable[[NDArray[np.int64]], WordOrder]


@dataclass(frozen=True)
class Occurrences:
    """Where a phrase occurs.

    Attributes:
        documents: [documents], ascending.
        counts: [documents], how often in each; in a title as often as a title's words count.
    """

    documents: NDArray[np.int64]
    counts: NDArray[np.float64]


def find_phrases(
    parts: Sequence[OrderedPart],
    places: Sequence[Collection[str]],
    candidates: NDArray[np.bool_],
    lengths: NDArray[np.float64],
    title_weight: int,
) -> dict[str, Occurrences]:
    """Every phrase of some documents whose words are, place by place, among those given.

    Args:
        parts: the documents, one part after the other.
        places: for each word of the phrase, which words may stand there.
        candidates: [documents], where to look.
        lengths: [documents], words of each, roughly.
        title_weight: how often one in a title counts.

    Returns:
        Phrase → where it occurs; a space stands between its words.
    """
    found: dict[str, tuple[list[NDArray[np.int64]], list[NDArray[np.float64]]]] = {}
    first = 0
    for part in parts:
        rows = np.flatnonzero(candidates[first : first + len(part.documents)])
        tables = [_table(part.words, allowed) for allowed in places] if len(rows) else []
        for begin, end in chunks_of(lengths[first + rows].astype(np.int64), _BLOCK):
            block = rows[begin:end]
            order = part.order(part.documents[block])
            for phrase, (documents, counts) in _in_block(order, tables, title_weight).items():
                spelled = " ".join(part.words.vocabulary[word] for word in phrase)
                own = found.setdefault(spelled, ([], []))
                own[0].append(first + block[documents])
                own[1].append(counts)
        first += len(part.documents)
    return {
        phrase: Occurrences(np.concatenate(documents), np.concatenate(counts))
        for phrase, (documents, counts) in sorted(found.items())
    }


def _table(counted: WordCounts, allowed: Collection[str]) -> NDArray[np.bool_]:
    """[words + 2], whether each word is one of some; false of what stands for no word."""
    table = np.zeros(len(counted.vocabulary) - min(END, UNCOUNTED), dtype=bool)
    table[[counted.numbers[word] for word in allowed if word in counted.numbers]] = True
    return table


def _in_block(
    order: WordOrder, tables: Sequence[NDArray[np.bool_]], title_weight: int
) -> dict[tuple[int, ...], tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Phrase, by the numbers of its words → number of each document that has it, and how often."""
    starts = np.flatnonzero(tables[0][order.words])
    for place, table in enumerate(tables[1:], start=1):
        # An end stands behind the last word, so that nothing runs over the block.
        starts = starts[table[order.words[starts + place]]]
    if not len(starts):
        return {}
    documents = np.searchsorted(order.offsets, starts, side="right") - 1
    # An even number of ends stands before a title, an odd one before a text.
    ends_before = np.searchsorted(np.flatnonzero(order.words == END), starts)
    weights = np.where(ends_before % 2 == 0, float(title_weight), 1.0)
    phrases, which = np.unique(
        order.words[starts[:, None] + np.arange(len(tables))], axis=0, return_inverse=True
    )
    found = {}
    for number, phrase in enumerate(phrases.tolist()):
        own = which.reshape(-1) == number
        counts = np.bincount(documents[own], weights[own]).astype(np.float64)
        having = np.flatnonzero(counts).astype(np.int64)
        found[tuple(phrase)] = having, counts[having]
    return found
