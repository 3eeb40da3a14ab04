"""Checkpoints of the field: opened as sentence-transformers opens them, explained, refused where they must be."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from checkpoints import build_dense, build_multi_vector, build_pylate, build_stanford, change_config
from kivuko.artifact import hash_file, read_manifest
from kivuko.collections.document import Document
from kivuko.errors import ArtifactError, InputError
from kivuko.models import encoding, identity, late_interaction
from kivuko.models.encoder import Encoder
from kivuko.models.late_interaction import length_limit, pieces_of
from kivuko.models.token_vectors import Task
from kivuko.retrieval.build import build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import explain, search_late_interaction

TEXTS = [
    "open",
    "print the red file, please.",
    "",
    "Close 12 small windows (quickly)!",
    "foddaa cufi " * 20,
    "page",
]
MARKED = {"query": "query: ", "document": "passage: "}
LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "stanford": build_stanford,
    "stanford-attending": lambda folder: build_stanford(
        folder, attend_to_mask_tokens=True, mask_punctuation=False
    ),
    "pylate": build_pylate,
    "pylate-unexpanded": lambda folder: build_pylate(folder, do_query_expansion=False),
    "pylate-attending": lambda folder: build_pylate(
        folder, attend_to_expansion_tokens=True, skiplist_words=[]
    ),
    "pylate-modernbert": lambda folder: build_pylate(folder, "modernbert", do_query_expansion=False),
    "pylate-without-type": lambda folder: build_pylate(folder, model_type=...),
    "multi-vector": lambda folder: build_multi_vector(
        folder, prompts=MARKED, document_length=24, query_length=12
    ),
    "multi-vector-xlm-roberta": lambda folder: build_multi_vector(folder, "xlm-roberta", prompts=MARKED),
    "multi-vector-modernbert": lambda folder: build_multi_vector(
        folder,
        "modernbert",
        prompts=MARKED,
        query_expansion={"strategy": "min", "length": 10},
        query_length=20,
    ),
    "multi-vector-xmod": lambda folder: build_multi_vector(folder, "xmod", document_length=20),
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A checkpoint by the name of its layout, made once."""
    home = tmp_path_factory.mktemp("checkpoints")

    def built(name: str) -> Path:
        folder = home / name
        return folder if folder.is_dir() else LAYOUTS[name](folder)

    return built


