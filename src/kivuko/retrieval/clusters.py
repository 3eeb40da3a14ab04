"""Vectors in clusters: which of a few centroids each is nearest to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ITERATIONS = 6
_SAMPLES_PER_CENTROID = 32
_ROWS_AT_ONCE = 4096


def train_centroids(
    vectors: NDArray[np.floating], count: int, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Spherical k-means on a sample (Dhillon & Modha, "Concept Decompositions", Machine Learning 42, 2001).

    Args:
        vectors: [rows, dim], at least one row.
        count: of centroids, at most one a row.
        random: draws the sample and what the centroids start from.

    Returns:
        [count, dim] centroids of unit length, as float16 keeps them, and [sample, dim] what they were learnt on.
    """
    chosen = np.sort(
        random.choice(len(vectors), min(len(vectors), _SAMPLES_PER_CENTROID * count), replace=False)
    )
    sample = np.asarray(vectors[chosen], dtype=np.float32)
    centroids = sample[np.sort(random.choice(len(sample), count, replace=False))].copy()
    for _ in range(_ITERATIONS):
        centroids = _means(sample, nearest(sample, centroids), centroids)
    return centroids.astype(np.float16).astype(np.float32), sample


def nearest(vectors: NDArray[np.floating], centroids: NDArray[np.float32]) -> NDArray[np.int64]:
    """[rows] number of the centroid with the largest inner product, the first of equals.

    Args:
        vectors: [rows, dim].
        centroids: [count, dim].
    """
    import torch  # here alone: only who builds an index needs it

    from kivuko.models.precision import uses_bfloat16

    kind = torch.bfloat16 if uses_bfloat16("encoding") else torch.float32
    columns = torch.from_numpy(centroids).to(kind).T
    found = np.empty(len(vectors), dtype=np.int64)
    for begin in range(0, len(vectors), _ROWS_AT_ONCE):
        rows = np.asarray(vectors[begin : begin + _ROWS_AT_ONCE], dtype=np.float32)
        # numpy finds maxima of float32 rows 15 times as fast as torch.
        products = (torch.from_numpy(rows).to(kind) @ columns).float().numpy()
        found[begin : begin + _ROWS_AT_ONCE] = products.argmax(axis=1)
    return found


def _means(
    sample: NDArray[np.float32], numbers: NDArray[np.int64], former: NDArray[np.float32]
) -> NDArray[np.float32]:
    """[count, dim] each centroid's rows averaged, of unit length; one without rows stays as it was."""
    order = np.argsort(numbers, kind="stable")
    begins = np.searchsorted(numbers[order], np.arange(len(former)))
    used = np.flatnonzero(np.bincount(numbers, minlength=len(former)))
    sums = np.add.reduceat(sample[order], begins[used], axis=0)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    means = former.copy()
    means[used] = np.divide(sums, lengths, out=former[used].copy(), where=lengths > 0)
    return means
