"""Passages in cells by their mean vectors, so that a search looks at those near the query alone.

An inverted file (Sivic & Zisserman, "Video Google", ICCV 2003; Jégou, Douze & Schmid, TPAMI 2011): means are
clustered, a query reads the cells whose centroids are nearest to it, and of these the means. With √passages cells,
and a number of them read that does not grow, the work grows as √passages does. What is lost by it is measured in
docs/results/large.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kivuko.retrieval.bounds import rows_of
from kivuko.retrieval.clusters import nearest, train_centroids

#: Passages up to which all means are looked at: that takes a millisecond or two.
FEWEST_PASSAGES = 1 << 14
_CELLS_PER_ROOT = 4
_MOST_CELLS = 1 << 16
_FILE = "cells.npy"


@dataclass(frozen=True)
class Cells:
    """What an index has learnt to tell which passages are near each other.

    Attributes:
        centroids: [cells, dim] float32, unit length.
    """

    centroids: NDArray[np.float32]

    @classmethod
    def train(cls, means: NDArray[np.floating], passages: int, random: np.random.Generator) -> Cells:
        """Learn cells on a sample of mean vectors.

        Args:
            means: [sample, dim], at least one row.
            passages: how many there are in all, which the number of cells depends on.
            random: draws what clustering starts from.
        """
        wanted = 2 ** round(np.log2(_CELLS_PER_ROOT * np.sqrt(passages)))
        centroids, _ = train_centroids(means, min(wanted, _MOST_CELLS, len(means)), random)
        return cls(centroids)

    def of(self, means: NDArray[np.floating]) -> NDArray[np.uint16]:
        """[passages] the cell of each mean vector."""
        return nearest(means, self.centroids).astype(np.uint16)

    def order(self, direction: NDArray[np.float32]) -> NDArray[np.int64]:
        """[cells] numbers of the cells, the one that lies nearest in a direction [dim] first."""
        return np.argsort(-(self.centroids @ direction), kind="stable")

    def save(self, folder: Path) -> None:
        """Write the cells into an existing folder."""
        np.save(folder / _FILE, self.centroids.astype(np.float16))

    @classmethod
    def open(cls, folder: Path) -> Cells | None:
        """Read what :meth:`save` wrote; None where nothing did."""
        path = folder / _FILE
        return cls(np.load(path).astype(np.float32)) if path.is_file() else None


class CellMembers:
    """Which passages of a segment are in each cell.

    Args:
        cells: of the index.
        numbers: [passages] of :meth:`Cells.of`.
    """

    def __init__(self, cells: Cells, numbers: NDArray[np.uint16]) -> None:
        self._cells = cells
        self._members = np.argsort(numbers, kind="stable")
        sizes = np.bincount(numbers, minlength=len(cells.centroids))
        self._begins = np.concatenate(([0], np.cumsum(sizes)))

    def near(
        self, direction: NDArray[np.float32], allowed: NDArray[np.bool_] | None, cells: int, fewest: int
    ) -> NDArray[np.int64]:
        """Passages of the cells that lie nearest in a direction, ascending.

        Args:
            direction: [dim].
            allowed: [passages], which may be found; None for all.
            cells: how many to read at least.
            fewest: passages to find at least, if there are so many.
        """
        order = self._cells.order(direction)
        sizes = np.diff(self._begins)
        if allowed is not None:
            before = np.concatenate(([0], np.cumsum(allowed[self._members])))
            sizes = np.diff(before[self._begins])
        enough = int(np.searchsorted(np.cumsum(sizes[order]), fewest)) + 1
        passages = self._members[rows_of(self._begins, order[: max(cells, enough)])]
        return np.sort(passages if allowed is None else passages[allowed[passages]])
