"""Engines of others that keep and search the vectors of an index: what is asked of one, and which there are.

An index folder keeps documents, words and which points are its own; a store keeps a point for each passage, named by
the passage's content. A point that no index names, such as a killed change left, is never found and does no harm.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import SplitResult, urlsplit

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import InputError

#: Names of a point's vectors and of the fields of its payload.
TOKENS, MEAN = "tokens", "mean"
DOCUMENT, BEGIN, END, FIELDS = "document", "begin", "end", "fields"
#: Of what ranks best by bytes, so many times what is wanted is ranked again by float16.
OVERSAMPLING = 2.0
#: Points of which only the names are read at once.
NAMES_AT_ONCE = 4096


@dataclass(frozen=True)
class Point:
    """A passage in a store.

    Attributes:
        id: a UUID, of its content.
        tokens: [tokens, dim], unit vectors.
        mean: [dim], their mean, of unit length.
        document: id of the document.
        span: where it stands in the document's full text.
        fields: the document's metadata as :func:`kivuko.retrieval.filters.field_tokens` has them.
    """

    id: str
    tokens: NDArray[np.float16]
    mean: NDArray[np.float32]
    document: str
    span: tuple[int, int]
    fields: Sequence[str]

    @property
    def payload(self) -> dict[str, object]:
        """What a store keeps beside the vectors."""
        return {
            DOCUMENT: self.document,
            BEGIN: self.span[0],
            END: self.span[1],
            FIELDS: list(self.fields),
        }

    @property
    def vectors(self) -> dict[str, Any]:
        """Name → numbers."""
        return {TOKENS: self.tokens.astype(np.float32).tolist(), MEAN: self.mean.tolist()}


class Asked(NamedTuple):
    """What one query asks of a store.

    Attributes:
        tokens: [query tokens, dim].
        limit: passages wanted.
        candidates: passages that the mean proposes, to be ranked by all tokens; None ranks all there are.
        fields: for each condition, the fields of which a passage has one.
        documents: ids of the documents that may be found; None for all.
    """

    tokens: NDArray[np.float32]
    limit: int
    candidates: int | None
    fields: Sequence[Sequence[str]] = ()
    documents: frozenset[str] | None = None

    @property
    def mean(self) -> list[float]:
        """[dim], of unit length."""
        total = self.tokens.sum(axis=0)
        mean: list[float] = (total / max(float(np.linalg.norm(total)), 1e-12)).tolist()
        return mean


class VectorStore(Protocol):
    """A collection of points of one index."""

    def create(self, dimension: int) -> None:
        """Make the collection, unless it is there."""

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which of some points are there."""

    def put(self, points: Sequence[Point]) -> None:
        """Write points; one that is there is written anew."""

    def remove(self, ids: Sequence[str]) -> None:
        """Remove points; one that is not there is none."""

    def finish(self) -> None:
        """Get ready to be searched, after many changes."""

    def ids(self) -> Iterator[str]:
        """All points."""

    def token_vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Point → [tokens, dim], of those that are there."""

    def search(self, asked: Sequence[Asked]) -> list[list[tuple[str, float]]]:
        """For each query, points and their MaxSim, best first."""

    def publish(self) -> None:
        """Let others find this collection by the name that was asked for, in the place of a former one."""

    def drop(self) -> None:
        """Remove the collection."""


def open_store(address: str, name: str) -> VectorStore:
    """The collection of an index.

    Args:
        address: ``qdrant://HOST[:PORT]/COLLECTION`` of a server (``qdrant+https://`` for one that speaks TLS; its key
            is the environment variable ``QDRANT_API_KEY``), or ``qdrant-edge:FOLDER``, Qdrant's engine in this
            process.
        name: of this index's own collection, which is what ``COLLECTION`` stands for once it is complete.

    Raises:
        InputError: no such kind of address.
        MissingExtraError: its client is not installed.
    """
    parts = urlsplit(address)
    collection = parts.path.strip("/")
    is_server = parts.scheme in ("qdrant", "qdrant+https") and parts.hostname and _has_port(parts)
    if is_server and collection and "/" not in collection:
        from kivuko.retrieval.stores import qdrant

        scheme = "https" if parts.scheme.endswith("https") else "http"
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        server = f"{scheme}://{host}:{parts.port or 6333}"
        return qdrant.QdrantCollection(server, collection, f"{collection}-{name}")
    if parts.scheme == "qdrant-edge" and parts.path:
        from kivuko.retrieval.stores import qdrant_edge

        return qdrant_edge.EdgeCollection(Path(os.path.abspath(parts.path)) / name)
    raise InputError(
        "this is no store of vectors",
        got=address,
        expected="qdrant://HOST[:PORT]/COLLECTION, qdrant+https://HOST/COLLECTION or qdrant-edge:FOLDER",
    )


def _has_port(address: SplitResult) -> bool:
    """Whether the port is a number, or there is none."""
    try:
        return address.port is None or address.port > 0
    except ValueError:
        return False
