"""LanceDB: a column of multivectors, searched as it is or through its IVF-PQ index over tokens.

Options: ``kind``, ``flat`` or ``ivf_pq`` (the index at its defaults). With the index every query token brings its
nearest tokens, and what a document lacks is estimated (XTR: Lee et al., 2023, arXiv:2304.01982); ``refine_factor``
times as many documents as asked for are then scored exactly.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import IvfPq
from protocol import TOP, Built, Inputs, Setting, allocated, measure

BATCH = 512
COLUMN = "vector"
SETTINGS: dict[str, list[Setting]] = {
    "flat": [{}],
    "ivf_pq": [
        {"nprobes": 20},  # its default
        {"nprobes": 20, "refine_factor": 2},
        {"nprobes": 20, "refine_factor": 10},
        {"nprobes": 50, "refine_factor": 10},
        {"nprobes": 50, "refine_factor": 40},
    ],
}


def build(inputs: Inputs) -> Built:
    tokens = pa.list_(pa.float16(), inputs.vectors.shape[1])
    schema = pa.schema([("id", pa.int64()), (COLUMN, pa.list_(tokens))])
    rows = pa.RecordBatchReader.from_batches(schema, _batches(inputs, schema))
    table = lancedb.connect(inputs.folder).create_table("documents", rows, schema=schema)
    parts = {}
    if inputs.options["kind"] == "ivf_pq":
        table.create_index(COLUMN, config=IvfPq(distance_type="cosine"))
        parts["index alone"] = allocated(inputs.folder / "documents.lance" / "_indices")
    return Built(table, allocated(inputs.folder), parts)


def _batches(inputs: Inputs, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for begin in range(0, len(inputs), BATCH):
        end = min(begin + BATCH, len(inputs))
        offsets = inputs.offsets[begin : end + 1]
        flat = pa.array(np.ascontiguousarray(inputs.vectors[offsets[0] : offsets[-1]]).reshape(-1))
        tokens = pa.FixedSizeListArray.from_arrays(flat, inputs.vectors.shape[1])
        documents = pa.ListArray.from_arrays(pa.array((offsets - offsets[0]).astype(np.int32)), tokens)
        yield pa.record_batch([pa.array(np.arange(begin, end)), documents], schema=schema)


def prepare(query: np.ndarray) -> np.ndarray:
    return query.astype(np.float32)


def search(table: Any, query: np.ndarray, setting: Setting) -> Sequence[int]:
    request = table.search(query, query_type="vector", vector_column_name=COLUMN).distance_type("cosine")
    for name, value in setting.items():
        request = getattr(request, name)(value)
    return request.limit(TOP).select(["id", "_distance"]).to_arrow()["id"].to_pylist()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    versions = {name: version(name) for name in ("lancedb", "pyarrow")}
    measure(build, search, lambda options: SETTINGS[options["kind"]], versions, prepare=prepare)
