"""A part of an index that is written once: documents, their words, and their passages' vectors in some form.

What it keeps of passages are arrays with a row a token or a row a passage, never padded.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.collections.document import Document
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.bounds import Owners, rows_of
from kivuko.retrieval.lexical import TITLE_WEIGHT, WordCounts
from kivuko.retrieval.word_order import END, UNCOUNTED, OrderedPart, WordOrder, words_in_order

_LENGTHS, _TOKEN, _PASSAGE = "lengths.npy", "token-", "passage-"
_DOCUMENTS, _POSITIONS, _IDS, _SPANS = "documents.jsonl", "documents.npy", "ids.json", "passages.npy"


@dataclass(frozen=True)
class PassageArrays:
    """Arrays of ``len(self)`` passages, in one order.

    Attributes:
        lengths: [passages] int64, tokens of each passage, at least 1.
        by_token: name → [tokens, …]; passage i owns rows ``offsets[i]`` to ``offsets[i + 1]``.
        by_passage: name → [passages, …].
    """

    lengths: NDArray[np.int64]
    by_token: Mapping[str, NDArray[Any]]
    by_passage: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def offsets(self) -> NDArray[np.int64]:
        """[passages + 1] int64, where each passage's tokens begin."""
        return np.concatenate(([0], np.cumsum(self.lengths)))

    def take(self, passages: NDArray[np.int64]) -> PassageArrays:
        """Some passages, in the order asked for."""
        rows = rows_of(self.offsets, passages)
        return PassageArrays(
            self.lengths[passages],
            {name: array.take(rows, axis=0) for name, array in self.by_token.items()},
            {name: array.take(passages, axis=0) for name, array in self.by_passage.items()},
        )

    @classmethod
    def join(cls, parts: Sequence[PassageArrays]) -> PassageArrays:
        """Passages of several parts, one part after the other."""
        return cls(
            np.concatenate([part.lengths for part in parts]),
            {name: np.concatenate([part.by_token[name] for part in parts]) for name in parts[0].by_token},
            {name: np.concatenate([part.by_passage[name] for part in parts]) for name in parts[0].by_passage},
        )

    def save(self, folder: Path) -> None:
        """Write each array as one ``.npy`` file into an existing folder."""
        np.save(folder / _LENGTHS, self.lengths)
        for prefix, arrays in ((_TOKEN, self.by_token), (_PASSAGE, self.by_passage)):
            for name, array in arrays.items():
                np.save(folder / f"{prefix}{name}.npy", array)

    @classmethod
    def open(cls, folder: Path) -> PassageArrays:
        """Memory-map what :meth:`save` wrote."""
        return cls(np.load(folder / _LENGTHS), *(_mapped(folder, prefix) for prefix in (_TOKEN, _PASSAGE)))


def _mapped(folder: Path, prefix: str) -> dict[str, NDArray[Any]]:
    # Copy-on-write maps: torch takes no array that cannot be written, though nobody writes to these.
    return {
        file.stem.removeprefix(prefix): np.load(file, mmap_mode="c")
        for file in sorted(folder.glob(f"{prefix}*.npy"))
    }


@dataclass(frozen=True)
class Content:
    """What a segment is written from, and what several are merged through.

    Attributes:
        documents: in order.
        words: of these documents.
        passages: [passages, 3] int32: number of the document, and where the passage begins and ends in its
            :attr:`~kivuko.collections.collection.Document.full_text`.
        arrays: of these passages; None in an index of words alone.
    """

    documents: list[Document]
    words: WordCounts
    passages: NDArray[np.int32]
    arrays: PassageArrays | None

    @classmethod
    def join(cls, parts: Sequence[Content]) -> Content:
        """Documents of several parts, one part after the other."""
        before = np.cumsum([0, *(len(part.documents) for part in parts)])[:-1]
        moved = [part.passages + np.array([number, 0, 0]) for part, number in zip(parts, before, strict=True)]
        arrays = [part.arrays for part in parts if part.arrays is not None]
        return cls(
            [document for part in parts for document in part.documents],
            WordCounts.join([part.words for part in parts]),
            np.concatenate(moved).astype(np.int32),
            PassageArrays.join(arrays) if arrays else None,
        )


