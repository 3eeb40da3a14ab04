"""What an index keeps of passages: arrays with a row a token or a row a passage, never padded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTHS, _TOKEN, _PASSAGE = "lengths.npy", "token-", "passage-"


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


def rows_of(offsets: NDArray[np.int64], passages: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the tokens of some passages, passage after passage."""
    lengths = offsets[passages + 1] - offsets[passages]
    begins = np.cumsum(lengths) - lengths
    return np.repeat(offsets[passages] - begins, lengths) + np.arange(lengths.sum())


def _mapped(folder: Path, prefix: str) -> dict[str, NDArray[Any]]:
    # Copy-on-write maps: torch takes no array that cannot be written, though nobody writes to these.
    return {
        file.stem.removeprefix(prefix): np.load(file, mmap_mode="c")
        for file in sorted(folder.glob(f"{prefix}*.npy"))
    }
