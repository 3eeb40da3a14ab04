"""All passages of a segment scored roughly, from one byte a number: by all their token vectors, or by their means.

*By all token vectors* (:class:`Int8Scan`), MaxSim with a bound on its error. The scan must read every token's
vector, so bytes are its floor: one a number instead of four. The products are torch's integer matrix products where
the processor has instructions for them (AMX, AVX-512 VNNI) and torch is loaded, else numpy's of float32, which hold
the same whole numbers: a search by itself does not load torch, which takes longer than the search.
Passages lie in the order of their lengths, so the maximum over a passage's tokens is one reduction for all
passages of a length, without pads.

*By means* (:class:`MeanScan`): the mean of a passage's token vectors, at unit length. MaxSim adds, for each query
token, its best cosine in the passage; the mean vector adds the average ones. They rank alike enough that the best
documents by MaxSim are nearly always among the first few hundred by means, which cost one product a passage instead
of one a token and query token: the simplest of the single-vector stand-ins of Jayaram, Dhulipala, Hadian, Lee &
Mirrokni, "MUVERA", NeurIPS 2024, arXiv 2405.19504, with one bucket. How nearly, is measured in docs/results/engine.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.bounds import chunks_of, runs_of
from kivuko.retrieval.halves import as_float32

#: Similarities computed at once (tokens × query tokens, 4 bytes each): what the second-level cache holds.
_SIMILARITIES_AT_ONCE = 1 << 17
_TOKENS_AT_ONCE = 1 << 16
#: Integer matrix products are laid out for multiples of this many columns.
COLUMNS = 16
#: What the columns of a product are rounded up to.
_FEWEST_COLUMNS = 8
#: Rows that become float32 together: 384 numbers of each fit the second-level cache.
_ROWS_AT_ONCE = 512


def quantise(
    vectors: NDArray[np.floating], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float32]]:
    """Token vectors as whole numbers of a step that each passage has for itself.

    Args:
        vectors: [tokens, dim].
        offsets: [passages + 1]; every passage has a token.

    Returns:
        [tokens, dim] int8 from −127 to 127; [passages] the step, so that vector ≈ step · int8; and [passages] the
        largest Euclidean distance between a token's vector and its stand-in.
    """
    found = np.empty(vectors.shape, dtype=np.int8)
    steps = np.empty(len(offsets) - 1, dtype=np.float32)
    errors = np.empty(len(offsets) - 1, dtype=np.float32)
    for first, last in chunks_of(np.diff(offsets), _TOKENS_AT_ONCE):
        begin, end = offsets[first], offsets[last]
        exact = as_float32(vectors[begin:end])
        starts = offsets[first:last] - begin
        step = np.maximum.reduceat(np.abs(exact).max(axis=1), starts) / 127
        step[step == 0] = 1.0
        by_token = np.repeat(step, np.diff(offsets[first : last + 1]))[:, None]
        rounded = np.rint(exact / by_token)
        found[begin:end] = rounded
        steps[first:last] = step
        errors[first:last] = np.maximum.reduceat(np.linalg.norm(exact - rounded * by_token, axis=1), starts)
    return found, steps, errors


class Int8Scan:
    """Rough MaxSim of queries with every passage of a segment.

    Args:
        vectors: [tokens, dim] int8 of :func:`quantise`.
        steps: [passages] of :func:`quantise`.
        errors: [passages], how far a token's vector may lie from what is scored; 0 where the whole numbers *are* the
            vectors.
        lengths: [passages], ascending.
    """

    def __init__(
        self,
        vectors: NDArray[np.int8],
        steps: NDArray[np.float32],
        errors: NDArray[np.float32],
        lengths: NDArray[np.int64],
    ) -> None:
        self._vectors, self._lengths = vectors, lengths
        self._steps, self._errors = np.asarray(steps), np.asarray(errors)
        # Vectors have unit length; half precision and rounding move that a little.
        self._norms = 1.001 + np.asarray(errors)

    def scores(
        self, queries: Sequence[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rough scores and how wrong each can be at most.

        Args:
            queries: [query tokens, dim] of each query, at least one token.

        Returns:
            [queries, passages] rough MaxSim, and [queries, passages] bounds on the distance to exact MaxSim:
            Σ over query tokens of ‖q − q̂‖ ‖d̂‖ + ‖q‖ ‖d − d̂‖, by the inequality of Cauchy and Schwarz.
        """
        tokens = np.concatenate(queries)
        lengths = np.array([len(query) for query in queries])
        steps = np.abs(tokens).max(axis=1) / 127
        steps[steps == 0] = 1.0
        rounded = np.rint(tokens / steps[:, None])
        columns = rounded.T.astype(np.int8)
        owner = np.zeros((len(tokens), len(queries)), dtype=np.float32)
        owner[np.arange(len(tokens)), np.repeat(np.arange(len(queries)), lengths)] = steps
        rough = self._sums(columns, owner).T * self._steps

        begins = np.cumsum(lengths) - lengths
        lost = np.add.reduceat(np.linalg.norm(tokens - rounded * steps[:, None], axis=1), begins)
        norms = np.add.reduceat(np.linalg.norm(tokens, axis=1), begins)
        return rough, lost[:, None] * self._norms + norms[:, None] * self._errors

    def _sums(self, columns: NDArray[np.int8], owner: NDArray[np.float32]) -> NDArray[np.float32]:
        """[passages, queries]: maxima over a passage's tokens, weighted and added by query."""
        width = columns.shape[1]
        sums = np.empty((len(self._lengths), owner.shape[1]), dtype=np.float32)
        begin = 0
        for first, last, length in runs_of(self._lengths, max(1, _SIMILARITIES_AT_ONCE // width)):
            end = begin + (last - first) * length
            similarity = int_product(self._vectors[begin:end], columns)
            maxima = similarity.reshape(last - first, length, width).max(axis=1)
            np.matmul(maxima.astype(np.float32), owner, out=sums[first:last])
            begin = end
        return sums


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
        tokens = as_float32(vectors.vectors[begin:end])
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
        self._means, self._steps = means, np.asarray(steps)

    def scores(self, queries: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """[queries, passages], in units that differ from query to query.

        Args:
            queries: [query tokens, dim] of each query.
        """
        sums = np.stack([query.sum(axis=0) for query in queries])
        largest = np.maximum(np.abs(sums).max(axis=1, keepdims=True), 1e-12)
        columns = np.rint(sums / largest * 127).T.astype(np.int8)
        return np.asarray(int_product(self._means, columns).T.astype(np.float32) * self._steps)


def int_product(left: NDArray[np.int8], right: NDArray[np.int8]) -> NDArray[Any]:
    """[rows, columns] the exact product of int8 matrices [rows, inner] and [inner, columns], as whole numbers.

    They are int32 or float32, whichever this processor is faster at. float32 holds whole numbers up to 2²⁴ exactly,
    so products of up to 1,040 numbers; of more, float64 takes over.
    """
    if "torch" in sys.modules and _is_integer_faster():
        return _by_torch(left, right)
    kind = np.float32 if left.shape[1] * 127 * 127 < 1 << 24 else np.float64
    asked, left = right.shape[1], np.asarray(left)  # memory-mapped arrays take long to slice
    # Fourteen columns take half as long again as sixteen; one is a product of its own kind.
    width = asked if asked == 1 else -(-asked // _FEWEST_COLUMNS) * _FEWEST_COLUMNS
    columns = np.zeros((right.shape[0], width), dtype=kind)
    columns[:, :asked] = right
    products = np.empty((len(left), width), dtype=kind)
    rows = np.empty((min(len(left), _ROWS_AT_ONCE), left.shape[1]), dtype=kind)
    for begin in range(0, len(left), _ROWS_AT_ONCE):
        own = left[begin : begin + _ROWS_AT_ONCE]
        np.copyto(rows[: len(own)], own)
        np.matmul(rows[: len(own)], columns, out=products[begin : begin + len(own)])
    return products[:, :asked]


def _by_torch(left: NDArray[np.int8], right: NDArray[np.int8]) -> NDArray[np.int32]:
    """The same by torch's integer product, which is not part of its public interface."""
    import torch

    # Laid out for multiples of so many columns.
    several = COLUMNS if right.shape[1] > _FEWEST_COLUMNS else _FEWEST_COLUMNS
    columns = np.zeros((right.shape[0], -(-right.shape[1] // several) * several), dtype=np.int8)
    columns[:, : right.shape[1]] = right
    product = torch._int_mm(torch.from_numpy(np.ascontiguousarray(left)), torch.from_numpy(columns))
    found: NDArray[np.int32] = product[:, : right.shape[1]].numpy()
    return found


@functools.cache
def _is_integer_faster() -> bool:
    """Whether torch's integer product takes less time here than float32's, by a trial of some milliseconds.

    Where there are no instructions for it (VNNI) it is far slower, which a trial on a busy machine has been seen to
    miss: there none is made.
    """
    import torch

    if not hasattr(torch, "_int_mm") or not _has_integer_products():
        return False
    left = torch.ones((256, 384), dtype=torch.int8)
    right = torch.ones((384, 64), dtype=torch.int8)

    def seconds(work: Callable[[], object]) -> float:
        work()
        taken = []
        for _ in range(5):
            started = time.process_time()
            work()
            taken.append(time.process_time() - started)
        return min(taken)

    return seconds(lambda: torch._int_mm(left, right)) < seconds(lambda: left.float() @ right.float())


def prepare_for_many() -> None:
    """Load torch where its integer products pay for what it takes to load: before hundreds of queries, not one."""
    if "torch" not in sys.modules and find_spec("torch") is not None and _has_integer_products():
        import torch  # noqa: F401


def _has_integer_products() -> bool:
    """Whether the processor says that it multiplies int8 matrices in hardware (VNNI, AMX); only Linux tells."""
    facts = Path("/proc/cpuinfo")
    return facts.is_file() and "vnni" in facts.read_text(encoding="utf-8", errors="replace")
