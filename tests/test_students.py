"""Students of another architecture, tokenizer and dimension than their teacher's, and what carries transport mass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from checkpoints import DIM, build_base, build_dense, build_multi_vector, build_pylate, build_stanford
from kivuko.artifact import read_manifest
from kivuko.collections.document import Document
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import resolve
from kivuko.models import encoding, late_interaction
from kivuko.models.encoder import Encoder
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.build import build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import explain, search_late_interaction
from kivuko.training import optical
from kivuko.training.fit import Job
from kivuko.training.optical import OpticalLoss, OpticalSettings, train_optical
from kivuko.training.rank_in_batch import RankingLoss, RankingSettings
from kivuko.training.regimes import Models
from kivuko.training.resources import Resources
from kivuko.training.students import regression, student_for
from kivuko.training.teacher import train_teacher
from kivuko.training.teacher_vectors import teacher_vectors
from kivuko.training.units import Units
from test_checkpoints import assert_same, by_library, in_float32
from tiny import made_up_pairs

__all__ = ["in_float32"]  # a fixture of every test here
PAIRS = made_up_pairs(48)
OROMO = resolve("om")
FEW = OpticalSettings(steps=3, batch_size=8, max_length=24)
BASES = {
    "plain": lambda folder: build_base(folder, "xlm-roberta"),
    "dense": lambda folder: build_dense(folder, "modernbert", prompts={"query": "query: "}),
    "late-interaction": lambda folder: build_multi_vector(
        folder, "xmod", seed=1, prompts={"query": "query: "}
    ),
    "expanded": lambda folder: build_pylate(folder, seed=1),
}


@pytest.mark.parametrize("kind", BASES)
def test_a_teacher_teaches_students_of_any_kind(tmp_path: Path, kind: str) -> None:
    teacher = build_stanford(tmp_path / "teacher")
    student = train_optical(
        PAIRS, OROMO, teacher, tmp_path / "student", student=BASES[kind](tmp_path / "base"), settings=FEW
    )
    encoder = Encoder.open(student)
    assert encoder.dimension == DIM
    assert encoder.space == late_interaction.space_of(teacher)
    texts = [pair.foreign for pair in PAIRS[:6]]
    assert_same(encoder.encode(texts, task="query"), by_library(student, texts, "query"))
    assert read_manifest(student, "model").meta["examples"] == 24
    documents = [Document(pair.id, "", pair.english) for pair in PAIRS]
    index = Index.open(build_index(documents, teacher, tmp_path / "index"))
    assert len(search_late_interaction(index, encoder, {"q": texts[0]}, depth=5)["q"]) == 5
    matches = explain(index, encoder, texts[1], PAIRS[1].id)
    assert len(matches) == len(encoder.encode([texts[1]], task="query")[0])
    assert not {match.document_word for match in matches} - {*PAIRS[1].english.split(), "query", ":", *_ENDS}


_ENDS = ("[CLS]", "[SEP]", "[D]", "<s>", "</s>")


def test_the_layer_starts_where_english_means_meet(tmp_path: Path) -> None:
    teacher, base = build_stanford(tmp_path / "teacher"), build_base(tmp_path / "base", "xlm-roberta")
    english = [pair.english for pair in PAIRS]
    start = student_for(base, teacher, english)
    assert start == student_for(base, teacher, english)

    def agreement(folder: Path) -> float:
        sides = [
            encoding.encode(encoding.open_encoder(each), english, task=task)
            for each, task in ((folder, "query"), (teacher, "document"))  # type: ignore[assignment]
        ]
        means = [
            np.stack([side[i].mean(axis=0, dtype=np.float64) for i in range(len(side))]) for side in sides
        ]
        means = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in means]
        return float((means[0] * means[1]).sum(axis=1).mean())

    assert agreement(start) > 0.8
    assert student_for(teacher, teacher, english) == teacher


def test_regression_finds_the_layer_of_linear_spaces() -> None:
    generator = np.random.default_rng(0)
    weight, bias = generator.standard_normal((5, 3)), generator.standard_normal(3)
    source = generator.standard_normal((2000, 5))
    texts = [source[i : i + 2] for i in range(0, 2000, 2)]
    x = TokenVectors.stack([text.astype(np.float16) for text in texts], 5)
    y = TokenVectors.stack([(text @ weight + bias).astype(np.float16) for text in texts], 3)
    found, offset = regression(x, y)
    np.testing.assert_allclose(found.numpy(), weight.T, rtol=0.02, atol=0.01)
    np.testing.assert_allclose(offset.numpy(), bias, atol=0.01)
    with pytest.raises(InputError, match="no text to compare"):
        regression(TokenVectors.stack([], 5), TokenVectors.stack([], 3))


def test_sizes_are_compared_before_anything_is_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kivuko.training.teacher import untrained_teacher

    wide = untrained_teacher(str(build_base(tmp_path / "base", "bert", positions=192)), ["open"])
    monkeypatch.setattr(encoding, "encode", lambda *_, **__: pytest.fail("something was encoded"))
    with pytest.raises(InputError, match=r"different sizes[\s\S]*16 numbers a token[\s\S]*32"):
        optical.train(
            Models(wide, build_stanford(tmp_path / "teacher")),
            Resources(bitext={OROMO: PAIRS}),
            FEW,
            Job(tmp_path / "checkpoints", {}, "test"),
        )


def test_mask_tokens_of_expanded_queries_carry_no_mass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build_stanford(tmp_path / "model")
    masks: list[Tensor] = []
    transport = OpticalLoss.transport

    def recorded(self: OpticalLoss, units: Units, english: Tensor) -> Tensor:
        masks.append(units.student_mass > 0)
        return transport(self, units, english)

    monkeypatch.setattr(OpticalLoss, "transport", recorded)
    encoder = late_interaction.load(model)
    english = [pair.english for pair in PAIRS[:4]]
    loss = OpticalLoss(encoder, teacher_vectors(model, english, max_length=24), contrast_weight=0.5)
    features: dict[str, Any] = late_interaction.features_of(encoder, [p.foreign for p in PAIRS[:4]], "query")
    parts = loss([features], torch.arange(4))
    assert parts.keys() == {"transport", "contrast"}
    pieces = late_interaction.pieces_of(encoder, [p.foreign for p in PAIRS[:4]], "query")
    assert masks[0].sum(dim=1).tolist() == [min(len(ids), 16) for ids in pieces]
    assert features["query_expansion_positions"].any()


def test_the_teacher_s_side_is_a_setting(tmp_path: Path) -> None:
    model = build_stanford(tmp_path / "model")
    english = [pair.english for pair in PAIRS[:4]]
    as_documents, as_queries = (
        teacher_vectors(model, english, max_length=24, task=task) for task in ("document", "query")
    )
    pieces = late_interaction.pieces_of(late_interaction.load(model), english, "query")
    assert as_queries.lengths.tolist() == [len(ids) for ids in pieces]  # and no mask tokens
    assert as_documents.lengths.tolist() == as_queries.lengths.tolist()
    assert not torch.equal(as_documents.padded([0])[0], as_queries.padded([0])[0])
    with pytest.raises(UnknownNameError, match="side"):
        OpticalSettings(teacher_side="both")  # type: ignore[arg-type]


def test_regimes_start_from_checkpoints_and_train_with_their_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build_stanford(tmp_path / "model")
    seen: list[list[int]] = []
    forward = RankingLoss.forward

    def recorded(self: RankingLoss, features: Any, labels: Tensor) -> Any:
        features = list(features)
        seen.extend(each["input_ids"][0, :2].tolist() for each in features)
        return forward(self, features, labels)

    monkeypatch.setattr(RankingLoss, "forward", recorded)
    settings = RankingSettings(steps=2, batch_size=4, max_length=24)
    pairs = [(pair.english, pair.english) for pair in PAIRS]
    trained = train_teacher(model, pairs, tmp_path / "trained", settings=settings)
    tokenizer = late_interaction.load(model).tokenizer
    markers = [tokenizer.convert_tokens_to_ids(["[CLS]", each]) for each in ("[unused0]", "[unused1]")]
    assert seen == markers * 2
    texts = [pair.english for pair in PAIRS[:4]]
    for task in ("query", "document"):
        found = Encoder.open(trained).encode(texts, task=task)  # type: ignore[arg-type]
        assert_same(found, by_library(trained, texts, task))  # type: ignore[arg-type]
    assert late_interaction.space_of(trained) != late_interaction.space_of(model)
