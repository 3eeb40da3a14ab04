"""The in-batch ranking loss: worked by hand, and beside sentence-transformers' own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kivuko.errors import UnknownNameError
from kivuko.models import late_interaction
from kivuko.training.rank_in_batch import RankingLoss, Similarity
from tiny import made_up_pairs

X, Y = [1.0, 0.0], [0.0, 1.0]
QUERIES = [[X, Y], [Y]]
DOCUMENTS = [[X], [[0.6, 0.8]]]


class Given:
    """A model whose vectors are given."""

    def __init__(self) -> None:
        self.tasks: list[str] = []

    def __call__(self, features: dict[str, Tensor], *, task: str) -> dict[str, Tensor]:
        self.tasks.append(task)
        return features


def padded(texts: Any, *, pads: int = 0, fill: float = 0.0) -> dict[str, Tensor]:
    """Features of texts given as lists of token vectors."""
    rows = [torch.as_tensor(text, dtype=torch.float32) for text in texts]
    width = max(len(row) for row in rows) + pads
    vectors = torch.full((len(rows), width, rows[0].shape[1]), fill)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for i, row in enumerate(rows):
        vectors[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return {"token_embeddings": vectors, "attention_mask": mask}


def loss_of(
    queries: Any, documents: Any, labels: list[int], *, pads: int = 0, fill: float = 0.0, **options: Any
) -> float:
    loss = RankingLoss(Given(), **options)  # type: ignore[arg-type]
    sides = [padded(queries, pads=pads, fill=fill), padded(documents, pads=pads, fill=fill)]
    return loss(sides, torch.tensor(labels)).item()  # type: ignore[no-any-return]


def test_two_queries_and_two_documents_by_hand() -> None:
    # MaxSim: the first query 1 + 0 and .6 + .8, the second 0 and .8.
    own = [math.log(1 + math.exp(1.4 - 1.0)), math.log(1 + math.exp(0.0 - 0.8))]
    assert loss_of(QUERIES, DOCUMENTS, [0, 1]) == pytest.approx(sum(own) / 2, abs=1e-6)
    # Their means over the query's tokens: .5 and .7, 0 and .8.
    own = [math.log(1 + math.exp(20 * 0.2)), math.log(1 + math.exp(-20 * 0.8))]
    found = loss_of(QUERIES, DOCUMENTS, [0, 1], similarity="mean-maxsim", scale=20.0)
    assert found == pytest.approx(sum(own) / 2, abs=1e-5)
    # Cosines of means: the first query √½ and 1.4 · √½, the second 0 and .8.
    own = [math.log(1 + math.exp(20 * 0.4 * math.sqrt(0.5))), math.log(1 + math.exp(-20 * 0.8))]
    found = loss_of(QUERIES, DOCUMENTS, [0, 1], similarity="single-vector", scale=20.0)
    assert found == pytest.approx(sum(own) / 2, abs=1e-5)


def test_scale_multiplies_the_scores() -> None:
    own = [math.log(1 + math.exp(3 * (1.4 - 1.0))), math.log(1 + math.exp(3 * (0.0 - 0.8)))]
    assert loss_of(QUERIES, DOCUMENTS, [0, 1], scale=3.0) == pytest.approx(sum(own) / 2, abs=1e-6)


def test_a_document_that_stands_twice_is_no_negative_of_itself() -> None:
    twice = [DOCUMENTS[0], DOCUMENTS[1], DOCUMENTS[0]]
    queries = [QUERIES[0], QUERIES[1], [Y]]
    # The third query's own document scores 0 and the other .8; the first document is seen once by each.
    own = [
        math.log(1 + math.exp(1.4 - 1.0)),
        math.log(1 + 2 * math.exp(0.0 - 0.8)),
        math.log(1 + math.exp(0.8 - 0.0)),
    ]
    assert loss_of(queries, twice, [7, 3, 7]) == pytest.approx(sum(own) / 3, abs=1e-6)
    assert loss_of(queries, twice, [7, 3, 8]) > loss_of(queries, twice, [7, 3, 7]) + 0.1
    assert loss_of(QUERIES, [DOCUMENTS[0]] * 2, [5, 5]) == 0


@given(
    lengths=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=6),
    pads=st.integers(0, 4),
    fill=st.sampled_from([0.0, 3.0, -3.0]),
    similarity=st.sampled_from(["sum-maxsim", "mean-maxsim", "single-vector"]),
    seed=st.integers(0, 99),
)
def test_padding_changes_nothing(
    lengths: list[tuple[int, int]], pads: int, fill: float, similarity: Similarity, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)

    def text(tokens: int, direction: float) -> Tensor:
        # Queries and documents point away from each other, so that a pad's 0 would beat every real token.
        shifted = torch.randn(tokens, 6, generator=random) + direction
        return functional.normalize(shifted, dim=1)

    queries = [text(tokens, 1.0) for tokens, _ in lengths]
    documents = [text(tokens, -1.0) for _, tokens in lengths]
    scores = torch.empty(len(lengths), len(lengths))
    for i, query in enumerate(queries):
        for j, document in enumerate(documents):
            best = (query @ document.T).amax(dim=1)
            if similarity == "sum-maxsim":
                scores[i, j] = best.sum()
            elif similarity == "mean-maxsim":
                scores[i, j] = best.mean()
            else:
                scores[i, j] = functional.cosine_similarity(query.mean(dim=0), document.mean(dim=0), dim=0)
    expected = functional.cross_entropy(scores, torch.arange(len(lengths))).item()
    labels = list(range(len(lengths)))
    found = loss_of(queries, documents, labels, pads=pads, fill=fill, similarity=similarity)
    assert found == pytest.approx(expected, abs=1e-5)


def test_it_is_the_library_s_loss_where_no_document_stands_twice(tiny_encoder: Path) -> None:
    from sentence_transformers.multi_vector_encoder.losses import MultiVectorMultipleNegativesRankingLoss

    encoder = late_interaction.assemble(tiny_encoder, mean=None, max_length=32)
    pairs = made_up_pairs(12)
    sides = [
        encoder.preprocess([pair.foreign for pair in pairs], task="query"),
        encoder.preprocess([pair.english for pair in pairs], task="document"),
    ]
    found = []
    for loss in (RankingLoss(encoder), MultiVectorMultipleNegativesRankingLoss(encoder)):
        encoder.zero_grad()
        value = loss([dict(side) for side in sides], torch.arange(len(pairs)))
        value.backward()
        gradients = [p.grad.clone() for p in encoder.parameters() if p.grad is not None]
        found.append((value.detach(), gradients))
    torch.testing.assert_close(found[0][0], found[1][0])
    assert len(found[0][1]) == len(found[1][1]) > 20
    for ours, theirs in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_queries_and_documents_are_encoded_as_such() -> None:
    model = Given()
    RankingLoss(model)([padded(QUERIES), padded(DOCUMENTS)], torch.arange(2))  # type: ignore[arg-type]
    assert model.tasks == ["query", "document"]


def test_unknown_similarity_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"similarity 'cosine'[\s\S]*single-vector"):
        RankingLoss(Given(), similarity="cosine")  # type: ignore[arg-type]
