"""How often each word occurs in each document: what BM25 needs of a collection."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kivuko.data import Document
from kivuko.retrieval.passage_arrays import rows_of
from kivuko.text import words

_VOCABULARY, _COUNTS, _OFFSETS = "vocabulary.json", "word-counts.npy", "word-offsets.npy"


@dataclass(frozen=True)
class WordCounts:
    """Words of documents.

    Attributes:
        vocabulary: every word once.
        counts: [entries, 2] int32, number of a word and how often it occurs.
        offsets: [documents + 1] int64; document i owns entries ``offsets[i]`` to ``offsets[i + 1]``.
    """

    vocabulary: list[str]
    counts: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def of(cls, documents: Sequence[Document], title_weight: int) -> WordCounts:
        """Count words as :func:`kivuko.text.words` finds them; one of a title counts ``title_weight`` times."""
        numbers: dict[str, int] = {}
        entries: list[tuple[int, int]] = []
        offsets = [0]
        for document in documents:
            counted = Counter(words(document.title) * (title_weight - 1) + words(document.full_text))
            entries += [(numbers.setdefault(word, len(numbers)), count) for word, count in counted.items()]
            offsets.append(len(entries))
        return cls(
            list(numbers), np.array(entries, dtype=np.int32).reshape(-1, 2), np.array(offsets, dtype=np.int64)
        )

    def take(self, documents: NDArray[np.int64]) -> WordCounts:
        """Some documents, in the order asked for; the vocabulary stays."""
        lengths = np.diff(self.offsets)[documents]
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        return WordCounts(self.vocabulary, self.counts[rows_of(self.offsets, documents)], offsets)

    @classmethod
    def join(cls, parts: Sequence[WordCounts]) -> WordCounts:
        """Documents of several parts, one part after the other; words that no document has any more are left out."""
        numbers: dict[str, int] = {}
        counts, lengths = [], []
        for part in parts:
            used = np.unique(part.counts[:, 0])
            renumbered = np.zeros(len(part.vocabulary), dtype=np.int32)
            renumbered[used] = [numbers.setdefault(part.vocabulary[word], len(numbers)) for word in used]
            counts.append(np.column_stack((renumbered[part.counts[:, 0]], part.counts[:, 1])))
            lengths.append(np.diff(part.offsets))
        offsets = np.concatenate(([0], np.cumsum(np.concatenate([np.zeros(0, np.int64), *lengths]))))
        joined = np.concatenate([np.zeros((0, 2), np.int32), *counts])
        return cls(list(numbers), joined, offsets)

    def save(self, folder: Path) -> None:
        """Write three files into an existing folder."""
        (folder / _VOCABULARY).write_text(json.dumps(self.vocabulary, ensure_ascii=False), encoding="utf-8")
        np.save(folder / _COUNTS, self.counts)
        np.save(folder / _OFFSETS, self.offsets)

    @classmethod
    def open(cls, folder: Path) -> WordCounts:
        """Read what :meth:`save` wrote."""
        vocabulary = json.loads((folder / _VOCABULARY).read_text(encoding="utf-8"))
        return cls(vocabulary, np.load(folder / _COUNTS), np.load(folder / _OFFSETS))
