"""What goes into a search index and what comes out of it.

Encoding stays outside: documents come with the vectors of their passages, in shards that may have been encoded
anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kivuko.collections.document import Document
from kivuko.models.token_vectors import TokenVectors


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
