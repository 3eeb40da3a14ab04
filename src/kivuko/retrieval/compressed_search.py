"""Search without reading every token: centroids propose passages, codes order them, vectors decide.

1. Each query token looks into the lists of its nearest centroids. A passage there scores the centroid's similarity;
   one that is in none of them scores what the last of those centroids does (imputation as in Lee et al., "XTR",
   NeurIPS 2023, arXiv 2304.01982, and Scheerer et al., "WARP", SIGIR 2025, arXiv 2501.17788).
2. The best passages by the sum of these are scored by their codes.
3. The best of them are scored from their vectors, where the index keeps vectors; else the codes' scores stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.codec import CODE_BYTES, Codec
from kivuko.retrieval.exact_search import Vectors
from kivuko.retrieval.int8_scan import chunks_of, quantise, runs_of
from kivuko.retrieval.passage_arrays import PassageArrays, rows_of
from kivuko.retrieval.searching import Effort, Owners, Scored, best_passages

_TOKENS_AT_ONCE = 8192
_COLUMNS = 16


def compress(vectors: TokenVectors, codec: Codec, *, keep_vectors: bool) -> PassageArrays:
    """What a compressed index keeps of passages; with their vectors at a byte a number, if asked for."""
    numbers, codes = codec.encode(vectors.vectors)
    by_token: dict[str, NDArray[Any]] = {"centroid": numbers, "code": codes}
    by_passage: dict[str, NDArray[Any]] = {}
    if keep_vectors:
        by_token["int8"], by_passage["step"], _ = quantise(vectors.vectors, vectors.offsets)
    return PassageArrays(vectors.lengths, by_token, by_passage)


def lists_of(arrays: PassageArrays, centroids: int) -> dict[str, NDArray[Any]]:
    """Centroid → passages that have a token there: ``"passages"`` one list after another, ``"offsets"`` [K + 1]."""
    numbers = np.asarray(arrays.by_token["centroid"])
    order = np.argsort(numbers, kind="stable")
    passages = np.repeat(np.arange(len(arrays), dtype=np.uint32), arrays.lengths)[order]
    numbers = numbers[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (numbers[1:] != numbers[:-1]) | (passages[1:] != passages[:-1])
    counts = np.bincount(numbers[first], minlength=centroids)
    return {"passages": passages[first], "offsets": np.concatenate(([0], np.cumsum(counts)))}


class CompressedSearcher:
    """Compressed search in one segment.

    Args:
        arrays: of :func:`compress`, passages in ascending order of length.
        lists: of :func:`lists_of`.
        codec: what the codes were made with.
        owners: which document each passage belongs to.
    """

    def __init__(
        self,
        arrays: PassageArrays,
        lists: Mapping[str, NDArray[Any]],
        codec: Codec,
        owners: Owners,
    ) -> None:
        self._codec, self._owners = codec, owners
        self._lengths, self._offsets = arrays.lengths, arrays.offsets
        self._centroid, self._codes = arrays.by_token["centroid"], arrays.by_token["code"]
        self._listed, self._list_offsets = lists["passages"], lists["offsets"]
        self._vectors = Vectors(arrays) if "int8" in arrays.by_token else None

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
        return [self._search(query, depth, allowed, effort) for query in queries]

    def _search(
        self, query: NDArray[np.float32], depth: int, allowed: NDArray[np.bool_], effort: Effort
    ) -> Scored:
        nearness = self._codec.centroids @ query.T
        among = np.flatnonzero(allowed)
        if len(among) > effort.candidates:
            proposed = self._proposed(nearness, effort.probes)[among]
            kept = np.argpartition(-proposed, effort.candidates)[: effort.candidates]
            among = np.sort(among[kept])
        scores = self._by_codes(query, nearness, among)
        if self._vectors is None:
            return Scored(among, scores)
        wanted = max(effort.rescored, 4 * depth)
        if self._owners.count(among) > wanted:
            among = among[scores >= best_passages(scores, self._owners.of[among], wanted)]
        return Scored(among, self._vectors.maxsim(query, among))

    def _proposed(self, nearness: NDArray[np.float32], probes: int) -> NDArray[np.float32]:
        """[passages] score by centroids above what a passage in no list has; nearness: [K, query tokens]."""
        total = np.zeros(len(self._lengths), dtype=np.float32)
        one = np.zeros_like(total)
        probes = min(probes, len(nearness) - 1)
        for column in nearness.T:
            # Ascending, so that of several lists with one passage the nearest centroid's is written last.
            near = np.argpartition(-column, probes)[: probes + 1]
            near = near[np.argsort(column[near], kind="stable")]
            imputed, near = column[near[0]], near[1:]
            entries = self._listed[rows_of(self._list_offsets, near)]
            lengths = self._list_offsets[near + 1] - self._list_offsets[near]
            one[:] = 0
            one[entries] = np.repeat(column[near] - imputed, lengths)
            total += one
        return total

    def _by_codes(
        self, query: NDArray[np.float32], nearness: NDArray[np.float32], passages: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """[passages] MaxSim with what the codes stand for; passages in ascending order."""
        bits = self._codec.bits
        projected = (query @ self._codec.directions) * self._codec.spreads
        step = max(float(np.abs(projected).max()), 1e-12) / 127
        width = -(-len(query) // _COLUMNS) * _COLUMNS
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
