"""What all regimes share that learn to rank: a query must find its own document among those of its batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from datasets import Dataset
from torch import Tensor, nn

from kivuko.errors import InputError, UnknownNameError
from kivuko.models import late_interaction
from kivuko.training.fit import FitSettings, Job
from kivuko.training.interpolation import move_back
from kivuko.training.parallel import encoded
from kivuko.training.ranks import with_others
from kivuko.training.regimes import Models, Trained
from kivuko.training.similarity import contrast, mean_maxsim, sentence_vectors

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

Similarity = Literal["sum-maxsim", "mean-maxsim", "single-vector"]


class RankingLoss(nn.Module):
    """Cross-entropy over the documents of a batch, with sentence-transformers' loss interface.

    Hard negatives, where examples have some, are negatives of every query of the batch. A document that stands twice
    in it (one page linked from two languages, or one query's negative that is another's own) is no negative of
    itself, which sentence-transformers' ``MultiVectorMultipleNegativesRankingLoss``, otherwise the same, leaves to
    its sampler.

    Args:
        model: a ``MultiVectorEncoder``; both sides are trained.
        similarity: ``"sum-maxsim"`` (summed over the query's tokens), ``"mean-maxsim"`` (their mean, which ranks
            alike but lets long queries teach as much as short ones: their sums lie so far apart that the loss has
            nothing left to say) or ``"single-vector"`` (cosine of mean token vectors).
        scale: inverse temperature; about 1 for MaxSim's sum, which grows with the query, about 20 for the others.

    Requirements:
        Text columns query, document and any number of hard negatives, and a label column: a number for the document,
        or, with negatives, one for each of the documents; equal numbers for equal documents.

    Inputs:
        +------------------------------------------+----------------------------------+
        | Texts                                    | Labels                           |
        +==========================================+==================================+
        | (query, document)                        | document's number                |
        +------------------------------------------+----------------------------------+
        | (query, document, negative, negative, …) | [document's, negative's, …]      |
        +------------------------------------------+----------------------------------+

    Raises:
        UnknownNameError: no such similarity.

    References:
        Khattab & Zaharia, SIGIR 2020, arXiv 2004.12832 (MaxSim); Henderson et al., 2017, arXiv 1705.00652 (the loss);
        Karpukhin et al., EMNLP 2020, arXiv 2004.04906 (in-batch and hard negatives together).
    """

    def __init__(
        self, model: MultiVectorEncoder, *, similarity: Similarity = "sum-maxsim", scale: float = 1.0
    ) -> None:
        super().__init__()
        if similarity not in get_args(Similarity):
            raise UnknownNameError("similarity", similarity, get_args(Similarity))
        self.model, self.similarity, self.scale = model, similarity, scale

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """The loss of one batch.

        Args:
            sentence_features: tokenised queries, tokenised documents, and each of the negatives.
            labels: [batch], or [batch, 1 + negatives]: numbers of the documents.
        """
        query_features, *document_features = sentence_features
        queries, query_mask = self._encode(query_features, "query")
        numbers = labels.to(queries.device).reshape(len(labels), -1)
        # Columns of scores: all documents, then all first negatives, all second ones …; of several processes, this
        # one's own before the others'.
        scores, columns = [], []
        for side, each in enumerate(document_features):
            documents, mask = map(with_others, self._encode(each, "document"))
            scores.append(self._scores(queries, query_mask, documents, mask))
            columns.append(with_others(numbers[:, side].contiguous()))
        number = torch.cat(columns)
        return contrast(self.scale * torch.cat(scores, dim=1), number[: len(labels)], number[len(labels) :])

    def _scores(
        self, queries: Tensor, query_mask: Tensor, documents: Tensor, document_mask: Tensor
    ) -> Tensor:
        if self.similarity == "single-vector":
            return sentence_vectors(queries, query_mask) @ sentence_vectors(documents, document_mask).T
        mean = mean_maxsim(queries, query_mask, documents, document_mask)
        return mean if self.similarity == "mean-maxsim" else mean * query_mask.sum(dim=1, keepdim=True)

    def _encode(self, features: dict[str, Tensor], task: str) -> tuple[Tensor, Tensor]:
        vectors, output = encoded(self.model, features, task)
        return vectors, output["attention_mask"].bool()


@dataclass(frozen=True)
class RankingSettings(FitSettings):
    """What every regime on (query, document) texts can be told.

    Attributes:
        similarity: what is trained to rank, see :class:`RankingLoss`.
        scale: inverse temperature of the scores in the cross-entropy.
    """

    steps: int = 160
    batch_size: int = 16
    max_length: int = 128
    learning_rate: float = 2e-5
    similarity: Similarity = "sum-maxsim"
    scale: float = 1.0


def train_to_rank(
    start: Models,
    pairs: Sequence[tuple[str, ...]],
    settings: RankingSettings,
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
        settings: see :class:`RankingSettings`.
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
    queries_of_pairs, *documents_of_pairs = zip(*pairs, strict=True)
    sides = [
        late_interaction.pieces_of(encoder, queries_of_pairs, "query"),
        *(late_interaction.pieces_of(encoder, texts, "document") for texts in documents_of_pairs),
    ]
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
    move_back(encoder, start.student, settings.interpolation)
    return Trained(encoder, {"examples": len(usable), **left_out, **(facts or {})})
