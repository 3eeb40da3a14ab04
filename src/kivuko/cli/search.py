"""``kivuko search`` and ``kivuko rank``: one query for a person, a file of queries as a TREC run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kivuko.cli.display import JsonOption
from kivuko.cli.resources import Asked, asks_of_collection, read_asked

if TYPE_CHECKING:
    from rich.progress import Progress

    from kivuko.engine import Engine
    from kivuko.retrieval.filters import Filter
    from kivuko.retrieval.search import Found, Searcher

_PLACE = Annotated[
    Path, typer.Argument(help="Engine folder (kivuko engine create), or index folder (kivuko index build).")
]
_ALSO = Annotated[
    list[Path] | None,
    typer.Option(
        help="Further engine or index folders, whose documents are searched as if they lay in the first: parts of "
        "one collection, encoded by one model."
    ),
]
_LANGUAGE = Annotated[
    str | None, typer.Option(help="What the engine is asked in: om, orm, Oromo …; guessed by default.")
]
_MODEL = Annotated[
    str | None,
    typer.Option(
        help="Of an index: model that encodes queries, a student or the teacher: folder, catalogue name or hub id."
    ),
]
_LEXICON = Annotated[Path | None, typer.Option(help="Of an index: lexicon folder (kivuko lexicon induce).")]
_METHOD = Annotated[
    str | None,
    typer.Option(
        help="late-interaction, bm25, lexicon-bm25 or fusion; by default what the engine found best, or what model "
        "and lexicon allow."
    ),
]
_WHERE = Annotated[
    list[str] | None,
    typer.Option(
        help="Only documents with FIELD=VALUE in their metadata; several of a field are alternatives. Numbers are "
        "compared by value: 2020 is 2020.0."
    ),
]
_RERANK = Annotated[
    str | None,
    typer.Option(help="Cross-encoder that puts the best documents into a new order: folder or hub id."),
]
_RERANK_DEPTH = Annotated[
    int, typer.Option(min=1, help="Documents that the cross-encoder reads for each query.")
]
_WEIGHT = Annotated[
    float | None, typer.Option(min=0, max=1, help="The model's share in the fusion; an engine's own, or 0.5.")
]
_GLOSS = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="How much the model heeds the query's words translated one by one beside the query; an engine's own, "
        "or 0.",
    ),
]


def search(
    place: _PLACE,
    query: Annotated[str, typer.Argument(help="What is looked for.")],
    also: _ALSO = None,
    language: _LANGUAGE = None,
    model: _MODEL = None,
    lexicon: _LEXICON = None,
    method: _METHOD = None,
    weight: _WEIGHT = None,
    gloss: _GLOSS = None,
    where: _WHERE = None,
    rerank: _RERANK = None,
    rerank_depth: _RERANK_DEPTH = 50,
    top: Annotated[int, typer.Option(min=1, help="Documents to show.")] = 5,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show which query word met which word of the document.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Search an engine in any of its languages, or an index by late interaction, words, or both fused."""
    from kivuko.cli.display import note, print_json, say, say_styled, show_matches
    from kivuko.errors import InputError
    from kivuko.retrieval.filters import parse_filter
    from kivuko.text import normalise

    query = normalise(query)  # as documents are: a tokenizer needs other pieces for letters typed in parts
    if not query:
        raise InputError("the query is empty", expected="at least one word", remedy="type what you look for")
    engine = _engine(place, also)
    if engine is None:
        _refuse_language(language)
        spoken, searcher = None, _searcher(place, also, model, lexicon, method, weight, gloss)
    else:
        _refuse_parts(model, lexicon)
        spoken = engine.language(language) if language else engine.guess(query)
        way = engine.way(spoken, method, weight=weight, gloss=gloss)
        searcher = engine.searcher(spoken, way)
        if advice := engine.advice(spoken, way):
            note(advice)
    asked, conditions = {"query": query}, parse_filter(where or ())
    depth = max(top, rerank_depth) if rerank else top
    found = searcher.find(asked, depth=depth, where=conditions)
    if rerank is not None:
        found = _reranked(searcher, found, asked, rerank, rerank_depth)
    hits = searcher.hits(query, found, top=top, explain=explain)
    _note_truncated(searcher, found)
    if as_json:
        if not hits:
            note(f"Nothing found: {_why_nothing(searcher, conditions)}.")
        print_json(
            {
                "query": query,
                "language": None if spoken is None else spoken.tag,
                "guessed": engine is not None and language is None,
                "method": searcher.method,
                "truncated": bool(found.truncated),
                "hits": [
                    {
                        "id": hit.id,
                        "title": hit.title,
                        "snippet": hit.snippet,
                        "score": hit.score,
                        "metadata": dict(hit.document.metadata),
                        "matches": hit.matches,
                    }
                    for hit in hits
                ],
            }
        )
        return
    if spoken is not None:
        guessed = " (guessed; --language names another)" if language is None else ""
        say_styled((f"in {spoken.name}{guessed}, by {searcher.described}", "dim"))
    if not hits:
        say(f"Nothing found: {_why_nothing(searcher, conditions)}.")
    for rank, hit in enumerate(hits, start=1):
        say_styled(f"{rank}. ", (hit.title, "bold"), f"  {hit.score:.3f}  {hit.id}")
        if hit.snippet:
            say_styled("   ", (hit.snippet, "dim"))
        if explain:
            show_matches(hit.matches)


