"""Which passages a query may match, by one vector a passage: the mean of its token vectors, at unit length.

MaxSim adds, for each query token, its best cosine in the passage; the mean vector adds the average ones. They rank
alike enough that the best documents by MaxSim are nearly always among the first few hundred by means, which cost one
product a passage instead of one a token and query token: the simplest of the single-vector stand-ins of Jayaram,
Dhulipala, Hadian, Lee & Mirrokni, "MUVERA", NeurIPS 2024, arXiv 2405.19504, with one bucket. How nearly, is measured
in docs/results/engine. Means lie in the index at a byte a number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.int8_scan import chunks_of

_TOKENS_AT_ONCE = 1 << 16
#: The fewest columns of an integer matrix product: one query needs one, and time goes with their number.
_COLUMNS = 8


def means_of(vectors: TokenVectors) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Mean token vector of each passage, as whole numbers of a step that each passage has for itself.

    Args:
        vectors: of passages with at least one token each.

    Returns:
        [passages, dim] int8 from −127 to 127, and [passages] the step: mean ≈ step · int8, of unit length.
    """
    found = np.empty((len(vectors), vectors.vectors.shape[1]), dtype=np.int8)
    steps = np.empty(len(vectors), dtype=np.float32)
    for first, last in chunks_of(vectors.lengths, _TOKENS_AT_ONCE):
        begin, end = vectors.offsets[first], vectors.offsets[last]
        tokens = vectors.vectors[begin:end].astype(np.float32)
        sums = np.add.reduceat(tokens, vectors.offsets[first:last] - begin, axis=0)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        means = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)
        step = np.abs(means).max(axis=1) / 127
        step[step == 0] = 1.0
        found[first:last] = np.rint(means / step[:, None])
        steps[first:last] = step
    return found, steps


class MeanScan:
    """Similarity of queries with the mean of every passage of a segment.

    Args:
        means: [passages, dim] int8 of :func:`means_of`.
        steps: [passages] of :func:`means_of`.
    """

    def __init__(self, means: NDArray[np.int8], steps: NDArray[np.float32]) -> None:
        self._means, self._steps = torch.from_numpy(means), np.asarray(steps)

    def scores(self, queries: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """[queries, passages], in units that differ from query to query.

        Args:
            queries: [query tokens, dim] of each query.
        """
        sums = np.stack([query.sum(axis=0) for query in queries])
        largest = np.maximum(np.abs(sums).max(axis=1, keepdims=True), 1e-12)
        columns = np.zeros((sums.shape[1], -(-len(sums) // _COLUMNS) * _COLUMNS), dtype=np.int8)
        columns[:, : len(sums)] = np.rint(sums / largest * 127).T
        products = torch._int_mm(self._means, torch.from_numpy(columns))
        return np.asarray(products[:, : len(sums)].T.float().numpy() * self._steps)
