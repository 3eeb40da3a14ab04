"""One search over an index folder, by any of the methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from rich.progress import Progress

from kivuko.codeswitch import Lexicon
from kivuko.errors import InputError, UnknownNameError, names_missing_extra
from kivuko.ranking import Run
from kivuko.retrieval.filters import Filter
from kivuko.retrieval.fusion import SCALE_DEPTH, score_fusion
from kivuko.retrieval.index import Index
from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.text import words

Method = Literal["late-interaction", "bm25", "lexicon-bm25", "fusion"]


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        run: query id → document id → score.
        spans: query id → document id → where in the document's full text the passage stands that a model found.
    """

    run: Run
    spans: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)


def search(
    index: Index,
    queries: Mapping[str, str],
    *,
    method: Method,
    model: Path | None = None,
    lexicon: Path | None = None,
    weight: float = 0.5,
    depth: int = 100,
    where: Filter | None = None,
    progress: Progress | None = None,
) -> Run:
    """Rank an index's documents for each query: the run of :func:`find`."""
    return find(
        index,
        queries,
        method=method,
        model=model,
        lexicon=lexicon,
        weight=weight,
        depth=depth,
        where=where,
        progress=progress,
    ).run


@names_missing_extra()
def find(
    index: Index,
    queries: Mapping[str, str],
    *,
    method: Method,
    model: Path | None = None,
    lexicon: Path | None = None,
    weight: float = 0.5,
    depth: int = 100,
    where: Filter | None = None,
    progress: Progress | None = None,
) -> Found:
    """Rank an index's documents for each query, and say by which passages they were found.

    Args:
        index: what to search.
        queries: query id → text.
        method: ``"late-interaction"`` (needs ``model``), ``"bm25"`` (the words as they are), ``"lexicon-bm25"``
            (the words' translations; needs ``lexicon``), or ``"fusion"`` of the first and third (needs both).
        model: the model folder that encodes queries.
        lexicon: a lexicon folder.
        weight: the model's share in the fusion, 0 to 1.
        depth: documents kept a query.
        where: which documents may be found.
        progress: a rich display for the bar.

    Raises:
        UnknownNameError: no such method, or no document has a field that ``where`` names.
        InputError: the method lacks its model or lexicon.
        ArtifactError: the model does not share the index's space, or the index keeps no vectors.
        MissingExtraError: there is a model, and no torch to run it.
    """
    if method not in get_args(Method):
        raise UnknownNameError("search method", method, get_args(Method))

    # Fusion needs more of each side than it returns.
    searched = max(depth, SCALE_DEPTH) if method == "fusion" else depth

    def by_model() -> Found:
        from kivuko.retrieval.late_interaction import hits_by_model

        if model is None:
            raise _lacks(method, "model")
        hits = hits_by_model(index, model, queries, depth=searched, where=where, progress=progress)
        return Found(
            {query: {hit.id: hit.score for hit in found} for query, found in hits.items()},
            {query: {hit.id: hit.span for hit in found if hit.span} for query, found in hits.items()},
        )

    def by_words(structured: Mapping[str, list[dict[str, float]]]) -> Run:
        hits = index.search_words(list(structured.values()), depth=searched, where=where)
        return {
            query: {hit.id: hit.score for hit in found} for query, found in zip(queries, hits, strict=True)
        }

    def by_lexicon() -> Run:
        if lexicon is None:
            raise _lacks(method, "lexicon")
        translator = QueryTranslator(Lexicon.open(lexicon), index.lexical)
        return by_words({query: translator.translate(text) for query, text in queries.items()})

    if method == "late-interaction":
        return by_model()
    if method == "lexicon-bm25":
        return Found(by_lexicon())
    if method == "bm25":
        return Found(
            by_words({query: [{word: 1.0} for word in words(text)] for query, text in queries.items()})
        )
    found = by_model()
    fused = score_fusion(found.run, by_lexicon(), weight=weight, depth=depth)
    return Found(fused, found.spans)


def _lacks(method: str, what: str) -> InputError:
    return InputError(
        f"searching by {method} needs a {what}", remedy=f"give --{what} FOLDER, or another --method"
    )
