"""What every search of a segment's passages shares: whose passages they are, and where the best documents end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
        return cls(numbers, len(np.unique(numbers)) == len(numbers))

    def count(self, passages: NDArray[np.int64]) -> int:
        """How many documents some passages belong to."""
        return len(passages) if self.single else len(np.unique(self.of[passages]))


def lowest_of_best(
    scores: NDArray[np.float32], owners: Owners, passages: NDArray[np.int64], depth: int
) -> np.float32:
    """The ``depth``-th best score of documents, each scored by its best passage (Dai & Callan's MaxP, SIGIR 2019).

    Args:
        scores: [passages].
        owners: of the segment.
        passages: numbers of the scored passages.
        depth: at most the number of documents that they belong to.
    """
    best = scores
    if not owners.single:
        best = np.full(int(owners.of.max()) + 1, -np.inf, dtype=np.float32)
        np.maximum.at(best, owners.of[passages], scores)
    lowest: np.float32 = np.partition(best, len(best) - depth)[len(best) - depth]
    return lowest
