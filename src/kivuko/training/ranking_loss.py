"""Learning to rank with in-batch negatives: each query must find its own document among those of the batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, get_args

from torch import Tensor, nn

from kivuko.errors import UnknownNameError
from kivuko.training.similarity import contrast, mean_maxsim, sentence_vectors

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

Similarity = Literal["maxsim", "single-vector"]


class RankingLoss(nn.Module):
    """Cross-entropy over the documents of a batch, with sentence-transformers' loss interface.

    A document that stands twice in a batch (one page linked from two languages) is no negative of itself, which
    sentence-transformers' ``MultiVectorMultipleNegativesRankingLoss``, otherwise the same, leaves to its sampler.

    Args:
        model: a ``MultiVectorEncoder``; both sides are trained.
        similarity: ``"maxsim"`` (summed over the query's tokens) or ``"single-vector"`` (cosine of mean token
            vectors).
        scale: inverse temperature; about 1 for MaxSim, which grows with the query, about 20 for cosines.

    Requirements:
        Two text columns, query and document, and a label column: equal numbers for equal documents.

    Inputs:
        +-------------------+--------------------+
        | Texts             | Labels             |
        +===================+====================+
        | (query, document) | document's number  |
        +-------------------+--------------------+

    Raises:
        UnknownNameError: no such similarity.

    References:
        Khattab & Zaharia, SIGIR 2020, arXiv 2004.12832 (MaxSim); Henderson et al., 2017, arXiv 1705.00652 (the loss).
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
            sentence_features: tokenised queries and tokenised documents.
            labels: [batch], numbers of the documents.
        """
        (queries, query_mask), (documents, document_mask) = (
            self._encode(features, task)
            for features, task in zip(sentence_features, ("query", "document"), strict=True)
        )
        if self.similarity == "maxsim":
            mean = mean_maxsim(queries, query_mask, documents, document_mask)
            scores = mean * query_mask.sum(dim=1, keepdim=True)
        else:
            scores = sentence_vectors(queries, query_mask) @ sentence_vectors(documents, document_mask).T
        return contrast(self.scale * scores, labels.to(scores.device))

    def _encode(self, features: dict[str, Tensor], task: str) -> tuple[Tensor, Tensor]:
        output = self.model(dict(features), task=task)
        return output["token_embeddings"].float(), output["attention_mask"].bool()
