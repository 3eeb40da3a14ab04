"""Exact late interaction: MaxSim of a query with every passage, none of them approximated in the end.

score(q, d) = Σ_i max_j ⟨q_i, d_j⟩ over content tokens (Khattab & Zaharia, "ColBERT", SIGIR 2020, arXiv 2004.12832).
A scan over one byte a number gives every passage a rough score and a bound on its error; passages that the bound
cannot rule out are scored again from their own vectors in float32. The ranking is the exact one.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.bounds import Effort, Owners, chunks_of, rows_of
from kivuko.retrieval.halves import as_float32
from kivuko.retrieval.scan import Int8Scan, int_product, quantise
from kivuko.retrieval.segment import PassageArrays

Precision = Literal["float16", "int8"]
#: Few enough that their vectors in float32 (1.5 MB of 384 dimensions) stay in the processor's cache.
_TOKENS_RESCORED_AT_ONCE = 1 << 10


class Vectors:
    """Token vectors of a segment in the precision it keeps them in.

    Args:
        arrays: with ``"float16"`` by token, or ``"int8"`` by token and ``"step"`` by passage.
    """

    def __init__(self, arrays: PassageArrays) -> None:
        self.offsets = arrays.offsets
        self._float16 = arrays.by_token.get("float16")
        self._int8, self._steps = arrays.by_token["int8"], arrays.by_passage["step"]

    def of(self, passage: int) -> NDArray[np.float32]:
        """[tokens, dim] of one passage."""
        rows = slice(self.offsets[passage], self.offsets[passage + 1])
        if self._float16 is not None:
            return as_float32(self._float16[rows])
        vectors: NDArray[np.float32] = self._int8[rows].astype(np.float32) * self._steps[passage]
        return vectors

    def maxsim(self, query: NDArray[np.float32], passages: NDArray[np.int64]) -> NDArray[np.float32]:
        """[passages] MaxSim of a query [query tokens, dim] with some passages."""
        lengths = self.offsets[passages + 1] - self.offsets[passages]
        scores = np.empty(len(passages), dtype=np.float32)
        for first, last in chunks_of(lengths, _TOKENS_RESCORED_AT_ONCE):
            rows = rows_of(self.offsets, passages[first:last])
            if self._float16 is not None:
                similarity = query @ as_float32(self._float16.take(rows, axis=0)).T
            else:
                similarity = _with_int8(query, self._int8.take(rows, axis=0))
            starts = np.cumsum(lengths[first:last]) - lengths[first:last]
            scores[first:last] = np.maximum.reduceat(similarity, starts, axis=1).sum(axis=0)
        return scores if self._float16 is not None else scores * self._steps[passages]


def _with_int8(query: NDArray[np.float32], tokens: NDArray[np.int8]) -> NDArray[np.float32]:
    """[query tokens, tokens] inner products with whole numbers, the query in two of them (16 bits) a coordinate."""
    steps = np.maximum(np.abs(query).max(axis=1, keepdims=True), 1e-12) / 127
    high = np.rint(query / steps)
    low = np.rint((query / steps - high) * 254)  # at most half a step away: −127 to 127
    products = int_product(tokens, np.concatenate([high, low]).T.astype(np.int8)).T.astype(np.float32)
    exact = products[: len(query)] + products[len(query) :] / np.float32(254)
    return np.asarray(exact * steps)


def compress_exact(vectors: TokenVectors, precision: Precision) -> PassageArrays:
    """What an exact index keeps of passages: bytes a number to scan, and float16 to score with if asked for."""
    int8, steps, errors = quantise(vectors.vectors, vectors.offsets)
    by_token: dict[str, NDArray[Any]] = {"int8": int8}
    if precision == "float16":
        by_token["float16"] = np.asarray(vectors.vectors)
    else:
        errors = np.zeros_like(errors)  # the whole numbers are the vectors
    return PassageArrays(vectors.lengths, by_token, {"step": steps, "error": errors})


class ExactPart:
    """A segment of exact search, see :class:`kivuko.retrieval.bounds.Part`.

    Args:
        arrays: of :func:`compress_exact`, passages in ascending order of length.
        owners: which document each passage belongs to.
    """

    def __init__(self, arrays: PassageArrays, owners: Owners) -> None:
        self.owners = owners
        self.maxsim = Vectors(arrays).maxsim
        self.rough = Int8Scan(
            arrays.by_token["int8"], arrays.by_passage["step"], arrays.by_passage["error"], arrays.lengths
        ).scores

    def needed(self, depth: int, effort: Effort) -> int:
        """As many as are wanted: the bounds leave everything that may be among them."""
        return depth
