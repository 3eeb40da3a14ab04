"""Encoding in torch and in ONNX Runtime: the library's vectors, whatever the batch; exported folders; pooling."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from kivuko.artifact import read_manifest
from kivuko.cli.main import app
from kivuko.collections.document import Document
from kivuko.errors import ArtifactError, InputError, MissingExtraError
from kivuko.models import encoding, late_interaction
from kivuko.models.encoding import encode, open_encoder, pooled
from kivuko.models.onnx import ExportReport, OnnxEncoder, export
from kivuko.models.reading import batches
from kivuko.models.token_vectors import TokenVectors
from kivuko.models.trimming import trim_vocabulary
from kivuko.retrieval.build import add_documents, build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import explain, search_late_interaction
from kivuko.training.teacher import untrained_teacher
from tiny import build_tiny_encoder, made_up_pairs

TEXTS = ["open the file", "", "print a big red table", "?!", "page " * 200, "ក red", " \t", "save 12 pages"]
DOCUMENTS = [
    Document("red", "Red tables", "open the red table in a window"),
    Document("long", "Print", "page " * 300),
    Document("page", "Page", "save small pages"),
]


@pytest.fixture
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIVUKO_PRECISION", "float32")


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, ExportReport]:
    """A teacher, its int8 export and what that reported."""
    folder = tmp_path_factory.mktemp("exported")
    base = build_tiny_encoder(folder / "base", seed=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIVUKO_CACHE", str(folder / "cache"))
        teacher = untrained_teacher(str(base), [pair.english for pair in made_up_pairs(40)])
    return teacher, folder / "int8", export(teacher, folder / "int8", "int8")


def xlm_roberta(folder: Path) -> Path:
    """A tiny encoder of another family, which counts positions from its pad's number."""
    from transformers import XLMRobertaConfig, XLMRobertaModel

    build_tiny_encoder(folder, seed=0)
    size = late_interaction.assemble(folder, mean=None, max_length=16)[0].auto_model.config.vocab_size
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = XLMRobertaConfig(vocab_size=size, max_position_embeddings=192, pad_token_id=1, **shape)
    torch.manual_seed(0)
    XLMRobertaModel(config).save_pretrained(folder)
    return folder


def cosines(one: TokenVectors, other: TokenVectors) -> np.ndarray:  # type: ignore[type-arg]
    np.testing.assert_array_equal(one.offsets, other.offsets)
    return (one.vectors.astype(np.float32) * other.vectors.astype(np.float32)).sum(axis=1)


def test_vectors_are_the_library_s(in_float32: None, tiny_teacher: Path) -> None:
    encoder = late_interaction.load(tiny_teacher)
    expected = encoder.encode_document(TEXTS, show_progress_bar=False, convert_to_numpy=True)
    found = encode(open_encoder(tiny_teacher), TEXTS, task="document")
    assert found.vectors.dtype == np.float16
    for number, vectors in enumerate(expected):
        np.testing.assert_allclose(found[number].astype(np.float32), vectors, atol=1e-3)


@settings(max_examples=25)
@given(order=st.permutations(range(len(TEXTS))), budget=st.integers(1, 1000))
def test_batch_and_order_change_vectors_by_rounding_alone(
    exported: tuple[Path, Path, ExportReport], order: list[int], budget: int
) -> None:
    teacher, _, _ = exported
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIVUKO_PRECISION", "float32")
        encoder = open_encoder(teacher)
        plain = encode(encoder, TEXTS, task="document")
        found = encode(encoder, [TEXTS[number] for number in order], task="document", tokens_a_batch=budget)
    for place, number in enumerate(order):
        np.testing.assert_allclose(found[place], plain[number], atol=2e-3)


