"""Compressed late interaction: a passage's mean vector finds candidates, codes or bytes of its tokens rank them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.bounds import Effort, Owners, chunks_of, rows_of, runs_of
from kivuko.retrieval.scan import MeanScan, int_product, means_of, quantise
from kivuko.retrieval.segment import PassageArrays

Bits = Literal[2, 4]
CODE_BYTES = 32
#: Distance between levels, in spreads, that loses least of a normal variable (Max, "Quantizing for Minimum
#: Distortion", IRE Transactions on Information Theory 1960).
_LEVEL_DISTANCE = {2: 0.9957, 4: 0.3352}
_ITERATIONS = 6
_SAMPLES_PER_CENTROID = 32
_TOKENS_CODED_AT_ONCE = 4096
_TOKENS_SCORED_AT_ONCE = 8192


@dataclass(frozen=True)
class Codec:
    """What turns vectors into codes.

    Attributes:
        centroids: [K, dim] float32, unit length.
        directions: [dim, coded] float32; orthonormal columns, and zeros where dim has no more.
        spreads: [coded] float32, distance between two levels along each direction.
        bits: of one coordinate.
    """

    centroids: NDArray[np.float32]
    directions: NDArray[np.float32]
    spreads: NDArray[np.float32]
    bits: Bits

    @classmethod
    def train(cls, vectors: NDArray[np.floating], *, tokens: int, bits: Bits, seed: int) -> Codec:
        """Learn centroids and directions on a sample of vectors.

        Args:
            vectors: [sample, dim], at least one row.
            tokens: how many vectors there are in all, which the number of centroids depends on.
            bits: 2 or 4; a code always has 32 bytes, so 2 bits code twice as many directions.
            seed: of what the centroids start from.
        """
        random = np.random.default_rng(seed)
        count = min(centroid_count(tokens), len(vectors))
        chosen = np.sort(
            random.choice(len(vectors), min(len(vectors), _SAMPLES_PER_CENTROID * count), replace=False)
        )
        sample = np.asarray(vectors[chosen], dtype=np.float32)
        centroids = sample[np.sort(random.choice(len(sample), count, replace=False))].copy()
        for _ in range(_ITERATIONS):
            centroids = _means(sample, nearest(sample, centroids), centroids)
        # What readers of the saved centroids will subtract.
        centroids = centroids.astype(np.float16).astype(np.float32)
        residuals = sample - centroids[nearest(sample, centroids)]
        variances, directions = np.linalg.eigh(residuals.T.astype(np.float64) @ residuals / len(residuals))
        coded = CODE_BYTES * 8 // bits
        kept = min(coded, vectors.shape[1])
        basis = np.zeros((vectors.shape[1], coded), dtype=np.float32)
        basis[:, :kept] = directions[:, ::-1][:, :kept]
        spreads = np.zeros(coded, dtype=np.float32)
        spreads[:kept] = np.sqrt(np.maximum(variances[::-1][:kept], 0.0)) * _LEVEL_DISTANCE[bits]
        return cls(centroids, basis, spreads, bits)

    def encode(self, vectors: NDArray[np.floating]) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
        """[tokens] the nearest centroid, and [tokens, 32] the codes.

        A byte holds ``8 // bits`` coordinates; coordinate j is in byte ``j % 32``, the lower ones in the lower bits.
        """
        numbers = np.empty(len(vectors), dtype=np.uint16)
        codes = np.zeros((len(vectors), CODE_BYTES), dtype=np.uint8)
        scale = np.divide(1.0, self.spreads, out=np.zeros_like(self.spreads), where=self.spreads > 0)
        highest = 2**self.bits - 1
        for begin in range(0, len(vectors), _TOKENS_CODED_AT_ONCE):
            rows = slice(begin, begin + _TOKENS_CODED_AT_ONCE)
            exact = np.asarray(vectors[rows], dtype=np.float32)
            numbers[rows] = nearest(exact, self.centroids)
            left = (exact - self.centroids[numbers[rows]]) @ self.directions
            levels = np.clip(np.rint(left * scale + highest / 2), 0, highest).astype(np.uint8)
            for plane in range(8 // self.bits):
                part = levels[:, plane * CODE_BYTES : (plane + 1) * CODE_BYTES]
                codes[rows] |= part << (plane * self.bits)
        return numbers, codes

    def save(self, folder: Path) -> None:
        """Write the codec into an existing folder."""
        np.save(folder / "centroids.npy", self.centroids.astype(np.float16))
        np.save(folder / "directions.npy", self.directions)
        np.save(folder / "spreads.npy", self.spreads)

    @classmethod
    def open(cls, folder: Path) -> Codec:
        """Read what :meth:`save` wrote."""
        spreads = np.load(folder / "spreads.npy")
        bits: Bits = 2 if len(spreads) == CODE_BYTES * 4 else 4
        centroids = np.load(folder / "centroids.npy").astype(np.float32)
        return cls(centroids, np.load(folder / "directions.npy"), spreads, bits)


def centroid_count(tokens: int) -> int:
    """K: the power of two nearest to 2 √tokens, at most one for 8 tokens and 65,536 in all."""
    wanted = 2 ** round(np.log2(2 * np.sqrt(max(1, tokens))))
    return int(max(1, min(wanted, tokens // 8, 1 << 16)))


def nearest(vectors: NDArray[np.float32], centroids: NDArray[np.float32]) -> NDArray[np.int64]:
    """[rows] number of the centroid with the largest inner product, the first of equals."""
    import torch  # here alone: only who builds an index needs it

    from kivuko.models.precision import uses_bfloat16

    kind = torch.bfloat16 if uses_bfloat16("encoding") else torch.float32
    columns = torch.from_numpy(centroids).to(kind).T
    found = np.empty(len(vectors), dtype=np.int64)
    for begin in range(0, len(vectors), _TOKENS_CODED_AT_ONCE):
        rows = torch.from_numpy(vectors[begin : begin + _TOKENS_CODED_AT_ONCE]).to(kind)
        # numpy finds maxima of float32 rows 15 times as fast as torch.
        found[begin : begin + _TOKENS_CODED_AT_ONCE] = (rows @ columns).float().numpy().argmax(axis=1)
    return found


def _means(
    sample: NDArray[np.float32], numbers: NDArray[np.int64], former: NDArray[np.float32]
) -> NDArray[np.float32]:
    """[K, dim] each centroid's rows averaged, of unit length; one without rows stays as it was."""
    order = np.argsort(numbers, kind="stable")
    begins = np.searchsorted(numbers[order], np.arange(len(former)))
    used = np.flatnonzero(np.bincount(numbers, minlength=len(former)))
    sums = np.add.reduceat(sample[order], begins[used], axis=0)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    means = former.copy()
    means[used] = np.divide(sums, lengths, out=former[used].copy(), where=lengths > 0)
    return means


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
        columns = np.rint(projected.T / step).astype(np.int8)
        planes = columns.reshape(-1, CODE_BYTES, len(query))
        # In the same whole steps: similarity with each centroid, less what levels add by counting from 0.
        table = np.rint(nearness / step).astype(np.int32)
        table -= np.rint((2**bits - 1) / 2 * columns.sum(axis=0, dtype=np.float64)).astype(np.int32)

        lengths = self._lengths[passages]
        scores = np.empty(len(passages), dtype=np.float32)
        for first, last in chunks_of(lengths, _TOKENS_SCORED_AT_ONCE):
            rows = rows_of(self._offsets, passages[first:last])
            similarity = table.take(self._centroid.take(rows), axis=0)
            self._add_products(similarity, rows, planes)
            row = 0
            for begin, end, length in runs_of(lengths[first:last], _TOKENS_SCORED_AT_ONCE):
                block = similarity[row : (row := row + (end - begin) * length)]
                maxima = block.reshape(end - begin, length, len(query)).max(axis=1)
                scores[first + begin : first + end] = maxima.sum(axis=1)
        return scores * np.float32(step)

    def _add_products(
        self, similarity: NDArray[np.int32], rows: NDArray[np.int64], planes: NDArray[np.int8]
    ) -> None:
        """Add Σ over directions of level · weight to int32 similarities; eight bytes are unpacked at once."""
        bits = self._codec.bits
        packed = self._codes.take(rows, axis=0).view(np.uint64)
        mask = np.uint64(int.from_bytes(bytes([2**bits - 1] * 8)))
        levels = np.empty_like(packed)
        for number, weights in enumerate(planes):
            np.right_shift(packed, np.uint64(number * bits), out=levels)
            np.bitwise_and(levels, mask, out=levels)
            similarity += int_product(levels.view(np.int8), weights).astype(np.int32)


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
