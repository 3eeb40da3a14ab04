"""Searching: a searcher holds an index, an encoder and a lexicon open, and answers queries by any of the methods.

Nothing here loads torch until a model is asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language
from kivuko.ranking import Run, ranked
from kivuko.retrieval.filters import Among, Filter
from kivuko.retrieval.fusion import SCALE_DEPTH, score_fusion
from kivuko.retrieval.gloss import Gloss, gloss
from kivuko.retrieval.index import Index
from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.text import words
from kivuko.text.segmentation import lowered, words_with_spans
from kivuko.text.terms import piece_spans

if TYPE_CHECKING:
    from rich.progress import Progress

    from kivuko.models.encoder import Encoder, ModelLike

#: Characters of a snippet.
_WIDTH = 160
Method = Literal["late-interaction", "bm25", "lexicon-bm25", "fusion"]
#: Whatever takes an index takes these: its folder, or an open one.
IndexLike = Index | Path | str


@dataclass(frozen=True)
class Match:
    """Why a document was found: a word of the query and the word of the document that it met.

    Attributes:
        query_word: the query's word; where a lexicon was searched with, perhaps a phrase.
        document_word: the document's word or phrase.
        similarity: cosine of the two token vectors, −1 to 1; where words alone were searched, the probability of the
            translation, above 0 to 1.
        query_span: where the query's word begins and ends in the query; where the token does, in scripts without
            spaces between words.
        document_spans: likewise in the document's full text: the place that counted, or all places of the word where
            words alone were searched.
        read_as: the word of the query's gloss that met it, where not the query's word itself did; empty else.
    """

    query_word: str
    document_word: str
    similarity: float
    query_span: tuple[int, int]
    document_spans: tuple[tuple[int, int], ...]
    read_as: str = ""


@dataclass(frozen=True)
class Hit:
    """A document that a search found.

    Attributes:
        id: of the document.
        title: its title; may be empty.
        snippet: a line of its text near what was found.
        score: higher is better; comparable within one search alone.
        matches: what the query's words met in it; empty unless asked for.
        document: all of it, metadata included.
        span: where in the document's full text the passage stands by which a model found it; None where words alone
            did.
    """

    id: str
    title: str
    snippet: str
    score: float
    matches: tuple[Match, ...]
    document: Document = field(repr=False)
    span: tuple[int, int] | None = None

    @property
    def passage(self) -> str:
        """What was found, as a text: the title, and the passage or all of the document's text."""
        return titled_passage(self.document, self.span)


@dataclass(frozen=True)
class Found:
    """Rankings of several queries.

    Attributes:
        run: query id → document id → score.
        spans: query id → document id → where in the document's full text the passage stands that a model found.
        vectors: query id → [query tokens, dim] float32, what a model made of the query.
        truncated: ids of the queries that are longer than the model reads, so that it searched by their beginning.
    """

    run: Run
    spans: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)
    vectors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict, repr=False, compare=False)
    truncated: tuple[str, ...] = ()


