"""What a ranking is, and the one rule that breaks its ties: score descending, then document id ascending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Query id → document id → score; higher is better, a document that is absent was not retrieved.
Run = dict[str, dict[str, float]]
#: Query id → document id → relevance grade; grades above 0 are relevant.
Qrels = dict[str, dict[str, int]]


def ranked(scores: Mapping[str, float]) -> list[str]:
    """Document ids from best to worst, equal scores in the order of their ids."""
    return sorted(scores, key=lambda document: (-scores[document], document))


def best(scores: NDArray[Any], ids: Sequence[str], depth: int, *, above: float = -np.inf) -> dict[str, float]:
    """The ``depth`` best documents of a score array, in rank order.

    Args:
        scores: one score a document, shape (documents,).
        ids: the documents' ids in the same order.
        depth: how many to keep, at least 1.
        above: only documents whose score is greater; 0 leaves out what matches no word of a lexical query.

    Returns:
        Document id → score, best first; a tie that straddles ``depth`` is cut by document id as well.
    """
    candidates = np.flatnonzero(scores > above)
    if len(candidates) > depth:
        edge = np.partition(scores[candidates], len(candidates) - depth)[len(candidates) - depth]
        candidates = candidates[scores[candidates] >= edge]
    found = {ids[position]: float(scores[position]) for position in candidates.tolist()}
    return {document: found[document] for document in ranked(found)[:depth]}
