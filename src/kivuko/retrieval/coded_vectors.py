"""MaxSim with what codes stand for, without unpacking them into vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from kivuko.retrieval.codec import CODE_BYTES, Codec
from kivuko.retrieval.int8_scan import COLUMNS, chunks_of, runs_of
from kivuko.retrieval.passage_arrays import PassageArrays, rows_of

_TOKENS_AT_ONCE = 8192


class CodedVectors:
    """Token vectors of a segment as centroids and codes.

    Args:
        arrays: with ``"centroid"`` and ``"code"`` by token, passages in ascending order of length.
        codec: what the codes were made with.
    """

    def __init__(self, arrays: PassageArrays, codec: Codec) -> None:
        self._codec = codec
        self._lengths, self._offsets = arrays.lengths, arrays.offsets
        self._centroid, self._codes = arrays.by_token["centroid"], arrays.by_token["code"]

    def maxsim(self, query: NDArray[np.float32], passages: NDArray[np.int64]) -> NDArray[np.float32]:
        """[passages] MaxSim of a query [query tokens, dim] with some passages, given in ascending order."""
        bits = self._codec.bits
        nearness = self._codec.centroids @ query.T
        projected = (query @ self._codec.directions) * self._codec.spreads
        step = max(float(np.abs(projected).max()), 1e-12) / 127
        width = -(-len(query) // COLUMNS) * COLUMNS
        columns = np.zeros((projected.shape[1], width), dtype=np.int8)
        columns[:, : len(query)] = np.rint(projected.T / step)
        planes = [torch.from_numpy(plane) for plane in columns.reshape(-1, CODE_BYTES, width)]
        # In the same whole steps: similarity with each centroid, less what levels add by counting from 0.
        table = np.zeros((len(nearness), width), dtype=np.int32)
        table[:, : len(query)] = np.rint(nearness / step)
        table -= np.rint((2**bits - 1) / 2 * columns.sum(axis=0, dtype=np.float64)).astype(np.int32)

        lengths = self._lengths[passages]
        scores = np.empty(len(passages), dtype=np.float32)
        for first, last in chunks_of(lengths, _TOKENS_AT_ONCE):
            rows = rows_of(self._offsets, passages[first:last])
            similarity = torch.from_numpy(table.take(self._centroid.take(rows), axis=0))
            self._add_products(similarity, rows, planes)
            row = 0
            for begin, end, length in runs_of(lengths[first:last], _TOKENS_AT_ONCE):
                block = similarity[row : (row := row + (end - begin) * length)]
                maxima = block.view(end - begin, length, width).amax(1)
                scores[first + begin : first + end] = maxima[:, : len(query)].sum(1).numpy()
        return scores * np.float32(step)

    def _add_products(
        self, similarity: torch.Tensor, rows: NDArray[np.int64], planes: Sequence[torch.Tensor]
    ) -> None:
        """Add Σ over directions of level · weight to int32 similarities; eight bytes are unpacked at once."""
        bits = self._codec.bits
        packed = self._codes.take(rows, axis=0).view(np.uint64)
        mask = np.uint64(int.from_bytes(bytes([2**bits - 1] * 8)))
        levels = np.empty_like(packed)
        for number, weights in enumerate(planes):
            np.right_shift(packed, np.uint64(number * bits), out=levels)
            np.bitwise_and(levels, mask, out=levels)
            similarity += torch._int_mm(torch.from_numpy(levels.view(np.int8)), weights)
