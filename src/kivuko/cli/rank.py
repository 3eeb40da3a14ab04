"""``kivuko rank``: a file of queries against an index, as a TREC run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kivuko.cli.search import LEXICON, METHOD, MODEL, WEIGHT, WHERE, default_method


def command(
    index: Annotated[Path, typer.Argument(help="Index folder (kivuko index build).")],
    queries: Annotated[Path, typer.Argument(help="Queries as TSV: id, tab, text.")],
    output: Annotated[Path, typer.Option(help="TREC run to write.")],
    model: MODEL = None,
    lexicon: LEXICON = None,
    method: METHOD = None,
    weight: WEIGHT = 0.5,
    where: WHERE = None,
    depth: Annotated[int, typer.Option(min=1, help="Documents kept a query.")] = 100,
) -> None:
    """Rank documents for every query of a file and write a TREC run, for kivuko evaluate."""
    from kivuko.cli.display import bars, console
    from kivuko.data import read_queries
    from kivuko.evaluation.run import write_run
    from kivuko.retrieval.engine import search
    from kivuko.retrieval.filters import parse_filter
    from kivuko.retrieval.index import Index

    asked = read_queries(queries)
    chosen = method or default_method(model, lexicon)
    with bars() as progress:
        run = search(
            Index.open(index),
            asked,
            method=chosen,  # type: ignore[arg-type]
            model=model,
            lexicon=lexicon,
            weight=weight,
            depth=depth,
            where=parse_filter(where or ()),
            progress=progress,
        )
    write_run(output, run, tag=chosen)
    empty = sum(not documents for documents in run.values())
    console.print(f"{output}: {len(asked):,} queries by {chosen}; {empty:,} found nothing", soft_wrap=True)