def test_threads_share_out_batches_without_changing_a_vector(
    tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = TEXTS * 8
    encoder = open_encoder(tiny_teacher)
    encoders: list[tuple[int, str]] = []
    whole = encoding.batch_vectors

    def seen(*arguments: object) -> list[torch.Tensor]:
        encoders.append((torch.get_num_threads(), threading.current_thread().name))
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(encoding, "batch_vectors", seen)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        by_one = encode(encoder, texts, task="document", tokens_a_batch=40)
        assert {name for _, name in encoders} == {threading.current_thread().name}
        encoders.clear()
        torch.set_num_threads(3)
        by_three = encode(encoder, texts, task="document", tokens_a_batch=40)
        assert torch.get_num_threads() == 3
        assert {threads for threads, _ in encoders} == {1}
        assert threading.current_thread().name not in {name for _, name in encoders}
        np.testing.assert_array_equal(by_one.vectors, by_three.vectors)
        np.testing.assert_array_equal(by_one.offsets, by_three.offsets)

        monkeypatch.setattr(encoding, "pooled", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            encode(encoder, texts, task="document", tokens_a_batch=40)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@given(lengths=st.lists(st.integers(0, 40)), budget=st.integers(1, 200))
def test_batches_hold_each_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    found = list(batches(lengths, budget))
    assert sorted(text for batch in found for text in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[text] for text in batch) <= budget
    longest = [max(lengths[text] for text in batch) for batch in found]
    assert longest == sorted(longest)
    # No batch could have taken the first text of the next one.
    for batch, following in itertools.pairwise(found):
        assert (len(batch) + 1) * lengths[following[0]] > budget


def test_weights_are_cast_for_reading_alone(tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def types(encoder: object) -> list[torch.dtype]:
        return [next(module.parameters()).dtype for module in (encoder[0], encoder[2])]  # type: ignore[index]

    in_autocast: list[bool] = []

    def recorded(*arguments: object) -> list[torch.Tensor]:
        in_autocast.append(torch.is_autocast_enabled("cpu"))
        return plain(*arguments)  # type: ignore[arg-type]

    plain = encoding.batch_vectors
    monkeypatch.setattr(encoding, "batch_vectors", recorded)
    found = {}
    for fast in (True, False):
        monkeypatch.setenv("KIVUKO_PRECISION", "bfloat16" if fast else "float32")
        reader, student = open_encoder(tiny_teacher), late_interaction.load(tiny_teacher)
        assert types(student) == [torch.float32, torch.float32]
        assert types(reader) == [torch.bfloat16 if fast else torch.float32, torch.float32]
        found[fast] = encode(reader, TEXTS, task="document")
        encode(student, TEXTS[:1], task="document")
    assert in_autocast == [False] * (len(in_autocast) // 2 - 1) + [True] + [False] * (len(in_autocast) // 2)
    assert cosines(found[True], found[False]).min() > 0.99


def test_pooling_keeps_a_fraction_of_unit_vectors(tiny_teacher: Path) -> None:
    encoder = open_encoder(tiny_teacher)
    plain, once, halved = (
        encode(encoder, TEXTS, task="document", **options)  # type: ignore[arg-type]
        for options in ({}, {"pooling": 1.0}, {"pooling": 2.0})
    )
    np.testing.assert_array_equal(once.vectors, plain.vectors)
    assert halved.lengths.tolist() == [min(n, max(1, n // 2)) for n in plain.lengths.tolist()]
    norms = np.linalg.norm(halved.vectors.astype(np.float32), axis=1)
    np.testing.assert_allclose(norms, 1, atol=2e-3)
    for factor in (0.9, 17, float("nan")):
        with pytest.raises(InputError, match="1 to 16"):
            encode(encoder, TEXTS, task="document", pooling=factor)
    with pytest.raises(InputError, match="queries are not pooled"):
        encode(encoder, TEXTS, task="query", pooling=2)


def test_pooling_by_hand() -> None:
    """Two pairs of near directions become their means."""
    rows = torch.nn.functional.normalize(torch.tensor([[1, 0.1], [0, 1], [1, -0.1], [0.2, 1]]), dim=1)
    found = pooled(rows, 2)
    pairs = torch.stack([rows[[0, 2]].mean(0), rows[[1, 3]].mean(0)])
    expected = torch.nn.functional.normalize(pairs, dim=1)
    torch.testing.assert_close(found[found[:, 0].argsort(descending=True)], expected)


def test_pooled_index_searches_explains_and_grows(tiny_teacher: Path, tmp_path: Path) -> None:
    index = Index.open(build_index(DOCUMENTS[:2], tiny_teacher, tmp_path / "index", pooling=2))
    whole = Index.open(build_index(DOCUMENTS[:2], tiny_teacher, tmp_path / "whole"))
    (_, vectors), (_, halved) = (i.vectors_of("long")[0] for i in (whole, index))
    assert len(halved) == len(vectors) // 2
    add_documents(index, DOCUMENTS[2:], tiny_teacher)
    tokens = encode(open_encoder(tiny_teacher), [DOCUMENTS[2].full_text], task="document").lengths[0]
    assert len(index.vectors_of("page")[0][1]) == tokens // 2
    assert set(search_late_interaction(index, tiny_teacher, {"q": "red table"})["q"]) == {
        "red",
        "long",
        "page",
    }
    matches = explain(index, tiny_teacher, "red table", "red")
    assert next(match.query_word for match in matches) == "red"
    assert {match.document_word for match in matches} <= set(DOCUMENTS[0].full_text.split())
    build_index(DOCUMENTS[:2], tiny_teacher, whole.path, pooling=3)
    assert len(Index.open(whole.path).vectors_of("long")[0][1]) == len(vectors) // 3
    with pytest.raises(InputError, match="1 to 16"):
        build_index(DOCUMENTS, tiny_teacher, tmp_path / "other", pooling=99)
    with pytest.raises(InputError, match="no vectors to pool"):
        build_index(DOCUMENTS, None, tmp_path / "other", kind="lexical", pooling=2)


def test_float32_export_of_a_trimmed_model_gives_its_vectors(
    own_cache: Path, in_float32: None, tmp_path: Path
) -> None:
    teacher = untrained_teacher(str(xlm_roberta(tmp_path / "base")), ["open the file", "print 12 tables"])
    trim_vocabulary(teacher, tmp_path / "trimmed", TEXTS)
    report = export(tmp_path / "trimmed", tmp_path / "fp32", "fp32")
    assert report.cosine_min > 0.9999
    assert report.left_out == ("2_Dense/model.safetensors", "model.safetensors")
    encoder = open_encoder(tmp_path / "fp32")
    assert isinstance(encoder, OnnxEncoder)
    assert late_interaction.dimension(encoder) == 32
    assert late_interaction.length_limit(encoder) == 160
    original = open_encoder(tmp_path / "trimmed")
    for task in ("query", "document"):
        found, expected = (encode(each, TEXTS, task=task) for each in (encoder, original))  # type: ignore[arg-type]
        np.testing.assert_allclose(found.vectors, expected.vectors, atol=2e-3)
        np.testing.assert_array_equal(found.offsets, expected.offsets)
    encoder.max_seq_length = 8
    assert encode(encoder, TEXTS, task="document").lengths.max() == 6
    tokens = encoding.read(encoder, "Open (x)", "query", max_length=16).tokens
    assert [token.word for token in tokens] == ["Open", "(x)", "(x)", "(x)"]


def test_int8_export_is_close_and_in_the_same_space(
    exported: tuple[Path, Path, ExportReport], in_float32: None
) -> None:
    teacher, folder, report = exported
    found = cosines(*(encode(open_encoder(path), TEXTS, task="document") for path in (teacher, folder)))
    assert 0.97 < found.min() < found.mean() < 1
    assert report.cosine_min <= report.cosine_mean < 1
    manifest = read_manifest(folder, "model", verify=True)
    assert manifest.meta["onnx"]["cosine_mean"] == report.cosine_mean
    assert manifest.parents == {"model": read_manifest(teacher, "model").hash}
    assert late_interaction.space_of(folder) == late_interaction.space_of(teacher)
    assert not list(folder.rglob("*.safetensors"))


def test_exported_folder_cannot_be_trained(exported: tuple[Path, Path, ExportReport], tmp_path: Path) -> None:
    _, folder, _ = exported
    for work in (
        lambda: late_interaction.load(folder),
        lambda: trim_vocabulary(folder, tmp_path / "trimmed", TEXTS),
        lambda: export(folder, tmp_path / "again", "fp32"),
    ):
        with pytest.raises(
            InputError, match=r"cannot be trained[\s\S]*train the model that it was exported from"
        ):
            work()


def test_damaged_graphs_and_missing_libraries_are_told(
    exported: tuple[Path, Path, ExportReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder, _ = exported
    size = (folder / "model.onnx").stat().st_size
    damages = {
        "missing": lambda graph: graph.unlink(),
        "cut": lambda graph: graph.write_bytes(graph.read_bytes()[:-100]),
        "flipped": lambda graph: graph.write_bytes(b"\xff" * size),
    }
    for name, damage in damages.items():
        copied = shutil.copytree(folder, tmp_path / name)
        damage(copied / "model.onnx")
        with pytest.raises(ArtifactError, match=r"model\.onnx"):
            open_encoder(copied)
    foreign = shutil.copytree(folder, tmp_path / "foreign")
    (foreign / "manifest.json").unlink()
    with pytest.raises(InputError, match="without weights"):
        open_encoder(foreign)
    monkeypatch.setattr("kivuko.models.runtime.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"kivuko\[onnx\]"):
        open_encoder(folder)


def test_models_with_other_modules_are_refused(
    tiny_teacher: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    from sentence_transformers.multi_vector_encoder.modules import HierarchicalTokenPooling

    encoder = late_interaction.load(tiny_teacher)
    encoder.append(HierarchicalTokenPooling(2.0))
    pooling = late_interaction.save(encoder, tmp_path / "pooling", space=None, parents={}, meta={})
    with pytest.raises(InputError, match=r"cannot be exported[\s\S]*HierarchicalTokenPooling"):
        export(pooling, tmp_path / "output", "fp32")
    with pytest.raises(InputError, match="not a late-interaction model"):
        export(tiny_encoder, tmp_path / "output", "fp32")
    assert not (tmp_path / "output").exists()


def test_commands(
    exported: tuple[Path, Path, ExportReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher, folder, _ = exported
    asked: list[tuple[Path, Path, str]] = []

    def recorded(*arguments: object) -> ExportReport:
        asked.append(arguments)  # type: ignore[arg-type]
        return exported[2]

    monkeypatch.setattr("kivuko.models.onnx.export", recorded)
    said = run(["models", "export", str(teacher), "--output", str(tmp_path / "out")])
    assert asked == [(teacher, tmp_path / "out", "int8")]
    assert "Left out: 2_Dense/model.safetensors, model.safetensors" in said
    rows = [f"{document.id}\t{document.title}\t{document.text}" for document in DOCUMENTS]
    (tmp_path / "documents.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    index = str(tmp_path / "index")
    options = ["--model", str(folder), "--pooling", "2"]
    assert "3 documents" in run(
        ["index", "build", str(tmp_path / "documents.tsv"), "--output", index, *options]
    )
    # Each searches what the other encoded.
    for model in (folder, teacher):
        assert "1. Red tables" in run(
            ["search", index, "red table window", "--model", str(model), "--explain"]
        )


def run(arguments: Sequence[str]) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, (done.output, done.exception)
    return " ".join(done.output.split())
