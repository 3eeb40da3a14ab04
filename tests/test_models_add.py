"""``kivuko models add``: checkpoints of others as models of ours, and token vectors assembled from dense ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from checkpoints import (
    WIDTH,
    build_base,
    build_dense,
    build_multi_vector,
    build_pylate,
    build_stanford,
    change_config,
)
from kivuko.artifact import read_manifest
from kivuko.cli.main import app
from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.errors import InputError
from kivuko.models import encoding, late_interaction
from kivuko.models.adding import Assembly, add_model
from kivuko.models.encoder import Encoder
from kivuko.retrieval.build import build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction
from test_checkpoints import LAYOUTS, MARKED, TEXTS, assert_same, by_library, in_float32

__all__ = ["in_float32"]  # a fixture of every test here
DOCUMENTS = [Document("a", "", "open the red file"), Document("b", "", "close a window")]


@pytest.mark.parametrize(
    "name",
    ["stanford-attending", "pylate", "pylate-without-type", "multi-vector-modernbert", "multi-vector-xmod"],
)
def test_added_models_give_the_original_s_vectors_in_its_space(tmp_path: Path, name: str) -> None:
    original = LAYOUTS[name](tmp_path / "original")
    index = build_index(DOCUMENTS, original, tmp_path / "index")
    report = add_model(original, tmp_path / "added")
    assert report.difference < 5e-4
    encoder = Encoder.open(tmp_path / "added")
    for task in ("query", "document"):
        expected = by_library(original, TEXTS, task)  # type: ignore[arg-type]
        assert_same(encoder.encode(TEXTS, task=task), expected)  # type: ignore[arg-type]
        assert_same(by_library(tmp_path / "added", TEXTS, task), expected)  # type: ignore[arg-type]
    assert encoder.space == late_interaction.space_of(original)
    found, expected_run = (
        search_late_interaction(Index.open(index), each, {"q": "red file"})["q"]
        for each in (encoder, original)
    )
    assert found == pytest.approx(expected_run, abs=0.02)
    add_model(original, tmp_path / "again")
    assert read_manifest(tmp_path / "again", "model").hash == read_manifest(tmp_path / "added", "model").hash


def test_dense_models_are_assembled_on_demand_alone(tmp_path: Path) -> None:
    dense = build_dense(tmp_path / "dense", prompts=MARKED, projected=True)
    with pytest.raises(InputError, match="one vector a text"):
        add_model(dense, tmp_path / "added")
    add_model(dense, tmp_path / "plain", assembly=Assembly())
    encoder = Encoder.open(tmp_path / "plain")
    (found,) = [encoder.encode(["print the file"], task="query")[0]]
    module: Any = late_interaction.load_transformer(dense, 64)
    with torch.inference_mode():
        features = module(module.preprocess(["print the file"]))
    expected = torch.nn.functional.normalize(features["token_embeddings"][0, 1:-1], dim=-1).numpy()
    np.testing.assert_allclose(found.astype(np.float32), expected, atol=5e-4)
    centred = add_model(dense, tmp_path / "centred", assembly=Assembly(["open the file", "print a table"]))
    assert centred.dimension == WIDTH
    vectors = encoding.encode(
        late_interaction.load(tmp_path / "centred"), ["open the file", "print a table"], task="document"
    )
    assert np.abs(vectors.vectors.mean(axis=0, dtype=np.float64)).max() < 0.25
    projected = add_model(dense, tmp_path / "projected", assembly=Assembly(projection="2_Dense"))
    assert projected.dimension == 16
    with pytest.raises(InputError, match=r"no such projection[\s\S]*2_Dense"):
        add_model(dense, tmp_path / "other", assembly=Assembly(projection="1_Dense"))
    spaces = {late_interaction.space_of(tmp_path / name) for name in ("plain", "centred", "projected")}
    assert len(spaces) == 3


def test_a_dense_model_in_half_precision_or_without_all_weights(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    dense = build_dense(tmp_path / "dense")
    texts = ["open the file", "print a table"]
    file = dense / "model.safetensors"
    weights = load_file(file)
    save_file({name: each.half() for name, each in weights.items()}, file, metadata={"format": "pt"})
    change_config(dense, dtype="float16")
    add_model(dense, tmp_path / "half", assembly=Assembly(texts))
    save_file({name: each.half().float() for name, each in weights.items()}, file, metadata={"format": "pt"})
    change_config(dense, dtype="float32")
    add_model(dense, tmp_path / "full", assembly=Assembly(texts))
    half, full = (
        Encoder.open(tmp_path / name).encode(texts, task="query").vectors for name in ("half", "full")
    )
    np.testing.assert_allclose(half.astype(np.float32), full.astype(np.float32), atol=5e-4)
    few = {name: each for name, each in weights.items() if "layer.1.output" not in name}
    save_file(few, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match="lacks weights of its own architecture"):
        add_model(dense, tmp_path / "few", assembly=Assembly())


def test_a_late_interaction_model_is_not_assembled(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="late-interaction model already"):
        add_model(build_stanford(tmp_path / "model"), tmp_path / "added", assembly=Assembly())


@pytest.mark.parametrize("form", ["pt", "safetensors"])
def test_bge_m3_s_own_head_is_read(tmp_path: Path, form: str) -> None:
    from safetensors.torch import save_file

    model = build_dense(tmp_path / "model", "xlm-roberta")
    head = torch.nn.Linear(WIDTH, WIDTH)
    weights = {name: each.detach().clone() for name, each in head.state_dict().items()}
    if form == "pt":
        torch.save(weights, model / "colbert_linear.pt")
    else:
        save_file(weights, model / "colbert_linear.safetensors")
    found = Encoder.open(model).encode(["open the file"], task="document")[0]
    module: Any = late_interaction.load_transformer(model, 64)
    with torch.inference_mode():
        states = module(module.preprocess(["open the file"]))["token_embeddings"][0]
        expected = torch.nn.functional.normalize(head(states[1:]), dim=-1).numpy()  # all but the first token
    np.testing.assert_allclose(found.astype(np.float32), expected, atol=5e-4)
    assert add_model(model, tmp_path / "added").layout == "BGE-M3"
    assert_same(Encoder.open(tmp_path / "added").encode(["open the file"], task="query"), [expected])


def test_a_head_that_would_run_code_is_refused(tmp_path: Path) -> None:
    model = build_dense(tmp_path / "model")
    torch.save({"weight": _Bomb(), "bias": torch.zeros(WIDTH)}, model / "colbert_linear.pt")
    with pytest.raises(InputError, match="cannot be read"):
        Encoder.open(model)
    assert not Path("bomb").exists()


def test_x_mod_reads_with_the_adapter_that_is_asked_for(tmp_path: Path) -> None:
    model = build_multi_vector(tmp_path / "model", "xmod")
    add_model(model, tmp_path / "swahili", adapter="sw_KE")
    own, other = (
        Encoder.open(folder).encode(["open the file"], task="query")[0]
        for folder in (model, tmp_path / "swahili")
    )
    assert np.abs(own.astype(np.float32) - other.astype(np.float32)).max() > 0.01
    with pytest.raises(InputError, match=r"no such adapter[\s\S]*sw_KE"):
        add_model(model, tmp_path / "oromo", adapter="om_ET")
    with pytest.raises(InputError, match="no such adapter"):
        add_model(build_stanford(tmp_path / "bert"), tmp_path / "none", adapter="sw_KE")


def test_an_engine_takes_a_checkpoint_of_others(tmp_path: Path) -> None:
    model = build_pylate(tmp_path / "model")
    engine = Engine.create(tmp_path / "engine", DOCUMENTS, model=model)
    assert {hit.id for hit in engine.search("red file", language="en")} == {"a", "b"}
    assert engine.index.space == late_interaction.space_of(model)


@pytest.mark.parametrize("name", ["stanford", "multi-vector", "multi-vector-modernbert"])
def test_exported_checkpoints_read_queries_and_documents_as_the_original(tmp_path: Path, name: str) -> None:
    pytest.importorskip("onnxruntime")
    from kivuko.models.onnx import OnnxEncoder, export

    original = LAYOUTS[name](tmp_path / "original")
    assert export(original, tmp_path / "exported", "fp32").cosine_min > 0.9999
    encoder = Encoder.open(tmp_path / "exported")
    assert isinstance(encoder.model, OnnxEncoder)
    assert encoder.space == late_interaction.space_of(original)
    by_torch = late_interaction.load(original)
    for task in ("query", "document"):
        own, other = (late_interaction.length_limit(each, task) for each in (encoder.model, by_torch))  # type: ignore[arg-type]
        assert own == other
        found = encoder.encode(TEXTS, task=task)  # type: ignore[arg-type]
        assert_same(found, by_library(original, TEXTS, task))  # type: ignore[arg-type]
    shown = [token.word for token in encoder.read("open the file", task="query").tokens]
    assert shown == [token.word for token in encoding.read(by_torch, "open the file", "query").tokens]
    assert shown == [token.word for token in encoder.tokens("open the file", task="query")]


def test_command(tmp_path: Path) -> None:
    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, [str(each) for each in arguments])
        assert result.exit_code == 0, result.output
        return result.output

    model = build_stanford(tmp_path / "colbert")
    said = run("models", "add", model, "--output", tmp_path / "added")
    assert "Stanford ColBERT, 16 numbers a token, reads 16 pieces of a query and 24 of a document" in said
    base = build_base(tmp_path / "base", "xlm-roberta")
    text = tmp_path / "english.txt"
    text.write_text("open the file\nprint a page\n")
    run("models", "add", base, "--output", tmp_path / "assembled", "--assemble", "--text", text)
    assert read_manifest(tmp_path / "assembled", "model").meta["centred_on_texts"] == 2
    documents = tmp_path / "documents.tsv"
    documents.write_text("a\tOpen\tthe red file\nb\tClose\ta window\n")
    run("index", "build", documents, "--output", tmp_path / "index", "--model", model)
    shown = run("search", tmp_path / "index", "red file", "--model", tmp_path / "added", "--explain")
    assert "[MASK]" in shown


class _Bomb:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (open, ("bomb", "w"))