class Searcher:
    """An index with what queries are read with, each opened once.

    Args:
        index: an index folder, or an open index; several of them are searched as one
            (:mod:`kivuko.retrieval.together`).
        model: encodes the queries: a folder, a name, or an open encoder; None searches by words alone.
        lexicon: translates the queries' words: a folder, or an open lexicon; None leaves them as they are.
        method: ``"late-interaction"`` (needs a model), ``"bm25"`` (the words as they are), ``"lexicon-bm25"`` (needs
            a lexicon), or ``"fusion"`` of a model with words, translated where there is a lexicon. By default what
            model and lexicon allow.
        weight: the model's share in the fusion, 0 to 1.
        gloss: how much the model heeds the query's words translated one by one, beside the query: the weight of a
            token of :mod:`kivuko.retrieval.gloss`, 0 to 1; above 0 it needs a lexicon, and twice the time.
        language: of the documents, if it is known: words that none of them has are looked up as people of this
            language type them (:func:`kivuko.text.fold`).

    Raises:
        UnknownNameError: no such method, or no such model.
        InputError: the method, or the gloss, lacks its model or lexicon.
        ArtifactError: index, model or lexicon are incomplete, or the model does not share the index's space.
    """

    def __init__(
        self,
        index: IndexLike | Sequence[IndexLike],
        *,
        model: ModelLike | None = None,
        lexicon: Lexicon | Path | str | None = None,
        method: Method | str | None = None,
        weight: float = 0.5,
        gloss: float = 0.0,
        language: Language | None = None,
    ) -> None:
        self.method = check_method(method, model is not None, lexicon is not None)
        self.gloss = check_gloss(gloss, lexicon is not None)
        self.index = _opened(index)
        self.weight = weight
        self.language = language
        self._model = model
        self._lexicon = lexicon
        if self.method in ("late-interaction", "fusion") and model is not None:
            self.index.require_space(model)

    def search(
        self, query: str, *, top: int = 10, where: Filter | None = None, explain: bool = False
    ) -> list[Hit]:
        """The best documents for one query.

        Args:
            query: text in the searcher's language.
            top: documents wanted, at least 1.
            where: which documents may be found.
            explain: whether to say what the query's words met in each document.

        Returns:
            The documents, best first. Whether the model read all of the query is said by :meth:`find`.

        Raises:
            UnknownNameError: no document has a field that ``where`` names.
        """
        found = self.find({"query": query}, depth=top, where=where)
        return self.hits(query, found, top=top, explain=explain)

    def rank(
        self,
        queries: Mapping[str, str],
        *,
        depth: int = 100,
        where: Filter | None = None,
        progress: Progress | None = None,
    ) -> Run:
        """Query id → document id → score, for many queries: the run of :meth:`find`."""
        return self.find(queries, depth=depth, where=where, progress=progress).run

    def find(
        self,
        queries: Mapping[str, str],
        *,
        depth: int = 100,
        where: Filter | Among | None = None,
        progress: Progress | None = None,
    ) -> Found:
        """Rank the documents for each query, and say by which passages a model found them.

        Args:
            queries: query id → text.
            depth: documents kept a query.
            where: which documents may be found.
            progress: a rich display for the bar.

        Raises:
            UnknownNameError: no document has a field that ``where`` names.
        """
        if self.method == "late-interaction":
            return self._by_model(queries, depth, where, progress)
        if self.method != "fusion":
            return Found(self._by_words(queries, depth, where))
        # Fusion needs more of each side than it returns.
        searched = max(depth, SCALE_DEPTH)
        found = self._by_model(queries, searched, where, progress)
        by_words = self._by_words(queries, searched, where)
        fused = score_fusion(found.run, by_words, weight=self.weight, depth=depth)
        return replace(found, run=fused)

    def rerank(self, queries: Mapping[str, str], candidates: Mapping[str, Collection[str]]) -> Run:
        """Score documents that something else has found, as if there were no others to be found.

        How rare a word is, is counted over all documents, so that BM25 and late interaction give the scores that
        :meth:`rank` does, but for rounding; a fusion's are of the scale of the candidates.

        Args:
            queries: query id → text.
            candidates: query id → ids of documents, for every query.

        Returns:
            Query id → document id → score, in rank order; without the candidates that the method does not score, such
            as those that share no word with the query.

        Raises:
            InputError: the index has no document of one of these ids.
        """
        return {
            query: self._rerank(query, text, Among(frozenset(candidates[query])))
            for query, text in queries.items()
        }

    def _rerank(self, query: str, text: str, among: Among) -> dict[str, float]:
        strangers = [name for name in sorted(among.ids) if not self.index.has(name)]
        if strangers:
            raise InputError(
                "a document to re-rank is not among those that are searched",
                where=f"query {query}",
                expected=f"ids of documents in {self.index.path}",
                got=", ".join(strangers[:3]) + (", …" if len(strangers) > 3 else ""),
                remedy="re-rank what was found in the same documents, or add these",
            )
        if not among.ids:
            return {}
        return self.find({query: text}, depth=len(among.ids), where=among).run[query]

    def hits(self, query: str, found: Found, *, top: int = 10, explain: bool = False) -> list[Hit]:
        """What was found for one query, as a person reads it, best first.

        Args:
            query: its text.
            found: by :meth:`find` for this query alone.
            top: documents wanted, at least 1.
            explain: whether to say what the query's words met in each document.
        """
        ((name, scores),) = found.run.items()
        spans = found.spans.get(name, {})
        translated = [word for asked in self._asked(query) for word in asked.senses]
        shown = f"{query} {' '.join(translated)}"
        documents = [self.index.document(each) for each in ranked(scores)[:top]]
        matches: Iterable[Sequence[Match]] = [()] * len(documents)
        if explain:
            matches = self._matches(query, found.vectors.get(name), documents)
        return [
            Hit(
                document.id,
                document.title,
                snippet(document, spans.get(document.id), shown),
                scores[document.id],
                tuple(own),
                document,
                spans.get(document.id),
            )
            for document, own in zip(documents, matches, strict=True)
        ]

    @property
    def described(self) -> str:
        """How it searches, in words."""
        model = "model with gloss" if self.gloss else "model"
        if self.method == "fusion":
            return f"{model} ({self.weight:.2f}) and words ({1 - self.weight:.2f})"
        return {"late-interaction": model, "lexicon-bm25": "lexicon and BM25", "bm25": "BM25"}[self.method]

    @functools.cached_property
    def encoder(self) -> Encoder:
        """The open model.

        Raises:
            InputError: the searcher has none.
        """
        from kivuko.models.encoder import Encoder

        if self._model is None:
            raise _lacks(self.method, "model")
        return Encoder.open(self._model)

    @functools.cached_property
    def lexicon(self) -> Lexicon | None:
        """The open lexicon; None where there is none."""
        if self._lexicon is None or isinstance(self._lexicon, Lexicon):
            return self._lexicon
        return Lexicon.open(self._lexicon)

    @functools.cached_property
    def _translator(self) -> QueryTranslator | None:
        return None if self.lexicon is None else QueryTranslator(self.lexicon, self.index.lexical)

    def _asked(self, query: str) -> list[_Asked]:
        """Words (with a lexicon phrases too) of a query, and what is searched in the place of each, with weights."""
        if self.method == "bm25" or self._translator is None:
            asked = [_Asked(word, {word: 1.0}, span) for word, span in words_with_spans(query)]
        else:
            places = piece_spans(query)
            asked = [
                _Asked(found.text, found.senses, (places[found.begin][0], places[found.end - 1][1]))
                for found in self._translator.found(query)
            ]
        spelled = self.index.lexical.as_spelled
        return [each._replace(senses=spelled(each.senses, self.language)) for each in asked]

    def _by_model(
        self,
        queries: Mapping[str, str],
        depth: int,
        where: Filter | Among | None,
        progress: Progress | None,
    ) -> Found:
        from kivuko.retrieval.late_interaction import hits_by_vectors, query_vectors

        vectors = query_vectors(self.encoder, queries)
        if self.gloss:
            glosses = {query: found.text for query, text in queries.items() if (found := self._gloss(text))}
            for query, read in query_vectors(self.encoder, glosses).items():
                vectors[query] = np.concatenate([vectors[query], np.float32(self.gloss) * read])
        hits = hits_by_vectors(self.index, vectors, depth=depth, where=where, progress=progress)
        return Found(
            {query: {hit.id: hit.score for hit in found} for query, found in hits.items()},
            {query: {hit.id: hit.span for hit in found if hit.span} for query, found in hits.items()},
            vectors,
            tuple(query for query, text in queries.items() if self.encoder.truncated([text], task="query")),
        )

    def _gloss(self, query: str) -> Gloss | None:
        """What the model reads beside a query; None where that is nothing."""
        if not self.gloss or self._translator is None:
            return None
        found = gloss(query, self._translator)
        return found if found.text else None

    def _by_words(self, queries: Mapping[str, str], depth: int, where: Filter | Among | None) -> Run:
        structured = [[asked.senses for asked in self._asked(text)] for text in queries.values()]
        hits = self.index.search_words(structured, depth=depth, where=where)
        return {
            query: {hit.id: hit.score for hit in found} for query, found in zip(queries, hits, strict=True)
        }

    def _matches(
        self, query: str, vectors: npt.NDArray[np.float32] | None, documents: Sequence[Document]
    ) -> Iterable[Sequence[Match]]:
        if self.method in ("late-interaction", "fusion"):
            from kivuko.retrieval.late_interaction import explanations

            names = [document.id for document in documents]
            read_beside = self._gloss(query)
            return explanations(self.index, self.encoder, query, names, vectors=vectors, gloss=read_beside)
        return [list(self._word_matches(query, document)) for document in documents]

    def _word_matches(self, query: str, document: Document) -> Iterator[Match]:
        """Each word or phrase of the query with the most probable of its translations that the document has."""
        of_document = words_with_spans(document.full_text)
        # A title's end, which is no word, keeps phrases from going over it.
        border = sum(end <= len(document.title) for _, (_, end) in of_document)
        of_document.insert(border, ("\n", (0, 0)))
        there = " ".join(["", *(word for word, _ in of_document), ""])
        for asked in self._asked(query):
            met = [(weight, sense) for sense, weight in asked.senses.items() if f" {sense} " in there]
            if met:
                weight, sense = max(met, key=lambda each: (each[0], each[1]))
                yield Match(asked.text, sense, weight, asked.span, tuple(_places(sense, of_document)))


