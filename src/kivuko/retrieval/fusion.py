"""Fusion of two runs, by their scores or by their ranks, with a weight chosen on development queries.

Scores are what Kivuko searches with: over five languages they fuse better than ranks, and one weight serves them all
(docs/results/fusion).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kivuko.errors import InputError
from kivuko.ranking import Run, ranked

WEIGHTS = tuple(step / 20 for step in range(21))
#: The best documents of a run that set the scale of its scores; a search to be fused should bring as many.
SCALE_DEPTH = 100


@dataclass(frozen=True)
class WeightChoice:
    """What :func:`choose_weight` found best: weight of the first run, score reached."""

    weight: float
    score: float


def score_fusion(first: Run, second: Run, *, weight: float = 0.5, depth: int = 1000) -> Run:
    """Fuse two runs by their scores: ``weight · s₁ + (1 − weight) · s₂``.

    s is a score's height above that of the run's 100th document (or its last), as a multiple of the mean height of
    these: the normalisation "Sum" of Montague & Aslam, "Relevance Score Normalization for Metasearch", CIKM 2001,
    doi:10.1145/502585.502657, and the convex combination of Bruch, Gai & Ingber, "An Analysis of Fusion Functions
    for Hybrid Retrieval", TOIS 2023, arXiv 2210.11934. A document that one run lacks gets the lowest score there, or
    0 where the run has fewer than 100 because no other document scored, as in BM25.

    Args:
        first: a run.
        second: another, over the same or other queries; a query that one lacks is ranked by the other.
        weight: of the first run, in [0, 1]; at 1 and 0 the other run has no say and adds no documents.
        depth: documents kept a query, at least 1.

    Returns:
        The queries of both, those of ``first`` first, each with its documents in rank order.

    Raises:
        InputError: ``weight`` is out of range.
    """
    _check(0 <= weight <= 1, expected="weight in [0, 1]", got=f"{weight}")
    fused: Run = {}
    for query in dict.fromkeys([*first, *second]):
        parts = [
            (run.get(query, {}), share) for run, share in ((first, weight), (second, 1 - weight)) if share
        ]
        documents = {document for scores, _ in parts for document in scores}
        scores = dict.fromkeys(documents, 0.0)
        for own, share in parts:
            if own:
                for document, height in _heights(own, documents).items():
                    scores[document] += share * height
        fused[query] = {document: scores[document] for document in ranked(scores)[:depth]}
    return fused


def _heights(scores: Mapping[str, float], documents: set[str]) -> dict[str, float]:
    """Scores of ``documents``, of which some may not be in the run, on the scale of :func:`score_fusion`."""
    best = sorted(scores.values(), reverse=True)[:SCALE_DEPTH]
    rest_scored_nothing = len(scores) < SCALE_DEPTH and len(scores) < len(documents)
    lowest = 0.0 if rest_scored_nothing else min(scores.values())
    floor = 0.0 if rest_scored_nothing else best[-1]
    mean = sum(best) / len(best) - floor
    return {
        document: (scores.get(document, lowest) - floor) / (mean if mean > 0 else 1.0)
        for document in documents
    }


def reciprocal_rank_fusion(
    first: Run, second: Run, *, k: int = 60, weight: float = 0.5, depth: int = 1000
) -> Run:
    """Fuse two runs by their ranks: ``weight / (k + rank₁) + (1 − weight) / (k + rank₂)``, ranks from 1.

    A document that one run lacks has only the other's part. With equal weights this orders documents as
    Cormack, Clarke and Büttcher do (SIGIR 2009, doi:10.1145/1571941.1572114).

    Args:
        first: a run.
        second: another, over the same or other queries; a query that one lacks is ranked by the other.
        k: rank constant, at least 0; the smaller, the more the very first ranks count.
        weight: of the first run, in [0, 1]; at 1 and 0 the other run has no say and adds no documents.
        depth: documents kept a query, at least 1.

    Returns:
        The queries of both, those of ``first`` first, each with its documents in rank order.

    Raises:
        InputError: ``k`` or ``weight`` is out of range.
    """
    _check(0 <= weight <= 1 and k >= 0, expected="weight in [0, 1], k ≥ 0", got=f"{weight}, {k}")
    fused: Run = {}
    for query in dict.fromkeys([*first, *second]):
        scores: dict[str, float] = {}
        for run, share in ((first, weight), (second, 1 - weight)):
            if share > 0:
                for rank, document in enumerate(ranked(run.get(query, {})), start=1):
                    scores[document] = scores.get(document, 0.0) + share / (k + rank)
        fused[query] = {document: scores[document] for document in ranked(scores)[:depth]}
    return fused


def choose_weight(
    fuse: Callable[[float], Run], score: Callable[[Run], float], *, weights: Sequence[float] = WEIGHTS
) -> WeightChoice:
    """The weight that scores best on development queries.

    Args:
        fuse: two runs over development queries, fused with a weight of the first.
        score: what to maximise, such as the mean nDCG@10 against the development qrels.
        weights: weights to try.

    Returns:
        The best; among equals the weight nearest to ½, then the larger.
    """
    tried = [WeightChoice(weight, score(fuse(weight))) for weight in weights]
    return max(tried, key=lambda choice: (choice.score, -abs(choice.weight - 0.5), choice.weight))


def _check(sensible: bool, *, expected: str, got: str) -> None:
    if not sensible:
        raise InputError("these fusion settings make no sense", expected=expected, got=got)
