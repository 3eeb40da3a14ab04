"""The losses on translation pairs: worked by hand, and what all of them must hold to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from kivuko import transport
from kivuko.errors import InputError, UnknownNameError
from kivuko.models import encoding, late_interaction
from kivuko.models.token_vectors import TokenVectors
from kivuko.training import score_distillation
from kivuko.training.align_to_teacher import AlignedBatch, AlignmentLoss
from kivuko.training.bitext_contrast import BitextContrastLoss
from kivuko.training.greedy import GreedyLoss, greedy_alignment
from kivuko.training.lexical_contrast import LexicalContrastLoss, word_vectors
from kivuko.training.optical import OpticalLoss, PlanSettings
from kivuko.training.score_distillation import ScoreDistillationLoss, best_documents
from kivuko.training.sentence_mse import SentenceMseLoss
from kivuko.training.similarity import mean_maxsim
from kivuko.training.teacher_vectors import TeacherVectors
from kivuko.training.units import ByWords, Words
from test_optical_loss import cache_of, unit, whole

PAIRS = 4
LENGTHS = [(2, 5), (4, 1), (3, 3), (1, 4)]
ENGLISH = [0, 1, 1, 2]
POOL = TokenVectors.stack([unit(n, 8, seed=50 + n).numpy().astype(np.float16) for n in (2, 6, 1)], 8)

#: Words of the same pairs: the pieces that belong to each.
WORDS = ByWords(
    Words([np.array(x) for x in ([0, 1], [0, 0, 1, 2], [0, 1, 1], [0])], ["ab", "abc", "ad", "c"]),
    Words([np.array(x) for x in ([0, 0, 1, 2, 2], [0], [0, 1, 2], [0, 1, 1, 2])], ["xyz", "x", "yxw", "vwx"]),
    links=0.5,
)

# Every loss takes the student first; parts() alone needs none.
LOSSES: dict[str, Callable[[torch.nn.Module, TeacherVectors], AlignmentLoss]] = {
    "optical": lambda model, teacher: OpticalLoss(model, teacher),  # type: ignore[arg-type]
    "optical of words": lambda model, teacher: OpticalLoss(model, teacher, units=WORDS),  # type: ignore[arg-type]
    "hardened": lambda model, teacher: OpticalLoss(model, teacher, plans=PlanSettings(hard=True)),  # type: ignore[arg-type]
    "greedy": GreedyLoss,  # type: ignore[dict-item]
    "greedy of words": lambda model, teacher: GreedyLoss(model, teacher, units=WORDS),  # type: ignore[arg-type]
    "sentence": SentenceMseLoss,  # type: ignore[dict-item]
    "contrast": BitextContrastLoss,  # type: ignore[dict-item]
    "single-vector": lambda model, teacher: BitextContrastLoss(model, teacher, similarity="single-vector"),  # type: ignore[arg-type]
    "lexical": lambda model, teacher: LexicalContrastLoss(  # type: ignore[dict-item]
        model,  # type: ignore[arg-type]
        teacher,
        unit(5, 8, seed=77).numpy(),
    ),
    "scores": lambda model, teacher: ScoreDistillationLoss(model, teacher, POOL, [2, 0, 0, 1]),  # type: ignore[arg-type]
}
every_loss = pytest.mark.parametrize("name", LOSSES)


def ragged() -> AlignedBatch:
    """Four pairs of unlike lengths in float64; pairs 1 and 2 count as one English text. Pads hold zeros."""
    students = cache_of(*(unit(m, 8, seed=m) for m, _ in LENGTHS))
    targets = cache_of(*(unit(n, 8, seed=10 + n) for _, n in LENGTHS))
    student, student_mask = students.padded(range(PAIRS))
    target, target_mask = targets.padded(range(PAIRS))
    return AlignedBatch(
        student.double(),
        student_mask,
        target.double(),
        target_mask,
        torch.tensor(ENGLISH),
        torch.arange(PAIRS),
    )


def loss_of(name: str) -> AlignmentLoss:
    teacher = cache_of(*(unit(n, 8, seed=10 + n) for _, n in LENGTHS))
    return LOSSES[name](torch.nn.Identity(), teacher)


def value(loss: AlignmentLoss, batch: AlignedBatch) -> Tensor:
    (found,) = loss.parts(batch).values()
    return found


def longer(tokens: Tensor, mask: Tensor, fill: float) -> tuple[Tensor, Tensor]:
    """Three more pads, and ``fill`` on all of them."""
    tokens = torch.cat([tokens, tokens.new_zeros(len(tokens), 3, tokens.shape[2])], dim=1)
    mask = torch.cat([mask, mask.new_zeros(len(mask), 3)], dim=1)
    return tokens.masked_fill(~mask[:, :, None], fill), mask


@every_loss
def test_what_stands_on_pads_counts_nothing(name: str) -> None:
    batch, loss = ragged(), loss_of(name)
    student, student_mask = longer(batch.student, batch.student_mask, 7.0)
    # Pads that look like every token's best match.
    target, target_mask = longer(batch.target, batch.target_mask, 9.0)
    padded = replace(
        batch, student=student, student_mask=student_mask, target=target, target_mask=target_mask
    )
    torch.testing.assert_close(value(loss, padded), value(loss, batch))


@pytest.mark.parametrize(
    "name", ["optical", "optical of words", "hardened", "greedy", "greedy of words", "sentence"]
)
def test_regression_losses_equal_a_loop_over_unpadded_pairs(name: str) -> None:
    batch, loss = ragged(), loss_of(name)
    alone = [
        value(
            loss,
            AlignedBatch(
                batch.student[i : i + 1, :m],
                torch.ones(1, m, dtype=torch.bool),
                batch.target[i : i + 1, :n],
                torch.ones(1, n, dtype=torch.bool),
                batch.english[i : i + 1],
                batch.labels[i : i + 1],
            ),
        )
        for i, (m, n) in enumerate(LENGTHS)
    ]
    torch.testing.assert_close(value(loss, batch), torch.stack(alone).mean())


@every_loss
def test_order_of_the_batch_does_not_matter(name: str) -> None:
    batch, loss = ragged(), loss_of(name)
    turned = torch.tensor([2, 0, 3, 1])
    shuffled = AlignedBatch(
        batch.student[turned],
        batch.student_mask[turned],
        batch.target[turned],
        batch.target_mask[turned],
        batch.english[turned],
        batch.labels[turned],
    )
    torch.testing.assert_close(value(loss, shuffled), value(loss, batch))


@every_loss
def test_gradient_is_the_finite_difference(name: str) -> None:
    # True for the transport with its plan held fixed as well: at the optimum the plan's own change costs nothing.
    batch, loss = ragged(), loss_of(name)
    start = batch.student.requires_grad_()
    assert torch.autograd.gradcheck(lambda student: value(loss, replace(batch, student=student)), start)
    value(loss, batch).backward()
    assert start.grad is not None
    assert start.grad[batch.student_mask].abs().sum() > 0
    assert not start.grad[~batch.student_mask].any()


def test_batch_without_content_is_refused() -> None:
    batch = ragged()
    empty = batch.target_mask.clone()
    empty[2] = False
    with pytest.raises(InputError, match=r"English side[\s\S]*row 2"):
        replace(batch, target_mask=empty)


@pytest.mark.parametrize("name", [name for name in LOSSES if "words" not in name])
def test_loss_trains_a_student_beside_any_companion(name: str, tiny_teacher: Path) -> None:
    student = late_interaction.load(tiny_teacher)
    texts = ["open the file", "save", "a big red table", "close"]
    vectors = encoding.encode(student, texts, task="document")
    teacher = cache_of(*(torch.from_numpy(vectors[i].astype(np.float32)) for i in range(PAIRS)))
    if name == "scores":
        loss: AlignmentLoss = ScoreDistillationLoss(
            student, teacher, vectors, best_documents(teacher, vectors)[:, 0]
        )
    elif name == "lexical":
        loss = LexicalContrastLoss(student, teacher, vectors.vectors.astype(np.float32))
    else:
        loss = LOSSES[name](student, teacher)
    features = student.preprocess(texts, task="query")
    labels = torch.arange(PAIRS)
    # A student that gives the teacher's own vectors, up to rounding, and one whose pairs are mixed up.
    (right,) = loss([features], labels).values()
    (wrong,) = loss([features], labels.roll(1)).values()
    assert wrong.item() > right.item() + 0.1
    if name not in ("contrast", "single-vector", "lexical"):
        assert right.item() == pytest.approx(0, abs=0.01)
    assert wrong.dtype == torch.float32
    assert loss.tokens == 2 * vectors.lengths.sum()
    alone = list(loss([features], labels))
    loss.contrast_weight = 0.5
    losses = loss([features], labels)
    assert list(losses) == ([*alone, "contrast"] if "contrast" not in alone else alone)
    sum(losses.values()).backward()  # type: ignore[union-attr]
    assert any(p.grad is not None and bool(p.grad.any()) for p in student.parameters())


def test_same_companion_beside_every_loss(tiny_teacher: Path) -> None:
    student = late_interaction.load(tiny_teacher)
    texts = ["open the file", "save", "a big red table", "close"]
    teacher = cache_of(*(unit(3, 32, seed=i) for i in range(PAIRS)))
    features, labels = student.preprocess(texts, task="query"), torch.arange(PAIRS)
    full = BitextContrastLoss(student, teacher, english=ENGLISH, scale=15.0)([features], labels)["contrast"]
    for regime in (OpticalLoss, GreedyLoss, SentenceMseLoss):
        loss = regime(student, teacher, english=ENGLISH, contrast_weight=0.5, contrast_scale=15.0)
        torch.testing.assert_close(loss([features], labels)["contrast"], 0.5 * full)


def test_english_ids_must_fit_the_teacher() -> None:
    with pytest.raises(InputError, match="2 ids"):
        GreedyLoss(torch.nn.Identity(), cache_of(unit(1, 8)), english=[0, 1])  # type: ignore[arg-type]


# Greedy alignment


def test_greedy_takes_the_smallest_first_and_the_lowest_of_equals() -> None:
    # .1 stands at (0, 1) and (1, 1): the lower source token wins, and (1, 0) is the best of what is left.
    cost = torch.tensor([[[0.5, 0.1, 0.9], [0.2, 0.1, 0.3]]])
    found = greedy_alignment(cost, torch.ones(1, 2, dtype=torch.bool), torch.ones(1, 3, dtype=torch.bool))
    assert found[0].nonzero().tolist() == [[0, 1], [1, 0]]
    # Equal in one row: the lower target token.
    flat = greedy_alignment(
        torch.full((1, 3, 2), 0.4), torch.ones(1, 3, dtype=torch.bool), torch.ones(1, 2, dtype=torch.bool)
    )
    assert flat[0].nonzero().tolist() == [[0, 0], [1, 1]]


def test_greedy_loss_worked_by_hand() -> None:
    # Costs 1 − cos = [[0, .4], [.2, .808]]: greedy takes 0 and is left with .808, where transport takes .4 and .2.
    # The third student token is a pad that would match perfectly.
    student = torch.tensor([[[1.0, 0.0, 0.0], [0.8, 0.0, 0.6]]])
    target = torch.tensor([[[1.0, 0.0, 0.0], [0.6, 0.64, -0.48]]])
    student = torch.cat([student, torch.tensor([[[0.6, 0.64, -0.48]]])], dim=1)
    student_mask = torch.tensor([[True, True, False]])
    cost = 1 - student[0, :2] @ target[0].T
    assert cost.flatten().tolist() == pytest.approx([0, 0.4, 0.2, 1 - (0.48 - 0.288)], abs=1e-6)
    batch = AlignedBatch(
        student, student_mask, target, whole(target), torch.zeros(1, dtype=torch.int64), torch.zeros(1).long()
    )
    loss = GreedyLoss(torch.nn.Identity(), cache_of(target[0]))  # type: ignore[arg-type]
    # Mean over two aligned tokens of the squared distance 2 · cost.
    squared = [(student[0, i] - target[0, i]).square().sum().item() for i in range(2)]
    assert loss.parts(batch)["greedy"].item() == pytest.approx(np.mean(squared), abs=1e-6)
    assert loss.parts(batch)["greedy"].item() == pytest.approx((0 + 2 * 0.808) / 2, abs=1e-6)
    best = OpticalLoss(torch.nn.Identity(), cache_of(target[0]))  # type: ignore[arg-type]
    assert best.parts(batch)["transport"].item() == pytest.approx((0.4 + 0.2) / 2, abs=1e-6)


@given(
    # Few different values, so that ties are common.
    arrays.arrays(np.int8, (3, 4, 5), elements=st.integers(0, 4)),
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 5)), min_size=3, max_size=3),
)
def test_greedy_equals_the_loop_it_stands_for(
    levels: np.ndarray[tuple[int, int, int], np.dtype[np.int8]], lengths: list[tuple[int, int]]
) -> None:
    cost = torch.from_numpy(levels.astype(np.float32))
    source_mask = torch.tensor([[i < m for i in range(4)] for m, _ in lengths])
    target_mask = torch.tensor([[j < n for j in range(5)] for _, n in lengths])
    found = greedy_alignment(cost, source_mask, target_mask)
    for pair, (m, n) in enumerate(lengths):
        expected, rows, columns = [], set(range(m)), set(range(n))
        while rows and columns:
            _, i, j = min((cost[pair, i, j].item(), i, j) for i in rows for j in columns)
            expected.append([i, j])
            rows.remove(i)
            columns.remove(j)
        assert found[pair].nonzero().tolist() == sorted(expected)


# Sentence vectors


def test_sentence_loss_worked_by_hand() -> None:
    # The student's mean points along (1, 1), the teacher's along (1, 0): ‖s − t‖² = 2 − √2.
    student = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]])
    target = torch.tensor([[[0.6, 0.8], [0.6, -0.8]]])
    batch = AlignedBatch(
        student,
        torch.tensor([[True, True, False]]),
        target,
        whole(target),
        torch.zeros(1).long(),
        torch.zeros(1).long(),
    )
    loss = SentenceMseLoss(torch.nn.Identity(), cache_of(target[0]))  # type: ignore[arg-type]
    assert loss.parts(batch)["sentence"].item() == pytest.approx(2 - math.sqrt(2), abs=1e-6)


def test_single_vector_contrast_worked_by_hand() -> None:
    # Cosines [[1, .6], [0, .8]] times scale 3.
    student = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.6, 0.8], [-0.6, 0.8]]])
    target = torch.tensor([[[1.0, 0.0]], [[0.6, 0.8]]])
    loss = BitextContrastLoss(
        torch.nn.Identity(),  # type: ignore[arg-type]
        cache_of(*target),
        similarity="single-vector",
        scale=3.0,
    )
    batch = AlignedBatch(
        student, whole(student), target, whole(target), torch.tensor([0, 1]), torch.arange(2)
    )
    expected = [math.log(1 + math.exp(3 * (0.6 - 1))), math.log(1 + math.exp(3 * (0 - 0.8)))]
    assert loss.parts(batch)["contrast"].item() == pytest.approx(np.mean(expected), abs=1e-6)
    # Were both English sides the same text, neither would be the other's negative.
    same = replace(batch, english=torch.tensor([5, 5]))
    assert loss.parts(same)["contrast"].item() == pytest.approx(0, abs=1e-6)


def test_unknown_similarity_is_named() -> None:
    with pytest.raises(UnknownNameError, match="mean-maxsim"):
        BitextContrastLoss(torch.nn.Identity(), cache_of(unit(1, 8)), similarity="max-sim")  # type: ignore[arg-type]


# English words


def test_words_that_texts_mean_worked_by_hand() -> None:
    # Two English words, (1, 0) and (0, 1); of the second text a token means the second word, below the threshold.
    vocabulary = np.float32([[1, 0], [0, 1]])
    target = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    student = torch.tensor([[[0.6, 0.8], [1.0, 0.0]], [[0.0, 1.0], [0.8, -0.6]]])
    loss = LexicalContrastLoss(
        torch.nn.Identity(),  # type: ignore[arg-type]
        cache_of(*target),
        vocabulary,
        threshold=0.9,
        scale=2.0,
    )
    found = loss.weights(student, whole(student))
    a = math.log(1.1)
    torch.testing.assert_close(found, torch.tensor([[a, 0.0], [0.0, a]]))
    batch = AlignedBatch(
        student, whole(student), target, whole(target), torch.tensor([0, 1]), torch.arange(2)
    )
    expected = math.log(1 + math.exp(-2.0))  # cosines 1 and 0
    assert loss.parts(batch)["contrast"].item() == pytest.approx(expected, abs=1e-6)
    assert loss.diagnostics == {"words_meant": 1}


def test_an_english_words_vector_is_the_mean_of_its_tokens() -> None:
    texts = cache_of(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.6, 0.8]]))
    twice = TeacherVectors(texts.shards, texts.place[[0, 1, 0]], texts.dim)
    words = Words(
        [np.array([0, 1]), np.array([0]), np.array([0, 1])], [["red", "file"], ["red"], ["red", "file"]]
    )
    expected = np.array([[1.6, 0.8]]) / np.linalg.norm([1.6, 0.8])
    np.testing.assert_allclose(word_vectors(twice, words, 2), expected, rtol=1e-3)
    assert word_vectors(twice, words, 1).shape == (2, 2)
    with pytest.raises(InputError, match="no English word"):
        word_vectors(twice, words, 3)


# Score distillation


def test_score_distillation_worked_by_hand() -> None:
    # Documents: (1, 0) and (0, 1). Mean MaxSim of the teacher: (.8, .6); of the student: (.3, .9).
    documents = TokenVectors.stack([np.float16([[1, 0]]), np.float16([[0, 1]]), np.float16([[-1, 0]])], 2)
    target = torch.tensor([[[0.8, 0.6]], [[0.0, 1.0]]])
    student = torch.tensor([[[0.6, 0.8], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])
    loss = ScoreDistillationLoss(
        torch.nn.Identity(),  # type: ignore[arg-type]
        cache_of(*target),
        documents,
        [0, 1],
        temperature=0.5,
    )
    batch = AlignedBatch(
        student, whole(student), target, whole(target), torch.tensor([0, 1]), torch.arange(2)
    )
    p = 1 / (1 + math.exp((0.6 - 0.8) / 0.5))
    q = 1 / (1 + math.exp((0.9 - 0.3) / 0.5))
    divergence = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    # The second pair agrees with its teacher and costs nothing.
    assert loss.parts(batch)["scores"].item() == pytest.approx(divergence / 2, abs=1e-6)
    assert loss.diagnostics == {"candidates": 2}


def test_a_pair_with_documents_of_its_own_is_scored_against_these_alone() -> None:
    batch = ragged()
    teacher = cache_of(*(unit(n, 8, seed=10 + n) for _, n in LENGTHS))
    own = [[2, 0], [0, 1], [1, 2], [2, 1]]
    loss = ScoreDistillationLoss(torch.nn.Identity(), teacher, POOL, own, temperature=0.5)  # type: ignore[arg-type]
    expected = []
    for pair, label in enumerate(batch.labels.tolist()):
        documents, mask = POOL.padded(own[label])
        student, target = (
            mean_maxsim(vectors[pair : pair + 1], kept[pair : pair + 1], documents.to(vectors), mask) / 0.5
            for vectors, kept in (
                (batch.student, batch.student_mask), (batch.target, batch.target_mask),
            )
        )  # fmt: skip
        q, p = student.log_softmax(dim=1), target.log_softmax(dim=1)
        expected.append(float((p.exp() * (p - q)).sum()))
    assert loss.parts(batch)["scores"].item() == pytest.approx(np.mean(expected), rel=1e-5)
    assert loss.diagnostics == {"candidates": 2}


def test_document_of_two_pairs_is_one_candidate() -> None:
    batch = ragged()
    teacher = cache_of(*(unit(n, 8, seed=10 + n) for _, n in LENGTHS))

    def scores(best: list[int]) -> float:
        loss = ScoreDistillationLoss(torch.nn.Identity(), teacher, POOL, best)  # type: ignore[arg-type]
        return value(loss, batch).item()

    assert scores([0, 1, 1, 1]) == pytest.approx(scores([0, 0, 1, 0]), rel=1e-9)
    assert scores([2, 2, 2, 2]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("best", "message"), [([0, 1], "one for each text"), ([0, 1, 3, 0], "pair 2"), ([0, -1, 0, 0], "pair 1")]
)
def test_best_documents_must_fit(best: list[int], message: str) -> None:
    teacher = cache_of(*(unit(n, 8, seed=10 + n) for _, n in LENGTHS))
    with pytest.raises(InputError, match=message):
        ScoreDistillationLoss(torch.nn.Identity(), teacher, POOL, best)  # type: ignore[arg-type]


def test_best_documents_equal_a_plain_search(monkeypatch: pytest.MonkeyPatch) -> None:
    # Small chunks, so that texts and documents are cut into several.
    monkeypatch.setattr(score_distillation, "TEXT_TOKENS_AT_ONCE", 7)
    monkeypatch.setattr(score_distillation, "DOCUMENT_TOKENS_AT_ONCE", 9)
    monkeypatch.setenv("KIVUKO_PRECISION", "float32")
    documents = TokenVectors.stack(
        [unit(1 + i % 6, 8, seed=i).numpy().astype(np.float16) for i in range(20)], 8
    )
    texts = cache_of(*(unit(1 + i % 4, 8, seed=100 + i) if i != 5 else unit(0, 8) for i in range(30)))
    found = best_documents(texts, documents, most=3)
    for text in range(30):
        rows = texts.shards[0][text].astype(np.float32)
        scores = [
            (rows @ documents[d].astype(np.float32).T).max(axis=1).sum() for d in range(20) if len(rows)
        ]
        assert found[text].tolist() == (
            np.argsort(-np.array(scores), kind="stable")[:3].tolist() if scores else [-1] * 3
        )
    # A text that stands in the list twice, and one of two equal documents: the first.
    repeated = TeacherVectors(texts.shards, texts.place[[3, 9, 3]], texts.dim)
    assert best_documents(repeated, documents).tolist() == found[[3, 9, 3], :1].tolist()
    twice = TokenVectors.stack([documents[4], documents[4]], 8)
    assert set(best_documents(texts, twice)[:, 0].tolist()) == {0, -1}
    with pytest.raises(InputError, match="1 to 20"):
        best_documents(texts, documents, most=21)


def test_best_documents_in_bfloat16_find_what_stands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIVUKO_PRECISION", "bfloat16")
    monkeypatch.setattr(score_distillation, "device", lambda: "cpu")
    documents = TokenVectors.stack([unit(5, 32, seed=i).numpy().astype(np.float16) for i in range(12)], 32)
    texts = cache_of(*(torch.from_numpy(documents[i][1:4].astype(np.float32)) for i in range(12)))
    assert best_documents(texts, documents)[:, 0].tolist() == list(range(12))


def test_pool_with_an_empty_document_is_refused() -> None:
    pool = TokenVectors.stack([np.ones((1, 8), np.float16), np.ones((0, 8), np.float16)], 8)
    with pytest.raises(InputError, match="row 1"):
        best_documents(cache_of(unit(1, 8)), pool)


def test_greedy_costs_at_least_what_transport_does() -> None:
    # With as many tokens on both sides a one-to-one alignment is a plan, and the exact one is the cheapest.
    student, target = unit(16, 5, 8).double(), unit(16, 5, 8, seed=1).double()
    cost = transport.cosine_cost(student, target, normalised=True)
    greedy = (cost * greedy_alignment(cost, whole(student), whole(target))).sum(dim=(1, 2)) / 5
    uniform = transport.uniform_marginal(whole(student))
    exact = transport.solve(cost, uniform, uniform, solver="exact").cost
    assert bool((greedy >= exact - 1e-9).all())
    assert bool((greedy > exact + 1e-3).any())
