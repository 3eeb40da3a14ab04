"""Late interaction over an index: queries encoded and searched, and why a document was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kivuko.models.encoder import Encoder, ModelLike
from kivuko.models.reading import ReadToken, word_around
from kivuko.models.token_vectors import Task
from kivuko.ranking import Run, best
from kivuko.retrieval.filters import Among, Filter
from kivuko.retrieval.gloss import Gloss
from kivuko.retrieval.index import Index, PassageHit
from kivuko.retrieval.scan import prepare_for_many
from kivuko.retrieval.search import Match
from kivuko.text.segmentation import is_unspaced, whole_characters

if TYPE_CHECKING:
    from rich.progress import Progress

_QUERIES_AT_ONCE = 16


def search_late_interaction(
    index: Index,
    model: ModelLike,
    queries: Mapping[str, str],
    *,
    depth: int = 100,
    where: Filter | None = None,
    progress: Progress | None = None,
) -> Run:
    """Rank an index's documents for each query by MaxSim.

    Args:
        index: documents in the space of ``model``.
        model: encodes the queries: a folder, a name, or an open encoder.
        queries: query id → text. A query without content tokens gets an empty ranking.
        depth: documents kept a query.
        where: which documents may be found.
        progress: a rich display for the bar.

    Raises:
        ArtifactError: ``model`` does not share the index's space, or the index keeps no vectors.
        UnknownNameError: no document has a field that ``where`` names.
    """
    index.require_space(model)
    vectors = query_vectors(Encoder.open(model), queries)
    hits = hits_by_vectors(index, vectors, depth=depth, where=where, progress=progress)
    return {query: {hit.id: hit.score for hit in found} for query, found in hits.items()}


def query_vectors(encoder: Encoder, queries: Mapping[str, str]) -> dict[str, npt.NDArray[np.float32]]:
    """Query id → [tokens, dim], all encoded at once; of a text longer than the model reads only its beginning."""
    encoded = encoder.encode(list(queries.values()), task="query")
    return {query: encoded[number].astype(np.float32) for number, query in enumerate(queries)}


def hits_by_vectors(
    index: Index,
    queries: Mapping[str, npt.NDArray[np.float32]],
    *,
    depth: int = 100,
    where: Filter | Among | None = None,
    progress: Progress | None = None,
) -> dict[str, list[PassageHit]]:
    """Query id → what :func:`search_late_interaction` ranks, with the passage by which each document was found."""
    vectors = list(queries.values())
    if len(vectors) > _QUERIES_AT_ONCE:
        prepare_for_many()
    bar = progress.add_task("searching", total=len(queries)) if progress else None
    found: list[list[PassageHit]] = []
    for begin in range(0, len(vectors), _QUERIES_AT_ONCE):
        found += index.search(vectors[begin : begin + _QUERIES_AT_ONCE], depth=depth, where=where)
        if progress and bar is not None:
            progress.update(bar, completed=len(found))
    return dict(zip(queries, found, strict=True))


def search_single_vector(
    index: Index,
    model: ModelLike,
    queries: Mapping[str, str],
    *,
    depth: int = 100,
    progress: Progress | None = None,
) -> Run:
    """Rank by the cosine of mean token vectors; arguments as for :func:`search_late_interaction`.

    The index is the same: a text's one vector is the mean of its token vectors, which are of unit length.
    """
    index.require_space(model)
    encoded = Encoder.open(model).encode(list(queries.values()), task="query")
    ids = [document.id for document in index.documents]
    means = np.empty((len(ids), encoded.vectors.shape[1]), dtype=np.float32)
    bar = progress.add_task("one vector a text", total=len(ids)) if progress else None
    for number, name in enumerate(ids):
        means[number] = _mean(np.concatenate([vectors for _, vectors in index.vectors_of(name)]))
    if progress and bar is not None:
        progress.update(bar, completed=len(ids))
    return {
        query: best(means @ _mean(encoded[number]), ids, depth) if length else {}
        for number, (query, length) in enumerate(zip(queries, encoded.lengths, strict=True))
    }


def _mean(vectors: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """[dim], the mean of token vectors, of unit length."""
    total: npt.NDArray[np.float32] = vectors.astype(np.float32).sum(axis=0)
    return total / np.float32(np.linalg.norm(total))


def explain(index: Index, model: ModelLike, query: str, document_id: str) -> list[Match]:
    """For each content token of a query, the token that MaxSim counted in the document's best passage.

    Where the index keeps pooled tokens, or tokens that ``model`` would cut otherwise, it is the passage's token, by
    ``model``, nearest to the vector that counted.

    Raises:
        ArtifactError: ``model`` does not share the index's space, or the index keeps no vectors.
        KeyError: the index has no such document.
    """
    (found,) = explanations(index, model, query, [document_id])
    return found


def explanations(
    index: Index,
    model: ModelLike,
    query: str,
    document_ids: Sequence[str],
    *,
    vectors: npt.NDArray[np.float32] | None = None,
    gloss: Gloss | None = None,
) -> Iterator[list[Match]]:
    """What :func:`explain` says of each of several documents, in order.

    Args:
        index: where they are.
        model: encoded the query.
        query: its text.
        document_ids: of what was found.
        vectors: [tokens, dim], what the model made of the query, those of its gloss last; encoded here, once, by
            default.
        gloss: what was read beside the query; a match of one of its words says which, and which it stands for.
    """
    index.require_space(model)
    encoder = Encoder.open(model)
    asked = query_vectors(encoder, {"query": query})["query"] if vectors is None else vectors
    glossed = [] if gloss is None else encoder.tokens(gloss.text, task="query")
    own = len(asked) - len(glossed)
    words = [
        _Asked(token.word, _seen(query, token)) for token in _tokens(encoder, query, "query", asked[:own])
    ]
    for token in glossed:
        word, place = token.word, (0, 0)
        if gloss is not None and token.span is not None:
            word, place = gloss.word_at(token.span[1] - 1)
        words.append(_Asked(word, place, read_as=token.word))
    for name in document_ids:
        yield _matches(index, encoder, (words, asked), name) if len(asked) else []


class _Asked(NamedTuple):
    """A token that asks: the query's word, where it stands, and the word of the gloss that is read for it, if any."""

    word: str
    span: tuple[int, int]
    read_as: str = ""