def _opened(index: IndexLike | Sequence[IndexLike]) -> Index:
    if isinstance(index, Index):
        return index
    if isinstance(index, Path | str):
        return Index.open(Path(index))
    from kivuko.retrieval.together import SeveralIndexes

    return SeveralIndexes.together(index)


class _Asked(NamedTuple):
    """A word or phrase of a query: what is searched in its place, with weights, and where it stands."""

    text: str
    senses: Mapping[str, float]
    span: tuple[int, int]


def _places(phrase: str, words_there: Sequence[tuple[str, tuple[int, int]]]) -> Iterator[tuple[int, int]]:
    """Where a word or phrase begins and ends in a text."""
    own = phrase.split(" ")
    for number in range(len(words_there) - len(own) + 1):
        if all(words_there[number + i][0] == word for i, word in enumerate(own)):
            yield words_there[number][1][0], words_there[number + len(own) - 1][1][1]


def titled_passage(document: Document, span: tuple[int, int] | None) -> str:
    """A document's title and a passage of its full text, once each; all of it without a passage."""
    begin, end = span or (0, len(document.full_text))
    passage = document.full_text[begin:end]
    # The first passage begins with the title, or with a part of a very long one.
    return passage if begin < len(document.title) else f"{document.title}\n{passage}".strip()


