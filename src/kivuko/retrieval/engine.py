"""One search over an index folder, by any of the methods."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from rich.progress import Progress

from kivuko.codeswitch import Lexicon
from kivuko.errors import InputError, UnknownNameError
from kivuko.ranking import Run
from kivuko.retrieval.fusion import reciprocal_rank_fusion
from kivuko.retrieval.index import Index
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.translate import QueryTranslator

Method = Literal["late-interaction", "bm25", "lexicon-bm25", "fusion"]


def search(
    index: Index,
    queries: Mapping[str, str],
    *,
    method: Method,
    model: Path | None = None,
    lexicon: Path | None = None,
    weight: float = 0.5,
    k: int = 10,
    depth: int = 100,
    progress: Progress | None = None,
) -> Run:
    """Rank an index's documents for each query.

    Args:
        index: what to search.
        queries: query id → text.
        method: ``"late-interaction"`` (needs ``model``), ``"bm25"`` (the words as they are), ``"lexicon-bm25"``
            (the words' translations; needs ``lexicon``), or ``"fusion"`` of the first and third (needs both).
        model: the model folder that encodes queries.
        lexicon: a lexicon folder.
        weight: the model's share in the fusion, 0 to 1.
        k: rank constant of the fusion.
        depth: documents kept a query.
        progress: a rich display for the bar.

    Raises:
        UnknownNameError: no such method.
        InputError: the method lacks its model or lexicon.
        ArtifactError: the model does not share the index's space.
    """
    if method not in get_args(Method):
        raise UnknownNameError("search method", method, get_args(Method))

    def by_model() -> Run:
        from kivuko.retrieval.late_interaction import search_late_interaction

        if model is None:
            raise _lacks(method, "model")
        return search_late_interaction(index, model, queries, depth=depth, progress=progress)

    def by_lexicon() -> Run:
        if lexicon is None:
            raise _lacks(method, "lexicon")
        return QueryTranslator(Lexicon.open(lexicon), LexicalIndex(index.documents)).run(queries, depth)

    if method == "late-interaction":
        return by_model()
    if method == "lexicon-bm25":
        return by_lexicon()
    if method == "bm25":
        lexical = LexicalIndex(index.documents)
        return {query: lexical.search(text, depth) for query, text in queries.items()}
    return reciprocal_rank_fusion(by_model(), by_lexicon(), k=k, weight=weight, depth=depth)


def _lacks(method: str, what: str) -> InputError:
    return InputError(
        f"searching by {method} needs a {what}", remedy=f"give --{what} FOLDER, or another --method"
    )