def _matches(
    index: Index,
    encoder: Encoder,
    asked: tuple[Sequence[_Asked], npt.NDArray[np.float32]],
    document_id: str,
) -> list[Match]:
    words, asked_vectors = asked
    span, vectors = max(
        index.vectors_of(document_id),
        key=lambda passage: float((asked_vectors @ passage[1].T).max(axis=1).sum()),
    )
    text, meta = index.document(document_id).full_text[slice(*span)], index.manifest.meta
    document_tokens = _tokens(
        encoder,
        text,
        "document",
        vectors,
        length=int(meta["max_length"]),
        of_others=meta["pooling"] != 1 or encoder.has_own_tokenizer,
    )
    # Tokens of a gloss are shorter than others: they count less, and are as similar.
    similarity = (asked_vectors / np.linalg.norm(asked_vectors, axis=1, keepdims=True)) @ vectors.T
    matches = []
    for i, j in enumerate(similarity.argmax(axis=1)):
        (word, place, read_as), met = words[i], document_tokens[j]
        begin, end = _seen(text, met)
        places = ((span[0] + begin, span[0] + end),) if met.span else ()
        matches.append(Match(word, met.word, float(similarity[i, j]), place, places, read_as))
    return matches


def _tokens(
    encoder: Encoder,
    text: str,
    task: Task,
    vectors: npt.NDArray[np.float32],
    *,
    length: int | None = None,
    of_others: bool = False,
) -> list[ReadToken]:
    """The token of each of a text's vectors; of vectors of other tokens than the model's, the nearest one."""
    tokens = encoder.tokens(text, task=task, length=length)
    if len(tokens) == len(vectors) and not of_others:
        return tokens
    read = encoder.read(text, task=task, length=length)
    return [read.tokens[j] for j in (vectors @ read.vectors.astype(np.float32).T).argmax(axis=1)]


def _seen(text: str, token: ReadToken) -> tuple[int, int]:
    """What a reader is shown for a token: its word; its letters where words have no spaces between them."""
    if token.span is None:
        return 0, 0
    begin, end = token.span
    while begin < end and text[begin].isspace():
        begin += 1
    spread = word_around(text, begin, end)
    if not is_unspaced(text[slice(*spread)]):
        return spread
    own = whole_characters(text[slice(*spread)], begin - spread[0], end - spread[0])
    return spread[0] + own[0], spread[0] + own[1]
