"""``kivuko index``: documents made searchable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Build indexes.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Build indexes."""


@app.command("build")
def build(
    documents: Annotated[Path, typer.Argument(help="TSV (id, title, text), JSONL, or a collection folder.")],
    output: Annotated[Path, typer.Option(help="Index folder to write.")],
    model: Annotated[
        Path | None,
        typer.Option(help="Model that encodes the documents: by default the centred English teacher."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores by default.")] = None,
) -> None:
    """Encode documents once; every student of the same teacher can search them."""
    import torch

    from kivuko.artifact import is_complete
    from kivuko.cli.display import bars, console
    from kivuko.data import Collection, read_documents
    from kivuko.retrieval.index import Index, build_index
    from kivuko.training.teacher import default_teacher

    if threads:
        torch.set_num_threads(threads)
    found = Collection.open(documents).documents if is_complete(documents) else read_documents(documents)
    with bars() as progress:
        build_index(found, model or default_teacher(progress), output, progress=progress)
    facts = Index.open(output).manifest.meta
    console.print(
        f"{output}: {facts['documents']:,} documents, {facts['token_vectors']:,} token vectors; "
        f"{facts['documents_truncated']:,} documents cut at {facts['max_length']} pieces, "
        f"{facts['documents_without_content']:,} without content left out",
        soft_wrap=True,
    )
