"""Kivuko's own index folder. Options: ``kind``, see ``kivuko.retrieval.kinds``.

The documents have ids and no text, so the bytes are those of a search by vectors; ``parts`` has what it reads
through (``index alone``) apart from the vectors by which a compressed index ranks what it found.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from protocol import TOP, Built, Inputs, Setting, measure

from kivuko.collections.document import Document
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.bounds import EFFORT, Effort
from kivuko.retrieval.changes import build as build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.segment import EncodedDocuments

DOCUMENTS_A_SHARD = 65_536
EFFORTS = [Effort(factor=factor) for factor in (4, 8, 16, 32)]


def build(inputs: Inputs) -> Built:
    torch.set_num_threads(inputs.threads)
    edges = [*range(0, len(inputs), DOCUMENTS_A_SHARD), len(inputs)]
    shards = []
    for first, last in itertools.pairwise(edges):
        begin, end = inputs.offsets[first], inputs.offsets[last]
        vectors = TokenVectors(inputs.vectors[begin:end], inputs.offsets[first : last + 1] - begin)
        numbers = np.arange(last - first)
        passages = np.column_stack([numbers, np.zeros_like(numbers), np.ones_like(numbers)]).astype(np.int32)
        documents = [Document(f"{number:07d}", "", "") for number in range(first, last)]
        shards.append(EncodedDocuments(documents, passages, vectors))
    folder = inputs.folder / "index"
    build_index(
        folder, shards, kind=inputs.options["kind"], space="benchmark", parents={}, facts={"split": False}
    )
    index = Index.open(folder)
    sizes = index.info()["bytes"]
    parts = {"index alone": sizes["searched"]} if sizes["vectors"] else {}
    return Built(index, sizes["searched"] + sizes["vectors"], parts)


def search(index: Index, query: np.ndarray, setting: Setting) -> Sequence[int]:
    return [
        int(hit.id)
        for hit in index.search([query], depth=TOP, effort=Effort(**setting) if setting else EFFORT)[0]
    ]


def settings(options: dict[str, Any]) -> Sequence[Setting]:
    if options["kind"] in ("exact", "exact-int8"):
        return [{}]
    return [dataclasses.asdict(effort) for effort in EFFORTS]


if __name__ == "__main__":
    measure(
        build,
        search,
        settings,
        {"torch": torch.__version__},
        prepare=lambda query: query.astype(np.float32),
    )
