"""BM25 over the words of documents, for plain queries and for structured ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.data import Document
from kivuko.errors import InputError
from kivuko.ranking import best
from kivuko.retrieval.word_counts import WordCounts
from kivuko.text import words

K1, B = 1.2, 0.75
#: Chosen on development titles and first paragraphs together: titles gain much, paragraphs lose nothing.
TITLE_WEIGHT = 5


class LexicalIndex:
    """BM25 (k1 1.2, b 0.75; Robertson, Walker, Jones, Hancock-Beaulieu, Gatford, TREC-3, 1994), as Lucene has it.

    Words are those of :func:`kivuko.text.words`, unstemmed. With a title weight w above 1, a word of the
    title counts w times, the simple BM25F
    (Robertson, Zaragoza, Taylor, CIKM 2004, doi:10.1145/1031171.1031181).

    Args:
        documents: what to index.
        title_weight: how often a word of the title counts, at least 1.

    Raises:
        InputError: a document id occurs twice, no document has a word, or the title weight is below 1.
    """

    def __init__(self, documents: Sequence[Document], *, title_weight: int = TITLE_WEIGHT) -> None:
        if title_weight < 1:
            raise InputError(
                "these documents cannot be indexed", expected="a title weight of at least 1", got=title_weight
            )
        self._fill([document.id for document in documents], WordCounts.of(documents, title_weight))

    @classmethod
    def from_counts(cls, ids: Sequence[str], counts: WordCounts) -> LexicalIndex:
        """BM25 over documents whose words were counted before.

        Raises:
            InputError: an id occurs twice, or no document has a word.
        """
        index = cls.__new__(cls)
        index._fill(list(ids), counts)
        return index

    def _fill(self, ids: list[str], counts: WordCounts) -> None:
        from scipy.sparse import csc_matrix

        if len(set(ids)) < len(ids) or not len(counts.counts):
            raise InputError(
                "these documents cannot be indexed",
                expected="unique ids, and at least one word",
                got=f"{len(ids)} documents, {len(set(ids))} ids, {len(counts.counts)} different words in them",
            )
        self.ids = ids
        #: Word → column, for every word of the documents.
        self.vocabulary: Mapping[str, int] = {word: number for number, word in enumerate(counts.vocabulary)}
        rows = np.repeat(np.arange(len(ids)), np.diff(counts.offsets))
        frequency = counts.counts[:, 1].astype(np.float64)
        table = csc_matrix((frequency, (rows, counts.counts[:, 0])), shape=(len(ids), len(self.vocabulary)))
        self._counts: Any = table
        self._document_frequency: NDArray[np.float64] = np.diff(table.indptr).astype(np.float64)
        lengths = np.bincount(rows, frequency, minlength=len(ids))
        self._saturation: NDArray[np.float64] = K1 * (1 - B + B * lengths / lengths.mean())

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
        """The best documents for a query each of whose words is a weighted set of the documents' words.

        The set is treated as one word: its frequency in a document, and its document frequency, are the
        expected ones, Σ weight · frequency, and enter BM25 once (probabilistic structured queries: Darwish,
        Oard, SIGIR 2003, doi:10.1145/860435.860497). A set of one word of weight 1 scores as that word does.

        Args:
            query: for each query word, word → weight ≥ 0; words unknown to the documents count nothing.
            depth: how many documents to return at most.
            allowed: [documents], which may be found; all of them by default.

        Returns:
            As :meth:`search`.
        """
        documents = len(self.ids)
        scores = np.zeros(documents)
        for alternatives in query:
            known = [
                (self.vocabulary[word], weight)
                for word, weight in alternatives.items()
                if word in self.vocabulary
            ]
            if not known:
                continue
            columns = np.array([column for column, _ in known])
            weights = np.array([weight for _, weight in known])
            frequency = self._counts[:, columns] @ weights
            spread = min(float(self._document_frequency[columns] @ weights), float(documents))
            rarity = np.log1p((documents - spread + 0.5) / (spread + 0.5))
            scores += rarity * frequency / (frequency + self._saturation)
        if allowed is not None:
            scores[~allowed] = 0.0
        return best(scores, self.ids, depth, above=0.0)
