"""Qdrant's engine in process, with native multivectors compared by MaxSim.

Options: ``kind``, one of

- ``scan``: all documents, float16;
- ``int8``, ``binary``: all documents by quantised tokens, then the best ones again in float16;
- ``hnsw``: its graph over documents at its defaults, distances are MaxSim;
- ``pooled``: the graph over each document's mean vector brings candidates that are scored by MaxSim.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import qdrant_edge as qdrant
from protocol import TOP, Built, Inputs, Setting, allocated, measure

BATCH = 64
TOKENS, POOLED = "tokens", "pooled"
#: Qdrant's defaults: m 16, ef_construct 100. m 0 is no graph.
GRAPH_DEGREE, GRAPH_WIDTH = 16, 100

SETTINGS: dict[str, list[Setting]] = {
    "scan": [{"exact": True}],
    "int8": [{"rescore": False}, {"oversampling": 1.0}, {"oversampling": 2.0}],
    "binary": [{"oversampling": 2.0}, {"oversampling": 4.0}, {"oversampling": 8.0}],
    "hnsw": [{"hnsw_ef": 128}, {"hnsw_ef": 256}, {"hnsw_ef": 512}],
    "pooled": [{"candidates": 256}, {"candidates": 1024}, {"candidates": 4096}, {"candidates": 16384}],
}


def build(inputs: Inputs) -> Built:
    kind = inputs.options["kind"]
    dim = inputs.vectors.shape[1]
    vectors = {TOKENS: _tokens(dim, kind, inputs.threads)}
    if kind == "pooled":
        vectors[POOLED] = qdrant.EdgeVectorParams(
            size=dim, distance=qdrant.Distance.Cosine, hnsw_config=_graph(GRAPH_DEGREE, inputs.threads)
        )
    config = qdrant.EdgeConfig(
        vectors=vectors,
        max_search_threads=inputs.threads,
        optimizers=qdrant.EdgeOptimizersConfig(indexing_threshold=1, default_segment_number=1),
        wal_enabled=False,
    )
    path = str(inputs.folder)
    shard = qdrant.EdgeShard.create(path, config)
    for begin in range(0, len(inputs), BATCH):
        numbers = range(begin, min(begin + BATCH, len(inputs)))
        points = [qdrant.Point(id=number, vector=_point(inputs[number], kind)) for number in numbers]
        shard.update(qdrant.UpdateOperation.upsert_points(points))
    shard.optimize()
    shard.flush()
    shard.close()
    return Built(qdrant.EdgeShard.load(path, config), allocated(inputs.folder))


def _tokens(dim: int, kind: str, threads: int) -> qdrant.EdgeVectorParams:
    quantised = {
        "int8": qdrant.ScalarQuantizationConfig(type=qdrant.ScalarType.Int8, quantile=0.99, always_ram=True),
        "binary": qdrant.BinaryQuantizationConfig(always_ram=True),
    }
    return qdrant.EdgeVectorParams(
        size=dim,
        distance=qdrant.Distance.Dot,
        datatype=qdrant.VectorStorageDatatype.Float16,
        multivector_config=qdrant.MultiVectorConfig(qdrant.MultiVectorComparator.MaxSim),
        quantization_config=quantised.get(kind),
        hnsw_config=_graph(GRAPH_DEGREE if kind == "hnsw" else 0, threads),
    )


def _graph(degree: int, threads: int) -> qdrant.HnswIndexConfig:
    return qdrant.HnswIndexConfig(
        m=degree, ef_construct=GRAPH_WIDTH, full_scan_threshold=10, max_indexing_threads=threads
    )


def _point(document: np.ndarray, kind: str) -> dict[str, Any]:
    rows = document.astype(np.float32)
    pooled = {POOLED: rows.mean(axis=0).tolist()} if kind == "pooled" else {}
    return {TOKENS: rows.tolist()} | pooled


def prepare(query: np.ndarray) -> dict[str, Any]:
    return _point(query, "pooled")


def search(shard: qdrant.EdgeShard, query: dict[str, Any], setting: Setting) -> Sequence[int]:
    prefetches = None
    if "candidates" in setting:
        near = qdrant.Query.Nearest(query[POOLED], using=POOLED)
        width = qdrant.SearchParams(hnsw_ef=setting["candidates"])
        prefetches = [qdrant.Prefetch(limit=setting["candidates"], query=near, params=width)]
    request = qdrant.QueryRequest(
        limit=TOP,
        query=qdrant.Query.Nearest(query[TOKENS], using=TOKENS),
        prefetches=prefetches,
        params=_parameters(setting),
    )
    return [point.id for point in shard.query(request)]


def _parameters(setting: Setting) -> qdrant.SearchParams:
    if "oversampling" in setting or "rescore" in setting:
        again = qdrant.QuantizationSearchParams(
            rescore=setting.get("rescore", True), oversampling=setting.get("oversampling")
        )
        return qdrant.SearchParams(quantization=again)
    return qdrant.SearchParams(exact=setting.get("exact", False), hnsw_ef=setting.get("hnsw_ef"))


if __name__ == "__main__":
    measure(
        build,
        search,
        lambda options: SETTINGS[options["kind"]],
        {"qdrant-edge-py": version("qdrant-edge-py")},
        prepare=prepare,
    )
