"""``kivuko rank``: a file of queries against an index, as a TREC run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kivuko.cli.resources import Asked, asks_of_collection, read_asked
from kivuko.cli.search import (
    LEXICON,
    METHOD,
    MODEL,
    RERANK,
    RERANK_DEPTH,
    WEIGHT,
    WHERE,
    default_method,
    reranked,
)


@asks_of_collection
def command(
    index: Annotated[Path, typer.Argument(help="Index folder (kivuko index build).")],
    queries: Annotated[Path, typer.Argument(help="Queries as TSV (id, tab, text), or a collection folder.")],
    output: Annotated[Path, typer.Option(help="TREC run to write.")],
    model: MODEL = None,
    lexicon: LEXICON = None,
    method: METHOD = None,
    weight: WEIGHT = 0.5,
    where: WHERE = None,
    rerank: RERANK = None,
    rerank_depth: RERANK_DEPTH = 50,
    depth: Annotated[int, typer.Option(min=1, help="Documents kept a query.")] = 100,
    *,
    asked: Asked,
) -> None:
    """Rank documents for every query of a file and write a TREC run, for kivuko evaluate."""
    from kivuko.cli.display import bars, console
    from kivuko.evaluation.run import write_run
    from kivuko.retrieval.engine import find
    from kivuko.retrieval.filters import parse_filter
    from kivuko.retrieval.index import Index

    texts = read_asked(queries, *asked)
    chosen = method or default_method(model, lexicon)
    opened = Index.open(index)
    with bars() as progress:
        found = find(
            opened,
            texts,
            method=chosen,  # type: ignore[arg-type]
            model=model,
            lexicon=lexicon,
            weight=weight,
            depth=depth,
            where=parse_filter(where or ()),
            progress=progress,
        )
        run = found.run if rerank is None else reranked(opened, found, texts, rerank, rerank_depth, progress)
    write_run(output, run, tag=chosen)
    empty = sum(not documents for documents in run.values())
    console.print(f"{output}: {len(texts):,} queries by {chosen}; {empty:,} found nothing", soft_wrap=True)
