"""``kivuko search``: one query against an index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from kivuko.ranking import Run
    from kivuko.retrieval.engine import Found
    from kivuko.retrieval.index import Index

MODEL = Annotated[
    Path | None, typer.Option(help="Model folder that encodes queries: a student, or the teacher.")
]
LEXICON = Annotated[Path | None, typer.Option(help="Lexicon folder (kivuko lexicon induce).")]
METHOD = Annotated[
    str | None,
    typer.Option(
        help="late-interaction, bm25, lexicon-bm25 or fusion; by default what model and lexicon allow."
    ),
]
WHERE = Annotated[
    list[str] | None,
    typer.Option(
        help="Only documents with FIELD=VALUE in their metadata; several of a field are alternatives."
    ),
]
RERANK = Annotated[
    str | None,
    typer.Option(help="Cross-encoder that puts the best documents into a new order: folder or hub id."),
]
RERANK_DEPTH = Annotated[
    int, typer.Option(min=1, help="Documents that the cross-encoder reads for each query.")
]
WEIGHT = Annotated[float, typer.Option(min=0, max=1, help="The model's share in the fusion.")]


def command(
    index: Annotated[Path, typer.Argument(help="Index folder (kivuko index build).")],
    query: Annotated[str, typer.Argument(help="The query, in the language of the model or lexicon.")],
    model: MODEL = None,
    lexicon: LEXICON = None,
    method: METHOD = None,
    weight: WEIGHT = 0.5,
    where: WHERE = None,
    rerank: RERANK = None,
    rerank_depth: RERANK_DEPTH = 50,
    top: Annotated[int, typer.Option(min=1, help="Documents to show.")] = 5,
    explain: Annotated[
        bool, typer.Option(help="Show which query token matched which document token (needs --model).")
    ] = False,
) -> None:
    """Search by late interaction, by BM25 as is or through a lexicon, or by both fused."""
    from rich.markup import escape

    from kivuko.cli.display import console, show_matches
    from kivuko.errors import InputError
    from kivuko.ranking import ranked
    from kivuko.retrieval.engine import find
    from kivuko.retrieval.filters import parse_filter
    from kivuko.retrieval.index import Index
    from kivuko.retrieval.snippets import snippet
    from kivuko.text import normalise

    query = normalise(query)  # as documents are: a tokenizer needs other pieces for letters typed in parts
    if not query:
        raise InputError("the query is empty", expected="at least one word", remedy="type what you look for")
    opened = Index.open(index)
    chosen = method or default_method(model, lexicon)
    found = find(
        opened,
        {"query": query},
        method=chosen,  # type: ignore[arg-type]
        model=model,
        lexicon=lexicon,
        weight=weight,
        where=parse_filter(where or ()),
    )
    run = found.run if rerank is None else reranked(opened, found, {"query": query}, rerank, rerank_depth)
    scores, spans = run["query"], found.spans.get("query", {})
    hits = ranked(scores)[:top]
    if not hits:
        console.print("Nothing found: no word of the query leads to a document.")
    for rank, name in enumerate(hits, start=1):
        document = opened.document(name)
        console.print(
            f"{rank}. [bold]{escape(document.title)}[/bold]  {scores[name]:.3f}  {escape(name)}",
            highlight=False,
        )
        excerpt = snippet(document, spans.get(name), query)
        if excerpt:
            console.print(f"   [dim]{escape(excerpt)}[/dim]", highlight=False)
        if explain and model is not None:
            from kivuko.retrieval.late_interaction import explain as explain_match

            matches = explain_match(opened, model, query, name)
            show_matches([(match.query_word, match.document_word, match.similarity) for match in matches])


def reranked(
    index: Index,
    found: Found,
    queries: Mapping[str, str],
    model: str,
    depth: int,
    progress: Progress | None = None,
) -> Run:
    """What was found with the best of it in the order of a cross-encoder, and a line on what was left as it was."""
    from kivuko.cli.display import console
    from kivuko.retrieval.reranking import RerankReport, rerank, what_was_found

    report = RerankReport()
    texts = what_was_found(index, found.spans)
    run = rerank(found.run, queries, texts, model, depth=depth, report=report, progress=progress)
    console.print(
        f"re-ranked {report.pairs:,} documents by {model}; {report.cut:,} longer than it reads, "
        f"{report.documents_without_text + report.queries_without_text:,} without text left as they were",
        soft_wrap=True,
    )
    return run


def default_method(model: Path | None, lexicon: Path | None) -> str:
    """What a model and a lexicon, either or both of them, allow."""
    if model is not None:
        return "late-interaction" if lexicon is None else "fusion"
    return "bm25" if lexicon is None else "lexicon-bm25"