@dataclass(frozen=True)
class EncodedDocuments:
    """Documents with the token vectors of their passages.

    Attributes:
        documents: ids are unique.
        passages: [passages, 3] int32: number of the document, and where the passage begins and ends in its
            :attr:`~kivuko.collections.document.Document.full_text`.
        vectors: of these passages, each with at least one token; None for an index of words alone.
    """

    documents: Sequence[Document]
    passages: NDArray[np.int32]
    vectors: TokenVectors | None

    @classmethod
    def words_only(cls, documents: Sequence[Document]) -> EncodedDocuments:
        """Documents for an index that holds no vectors."""
        return cls(documents, np.zeros((0, 3), dtype=np.int32), None)

    def only(self, ids: Collection[str]) -> EncodedDocuments:
        """Those of these documents that have one of some ids."""
        kept = [number for number, document in enumerate(self.documents) if document.id in ids]
        renumbered = np.full(len(self.documents), -1)
        renumbered[kept] = np.arange(len(kept))
        rows = np.flatnonzero(renumbered[self.passages[:, 0]] >= 0)
        table = self.passages[rows]
        table[:, 0] = renumbered[table[:, 0]]
        vectors = self.vectors
        if vectors is not None:
            offsets = np.concatenate(([0], np.cumsum(vectors.lengths[rows])))
            vectors = TokenVectors(vectors.vectors[rows_of(vectors.offsets, rows)], offsets)
        return EncodedDocuments([self.documents[number] for number in kept], table, vectors)


def write_segment(folder: Path, content: Content) -> None:
    """Write a segment into a new folder; its passages are put into ascending order of length.

    Args:
        folder: is made.
        content: what to write.
    """
    folder.mkdir(parents=True)
    positions = [0]
    with (folder / _DOCUMENTS).open("wb") as stream:
        for document in content.documents:
            row = json.dumps(asdict(document), ensure_ascii=False).encode() + b"\n"
            positions.append(positions[-1] + stream.write(row))
    np.save(folder / _POSITIONS, np.array(positions, dtype=np.int64))
    ids = [document.id for document in content.documents]
    (folder / _IDS).write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
    content.words.save(folder)
    passages, arrays = content.passages, content.arrays
    if arrays is not None:
        order = np.lexsort((passages[:, 1], passages[:, 0], arrays.lengths))
        passages, arrays = passages[order], arrays.take(order)
        arrays.save(folder)
    np.save(folder / _SPANS, passages)


class Segment:
    """A segment, opened. What it needs of its folder is opened at once, so that the folder may go away."""

    def __init__(self, folder: Path) -> None:
        self.ids: list[str] = json.loads((folder / _IDS).read_text(encoding="utf-8"))
        self.words = WordCounts.open(folder)
        #: [passages, 3] int32, see :class:`Content`.
        self.passages: NDArray[np.int32] = np.load(folder / _SPANS)
        self.owners = Owners.from_numbers(self.passages[:, 0])
        has_vectors = any(folder.glob("lengths.npy"))
        self.arrays = PassageArrays.open(folder) if has_vectors else None
        self._positions = np.load(folder / _POSITIONS)
        text = folder / _DOCUMENTS
        self._text = (
            np.memmap(text, dtype=np.uint8, mode="r") if text.stat().st_size else np.zeros(0, np.uint8)
        )

    def __len__(self) -> int:
        return len(self.ids)

    def document(self, number: int) -> Document:
        """One document."""
        row = self._text[self._positions[number] : self._positions[number + 1]].tobytes()
        return Document(**json.loads(row))

    def ordered(self, alive: NDArray[np.bool_]) -> OrderedPart:
        """The order of the words of those documents that are alive ([documents])."""
        return OrderedPart(self.words, np.flatnonzero(alive), self._word_order)

    def _word_order(self, documents: NDArray[np.int64]) -> WordOrder:
        """Of some documents; read from their text where an earlier version of Kivuko wrote the segment."""
        if self.words.order is not None:
            return self.words.order.take(documents)
        entries: list[int] = []
        offsets = [0]
        for number in documents.tolist():
            for part in words_in_order(self.document(number)):
                entries += [*(self.words.numbers.get(word, UNCOUNTED) for word in part), END]
            offsets.append(len(entries))
        return WordOrder(np.array(entries, dtype=np.int32), np.array(offsets, dtype=np.int64))

    @functools.cached_property
    def metadata(self) -> list[Mapping[str, str | int | float | bool]]:
        """Each document's metadata."""
        return [self.document(number).metadata for number in range(len(self))]

    def content(self, alive: NDArray[np.bool_]) -> Content:
        """What the segment was written from, without the documents that are no longer alive ([documents])."""
        kept = np.flatnonzero(alive)
        passages = np.flatnonzero(alive[self.owners.of])
        renumbered = np.cumsum(alive) - 1
        moved = self.passages[passages].copy()
        moved[:, 0] = renumbered[moved[:, 0]]
        documents = [self.document(int(number)) for number in kept]
        # An earlier version of Kivuko kept no order of the words.
        words = self.words.take(kept) if self.words.order else WordCounts.of(documents, TITLE_WEIGHT)
        return Content(
            documents,
            words,
            moved,
            self.arrays.take(passages) if self.arrays is not None else None,
        )