@pytest.fixture(autouse=True)
def in_float32(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers as every processor has them."""
    monkeypatch.setenv("KIVUKO_PRECISION", "float32")


def by_library(folder: Path, texts: list[str], task: Task) -> list[NDArray[np.float32]]:
    """What sentence-transformers says, one text after another, in float32."""
    from sentence_transformers import MultiVectorEncoder

    model: Any = MultiVectorEncoder(str(folder), device="cpu", local_files_only=True).float()
    encode = model.encode_query if task == "query" else model.encode_document
    found: list[NDArray[np.float32]] = [encode(text, convert_to_numpy=True) for text in texts]
    return found


def assert_same(found: Any, expected: list[NDArray[np.float32]]) -> None:
    """Vectors of every text are equal within what float16 keeps."""
    assert len(found) == len(expected)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own.astype(np.float32), other, atol=5e-4)


@pytest.mark.parametrize("name", LAYOUTS)
def test_vectors_are_those_of_encode_query_and_encode_document(
    checkpoint: Callable[[str], Path], name: str
) -> None:
    folder = checkpoint(name)
    encoder = Encoder.open(folder)
    for task in ("query", "document"):
        assert_same(encoder.encode(TEXTS, task=task), by_library(folder, TEXTS, task))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", LAYOUTS)
def test_lengths_are_those_that_are_read(checkpoint: Callable[[str], Path], name: str) -> None:
    encoder = late_interaction.load(checkpoint(name))
    for task in ("query", "document"):
        features = late_interaction.features_of(encoder, ["open the " * 200], task)  # type: ignore[arg-type]
        assert features["input_ids"].shape[1] == length_limit(encoder, task)  # type: ignore[arg-type]


def test_explanation_has_a_word_for_every_vector_that_was_scored(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    documents = [Document("a", "", "Open the red file, please."), Document("b", "", "close the window")]
    shown = {}
    for name in LAYOUTS:
        encoder = Encoder.open(checkpoint(name))
        index = Index.open(build_index(documents, encoder, tmp_path / name))
        for pooling_index in (
            index,
            Index.open(build_index(documents, encoder, tmp_path / f"{name}-2", pooling=2)),
        ):
            matches = explain(pooling_index, encoder, "open file", "a")
            shown[name] = [match.query_word for match in matches]
            assert len(matches) == len(encoder.encode(["open file"], task="query")[0])
            words = [token.word for token in encoder.read(documents[0].text, task="document").tokens]
            assert {match.document_word for match in matches} <= set(words)
            assert "file," in words
    markers = ["[CLS]", "[unused0]"]
    assert shown["stanford"] == [*markers, "open", "file", "[SEP]", *["[MASK]"] * 11]
    assert shown["pylate-unexpanded"] == ["[CLS]", "[Q]", "open", "file", "[SEP]"]
    assert shown["multi-vector"] == ["[CLS]", "query", ":", "open", "file", "[SEP]"]
    assert shown["multi-vector-xmod"] == ["<s>", "open", "file", "</s>"]


def test_passages_are_cut_by_what_is_read_of_a_document(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    text = "open the red file and print page " * 12
    for name in ("stanford", "pylate-modernbert", "multi-vector", "multi-vector-xlm-roberta"):
        encoder = Encoder.open(checkpoint(name))
        index = Index.open(build_index([Document("a", "", text)], encoder, tmp_path / name, passages=True))
        passages = [index.document("a").full_text[slice(*span)] for span, _ in index.vectors_of("a")]
        lengths = [len(ids) for ids in pieces_of(encoder.model, passages, "document")]
        assert max(lengths) <= length_limit(encoder.model, "document") == index.manifest.meta["max_length"]
        assert len(passages) > 1
        words = text.split()
        assert set(words) <= {word for passage in passages for word in passage.split()}
        whole = build_index([Document("a", "", text)], encoder, tmp_path / f"{name}-cut")
        assert Index.open(whole).manifest.meta["documents_truncated"] == 1


def test_half_precision_weights_are_opened_in_float32(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    for dtype in (torch.float16, torch.bfloat16):
        folder = build_stanford(tmp_path / str(dtype))
        weights = {name: each.to(dtype) for name, each in load_file(folder / "model.safetensors").items()}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        change_config(folder, dtype=str(dtype).removeprefix("torch."))
        encoder = late_interaction.load(folder)
        assert {weight.dtype for weight in encoder.parameters()} == {torch.float32}
        assert_same(encoding.encode(encoder, TEXTS, task="query"), by_library(folder, TEXTS, "query"))


@pytest.mark.parametrize("projected", [False, True])
def test_dense_models_are_refused(tmp_path: Path, projected: bool) -> None:
    folder = build_dense(tmp_path / "dense", prompts=MARKED, projected=projected)
    with pytest.raises(InputError, match="one vector a text") as refusal:
        Encoder.open(folder)
    assert "--assemble" in str(refusal.value)
    with pytest.raises(InputError, match="one vector a text"):
        build_index([Document("a", "", "open")], folder, tmp_path / "index")


def test_checkpoints_that_need_code_or_pickles_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, message: str) -> None:
        with pytest.raises(InputError, match=message):
            Encoder.open(folder)

    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked whether to run code"))
    coded = build_pylate(tmp_path / "coded")
    change_config(coded, model_type="unheard-of", auto_map={"AutoModel": "modeling.Model"})
    (coded / "modeling.py").write_text("raise SystemExit('code was run')")
    refuse(coded, "code of its own")
    own_module = build_multi_vector(tmp_path / "own-module")
    modules = json.loads((own_module / "modules.json").read_text())
    modules[1]["type"] = "custom.Dense"
    (own_module / "modules.json").write_text(json.dumps(modules))
    (own_module / "custom.py").write_text("raise SystemExit('code was run')")
    refuse(own_module, "code of its own")
    pickled = build_pylate(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    refuse(pickled, "without weights")
    pickled_head = build_pylate(tmp_path / "pickled-head")
    (pickled_head / "1_Dense" / "model.safetensors").rename(pickled_head / "1_Dense" / "pytorch_model.bin")
    refuse(pickled_head, "weights of a module")
    # An architecture by its usual name whose weights have others, as of jina-colbert-v2.
    renamed = build_stanford(tmp_path / "renamed")
    _rename_weights(renamed / "model.safetensors", "attention.self", "mixer")
    refuse(renamed, "lacks weights of its own architecture")


def test_weights_in_several_files_are_opened_and_missing_ones_told(tmp_path: Path) -> None:
    from transformers import AutoModel

    folder = build_multi_vector(tmp_path / "whole")
    expected = by_library(folder, TEXTS, "document")
    AutoModel.from_pretrained(folder).save_pretrained(folder, max_shard_size="10KB")
    (folder / "model.safetensors").unlink(missing_ok=True)
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    assert_same(Encoder.open(folder).encode(TEXTS, task="document"), expected)
    shards[1].unlink()
    with pytest.raises(InputError, match=f"weights is missing[\\s\\S]*{shards[1].name}"):
        Encoder.open(folder)


def test_a_folder_is_known_by_its_content(checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(checkpoint("stanford"), folder)
    space = late_interaction.space_of(folder)
    assert space == late_interaction.space_of(checkpoint("stanford"))
    index = build_index([Document("a", "", "open the file")], folder, tmp_path / "index")
    assert search_late_interaction(Index.open(index), folder, {"q": "file"})["q"].keys() == {"a"}
    (folder / ".cache").mkdir()
    (folder / ".cache" / "lock").write_text("of another program")
    assert late_interaction.space_of(folder) == space
    _change_a_byte(folder / "model.safetensors")
    assert late_interaction.space_of(folder) != space
    with pytest.raises(ArtifactError, match="another model's vector space"):
        search_late_interaction(Index.open(index), folder, {"q": "file"})


def test_a_model_of_ours_changed_in_place_is_noticed(tiny_teacher: Path) -> None:
    assert Encoder.open(tiny_teacher).space == late_interaction.space_of(tiny_teacher)
    weights = tiny_teacher / "model.safetensors"
    before = weights.stat()
    _change_a_byte(weights)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    for work in (Encoder.open, late_interaction.space_of, late_interaction.load):
        with pytest.raises(ArtifactError, match="was changed after"):
            work(tiny_teacher)


def test_files_are_hashed_once(tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_SECONDS_UNTIL_SETTLED", -1.0)
    hashed: list[Path] = []
    monkeypatch.setattr(identity, "hash_file", lambda path: hashed.append(path) or hash_file(path))
    spaces = {identity.space_of(tiny_teacher) for _ in range(3)}
    assert len(spaces) == 1
    assert len(hashed) == len(set(hashed)) == len(read_manifest(tiny_teacher, "model").files)


def _change_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))


def _rename_weights(file: Path, old: str, new: str) -> None:
    from safetensors.torch import load_file, save_file

    weights = {name.replace(old, new): each for name, each in load_file(file).items()}
    save_file(weights, file, metadata={"format": "pt"})
