"""Compressed late interaction: a passage's mean vector finds candidates, codes or bytes of its tokens rank them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import ArtifactError
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.bounds import Effort, Owners, chunks_of, rows_of, runs_of
from kivuko.retrieval.scan import MeanScan, int_product, means_of, quantise
from kivuko.retrieval.segment import PassageArrays

#: Bytes of a code for each token of the text: vectors that stand for several tokens get as many times more.
BYTES_A_TOKEN = 32
#: Bits of a coordinate → distance between levels, in spreads, that loses least of a normal variable, and the share of
#: its variance that is lost (Max, "Quantizing for Minimum Distortion", IRE Transactions on Information Theory 1960).
_LEVEL_DISTANCE = {2: 0.9957, 4: 0.3352}
_LOST = {2: 0.1188, 4: 0.01154}
#: Bytes are unpacked eight at once.
_WORD = 8
#: Steps in which norms of decoded vectors, which are about 1, are kept in a byte.
_NORM_STEP = 1 / 200
_ITERATIONS = 6
_SAMPLES_PER_CENTROID = 32
_TOKENS_CODED_AT_ONCE = 4096
_TOKENS_SCORED_AT_ONCE = 8192


@dataclass(frozen=True)
class Codec:
    """What turns vectors into codes.

    A code keeps what is left of a vector when its centroid is taken away, along the directions in which there is
    most of it: the first ``fine`` in 4 bits each, the others in 2. What codes leave out makes vectors shorter, some
    more than others, so their norms are kept too, and undone: cosines rank better than inner products.

    Attributes:
        centroids: [K, dim] float32, unit length.
        directions: [dim, coded] float32; orthonormal columns, and zeros where dim has no more.
        spreads: [coded] float32, distance between two levels along each direction.
        fine: directions in 4 bits, a multiple of 16.
    """

    centroids: NDArray[np.float32]
    directions: NDArray[np.float32]
    spreads: NDArray[np.float32]
    fine: int

    @property
    def size(self) -> int:
        """Bytes of a code."""
        return self.fine // 2 + (len(self.spreads) - self.fine) // 4

    @property
    def planes(self) -> list[Plane]:
        """Where a code holds its coordinates, in their order."""
        return [*_planes(0, self.fine // 2, 4), *_planes(self.fine // 2, self.size, 2)]

    @classmethod
    def train(cls, vectors: NDArray[np.floating], *, tokens: int, size: int, seed: int) -> Codec:
        """Learn centroids and directions on a sample of vectors.

        Args:
            vectors: [sample, dim], at least one row.
            tokens: how many vectors there are in all, which the number of centroids depends on.
            size: bytes of a code, a multiple of 8.
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
        variances = np.maximum(variances[::-1], 0.0)
        fine = _fine_directions(variances, size)
        coded = fine + 4 * (size - fine // 2)
        kept = min(coded, len(variances))
        basis = np.zeros((len(variances), coded), dtype=np.float32)
        basis[:, :kept] = directions[:, ::-1][:, :kept]
        spreads = np.zeros(coded, dtype=np.float32)
        spreads[:kept] = np.sqrt(variances[:kept])
        spreads[:fine] *= _LEVEL_DISTANCE[4]
        spreads[fine:] *= _LEVEL_DISTANCE[2]
        return cls(centroids, basis, spreads, fine)

    def encode(
        self, vectors: NDArray[np.floating]
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint8], NDArray[np.uint8]]:
        """[tokens] the nearest centroid, [tokens, size] the codes, and [tokens] norms in steps of 1/200.

        Coordinate j of a plane is in the plane's byte j, see :attr:`planes`.
        """
        numbers = np.empty(len(vectors), dtype=np.uint16)
        codes = np.zeros((len(vectors), self.size), dtype=np.uint8)
        norms = np.empty(len(vectors), dtype=np.uint8)
        scale = np.divide(1.0, self.spreads, out=np.zeros_like(self.spreads), where=self.spreads > 0)
        middle = self.middles
        for begin in range(0, len(vectors), _TOKENS_CODED_AT_ONCE):
            rows = slice(begin, begin + _TOKENS_CODED_AT_ONCE)
            exact = np.asarray(vectors[rows], dtype=np.float32)
            numbers[rows] = nearest(exact, self.centroids)
            near = self.centroids[numbers[rows]]
            levels = np.clip(np.rint((exact - near) @ self.directions * scale + middle), 0, 2 * middle)
            decoded = near + (levels - middle) * self.spreads @ self.directions.T
            norms[rows] = np.clip(np.rint(np.linalg.norm(decoded, axis=1) / _NORM_STEP), 1, 255)
            first = 0
            for plane in self.planes:
                own = levels[:, first : (first := first + plane.width)].astype(np.uint8)
                codes[rows, plane.begin : plane.end] |= own << plane.shift
        return numbers, codes, norms

    @property
    def middles(self) -> NDArray[np.float32]:
        """[coded] the middle of each direction's levels, which count from 0."""
        middles = np.full(len(self.spreads), 1.5, dtype=np.float32)
        middles[: self.fine] = 7.5
        return middles

    def save(self, folder: Path) -> None:
        """Write the codec into an existing folder."""
        np.save(folder / "centroids.npy", self.centroids.astype(np.float16))
        np.save(folder / "directions.npy", self.directions)
        np.save(folder / "spreads.npy", self.spreads)
        np.save(folder / "fine.npy", self.fine)

    @classmethod
    def open(cls, folder: Path) -> Codec:
        """Read what :meth:`save` wrote.

        Raises:
            ArtifactError: an earlier version wrote it.
        """
        if not (folder / "fine.npy").is_file():
            raise ArtifactError(
                "an earlier version of Kivuko coded the vectors of this index",
                where=folder,
                expected="codes with norms",
                remedy="build the index again",
            )
        centroids = np.load(folder / "centroids.npy").astype(np.float32)
        directions, spreads = np.load(folder / "directions.npy"), np.load(folder / "spreads.npy")
        return cls(centroids, directions, spreads, int(np.load(folder / "fine.npy")))


