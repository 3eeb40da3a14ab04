"""``kivuko index``: documents made searchable, and the index kept up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kivuko.cli.display import JsonOption, ThreadsOption, bars, print_json, print_table, say, set_threads
from kivuko.cli.resources import chosen_ids, read_collection_documents

app = typer.Typer(help="Build indexes and keep them up to date.", no_args_is_help=True)

DOCUMENTS = Annotated[
    Path,
    typer.Argument(
        help="TSV (id, title, text), JSONL (more fields are metadata to filter by), or a collection folder."
    ),
]
INDEX = Annotated[Path, typer.Argument(help="Index folder.")]
MODEL = Annotated[
    Path | None,
    typer.Option(help="Model that encodes documents: by default the English teacher, trained on help pages."),
]


@app.command("build")
def build(
    documents: DOCUMENTS,
    output: Annotated[Path, typer.Option(help="Index folder to write.")],
    model: MODEL = None,
    kind: Annotated[
        str, typer.Option(help="exact, exact-int8, compressed, codes or lexical (words alone, no model).")
    ] = "exact",
    passages: Annotated[
        bool, typer.Option(help="Split documents longer than the model reads; without, they are cut.")
    ] = True,
    pooling: Annotated[
        float,
        typer.Option(
            help="Tokens of a document that become one vector on average, 1 to 16: a smaller index."
        ),
    ] = 1.0,
    threads: ThreadsOption = None,
) -> None:
    """Encode documents once; every student of the same teacher can search them."""
    from kivuko.retrieval.build import build_index
    from kivuko.retrieval.index import Index
    from kivuko.retrieval.kinds import check_kind

    chosen = check_kind(kind)
    set_threads(threads)
    found = read_collection_documents(documents)
    with bars() as progress:
        encoder = None if chosen == "lexical" else _encoder(model, progress)
        build_index(
            found, encoder, output, kind=chosen, passages=passages, pooling=pooling, progress=progress
        )
    index = Index.open(output)
    facts, meta = index.info(), index.manifest.meta
    said = f"{output}: {facts['documents']:,} documents"
    if encoder is not None:
        said += (
            f", {facts['passages']:,} passages, {facts['tokens']:,} token vectors; "
            f"{meta['documents_truncated']:,} documents cut at {meta['max_length']} pieces, "
            f"{meta['documents_without_content']:,} without content left out"
        )
    say(said)


@app.command("add")
def add(
    index: INDEX,
    documents: DOCUMENTS,
    model: MODEL = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Documents with ids of others take their place.")
    ] = False,
    threads: ThreadsOption = None,
) -> None:
    """Add documents to an index; searches that run meanwhile see it before or after, never between."""
    from kivuko.retrieval.build import add_documents
    from kivuko.retrieval.index import Index

    set_threads(threads)
    found = read_collection_documents(documents)
    opened = Index.open(index)
    with bars() as progress:
        encoder = None if opened.space is None else _encoder(model, progress)
        facts = add_documents(opened, found, encoder, replace=replace, progress=progress)
    say(
        f"{index}: {len(found) - facts['documents_without_content']:,} documents added, "
        f"{facts['documents_without_content']:,} without content left out, "
        f"{facts['documents_truncated']:,} cut; {opened.info()['documents']:,} in all"
    )


@app.command("delete")
def delete(
    index: INDEX,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of documents.")] = None,
    ids_file: Annotated[Path | None, typer.Option("--ids", help="File with one id a line.")] = None,
) -> None:
    """Remove documents from an index; `kivuko index compact` frees their space."""
    from kivuko.retrieval.index import Index

    opened = Index.open(index)
    opened.delete(chosen_ids(ids, ids_file))
    say(f"{index}: {opened.info()['documents']:,} documents left")


@app.command("compact")
def compact(index: INDEX, as_json: JsonOption = False) -> None:
    """Write an index anew without its deleted documents, in as few segments as possible."""
    from kivuko.retrieval.index import Index

    Index.open(index).compact()
    info(index, as_json)


@app.command("verify")
def verify(index: INDEX) -> None:
    """Read every file of an index and compare it with the checksum that was written with it."""
    from kivuko.retrieval.index import Index

    Index.open(index).verify()
    say(f"{index}: every file is as it was written")


@app.command("info")
def info(index: INDEX, as_json: JsonOption = False) -> None:
    """What an index holds, and how large its parts are."""
    from kivuko.retrieval.index import Index
    from kivuko.retrieval.kinds import KINDS

    opened = Index.open(index)
    facts = opened.info()
    if as_json:
        print_json({"index": index, **facts})
        return
    rows = [("kind", f"{facts['kind']}: {KINDS[opened.kind]}")]
    rows += [
        (name, f"{facts[name]:,}") for name in ("documents", "deleted", "passages", "tokens", "segments")
    ]
    for name, size in facts["bytes"].items():
        a_token = (
            f", {size / facts['tokens']:.1f} bytes a token" if facts["tokens"] and name != "text" else ""
        )
        rows.append((f"{name}, on disk", f"{size / 1e6:,.1f} MB{a_token}"))
    rows.append(("vector space", str(facts["space"] or "none")))
    print_table(["", ""], rows)


def _encoder(model: Path | None, progress: object) -> Path:
    from kivuko.training.teacher import default_teacher

    return model or default_teacher(progress)  # type: ignore[arg-type]
