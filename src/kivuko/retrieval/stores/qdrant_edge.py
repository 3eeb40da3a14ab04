"""A collection of Qdrant's engine in this process, in a folder: to try it, and to test what a server would do.

One process at a time has it open. The schema is that of :mod:`kivuko.retrieval.stores.qdrant`.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import ArtifactError, names_missing_extra
from kivuko.retrieval.stores import DOCUMENT, FIELDS, MEAN, NAMES_AT_ONCE, OVERSAMPLING, TOKENS, Asked, Point

_POINTS_AT_ONCE = 64
#: Qdrant's defaults for a graph; degree 0 is none.
_GRAPH_DEGREE, _GRAPH_WIDTH, _SCAN_BELOW_KB = 16, 100, 10_000

#: Folder → the engine that has it open.
_open: dict[Path, Any] = {}
_opening = threading.Lock()


class EdgeCollection:
    """See :class:`kivuko.retrieval.stores.VectorStore`.

    Args:
        folder: of the collection.
    """

    def __init__(self, folder: Path) -> None:
        with names_missing_extra():
            import qdrant_edge
        self._edge = qdrant_edge
        self._folder = folder

    def create(self, dimension: int) -> None:
        """See :class:`VectorStore`."""
        with _opening:
            if self._folder in _open or any(self._folder.glob("*")):
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            made = _open[self._folder] = self._edge.EdgeShard.create(
                str(self._folder), self._config(dimension)
            )
        for field in (DOCUMENT, FIELDS):
            keyword = self._edge.PayloadSchemaType.Keyword
            made.update(self._edge.UpdateOperation.create_field_index(field, keyword))

    def known(self, ids: Sequence[str]) -> set[str]:
        """See :class:`VectorStore`."""
        return {str(point.id) for point in self._shard.retrieve(list(ids), False, False)}

    def put(self, points: Sequence[Point]) -> None:
        """See :class:`VectorStore`."""
        for begin in range(0, len(points), _POINTS_AT_ONCE):
            batch = [
                self._edge.Point(point.id, point.vectors, point.payload)
                for point in points[begin : begin + _POINTS_AT_ONCE]
            ]
            self._shard.update(self._edge.UpdateOperation.upsert_points(batch))
        self._shard.flush()

    def remove(self, ids: Sequence[str]) -> None:
        """See :class:`VectorStore`."""
        if ids:
            self._shard.update(self._edge.UpdateOperation.delete_points(list(ids)))
            self._shard.flush()

    def finish(self) -> None:
        """See :class:`VectorStore`."""
        self._shard.optimize()
        self._shard.flush()

    def ids(self) -> Iterator[str]:
        """See :class:`VectorStore`."""
        offset = None
        while True:
            request = self._edge.ScrollRequest(offset, NAMES_AT_ONCE, with_payload=False, with_vector=False)
            points, offset = self._shard.scroll(request)
            yield from (str(point.id) for point in points)
            if offset is None:
                return

    def token_vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See :class:`VectorStore`."""
        found = self._shard.retrieve(list(ids), False, [TOKENS])
        return {str(point.id): np.array(point.vector[TOKENS], dtype=np.float32) for point in found}

    def search(self, asked: Sequence[Asked]) -> list[list[tuple[str, float]]]:
        """See :class:`VectorStore`."""
        found = [self._shard.query(self._request(each)) for each in asked]
        return [[(str(point.id), float(point.score)) for point in points] for points in found]

    def publish(self) -> None:
        """See :class:`VectorStore`; nobody else can open it."""

    def drop(self) -> None:
        """See :class:`VectorStore`."""
        with _opening:
            found = _open.pop(self._folder, None)
            if found is not None:
                found.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _shard(self) -> Any:
        with _opening:
            if self._folder not in _open:
                if not any(self._folder.glob("*")):
                    raise ArtifactError(
                        "the vectors of this index are gone",
                        where=self._folder,
                        expected="a collection of Qdrant's engine",
                        remedy="build the index again",
                    )
                _open[self._folder] = self._edge.EdgeShard.load(str(self._folder))
            return _open[self._folder]

    def _config(self, dimension: int) -> Any:
        edge = self._edge

        def graph(degree: int) -> Any:
            return edge.HnswIndexConfig(degree, _GRAPH_WIDTH, _SCAN_BELOW_KB)

        def quantised(in_memory: bool) -> Any:
            return edge.ScalarQuantizationConfig(edge.ScalarType.Int8, quantile=0.99, always_ram=in_memory)

        tokens = edge.EdgeVectorParams(
            dimension,
            edge.Distance.Dot,
            on_disk=True,
            datatype=edge.VectorStorageDatatype.Float16,
            multivector_config=edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim),
            hnsw_config=graph(0),
            quantization_config=quantised(in_memory=False),
        )
        mean = edge.EdgeVectorParams(
            dimension,
            edge.Distance.Dot,
            on_disk=True,
            hnsw_config=graph(_GRAPH_DEGREE),
            quantization_config=quantised(in_memory=True),
        )
        return edge.EdgeConfig(vectors={TOKENS: tokens, MEAN: mean})

    def _request(self, asked: Asked) -> Any:
        edge = self._edge
        conditions = [
            edge.FieldCondition(FIELDS, match=edge.MatchAny(list(either))) for either in asked.fields
        ]
        if asked.documents is not None:
            chosen = edge.MatchAny(sorted(asked.documents))
            conditions.append(edge.FieldCondition(DOCUMENT, match=chosen))
        where = edge.Filter(must=conditions) if conditions else None
        proposed = None
        if asked.candidates is not None:
            near = edge.Query.Nearest(asked.mean, using=MEAN)
            width = edge.SearchParams(hnsw_ef=asked.candidates)
            proposed = [edge.Prefetch(asked.candidates, near, params=width, filter=where)]
        return edge.QueryRequest(
            limit=asked.limit,
            query=edge.Query.Nearest(asked.tokens.tolist(), using=TOKENS),
            prefetches=proposed,
            filter=where,
            params=edge.SearchParams(
                quantization=edge.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
            ),
            with_payload=False,
            with_vector=False,
        )
