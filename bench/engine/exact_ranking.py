"""The exact ranking that every other is held against: float32 MaxSim of the float16 vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Scores this near are equal: sums of the same products in another order differ by less.
TIE = 1e-5
BLOCK_TOKENS = 8192


def exact_scores(vectors: np.ndarray, offsets: np.ndarray, queries: Sequence[np.ndarray]) -> np.ndarray:
    """Float32 [queries, documents]: for each token of a query its best cosine in the document, summed.

    Args:
        vectors: float16 [tokens, dim], unit rows.
        offsets: int64 [documents + 1]; no document is empty.
        queries: float16 [query tokens, dim] each, none empty.
    """
    joined = np.concatenate(queries).astype(np.float32)
    begins = np.cumsum([0, *(len(query) for query in queries)])[:-1]
    scores = np.empty((len(queries), len(offsets) - 1), np.float32)
    first = 0
    while first < len(offsets) - 1:
        last = max(first + 1, int(np.searchsorted(offsets, offsets[first] + BLOCK_TOKENS, side="right")) - 1)
        block = np.asarray(vectors[offsets[first] : offsets[last]], dtype=np.float32)
        best = np.maximum.reduceat(joined @ block.T, offsets[first:last] - offsets[first], axis=1)
        scores[:, first:last] = np.add.reduceat(best, begins, axis=0)
        first = last
    return scores


def recall(exact: np.ndarray, found: Sequence[int], cutoff: int) -> float:
    """Share of the ``cutoff`` best documents that a system's first ``cutoff`` hold, ties counted fairly.

    A document is right when its exact score reaches the ``cutoff``-th best; which of several that share this score
    the system returns does not matter. What it returns twice counts once.

    Args:
        exact: [documents], the exact scores for this query.
        found: document numbers, best first; fewer than ``cutoff`` if the system found fewer.
        cutoff: more than the collection has counts as all of it.
    """
    cutoff = min(cutoff, len(exact))
    needed = np.partition(exact, len(exact) - cutoff)[len(exact) - cutoff]
    chosen = np.unique(np.asarray(found[:cutoff], dtype=np.int64))
    return float((exact[chosen] >= needed - TIE).sum() / cutoff)
