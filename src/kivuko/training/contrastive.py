"""The common part of all regimes that learn to find a document by a text, with in-batch and hard negatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from kivuko.errors import InputError
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
    pairs: Sequence[tuple[str, ...]],
    settings: ContrastiveSettings,
    job: Job,
    *,
    distinct: int,
    originals: Sequence[Sequence[str]] | None = None,
    facts: dict[str, Any] | None = None,
) -> Trained:
    """Train ``start.student`` on both sides to find the second text of a pair by its first.

    Args:
        start: its student is where training starts; its teacher is not used.
        pairs: (query, document) in the order of training, each perhaps with as many hard negatives after it as all
            others; they and the other documents of a batch are the negatives.
        settings: see :class:`ContrastiveSettings`.
        job: where to.
        distinct: pairs that follow each other without repetition.
        originals: [pairs, 1 + negatives], what each document and negative was made from; documents of one origin are
            no negatives of each other. The documents themselves, by default.
        facts: what else to keep in the manifest, where pairs with an empty side, which are left out, are counted.

    Raises:
        InputError: fewer usable pairs than one batch, or not all have as many negatives.
    """
    negatives = sorted({len(pair) - 2 for pair in pairs})
    if len(negatives) > 1:
        raise InputError(
            "the pairs have different numbers of hard negatives", expected="one number", got=str(negatives)
        )
    encoder = late_interaction.load(start.student)
    sides = (late_interaction.pieces_of(encoder, texts) for texts in zip(*pairs, strict=True))
    pieces = list(zip(*sides, strict=True))
    # A side without a token to compare would make the loss, and with it every weight, not a number.
    specials = set(encoder.tokenizer.all_special_ids) - {encoder.tokenizer.unk_token_id}
    usable = [
        i for i, pair in enumerate(pieces) if all(set(ids[: settings.max_length]) - specials for ids in pair)
    ]
    left_out = {"examples_without_content": len(pairs) - len(usable)} if len(usable) < len(pairs) else {}
    queries, *documents = ([pairs[i][side] for i in usable] for side in range(len(pairs[0])))
    origins = [pairs[i][1:] if originals is None else originals[i] for i in usable]
    number = {origin: i for i, origin in enumerate(sorted({each for row in origins for each in row}))}
    labels = [[number[each] for each in row] for row in origins]
    lengths = [sum(min(len(ids), settings.max_length) for ids in pieces[i]) for i in usable]
    job.fit(
        encoder,
        Dataset.from_dict(
            {
                "query": queries,
                "document": documents[0],
                **{f"negative_{i}": texts for i, texts in enumerate(documents[1:], start=1)},
                "label": labels if documents[1:] else [row[0] for row in labels],
            }
        ),
        RankingLoss(encoder, similarity=settings.similarity, scale=settings.scale),
        lengths,
        settings,
        distinct=distinct,
    )
    return Trained(encoder, {"examples": len(usable), **left_out, **(facts or {})})
