"""Search without reading every token: passages' means propose, token vectors or their codes decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.candidates import MeanScan, means_of
from kivuko.retrieval.codec import Codec
from kivuko.retrieval.int8_scan import quantise
from kivuko.retrieval.passage_arrays import PassageArrays
from kivuko.retrieval.searching import Effort, Owners, Scored, lowest_of_best

_QUERIES_AT_ONCE = 64


class Scorer(Protocol):
    """Token vectors in some form, see :class:`kivuko.retrieval.exact_search.Vectors`."""

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


class CompressedSearcher:
    """Search in one segment.

    Args:
        arrays: of :func:`compress`.
        scorer: MaxSim with these passages.
        owners: which document each passage belongs to.
    """

    def __init__(self, arrays: PassageArrays, scorer: Scorer, owners: Owners) -> None:
        self._scan = MeanScan(arrays.by_passage["mean"], arrays.by_passage["mean-step"])
        self._scorer, self._owners = scorer, owners

    def search(
        self,
        queries: Sequence[NDArray[np.float32]],
        depth: int,
        allowed: NDArray[np.bool_],
        effort: Effort,
    ) -> list[Scored]:
        """Passages that may be among the ``depth`` best documents', with their scores.

        Args:
            queries: [query tokens, dim] of each query, at least one token.
            depth: documents wanted a query.
            allowed: [passages], which may be found.
            effort: how far to look.
        """
        allowed_ones, wanted = np.flatnonzero(allowed), effort.candidates(depth)
        if self._owners.count(allowed_ones) <= wanted:
            return [Scored(allowed_ones, self._scorer.maxsim(query, allowed_ones)) for query in queries]
        found = []
        for first in range(0, len(queries), _QUERIES_AT_ONCE):
            group = queries[first : first + _QUERIES_AT_ONCE]
            for query, scores in zip(group, self._scan.scores(group)[:, allowed_ones], strict=True):
                among = allowed_ones[scores >= lowest_of_best(scores, self._owners, allowed_ones, wanted)]
                found.append(Scored(among, self._scorer.maxsim(query, among)))
        return found
