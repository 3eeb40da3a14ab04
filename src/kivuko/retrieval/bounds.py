"""Search by vectors over all segments of an index: rough scores rule most passages out, MaxSim ranks the others.

What the rough scores are is the kind's: with bounds on their errors (``exact_search``), so that nothing is lost, or
without (``compressed_search``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

#: Query tokens scanned together: more would not fit the processor's tiles any better.
_QUERY_TOKENS_AT_ONCE = 64


@dataclass(frozen=True)
class Effort:
    """How far a compressed search looks: more costs time and finds more of the exact ranking.

    Attributes:
        least: documents scored by their token vectors or codes, at least.
        factor: the same for each document wanted.
    """

    least: int = 256
    factor: int = 8

    def candidates(self, depth: int) -> int:
        """Documents to score where ``depth`` are wanted."""
        return max(self.least, self.factor * depth)


EFFORT = Effort()


@dataclass(frozen=True)
class Scored:
    """Passages that a search found, with their scores, in no order.

    Attributes:
        passages: numbers of passages within a segment.
        scores: [passages] MaxSim.
    """

    passages: NDArray[np.int64]
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class Owners:
    """Which document each passage of a segment belongs to.

    Attributes:
        of: [passages], number of the document within the segment.
        single: whether no document has two passages.
    """

    of: NDArray[np.int64]
    single: bool

    @classmethod
    def from_numbers(cls, of: NDArray[np.integer]) -> Owners:
        """Owners by document number."""
        numbers = np.asarray(of, dtype=np.int64)
        return cls(numbers, bool((np.bincount(numbers) <= 1).all()))

    def best(self, scores: NDArray[np.float32], passages: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores of documents, each by its best passage (Dai & Callan's MaxP, SIGIR 2019); −∞ of others may be among.

        Args:
            scores: [passages].
            passages: which ones these are.
        """
        if self.single:
            return scores
        best = np.full(int(self.of.max()) + 1, -np.inf, dtype=np.float32)
        np.maximum.at(best, self.of[passages], scores)
        return best

    def count(self, passages: NDArray[np.int64]) -> int:
        """How many documents some passages belong to."""
        return len(passages) if self.single else int(np.count_nonzero(np.bincount(self.of[passages])))


class Part(Protocol):
    """A segment that is searched in two steps: rough scores for all passages, MaxSim for those that they leave."""

    owners: Owners

    def needed(self, depth: int, effort: Effort) -> int:
        """How many of the documents that are best by rough scores must be left where ``depth`` are wanted."""

    def rough(
        self, queries: Sequence[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """[queries, passages] rough scores, and how wrong each is at most; 0 where they only order."""

    def maxsim(self, query: NDArray[np.float32], passages: NDArray[np.int64]) -> NDArray[np.float32]:
        """[passages] MaxSim of a query [query tokens, dim] with some passages, given in ascending order."""


def search(
    parts: Sequence[Part],
    queries: Sequence[NDArray[np.float32]],
    depth: int,
    allowed: Sequence[NDArray[np.bool_]],
    effort: Effort,
) -> Iterator[list[Scored]]:
    """Passages with their MaxSim, the ``depth`` best documents' among them.

    Args:
        parts: segments of one kind of index.
        queries: [query tokens, dim] of each query, at least one token.
        depth: documents wanted a query.
        allowed: [passages] of each part, which may be found.
        effort: how far to look.

    Yields:
        For each query, what was found in each part.
    """
    among = [np.flatnonzero(mask) for mask in allowed]
    needed = parts[0].needed(depth, effort) if parts else 0
    if sum(part.owners.count(each) for part, each in zip(parts, among, strict=True)) <= needed:
        for query in queries:  # all of them are wanted: nothing to rule out
            yield _scored(parts, query, among)
        return
    for first, last in chunks_of(np.array([len(query) for query in queries]), _QUERY_TOKENS_AT_ONCE):
        group = queries[first:last]
        bounds = []
        for part, each in zip(parts, among, strict=True):
            scores, errors = part.rough(group)
            bounds.append((scores[:, each] - errors[:, each], scores[:, each] + errors[:, each]))
        for number, query in enumerate(group):
            lowest = [
                part.owners.best(low[number], each)
                for part, each, (low, _) in zip(parts, among, bounds, strict=True)
            ]
            best = np.concatenate(lowest)
            threshold = np.partition(best, len(best) - needed)[len(best) - needed]
            possible = [
                each[high[number] >= threshold] for each, (_, high) in zip(among, bounds, strict=True)
            ]
            yield _scored(parts, query, possible)


def _scored(
    parts: Sequence[Part], query: NDArray[np.float32], passages: Sequence[NDArray[np.int64]]
) -> list[Scored]:
    return [
        Scored(each, part.maxsim(query, each) if len(each) else np.zeros(0, np.float32))
        for part, each in zip(parts, passages, strict=True)
    ]


def rows_of(offsets: NDArray[np.int64], passages: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the tokens of some passages, passage after passage."""
    lengths = offsets[passages + 1] - offsets[passages]
    begins = np.cumsum(lengths) - lengths
    return np.repeat(offsets[passages] - begins, lengths) + np.arange(lengths.sum())


def chunks_of(lengths: NDArray[np.int64], tokens: int) -> list[tuple[int, int]]:
    """Ranges of whole passages with at most ``tokens`` tokens each, or one longer passage."""
    ends = np.cumsum(lengths)
    chunks, first = [], 0
    while first < len(lengths):
        limit = (ends[first - 1] if first else 0) + tokens
        last = max(first + 1, int(np.searchsorted(ends, limit, side="right")))
        chunks.append((first, last))
        first = last
    return chunks


def runs_of(lengths: NDArray[np.int64], tokens: int) -> list[tuple[int, int, int]]:
    """(first passage, last passage, length) of neighbours of one length, at most ``tokens`` tokens together."""
    edges = np.concatenate(([0], np.flatnonzero(np.diff(lengths)) + 1, [len(lengths)])).tolist()
    runs = []
    for begin, end in itertools.pairwise(edges):
        length = int(lengths[begin]) if begin < end else 1
        step = max(1, tokens // length)
        runs += [(first, min(first + step, end), length) for first in range(begin, end, step)]
    return runs
