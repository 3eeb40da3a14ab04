"""What a search index is, wherever it keeps its data, so that callers need not know.

The index folder of :mod:`kivuko.retrieval.index` is one; a server with native multivectors can be another. Encoding
stays outside: documents come with the vectors of their passages, in shards that may have been encoded anywhere, and
queries come as vectors or as weighted words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kivuko.collections.collection import Document
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.filters import Filter


@dataclass(frozen=True)
class EncodedDocuments:
    """Documents with the token vectors of their passages.

    Attributes:
        documents: ids are unique.
        passages: [passages, 3] int32: number of the document, and where the passage begins and ends in its
            :attr:`~kivuko.data.Document.full_text`.
        vectors: of these passages, each with at least one token; None for an index of words alone.
    """

    documents: Sequence[Document]
    passages: NDArray[np.int32]
    vectors: TokenVectors | None

    @classmethod
    def words_only(cls, documents: Sequence[Document]) -> EncodedDocuments:
        """Documents for an index that holds no vectors."""
        return cls(documents, np.zeros((0, 3), dtype=np.int32), None)


@dataclass(frozen=True)
class Hit:
    """A document that a search found.

    Attributes:
        id: of the document.
        score: higher is better.
        span: where in its full text the passage stands that scored best; None when words alone were searched.
    """

    id: str
    score: float
    span: tuple[int, int] | None


class SearchIndex(Protocol):
    """Documents that can be added, deleted and found."""

    @property
    def space(self) -> str | None:
        """The vector space of its passages, which queries must share; None in an index of words alone."""

    def document(self, document_id: str) -> Document:
        """One document, with its title, text and metadata."""

    def add(self, shards: Sequence[EncodedDocuments], *, replace: bool = False) -> None:
        """Add documents, all of them or none; with ``replace``, in the place of those with the same ids."""

    def delete(self, ids: Sequence[str]) -> None:
        """Remove documents."""

    def search(
        self, queries: Sequence[NDArray[np.float32]], *, depth: int, where: Filter | None = None
    ) -> list[list[Hit]]:
        """The best documents by MaxSim for queries given as [query tokens, dim]."""

    def search_words(
        self, queries: Sequence[Sequence[Mapping[str, float]]], *, depth: int, where: Filter | None = None
    ) -> list[list[Hit]]:
        """The best documents by BM25 for queries given as weighted words."""

    def verify(self) -> None:
        """Read everything and raise if any of it is not what was written."""

    def info(self) -> dict[str, Any]:
        """What it holds and how large it is."""