@asks_of_collection
def rank(
    place: _PLACE,
    queries: Annotated[
        Path,
        typer.Argument(
            help="Queries as TSV (id, tab, text) or JSON lines (id, text), or a collection folder."
        ),
    ],
    output: Annotated[Path, typer.Option(help="TREC run to write.")],
    also: _ALSO = None,
    language: _LANGUAGE = None,
    model: _MODEL = None,
    lexicon: _LEXICON = None,
    method: _METHOD = None,
    weight: _WEIGHT = None,
    gloss: _GLOSS = None,
    where: _WHERE = None,
    rerank: _RERANK = None,
    rerank_depth: _RERANK_DEPTH = 50,
    depth: Annotated[int, typer.Option(min=1, help="Documents kept a query.")] = 100,
    *,
    asked: Asked,
) -> None:
    """Rank documents for every query of a file and write a TREC run, for kivuko evaluate."""
    from kivuko.cli.display import bars, note, say
    from kivuko.errors import InputError
    from kivuko.evaluation.run import write_run
    from kivuko.retrieval.filters import parse_filter

    engine = _engine(place, also)
    texts = read_asked(queries, *asked)
    if engine is None:
        _refuse_language(language)
        searcher = _searcher(place, also, model, lexicon, method, weight, gloss)
    else:
        _refuse_parts(model, lexicon)
        if language is None:
            raise InputError(
                "which language are these queries in?",
                expected="--language, one of " + ", ".join(each.short for each in engine.languages),
            )
        spoken = engine.language(language)
        searcher = engine.searcher(spoken, engine.way(spoken, method, weight=weight, gloss=gloss))
    conditions = parse_filter(where or ())
    with bars() as progress:
        found = searcher.find(texts, depth=depth, where=conditions, progress=progress)
        if rerank is not None:
            found = _reranked(searcher, found, texts, rerank, rerank_depth, progress)
    write_run(output, found.run, tag=searcher.method)
    _note_truncated(searcher, found)
    empty = sum(not documents for documents in found.run.values())
    say(f"{output}: {len(texts):,} queries by {searcher.method}; {empty:,} found nothing")
    if empty == len(texts):
        note(f"Nothing found: {_why_nothing(searcher, conditions)}.")


def _note_truncated(searcher: Searcher, found: Found) -> None:
    """Say of how many queries the model read only the beginning."""
    from kivuko.cli.display import note

    cut = found.truncated
    if not cut:
        return
    reads = f"longer than the model reads ({searcher.encoder.length} pieces)"
    if len(found.run) == 1:
        note(f"the query is {reads}: it searched by the query's beginning")
    else:
        some = ", ".join(cut[:3]) + (", …" if len(cut) > 3 else "")
        note(
            f"{len(cut):,} of {len(found.run):,} queries are {reads}: it searched by their beginning ({some})"
        )


def _why_nothing(searcher: Searcher, where: Filter) -> str:
    """Whether there is nothing to find, the filter left nothing of it, or the query's words led nowhere."""
    if not searcher.index.info()["documents"]:
        return "there are no documents here"
    return searcher.index.why_none_fits(where) or "no word of the query leads to a document" + (
        " that fits the filter" if where else ""
    )


def _engine(place: Path, also: Sequence[Path] | None) -> Engine | None:
    """The engine at a place; None for an index, or for nothing, of which the index's error speaks."""
    from kivuko.artifact import kind_of
    from kivuko.engine import Engine

    return Engine.open(place, also=also or ()) if kind_of(place) == "engine" else None


def _searcher(
    index: Path,
    also: Sequence[Path] | None,
    model: str | None,
    lexicon: Path | None,
    method: str | None,
    weight: float | None,
    gloss: float | None,
) -> Searcher:
    from kivuko.engine.opened import index_folder
    from kivuko.retrieval.search import Searcher

    return Searcher(
        [index, *map(index_folder, also)] if also else index,
        model=model,
        lexicon=lexicon,
        method=method,
        weight=0.5 if weight is None else weight,
        gloss=gloss or 0.0,
    )


def _refuse_parts(model: str | None, lexicon: Path | None) -> None:
    from kivuko.errors import InputError

    if model is not None or lexicon is not None:
        raise InputError(
            "an engine searches with its own student and lexicon",
            where="--model" if model is not None else "--lexicon",
            remedy="leave the option out; 'kivuko engine add-language' brings others into the engine",
        )


def _refuse_language(language: str | None) -> None:
    from kivuko.errors import InputError

    if language is not None:
        raise InputError(
            "an index does not know languages",
            where="--language",
            remedy="say it by --model and --lexicon, or make an engine: kivuko engine create",
        )


def _reranked(
    searcher: Searcher,
    found: Found,
    queries: Mapping[str, str],
    model: str,
    depth: int,
    progress: Progress | None = None,
) -> Found:
    """What was found with the best of it in the order of a cross-encoder, and a line on what was left as it was."""
    from dataclasses import replace

    from kivuko.cli.display import note
    from kivuko.retrieval.reranking import RerankReport, rerank, what_was_found

    report = RerankReport()
    texts = what_was_found(searcher.index, found.spans)
    run = rerank(found.run, queries, texts, model, depth=depth, report=report, progress=progress)
    note(
        f"re-ranked {report.pairs:,} documents by {model}; {report.cut:,} longer than it reads, "
        f"{report.documents_without_text + report.queries_without_text:,} without text left as they were"
    )
    return replace(found, run=run)
