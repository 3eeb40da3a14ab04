"""Learning to rank: each query must find its own document among those of the batch and their hard negatives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor, nn

from kivuko.errors import UnknownNameError
from kivuko.training.similarity import contrast, mean_maxsim, sentence_vectors

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

Similarity = Literal["maxsim", "mean-maxsim", "single-vector"]


class RankingLoss(nn.Module):
    """Cross-entropy over the documents of a batch, with sentence-transformers' loss interface.

    Hard negatives, where examples have some, are negatives of every query of the batch. A document that stands twice
    in it (one page linked from two languages, or one query's negative that is another's own) is no negative of
    itself, which sentence-transformers' ``MultiVectorMultipleNegativesRankingLoss``, otherwise the same, leaves to
    its sampler.

    Args:
        model: a ``MultiVectorEncoder``; both sides are trained.
        similarity: ``"maxsim"`` (summed over the query's tokens), ``"mean-maxsim"`` (their mean, which ranks alike
            but lets long queries teach as much as short ones: their sums lie so far apart that the loss has nothing
            left to say) or ``"single-vector"`` (cosine of mean token vectors).
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
        self, model: MultiVectorEncoder, *, similarity: Similarity = "maxsim", scale: float = 1.0
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
        scores = torch.cat(
            [
                self._scores(queries, query_mask, *self._encode(each, "document"))
                for each in document_features
            ],
            dim=1,
        )
        numbers = labels.to(scores.device)
        if numbers.dim() == 1:
            return contrast(self.scale * scores, numbers)
        # Columns of scores: all documents, then all first negatives, all second ones …
        return contrast(self.scale * scores, numbers[:, 0], numbers[:, 1:].T.reshape(-1))

    def _scores(
        self, queries: Tensor, query_mask: Tensor, documents: Tensor, document_mask: Tensor
    ) -> Tensor:
        if self.similarity == "single-vector":
            return sentence_vectors(queries, query_mask) @ sentence_vectors(documents, document_mask).T
        mean = mean_maxsim(queries, query_mask, documents, document_mask)
        return mean if self.similarity == "mean-maxsim" else mean * query_mask.sum(dim=1, keepdim=True)

    def _encode(self, features: dict[str, Tensor], task: str) -> tuple[Tensor, Tensor]:
        output = self.model(dict(features), task=task)
        return output["token_embeddings"].float(), output["attention_mask"].bool()
