"""A collection of a Qdrant server.

A point has the passage's token vectors, compared by MaxSim and without a graph of their own, and their mean, whose
graph proposes what they rank. A server that does not answer is asked again, longer and longer apart.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import InputError, StoreError, names_missing_extra
from kivuko.retrieval.stores import DOCUMENT, FIELDS, MEAN, NAMES_AT_ONCE, OVERSAMPLING, TOKENS, Asked, Point

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

T = TypeVar("T")
#: Seconds between one try and the next; somebody waits for a search.
_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)
_WAITS_OF_A_SEARCH = (0.25, 0.5)
#: Seconds that a request may take.
_PATIENCE = 60
#: Numbers sent at once: some 5 MB as text, of the 32 that a server takes.
_NUMBERS_AT_ONCE = 1 << 19
#: Answers of a server that is busy, or just starting.
_FOR_NOW = (429, 500, 502, 503, 504)


@functools.lru_cache(maxsize=8)
def connected(server: str) -> QdrantClient:
    """The client of a server, shared by all that ask it.

    Raises:
        MissingExtraError: qdrant-client is not installed.
    """
    with names_missing_extra():
        from qdrant_client import QdrantClient
    return QdrantClient(
        url=server,
        api_key=os.environ.get("QDRANT_API_KEY"),
        timeout=_PATIENCE,
        check_compatibility=False,
    )


class QdrantCollection:
    """See :class:`kivuko.retrieval.stores.VectorStore`.

    Args:
        server: its URL.
        alias: what others call the collection by.
        name: its own name.
    """

    def __init__(self, server: str, alias: str, name: str) -> None:
        self._server, self._alias, self._name = server, alias, name
        self._client = connected(server)

    def create(self, dimension: int) -> None:
        """See :class:`VectorStore`."""
        from qdrant_client import models

        if self._patiently(self._client.collection_exists, self._name):
            return
        int8 = models.ScalarType.INT8

        def quantised(in_memory: bool) -> Any:
            config = models.ScalarQuantizationConfig(type=int8, quantile=0.99, always_ram=in_memory)
            return models.ScalarQuantization(scalar=config)

        vectors = {
            TOKENS: models.VectorParams(
                size=dimension,
                distance=models.Distance.DOT,
                datatype=models.Datatype.FLOAT16,
                on_disk=True,
                multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
                hnsw_config=models.HnswConfigDiff(m=0),
                quantization_config=quantised(in_memory=False),
            ),
            MEAN: models.VectorParams(
                size=dimension,
                distance=models.Distance.DOT,
                on_disk=True,
                quantization_config=quantised(in_memory=True),
            ),
        }
        self._patiently(self._client.create_collection, self._name, vectors_config=vectors)
        for field in (DOCUMENT, FIELDS):
            kind = models.PayloadSchemaType.KEYWORD
            self._patiently(self._client.create_payload_index, self._name, field, field_schema=kind)

    def known(self, ids: Sequence[str]) -> set[str]:
        """See :class:`VectorStore`."""
        found = self._patiently(
            self._client.retrieve, self._name, list(ids), with_payload=False, with_vectors=False
        )
        return {str(point.id) for point in found}

    def put(self, points: Sequence[Point]) -> None:
        """See :class:`VectorStore`."""
        from qdrant_client import models

        batch: list[models.PointStruct] = []
        numbers = 0
        for point in points:
            if batch and numbers + point.tokens.size > _NUMBERS_AT_ONCE:
                self._patiently(self._client.upsert, self._name, batch, wait=True)
                batch, numbers = [], 0
            batch.append(models.PointStruct(id=point.id, vector=point.vectors, payload=point.payload))
            numbers += point.tokens.size
        if batch:
            self._patiently(self._client.upsert, self._name, batch, wait=True)

    def remove(self, ids: Sequence[str]) -> None:
        """See :class:`VectorStore`."""
        if ids:
            self._patiently(self._client.delete, self._name, list(ids), wait=True)

    def finish(self) -> None:
        """See :class:`VectorStore`; a server does this by itself."""

    def ids(self) -> Iterator[str]:
        """See :class:`VectorStore`."""
        offset: Any = None
        while True:
            points, offset = self._patiently(
                self._client.scroll,
                self._name,
                limit=NAMES_AT_ONCE,
                offset=offset,
                with_payload=False,
                with_vectors=False,
            )
            yield from (str(point.id) for point in points)
            if offset is None:
                return

    def token_vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See :class:`VectorStore`."""
        found: Any = self._patiently(
            self._client.retrieve, self._name, list(ids), with_payload=False, with_vectors=[TOKENS]
        )
        return {str(point.id): np.array(point.vector[TOKENS], dtype=np.float32) for point in found}

    def search(self, asked: Sequence[Asked]) -> list[list[tuple[str, float]]]:
        """See :class:`VectorStore`."""
        requests = list(map(_request, asked))
        found = self._tried(_WAITS_OF_A_SEARCH, self._client.query_batch_points, self._name, requests)
        return [[(str(point.id), float(point.score)) for point in answer.points] for answer in found]

    def publish(self) -> None:
        """See :class:`VectorStore`."""
        from qdrant_client import models

        aliases = self._patiently(self._client.get_aliases).aliases
        if any((each.alias_name, each.collection_name) == (self._alias, self._name) for each in aliases):
            return
        change: list[Any] = [
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(collection_name=self._name, alias_name=self._alias)
            )
        ]
        if any(each.alias_name == self._alias for each in aliases):
            former = models.DeleteAlias(alias_name=self._alias)
            change.insert(0, models.DeleteAliasOperation(delete_alias=former))
        elif self._patiently(self._client.collection_exists, self._alias):
            raise InputError(
                "this Qdrant server has a collection of this name, which Kivuko did not make",
                where=self._server,
                got=self._alias,
                remedy="choose another name",
            )
        self._patiently(self._client.update_collection_aliases, change)  # both in one step

    def drop(self) -> None:
        """See :class:`VectorStore`."""
        self._patiently(self._client.delete_collection, self._name)

    def _patiently(self, call: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """What a call answers that nobody waits for."""
        return self._tried(_WAITS, call, *arguments, **options)

    def _tried(self, waits: Sequence[float], call: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """What a call answers, asked again where the server did not answer or was busy."""
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        for wait in (*waits, None):
            try:
                return call(*arguments, **options)
            except (ResponseHandlingException, UnexpectedResponse) as error:
                status = getattr(error, "status_code", None)
                if wait is None or (status is not None and status not in _FOR_NOW):
                    raise StoreError(
                        "the Qdrant server did not do what it was asked",
                        where=f"{self._server}, collection {self._name}",
                        got=" ".join(str(error).split())[:300],
                        remedy="see that it runs, has room, and has this collection; then repeat the command, "
                        "which goes on where it was",
                    ) from error
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")


def _request(asked: Asked) -> Any:
    from qdrant_client import models

    conditions: list[Any] = [
        models.FieldCondition(key=FIELDS, match=models.MatchAny(any=list(either))) for either in asked.fields
    ]
    if asked.documents is not None:
        chosen = models.MatchAny(any=sorted(asked.documents))
        conditions.append(models.FieldCondition(key=DOCUMENT, match=chosen))
    where = models.Filter(must=conditions) if conditions else None
    proposed = None
    if asked.candidates is not None:
        proposed = models.Prefetch(
            query=asked.mean,
            using=MEAN,
            limit=asked.candidates,
            filter=where,
            params=models.SearchParams(hnsw_ef=asked.candidates),
        )
    return models.QueryRequest(
        prefetch=proposed,
        query=asked.tokens.tolist(),
        using=TOKENS,
        limit=asked.limit,
        filter=where,
        params=models.SearchParams(
            quantization=models.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
        ),
        with_payload=False,
    )