class Plane(NamedTuple):
    """Bits of some bytes of a code: a coordinate in each byte.

    Attributes:
        begin: the first of the bytes.
        end: the byte after the last.
        shift: of the bits, from the lowest.
        bits: how many.
    """

    begin: int
    end: int
    shift: int
    bits: int

    @property
    def width(self) -> int:
        """Coordinates in it."""
        return self.end - self.begin


def _planes(begin: int, end: int, bits: int) -> list[Plane]:
    return [Plane(begin, end, shift, bits) for shift in range(0, 8, bits)] if end > begin else []


def _fine_directions(variances: NDArray[np.float64], size: int) -> int:
    """How many of the first directions get 4 bits, so that a code of ``size`` bytes loses least."""

    def lost(fine: int) -> float:
        coarse = 4 * (size - fine // 2)
        kept = _LOST[4] * variances[:fine].sum() + _LOST[2] * variances[fine : fine + coarse].sum()
        return float(kept + variances[fine + coarse :].sum())

    return min(range(0, 2 * size + 1, 2 * _WORD), key=lost)


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
        arrays: with ``"centroid"``, ``"code"`` and ``"norm"`` by token, passages in ascending order of length.
        codec: what the codes were made with.
    """

    def __init__(self, arrays: PassageArrays, codec: Codec) -> None:
        self._codec = codec
        self._lengths, self._offsets = arrays.lengths, arrays.offsets
        self._centroid, self._codes, self._norms = (
            arrays.by_token[name] for name in ("centroid", "code", "norm")
        )

    def maxsim(self, query: NDArray[np.float32], passages: NDArray[np.int64]) -> NDArray[np.float32]:
        """[passages] MaxSim of a query [query tokens, dim] with some passages, given in ascending order."""
        nearness = self._codec.centroids @ query.T
        projected = (query @ self._codec.directions) * self._codec.spreads
        step = max(float(np.abs(projected).max()), 1e-12) / 127
        columns = np.rint(projected.T / step).astype(np.int8)
        # In the same whole steps: similarity with each centroid, less what levels add by counting from 0.
        table = np.rint(nearness / step).astype(np.int32)
        table -= np.rint(self._codec.middles @ columns.astype(np.float32)).astype(np.int32)

        lengths = self._lengths[passages]
        scores = np.empty(len(passages), dtype=np.float32)
        for first, last in chunks_of(lengths, _TOKENS_SCORED_AT_ONCE):
            rows = rows_of(self._offsets, passages[first:last])
            similarity = table.take(self._centroid.take(rows), axis=0)
            self._add_products(similarity, rows, columns)
            cosines = similarity.astype(np.float32)
            cosines *= np.float32(step / _NORM_STEP) / self._norms.take(rows).astype(np.float32)[:, None]
            row = 0
            for begin, end, length in runs_of(lengths[first:last], _TOKENS_SCORED_AT_ONCE):
                block = cosines[row : (row := row + (end - begin) * length)]
                maxima = block.reshape(end - begin, length, len(query)).max(axis=1)
                scores[first + begin : first + end] = maxima.sum(axis=1)
        return scores

    def _add_products(
        self, similarity: NDArray[np.int32], rows: NDArray[np.int64], columns: NDArray[np.int8]
    ) -> None:
        """Add Σ over directions of level · weight to int32 similarities; eight bytes are unpacked at once."""
        codes = self._codes.take(rows, axis=0)
        first = 0
        for plane in self._codec.planes:
            packed = np.ascontiguousarray(codes[:, plane.begin : plane.end]).view(np.uint64)
            mask = np.uint64(int.from_bytes(bytes([2**plane.bits - 1] * _WORD)))
            levels = (packed >> np.uint64(plane.shift)) & mask
            weights = columns[first : (first := first + plane.width)]
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
        by_token["centroid"], by_token["code"], by_token["norm"] = codec.encode(vectors.vectors)
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
