"""Vectors that a store of others keeps and searches; the index folder keeps which points are its own.

The folder's manifest stays the commit point of every change: points are written before it and removed after it, so
that who is killed between leaves points that nobody finds, and the same change, repeated, finds them there.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kivuko.artifact import hash_json
from kivuko.errors import ArtifactError
from kivuko.retrieval.bounds import Effort, Scored
from kivuko.retrieval.filters import Among, Filter, asked_tokens, field_tokens
from kivuko.retrieval.scan import means_of
from kivuko.retrieval.segment import EncodedDocuments, PassageArrays, Segment
from kivuko.retrieval.stores import NAMES_AT_ONCE, Asked, Point, VectorStore

if TYPE_CHECKING:
    from kivuko.retrieval.state import State

#: Name of the array [passages, 2] uint64 by which a segment says which point each passage is.
POINT = "point"
#: Passages asked for beyond the documents wanted: some may be of one document, or of no state of this index.
_MORE = 16


class StoredVectors:
    """How an index keeps vectors in a store.

    Args:
        store: the index's own collection.
    """

    def __init__(self, store: VectorStore) -> None:
        self.store = store

    def keep(self, documents: EncodedDocuments) -> PassageArrays:
        """Write the passages of documents that are not there yet; what the folder keeps of them.

        Raises:
            StoreError: the store does not answer.
        """
        if documents.vectors is None:
            raise TypeError("a store keeps vectors")
        vectors = documents.vectors
        self.store.create(vectors.vectors.shape[1])
        rows = [(int(number), int(begin), int(end)) for number, begin, end in documents.passages]
        hashes = [hash_json(asdict(document)) for document in documents.documents]
        names = [_name(hashes[number], begin, end) for number, begin, end in rows]
        numbers, steps = means_of(vectors)
        for first in range(0, len(rows), NAMES_AT_ONCE):
            several = range(first, min(first + NAMES_AT_ONCE, len(rows)))
            there = self.store.known([names[each] for each in several])
            new = [each for each in several if names[each] not in there]
            self.store.put(
                [
                    Point(
                        names[each],
                        vectors[each],
                        numbers[each].astype(np.float32) * steps[each],
                        documents.documents[rows[each][0]].id,
                        rows[each][1:],
                        field_tokens(documents.documents[rows[each][0]].metadata),
                    )
                    for each in new
                ]
            )
        points = np.array([_halves(name) for name in names], dtype=np.uint64).reshape(-1, 2)
        return PassageArrays(vectors.lengths, {}, {POINT: points})

    def search(
        self,
        state: State,
        queries: Sequence[NDArray[np.float32]],
        depth: int,
        allowed: Sequence[NDArray[np.bool_]],
        where: Filter | Among | None,
        effort: Effort,
    ) -> Iterator[list[Scored]]:
        """See :meth:`kivuko.retrieval.state.State.search`; where means would propose all passages, all are scored.

        Raises:
            StoreError: the store does not answer.
        """
        candidates = effort.candidates(depth)
        all_there = state.total("passages") <= candidates
        fields = asked_tokens(where) if where and not isinstance(where, Among) else ()
        among = where.ids if isinstance(where, Among) else None
        found: dict[int, list[Scored]] = {}
        open_ones, limit = list(range(len(queries))), depth + _MORE
        while open_ones:
            proposed = None if all_there else max(candidates, limit)
            answers = self.store.search(
                [Asked(queries[each], limit, proposed, fields, among) for each in open_ones]
            )
            unfinished = []
            for query, points in zip(open_ones, answers, strict=True):
                found[query] = state.points.scored(points, allowed)
                if len(points) == limit and not _has_enough(state.segments, found[query], points, depth):
                    unfinished.append(query)
            open_ones, limit = unfinished, 2 * limit
        yield from (found[query] for query in range(len(queries)))

    def vectors_of(self, segment: Segment, passages: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        """[tokens, dim] of some passages of a segment.

        Raises:
            ArtifactError: the store lacks them.
            StoreError: the store does not answer.
        """
        names = [_joined(row) for row in _points(segment)[passages]]
        found = self.store.token_vectors(names)
        if lost := [name for name in names if name not in found]:
            raise _lost(len(lost), len(names))
        return [found[name] for name in names]

    def forget(self, gone: NDArray[np.uint64], kept: NDArray[np.uint64]) -> None:
        """Remove points [n, 2] that are not among others [m, 2]."""
        names = {_joined(row) for row in gone} - {_joined(row) for row in kept}
        for several in _by(sorted(names)):
            self.store.remove(several)

    def sweep(self, named: NDArray[np.uint64]) -> None:
        """Remove all points but those named [n, 2]."""
        own = {_joined(row) for row in named}
        # Names first: a page that is read while points of it go may leave out others.
        strangers = [name for name in self.store.ids() if name not in own]
        for several in _by(strangers):
            self.store.remove(several)
        self.store.finish()

    def verify(self, named: NDArray[np.uint64]) -> None:
        """Compare the points that are there with those named [n, 2].

        Raises:
            ArtifactError: one is missing.
            StoreError: the store does not answer.
        """
        own = {_joined(row) for row in named}
        lost = own.difference(self.store.ids())
        if lost:
            raise _lost(len(lost), len(own))


class PointPlaces:
    """Where the points of a state's passages stand: segment and number in it.

    Args:
        segments: of the state.
        alive: [passages] of each segment, which can be found.
    """

    def __init__(self, segments: Sequence[Segment], alive: Sequence[NDArray[np.bool_]]) -> None:
        kept = [np.flatnonzero(mask) for mask in alive]
        points = map(_points, segments)
        self._points = _stacked(each[own] for each, own in zip(points, kept, strict=True))
        self._passages = np.concatenate([np.zeros(0, np.int64), *kept])
        self._segments = np.repeat(np.arange(len(segments)), [len(own) for own in kept])
        self._count = len(segments)
        self._order = np.argsort(self._points[:, 0], kind="stable")
        self._first = self._points[self._order, 0]

    @property
    def all(self) -> NDArray[np.uint64]:
        """[passages that can be found, 2]."""
        return self._points

    def scored(
        self, points: Sequence[tuple[str, float]], allowed: Sequence[NDArray[np.bool_]]
    ) -> list[Scored]:
        """Points with scores as passages of each segment; those of no passage that is allowed are left out."""
        own: list[tuple[list[int], list[float]]] = [([], []) for _ in range(self._count)]
        for name, score in points:
            found = self._place(name)
            if found is not None and allowed[found[0]][found[1]]:
                own[found[0]][0].append(found[1])
                own[found[0]][1].append(score)
        return [
            Scored(np.array(passages, dtype=np.int64), np.array(scores, dtype=np.float32))
            for passages, scores in own
        ]

    def _place(self, name: str) -> tuple[int, int] | None:
        first, second = _halves(name)
        place = int(np.searchsorted(self._first, np.uint64(first)))
        while place < len(self._first) and int(self._first[place]) == first:
            row = self._order[place]
            if int(self._points[row, 1]) == second:
                return int(self._segments[row]), int(self._passages[row])
            place += 1
        return None


def points_of(arrays: Iterable[PassageArrays | None]) -> NDArray[np.uint64]:
    """[passages, 2], the points of several segments' passages."""
    return _stacked(each.by_passage[POINT] for each in arrays if each is not None)


