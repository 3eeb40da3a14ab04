"""Reciprocal-rank fusion of two runs, with a weight chosen on development queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kivuko.errors import InputError
from kivuko.ranking import Run, ranked

WEIGHTS = tuple(step / 20 for step in range(21))
RANK_CONSTANTS = (1, 3, 10, 30, 60)


@dataclass(frozen=True)
class FusionChoice:
    """What :func:`choose_weight` found best: rank constant, weight of the first run, score reached."""

    k: int
    weight: float
    score: float


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
    if not 0 <= weight <= 1 or k < 0:
        raise InputError(
            "these fusion settings make no sense", expected="weight in [0, 1], k ≥ 0", got=f"{weight}, {k}"
        )
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
    first: Run,
    second: Run,
    score: Callable[[Run], float],
    *,
    weights: Sequence[float] = WEIGHTS,
    rank_constants: Sequence[int] = RANK_CONSTANTS,
    depth: int = 100,
) -> FusionChoice:
    """The weight and rank constant that score best on development queries.

    Args:
        first: a run over development queries.
        second: the other run over the same queries.
        score: what to maximise, such as the mean nDCG@10 against the development qrels.
        weights: weights of the first run to try.
        rank_constants: rank constants to try.
        depth: documents of each run that take part while trying.

    Returns:
        The best; among equals the weight nearest to ½, then the larger rank constant, then the larger weight.
    """
    first, second = _cut(first, depth), _cut(second, depth)
    tried = [
        FusionChoice(k, weight, score(reciprocal_rank_fusion(first, second, k=k, weight=weight, depth=depth)))
        for k in rank_constants
        for weight in weights
    ]
    return max(tried, key=lambda choice: (choice.score, -abs(choice.weight - 0.5), choice.k, choice.weight))


def _cut(run: Run, depth: int) -> Run:
    return {query: {name: scores[name] for name in ranked(scores)[:depth]} for query, scores in run.items()}
