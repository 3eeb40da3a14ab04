"""Search without reading every token: passages' means propose, token vectors or their codes decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.bounds import Effort, Owners
from kivuko.retrieval.codes import Codec
from kivuko.retrieval.scan import MeanScan, means_of, quantise
from kivuko.retrieval.segment import PassageArrays


class Scorer(Protocol):
    """Token vectors in some form, see :class:`kivuko.retrieval.exact.Vectors`."""

    def maxsim(self, query: NDArray[np.float32], passages: NDArray[np.int64]) -> NDArray[np.float32]:
        """[passages] MaxSim of a query [query tokens, dim] with some passages, given in ascending order."""


def compress(vectors: TokenVectors, codec: Codec | None) -> PassageArrays:
    """What is kept of passages: their means, and of tokens the codes, or without a codec vectors in whole numbers."""
    by_token: dict[str, NDArray[Any]] = {}
    by_passage: dict[str, NDArray[Any]] = {}
    by_passage["mean"], by_passage["mean-step"] = means_of(vectors)
    if codec is None:
        by_token["int8"], by_passage["step"], _ = quantise(vectors.vectors, vectors.offsets)
    else:
        by_token["centroid"], by_token["code"] = codec.encode(vectors.vectors)
    return PassageArrays(vectors.lengths, by_token, by_passage)


class CompressedPart:
    """A segment of compressed search, see :class:`kivuko.retrieval.bounds.Part`.

    Args:
        arrays: of :func:`compress`, passages in ascending order of length.
        scorer: MaxSim with these passages.
        owners: which document each passage belongs to.
    """

    def __init__(self, arrays: PassageArrays, scorer: Scorer, owners: Owners) -> None:
        self.owners = owners
        self.maxsim = scorer.maxsim
        self._scan = MeanScan(arrays.by_passage["mean"], arrays.by_passage["mean-step"])

    def needed(self, depth: int, effort: Effort) -> int:
        """Several for each one that is wanted, for means are no bounds."""
        return effort.candidates(depth)

    def rough(
        self, queries: Sequence[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Similarity with passages' means, which only orders them."""
        scores = self._scan.scores(queries)
        return scores, np.broadcast_to(np.float32(0), scores.shape)