def snippet(document: Document, span: tuple[int, int] | None, query: str, width: int = _WIDTH) -> str:
    """An excerpt of a document's text, at most ``width`` characters and two ellipses.

    Args:
        document: what was found; its title is not repeated.
        span: the passage in its full text by which it was found; all of it by default.
        query: the excerpt begins near the first of its words in the passage, where one is there at all.
        width: characters.
    """
    title = len(document.title) + 1
    begin, end = span or (0, len(document.full_text))
    text = document.full_text[max(begin, title) : end]
    whole = " ".join(text.split())
    if len(whole) <= width:
        return whole
    there = lowered(whole)
    found = [place for place in (there.find(word) for word in words(query)) if place >= 0]
    # Some of what stands before the word, from the beginning of a word on.
    start = max(0, min([*found, len(whole)]) - width // 4) if found else 0
    start = whole.rfind(" ", 0, start) + 1
    stop = min(len(whole), start + width)
    if stop < len(whole) and " " in whole[start + 1 : stop]:
        stop = whole.rfind(" ", start, stop)
    return ("…" if start else "") + whole[start:stop] + ("…" if stop < len(whole) else "")


def check_method(method: str | None, has_model: bool, has_lexicon: bool) -> Method:
    """The method meant, once it is clear that it has what it needs.

    Raises:
        UnknownNameError: no such method.
        InputError: it lacks its model or lexicon.
    """
    if method is None:
        if has_model:
            return "fusion" if has_lexicon else "late-interaction"
        return "lexicon-bm25" if has_lexicon else "bm25"
    if method not in get_args(Method):
        raise UnknownNameError("search method", method, get_args(Method))
    if method in ("late-interaction", "fusion") and not has_model:
        raise _lacks(method, "model")
    if method == "lexicon-bm25" and not has_lexicon:
        raise _lacks(method, "lexicon")
    return method  # type: ignore[return-value]


def check_gloss(weight: float, has_lexicon: bool) -> float:
    """The weight itself.

    Raises:
        InputError: it is out of range, or there is nothing to translate with.
    """
    if not 0 <= weight <= 1:
        raise InputError("the weight of the gloss is out of range", expected="0 to 1", got=weight)
    if weight and not has_lexicon:
        raise InputError(
            "a gloss needs a lexicon", where="gloss", got=weight, remedy="give --lexicon FOLDER, or --gloss 0"
        )
    return weight


def _lacks(method: str, what: str) -> InputError:
    return InputError(
        f"searching by {method} needs a {what}", remedy=f"give --{what} FOLDER, or another --method"
    )
