"""Exact late interaction: MaxSim of every query with every document of an index.

score(q, d) = Σ_i max_j ⟨q_i, d_j⟩ over content tokens (Khattab & Zaharia, "ColBERT", SIGIR 2020, arXiv
2004.12832). Nothing is approximated: documents stream through in chunks, queries in groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import Progress

from kivuko.models import late_interaction
from kivuko.models.token_vectors import TokenVectors
from kivuko.ranking import Run, best
from kivuko.retrieval.index import Index

DOCUMENT_TOKENS_AT_ONCE = 32_768
QUERY_TOKENS_AT_ONCE = 1_024


def search_late_interaction(
    index: Index,
    model: Path,
    queries: Mapping[str, str],
    *,
    depth: int = 100,
    progress: Progress | None = None,
) -> Run:
    """Rank an index's documents for each query.

    Args:
        index: documents in the space of ``model``.
        model: the model folder that encodes the queries.
        queries: query id → text. A query without content tokens gets an empty ranking.
        depth: documents kept a query.
        progress: a rich display for the bar.

    Raises:
        ArtifactError: ``model`` does not share the index's space.
    """
    return _search(
        index, model, queries, depth, lambda encoded: maxsim(encoded, index.vectors, progress=progress)
    )


def search_single_vector(
    index: Index,
    model: Path,
    queries: Mapping[str, str],
    *,
    depth: int = 100,
    progress: Progress | None = None,
) -> Run:
    """Rank by the cosine of mean token vectors; arguments as for :func:`search_late_interaction`.

    The index is the same: a text's one vector is the mean of its token vectors, which are of unit length.
    """
    return _search(
        index, model, queries, depth, lambda encoded: _means(encoded) @ _means(index.vectors, progress).T
    )


def _search(
    index: Index,
    model: Path,
    queries: Mapping[str, str],
    depth: int,
    score: Callable[[TokenVectors], npt.NDArray[np.float32]],
) -> Run:
    index.require_space(model)
    encoded = late_interaction.encode(late_interaction.load(model), list(queries.values()), task="query")
    ids = [document.id for document in index.documents]
    scores = score(encoded)
    return {
        query: best(row, ids, depth) if length else {}
        for query, row, length in zip(queries, scores, encoded.lengths, strict=True)
    }


def _means(texts: TokenVectors, progress: Progress | None = None) -> npt.NDArray[np.float32]:
    """[texts, dim] float32, each text's mean token vector, of unit length; zeros for a text without tokens."""
    means = np.zeros((len(texts), texts.vectors.shape[1]), dtype=np.float32)
    bar = progress.add_task("one vector a text", total=len(texts)) if progress else None
    for text, length in enumerate(texts.lengths):
        if length:
            total = texts[text].astype(np.float32).sum(axis=0)
            means[text] = total / np.linalg.norm(total)
    if progress and bar is not None:
        progress.update(bar, completed=len(texts))
    return means


def maxsim(
    queries: TokenVectors, documents: TokenVectors, *, progress: Progress | None = None
) -> npt.NDArray[np.float32]:
    """[queries, documents] MaxSim scores in float32; every document has at least one token.

    Work: 2 · query tokens · document tokens · dim operations; the [query tokens, document tokens] similarities
    exist only a chunk at a time (at most 1,024 × ~32,768 float32, 128 MB).
    """
    scores = np.zeros((len(queries), len(documents)), dtype=np.float32)
    groups = list(_groups(queries, QUERY_TOKENS_AT_ONCE))
    chunks = list(_groups(documents, DOCUMENT_TOKENS_AT_ONCE))
    bar = progress.add_task("searching", total=len(chunks)) if progress else None
    for first, last in chunks:
        begin, end = documents.offsets[first], documents.offsets[last]
        tokens = torch.from_numpy(documents.vectors[begin:end].astype(np.float32)).T
        starts = documents.offsets[first:last] - begin
        for low, high in groups:
            rows = queries.vectors[queries.offsets[low] : queries.offsets[high]].astype(np.float32)
            if not len(rows):
                continue
            similarity = (torch.from_numpy(rows) @ tokens).numpy()
            nearest = np.maximum.reduceat(similarity, starts, axis=1)
            owner = np.repeat(np.arange(low, high), queries.lengths[low:high])
            np.add.at(scores[:, first:last], owner, nearest)
        if progress and bar is not None:
            progress.advance(bar)
    return scores


def _groups(texts: TokenVectors, tokens: int) -> Iterator[tuple[int, int]]:
    """Ranges of whole texts with at most ``tokens`` tokens each, or one longer text."""
    first = 0
    while first < len(texts):
        limit = texts.offsets[first] + tokens
        last = max(first + 1, int(np.searchsorted(texts.offsets, limit, side="right")) - 1)
        yield first, last
        first = last


@dataclass(frozen=True)
class Match:
    """What one query token found in a document.

    Attributes:
        query_word: the word of the query that the token belongs to.
        document_word: the word of the document with the nearest token.
        similarity: cosine of the two token vectors, −1 to 1.
    """

    query_word: str
    document_word: str
    similarity: float


def explain(index: Index, model: Path, query: str, document_id: str) -> list[Match]:
    """For each content token of a query, the document's token that MaxSim counted.

    Raises:
        ArtifactError: ``model`` does not share the index's space.
        KeyError: the index has no such document.
    """
    index.require_space(model)
    encoder = late_interaction.load(model)
    number = {document.id: i for i, document in enumerate(index.documents)}[document_id]
    query_vectors = late_interaction.encode(encoder, [query], task="query").vectors.astype(np.float32)
    document_vectors = index.vectors[number].astype(np.float32)
    query_words = late_interaction.words_of_tokens(encoder, query)
    limit = int(index.manifest.meta["max_length"])
    document_words = late_interaction.words_of_tokens(encoder, index.documents[number].full_text, limit)
    similarity = query_vectors @ document_vectors.T
    nearest = similarity.argmax(axis=1)
    return [
        Match(word, document_words[j], float(similarity[i, j]))
        for i, (word, j) in enumerate(zip(query_words, nearest, strict=True))
    ]
