"""An engine as PyTerrier transformers, which retrieve and re-rank: ``pip install 'kivuko[pyterrier]'``, without Java.

They take and give PyTerrier's frames: a query frame has ``qid`` and ``query``, and may say in ``language`` what each
query is in; a result frame has ``docno``, ``score`` and ``rank`` (from 0) beside them. Equal scores are ranked by
``docno``. A frame is answered by one state of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.engine.asking import asked_text, require_some, steadily
from kivuko.engine.engine import EngineLike
from kivuko.errors import InputError, UnknownNameError, names_missing_extra
from kivuko.languages import Language
from kivuko.ranking import ranked
from kivuko.retrieval.filters import as_filter
from kivuko.retrieval.search import Searcher

with names_missing_extra():
    import pandas as pd
    import pyterrier as pt

T = TypeVar("T")
_TEXTS = ("title", "text")


class Retriever(pt.Transformer):
    """Query frame → result frame: the best documents of an engine, after the columns of the query frame.

    Args:
        engine: its folder, or an open one.
        language: what queries are in that have no ``language`` of their own; guessed for each by default.
        num_results: documents a query, at least 1.
        method: ``bm25``, ``lexicon-bm25``, ``late-interaction`` or ``fusion``; what the engine found best for the
            language by default.
        where: field → value or values; only documents whose metadata have one of them for every field.
        fields: what is given of the documents in further columns: ``title``, ``text``, or fields of their metadata
            (None where a document lacks one).

    Raises:
        ArtifactError: there is no complete engine, or it does not have a language.
        InputError: a query is empty or its ``qid`` comes twice, or the method lacks its model or lexicon.
        UnknownNameError: no such language or method, or no document has a field that is named.
        pyterrier.validate.InputValidationError: a frame without ``qid`` and ``query``, or with ``docno``.
    """

    def __init__(
        self,
        engine: EngineLike,
        *,
        language: Language | str | None = None,
        num_results: int = 1000,
        method: str | None = None,
        where: Mapping[str, object] | None = None,
        fields: Sequence[str] = (),
    ) -> None:
        require_some(num_results, "num_results")
        self.engine = Engine.open(engine)
        self.language, self.method = language, method
        self.num_results, self.where, self.fields = num_results, where, tuple(fields)
        _check(self.engine, language)
        unknown = set(self.fields).difference(_TEXTS)
        if unknown:
            known = {name for document in self.engine.index.documents for name in document.metadata}
            if unknown := unknown - known:
                raise UnknownNameError("field of the documents", min(unknown), {*_TEXTS, *known})

    def transform(self, inp: pd.DataFrame) -> pd.DataFrame:
        """See the class."""
        pt.validate.query_frame(inp, extra_columns=["query"], context=self)
        if twice := inp["qid"][inp["qid"].duplicated()].tolist():
            raise InputError("a query comes twice", where="qid", expected="each once", got=twice[0])
        found = _by_language(self, inp, self._found)
        rows = [(row, *values) for row, qid in enumerate(inp["qid"]) for values in found[qid]]
        out = inp.iloc[[row for row, *_ in rows]].reset_index(drop=True)
        types = {"docno": object, "score": np.float64, "rank": np.int64, **dict.fromkeys(self.fields, object)}
        for column, (name, dtype) in enumerate(types.items(), start=1):
            out[name] = pd.Series([values[column] for values in rows], dtype=dtype)
        return out

    def _found(self, searcher: Searcher, queries: Mapping[Any, str]) -> dict[Any, list[tuple[Any, ...]]]:
        """Query id → document id, score, rank and fields of each document."""
        run = searcher.rank(queries, depth=self.num_results, where=as_filter(self.where or {}))
        return {
            qid: [
                (name, scores[name], rank, *_values(searcher.index.document(name), self.fields))
                for rank, name in enumerate(ranked(scores))
            ]
            for qid, scores in run.items()
        }


class Reranker(pt.Transformer):
    """Result frame → result frame: the same rows with the engine's scores, best first.

    The documents are those of the engine, by ``docno``; their vectors are in its index, and their text is not asked
    for. Rows that the method does not score, such as those whose document has no word of the query, come last.

    Args:
        engine: its folder, or an open one.
        language: what queries are in that have no ``language`` of their own; guessed for each by default.
        method: as of :class:`Retriever`.

    Raises:
        ArtifactError: there is no complete engine, or it does not have a language.
        InputError: a query is empty, one ``qid`` has two queries, the engine has no document of a ``docno``, or the
            method lacks its model or lexicon.
        UnknownNameError: no such language or method.
        pyterrier.validate.InputValidationError: a frame without ``qid``, ``query`` and ``docno``.
    """

    def __init__(
        self, engine: EngineLike, *, language: Language | str | None = None, method: str | None = None
    ) -> None:
        self.engine = Engine.open(engine)
        self.language, self.method = language, method
        _check(self.engine, language)

    def transform(self, inp: pd.DataFrame) -> pd.DataFrame:
        """See the class."""
        pt.validate.result_frame(inp, extra_columns=["query"], context=self)
        own = [name for name in ("qid", "query", "language") if name in inp.columns]
        queries = inp[own].drop_duplicates()
        if twice := queries["qid"][queries["qid"].duplicated()].tolist():
            raise InputError("a qid has several queries", where="qid", expected="one query", got=twice[0])
        names = inp["docno"].map(str)
        candidates = {qid: rows.tolist() for qid, rows in names.groupby(inp["qid"], sort=False)}
        run = _by_language(self, queries, lambda searcher, texts: searcher.rerank(texts, candidates))
        scores = [run[qid].get(name, _last(run[qid])) for qid, name in zip(inp["qid"], names, strict=True)]
        places = {qid: place for place, qid in enumerate(queries["qid"])}
        keys = {"place": [places[qid] for qid in inp["qid"]], "score": scores, "docno": names.tolist()}
        order = pd.DataFrame(keys).sort_values(list(keys), ascending=[True, False, True], kind="stable").index
        out = inp.drop(columns=["score", "rank"], errors="ignore").iloc[order].reset_index(drop=True)
        out["score"] = np.array(scores, dtype=np.float64)[order]
        out["rank"] = out.groupby("qid", sort=False).cumcount().astype(np.int64)
        return out


def _values(document: Document, fields: Sequence[str]) -> list[Any]:
    return [getattr(document, name) if name in _TEXTS else document.metadata.get(name) for name in fields]


def _check(engine: Engine, language: Language | str | None) -> None:
    """Refuse a language that the engine does not have, before the first query."""
    if language is not None:
        engine.language(language)


def _by_language(
    transformer: Retriever | Reranker,
    queries: pd.DataFrame,
    search: Callable[[Searcher, Mapping[Any, str]], Mapping[Any, T]],
) -> dict[Any, T]:
    """Query id → what a search for all queries of its language at once says of it; each ``qid`` is there once."""
    engine = transformer.engine
    languages = queries["language"] if "language" in queries.columns else [None] * len(queries)
    asked = [
        (qid, asked_text(query, f"qid {qid}"), transformer.language if pd.isna(language) else language)
        for qid, query, language in zip(queries["qid"], queries["query"], languages, strict=True)
    ]

    def work() -> dict[Any, T]:
        groups: dict[Language, dict[Any, str]] = {}
        for qid, text, language in asked:
            spoken = engine.guess(text) if language is None else engine.language(language)
            groups.setdefault(spoken, {})[qid] = text
        found: dict[Any, T] = {}
        for spoken, texts in groups.items():
            found |= search(engine.searcher(spoken, engine.way(spoken, transformer.method)), texts)
        return found

    return steadily(engine, work)


def _last(scores: Mapping[str, float]) -> float:
    """A score for what has none: 0, or less where something else scored so little."""
    lowest = min(scores.values(), default=1.0)
    return 0.0 if lowest > 0 else lowest - 1.0
