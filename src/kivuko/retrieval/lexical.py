"""BM25 over the words of documents, for plain queries and for structured ones.

What it needs of a collection is how often each word occurs in each document, and for phrases in which order: counted
once, kept with the index.
"""

from __future__ import annotations

import functools
import json
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.ranking import best
from kivuko.retrieval.bounds import rows_of
from kivuko.retrieval.word_order import END, Occurrences, OrderedPart, WordOrder, find_phrases, words_in_order
from kivuko.text import fold, words
from kivuko.text.near_words import NearWords

K1, B = 1.2, 0.75
#: Chosen on development titles and first paragraphs together: titles gain much, paragraphs lose nothing.
TITLE_WEIGHT = 5
_VOCABULARY, _COUNTS, _OFFSETS = "vocabulary.json", "word-counts.npy", "word-offsets.npy"


@dataclass(frozen=True)
class WordCounts:
    """Words of documents.

    Attributes:
        vocabulary: every word once.
        counts: [entries, 2] int32, number of a word and how often it occurs.
        offsets: [documents + 1] int64; document i owns entries ``offsets[i]`` to ``offsets[i + 1]``.
        order: the words in their order; None where an earlier version of Kivuko did not keep it, or nobody asks.
    """

    vocabulary: list[str]
    counts: NDArray[np.int32]
    offsets: NDArray[np.int64]
    order: WordOrder | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @functools.cached_property
    def numbers(self) -> Mapping[str, int]:
        """Word → its number."""
        return {word: number for number, word in enumerate(self.vocabulary)}

    @classmethod
    def of(cls, documents: Sequence[Document], title_weight: int) -> WordCounts:
        """Count words as :func:`kivuko.text.words` finds them; one of a title counts ``title_weight`` times."""
        numbers: dict[str, int] = {}
        entries: list[tuple[int, int]] = []
        offsets, order, order_offsets = [0], array("i"), [0]
        for document in documents:
            title, text = words_in_order(document)
            counted = Counter(title * title_weight + text)
            entries += [(numbers.setdefault(word, len(numbers)), count) for word, count in counted.items()]
            offsets.append(len(entries))
            for part in (title, text):
                order.extend(numbers[word] for word in part)
                order.append(END)
            order_offsets.append(len(order))
        return cls(
            list(numbers),
            np.array(entries, dtype=np.int32).reshape(-1, 2),
            np.array(offsets, dtype=np.int64),
            WordOrder(np.array(order, dtype=np.int32), np.array(order_offsets, dtype=np.int64)),
        )

    def take(self, documents: NDArray[np.int64]) -> WordCounts:
        """Some documents, in the order asked for; the vocabulary stays."""
        if np.array_equal(documents, np.arange(len(self))):
            return self
        lengths = np.diff(self.offsets)[documents]
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        order = None if self.order is None else self.order.take(documents)
        return WordCounts(self.vocabulary, self.counts[rows_of(self.offsets, documents)], offsets, order)

    def without_order(self) -> WordCounts:
        """The same, where only the counts are asked for."""
        return replace(self, order=None)

    @classmethod
    def join(cls, parts: Sequence[WordCounts]) -> WordCounts:
        """Documents of several parts, one part after the other; words that no document has any more are left out.

        Their order is kept where all parts have one.
        """
        if len(parts) == 1 and len(np.unique(parts[0].counts[:, 0])) == len(parts[0].vocabulary):
            return parts[0]
        numbers: dict[str, int] = {}
        counts, lengths, orders = [], [], []
        for part in parts:
            used = np.flatnonzero(np.bincount(part.counts[:, 0], minlength=len(part.vocabulary)))
            renumbered = np.zeros(len(part.vocabulary), dtype=np.int32)
            renumbered[used] = [numbers.setdefault(part.vocabulary[word], len(numbers)) for word in used]
            counts.append(np.column_stack((renumbered[part.counts[:, 0]], part.counts[:, 1])))
            lengths.append(np.diff(part.offsets))
            if part.order is not None:
                orders.append(part.order.renumbered(renumbered))
        offsets = np.concatenate(([0], np.cumsum(np.concatenate([np.zeros(0, np.int64), *lengths]))))
        joined = np.concatenate([np.zeros((0, 2), np.int32), *counts])
        order = WordOrder.join(orders) if len(orders) == len(parts) else None
        return cls(list(numbers), joined, offsets, order)

    def save(self, folder: Path) -> None:
        """Write three files into an existing folder, and two of the order."""
        (folder / _VOCABULARY).write_text(json.dumps(self.vocabulary, ensure_ascii=False), encoding="utf-8")
        np.save(folder / _COUNTS, self.counts)
        np.save(folder / _OFFSETS, self.offsets)
        if self.order is not None:
            self.order.save(folder)

    @classmethod
    def open(cls, folder: Path) -> WordCounts:
        """Memory-map what :meth:`save` wrote."""
        vocabulary = json.loads((folder / _VOCABULARY).read_text(encoding="utf-8"))
        counts = np.load(folder / _COUNTS, mmap_mode="r")
        return cls(vocabulary, counts, np.load(folder / _OFFSETS), WordOrder.open(folder))


