"""The common part of all regimes that learn to find a document by a text, with in-batch negatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from kivuko.models import late_interaction
from kivuko.training.fit import FitSettings
from kivuko.training.ranking_loss import RankingLoss, Similarity
from kivuko.training.regimes.regime import Job, Models, Trained


@dataclass(frozen=True)
class ContrastiveSettings(FitSettings):
    """What every regime on (query, document) texts can be told.

    Attributes:
        similarity: what is trained to rank, see :class:`kivuko.training.ranking_loss.RankingLoss`.
        scale: inverse temperature of the scores in the cross-entropy.
    """

    steps: int = 160
    batch_size: int = 16
    max_length: int = 128
    learning_rate: float = 2e-5
    similarity: Similarity = "maxsim"
    scale: float = 1.0


def train_contrastive(
    start: Models,
    pairs: Sequence[tuple[str, str]],
    settings: ContrastiveSettings,
    job: Job,
    *,
    distinct: int,
    facts: dict[str, Any] | None = None,
) -> Trained:
    """Train ``start.student`` on both sides to find the second text of a pair by its first.

    Args:
        start: its student is where training starts; its teacher is not used.
        pairs: (query, document) in the order of training; other documents of a batch are the negatives.
        settings: see :class:`ContrastiveSettings`.
        job: where to.
        distinct: pairs that follow each other without repetition.
        facts: what else to keep in the manifest.

    Raises:
        InputError: fewer pairs than one batch.
    """
    encoder = late_interaction.load(start.student)
    queries, documents = [query for query, _ in pairs], [document for _, document in pairs]
    number = {document: i for i, document in enumerate(sorted(set(documents)))}
    sides = (late_interaction.pieces_of(encoder, texts) for texts in (queries, documents))
    lengths = [sum(min(len(ids), settings.max_length) for ids in pair) for pair in zip(*sides, strict=True)]
    job.fit(
        encoder,
        Dataset.from_dict(
            {"query": queries, "document": documents, "label": [number[document] for document in documents]}
        ),
        RankingLoss(encoder, similarity=settings.similarity, scale=settings.scale),
        lengths,
        settings,
        distinct=distinct,
    )
    return Trained(encoder, {"examples": len(pairs), **(facts or {})})