def _points(segment: Segment) -> NDArray[np.uint64]:
    return points_of([segment.arrays])


def _stacked(points: Iterable[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    return np.concatenate([np.zeros((0, 2), np.uint64), *points])


def _has_enough(
    segments: Sequence[Segment], found: Sequence[Scored], points: Sequence[tuple[str, float]], depth: int
) -> bool:
    """Whether the ``depth`` best documents are among what was found, with all that score as the last of them."""
    best: dict[tuple[int, int], float] = {}
    for number, (segment, scored) in enumerate(zip(segments, found, strict=True)):
        owners = segment.owners.of[scored.passages].tolist()
        for document, score in zip(owners, scored.scores.tolist(), strict=True):
            best[number, document] = max(score, best.get((number, document), score))
    if len(best) < depth:
        return False
    return sorted(best.values(), reverse=True)[depth - 1] > float(np.float32(points[-1][1]))


def _by(names: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while several := list(islice(rest, NAMES_AT_ONCE)):
        yield several


def _name(document: str, begin: int, end: int) -> str:
    """The point of a passage of a document with some content."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"{document} {begin} {end}".encode()).digest()[:16]))


def _halves(name: str) -> tuple[int, int]:
    whole = uuid.UUID(name).int
    return whole >> 64, whole & ((1 << 64) - 1)


def _joined(row: NDArray[np.uint64]) -> str:
    return str(uuid.UUID(int=int(row[0]) << 64 | int(row[1])))


def _lost(count: int, of: int) -> ArtifactError:
    return ArtifactError(
        "the store lacks vectors of this index",
        expected=f"{of:,} passages",
        got=f"{count:,} of them are not there",
        remedy="build the index again, or add the documents anew with --replace",
    )