class LexicalIndex:
    """BM25 (k1 1.2, b 0.75; Robertson, Walker, Jones, Hancock-Beaulieu, Gatford, TREC-3, 1994), as Lucene has it.

    Words are those of :func:`kivuko.text.words`, unstemmed. With a title weight w above 1, a word of the
    title counts w times, the simple BM25F
    (Robertson, Zaragoza, Taylor, CIKM 2004, doi:10.1145/1031171.1031181).

    A word of a query that no document has stands for the documents' words that are the same as people type them
    (:func:`kivuko.text.fold`), all together as one word: as if the documents spelled them alike.

    Args:
        documents: what to index.
        title_weight: how often a word of the title counts, at least 1.

    Raises:
        InputError: a document id occurs twice, or the title weight is below 1.
    """

    def __init__(self, documents: Sequence[Document], *, title_weight: int = TITLE_WEIGHT) -> None:
        if title_weight < 1:
            raise InputError(
                "these documents cannot be indexed", expected="a title weight of at least 1", got=title_weight
            )
        counts = WordCounts.of(documents, title_weight)
        assert counts.order is not None
        parts = [OrderedPart(counts, np.arange(len(documents)), counts.order.take)]
        self._fill([document.id for document in documents], counts, parts, title_weight)

    @classmethod
    def from_counts(
        cls, ids: Sequence[str], counts: WordCounts, parts: Sequence[OrderedPart]
    ) -> LexicalIndex:
        """BM25 over documents whose words were counted before, those of a title :data:`TITLE_WEIGHT` times.

        Args:
            ids: of the documents.
            counts: of their words.
            parts: the order of their words, asked for when a phrase is.

        Raises:
            InputError: an id occurs twice.
        """
        index = cls.__new__(cls)
        index._fill(list(ids), counts, parts, TITLE_WEIGHT)
        return index

    def _fill(
        self, ids: list[str], counts: WordCounts, parts: Sequence[OrderedPart], title_weight: int
    ) -> None:
        if len(set(ids)) < len(ids):
            raise InputError(
                "these documents cannot be indexed",
                expected="unique ids",
                got=f"{len(ids)} documents, {len(set(ids))} ids",
            )
        self.ids = ids
        #: Word → column, for every word of the documents.
        self.vocabulary: Mapping[str, int] = counts.numbers
        self._by_fold: dict[Language | None, Mapping[str, Sequence[str]]] = {}
        # Of all that an index holds in memory these are the most: whole numbers of four bytes are enough for both.
        rows = np.repeat(np.arange(len(ids), dtype=np.int32), np.diff(counts.offsets))
        frequency = counts.counts[:, 1]
        order, self._begins = _by_column(counts.counts[:, 0], len(self.vocabulary))
        #: Of each column, from ``_begins[column]`` on: the documents that have the word, and how often.
        self._having_it, self._frequencies = rows[order], frequency[order]
        self._document_frequency: NDArray[np.float64] = np.diff(self._begins).astype(np.float64)
        lengths = np.bincount(rows, frequency, minlength=len(ids))
        self._lengths: NDArray[np.float64] = lengths.astype(np.float64)
        self._parts, self._title_weight = parts, title_weight
        #: What was asked for place by place → the phrases found; each phrase → where it occurs.
        self._asked: dict[tuple[tuple[str, ...], ...], list[str]] = {}
        self._occurrences: dict[str, Occurrences] = {}
        # Where no document has a word nothing is found, and no length matters.
        mean = lengths.mean() if len(frequency) else 1.0
        self._saturation: NDArray[np.float64] = K1 * (1 - B + B * lengths / mean)

    def as_spelled(
        self, alternatives: Mapping[str, float], language: Language | None = None
    ) -> Mapping[str, float]:
        """A query word as the documents spell it.

        Args:
            alternatives: word or phrase → weight.
            language: of the documents, if it is known.

        Returns:
            ``alternatives`` themselves if the documents have one of these words or phrases, else their words of the
            same :func:`~kivuko.text.fold`, each with the weight of the alternative it stands for; none if there are
            none.
        """
        if not alternatives or any(map(self._has, alternatives)):
            return alternatives
        if language not in self._by_fold:
            by_fold: dict[str, list[str]] = {}
            for word in self.vocabulary:
                by_fold.setdefault(fold(word, language), []).append(word)
            self._by_fold[language] = by_fold
        spelled: dict[str, float] = {}
        for word, weight in alternatives.items():
            for same in self._by_fold[language].get(fold(word, language), ()):
                spelled[same] = spelled.get(same, 0.0) + weight
        return spelled

    @functools.cached_property
    def near_words(self) -> NearWords:
        """The documents' words, to be found by others that are spelled alike."""
        return NearWords(self.vocabulary)

    def _has(self, word: str) -> bool:
        return word in self.vocabulary or (" " in word and len(self._phrase(word).documents) > 0)

    def search(
        self, query: str, depth: int = 1000, *, allowed: NDArray[np.bool_] | None = None
    ) -> dict[str, float]:
        """The best documents for a query; none when no word of it occurs in any document.

        Args:
            query: text in the documents' language; a word that occurs twice counts twice.
            depth: how many documents to return at most.
            allowed: [documents], which may be found; all of them by default.

        Returns:
            Document id → BM25, best first, ties by document id; only documents that match a word.
        """
        return self.search_structured([{word: 1.0} for word in words(query)], depth, allowed=allowed)

    def search_structured(
        self,
        query: Sequence[Mapping[str, float]],
        depth: int = 1000,
        *,
        allowed: NDArray[np.bool_] | None = None,
    ) -> dict[str, float]:
        """The best documents for a query each of whose words is a weighted set of the documents' words and phrases.

        The set is treated as one word: its frequency in a document, and its document frequency, are the
        expected ones, Σ weight · frequency, and enter BM25 once (probabilistic structured queries: Darwish,
        Oard, SIGIR 2003, doi:10.1145/860435.860497). A set of one word of weight 1 scores as that word does.
        A phrase occurs where its words follow one another in a title or a text.

        Args:
            query: for each query word, word or phrase (a space between its words) → weight ≥ 0; those unknown to the
                documents count nothing, but if all are, those stand for them that :meth:`as_spelled` finds.
            depth: how many documents to return at most.
            allowed: [documents], which may be found; all of them by default.

        Returns:
            As :meth:`search`.
        """
        documents = len(self.ids)
        scores = np.zeros(documents)
        for alternatives in map(self.as_spelled, query):
            known = [
                (self.vocabulary[word], weight)
                for word, weight in alternatives.items()
                if word in self.vocabulary
            ]
            phrases = [
                (self._phrase(phrase), weight) for phrase, weight in alternatives.items() if " " in phrase
            ]
            if not known and not phrases:
                continue
            columns = np.array([column for column, _ in known], dtype=np.int64)
            weights = np.array([weight for _, weight in known])
            frequency = np.zeros(documents)
            for column, weight in known:
                own = slice(self._begins[column], self._begins[column + 1])
                frequency[self._having_it[own]] += self._frequencies[own] * weight
            spread = float(self._document_frequency[columns] @ weights)
            for phrase, weight in phrases:
                frequency[phrase.documents] += weight * phrase.counts
                spread += weight * len(phrase.documents)
            spread = min(spread, float(documents))
            rarity = np.log1p((documents - spread + 0.5) / (spread + 0.5))
            scores += rarity * frequency / (frequency + self._saturation)
        if allowed is not None:
            scores[~allowed] = 0.0
        return best(scores, self.ids, depth, above=0.0)

    def phrases(self, places: Sequence[Sequence[str]]) -> list[str]:
        """The phrases of the documents whose words are, place by place, among given ones, in alphabetical order.

        Only documents that have a word for each place are read.

        Args:
            places: for each word of the phrase, which words may stand there.
        """
        asked = tuple(map(tuple, places))
        if asked not in self._asked:
            found = find_phrases(
                self._parts, [frozenset(each) for each in asked], self._having(asked), self._lengths,
                self._title_weight,
            )  # fmt: skip
            self._occurrences |= found
            self._asked[asked] = list(found)
        return self._asked[asked]

    def _phrase(self, phrase: str) -> Occurrences:
        if phrase not in self._occurrences:
            self.phrases([[word] for word in phrase.split(" ")])
            self._occurrences.setdefault(phrase, Occurrences(np.zeros(0, np.int64), np.zeros(0)))
        return self._occurrences[phrase]

    def _having(self, places: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
        """[documents], which have a word for each place."""
        having = np.ones(len(self.ids), dtype=bool)
        for allowed in places:
            columns = [self.vocabulary[word] for word in allowed if word in self.vocabulary]
            here = np.zeros(len(self.ids), dtype=bool)
            for column in columns:
                here[self._having_it[self._begins[column] : self._begins[column + 1]]] = True
            having &= here
        return having


def _by_column(columns: NDArray[np.integer], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """[entries] numbers of entries by column, in their order within one; [columns + 1] where each column begins."""
    # Numpy sorts numbers of 16 bits in one pass, without comparing them: first by the lower ones, then by the upper.
    order = np.argsort((columns & 0xFFFF).astype(np.uint16), kind="stable")
    if count > 1 << 16:
        order = order[np.argsort((columns >> 16).astype(np.uint16)[order], kind="stable")]
    return order, np.concatenate(([0], np.cumsum(np.bincount(columns, minlength=count))))
