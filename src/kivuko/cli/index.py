"""``kivuko index``: documents made searchable, and the index kept up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kivuko.cli.display import (
    JsonOption,
    ThreadsOption,
    bars,
    print_json,
    print_table,
    reading_bars,
    say,
    set_threads,
)
from kivuko.cli.resources import (
    PassagesOption,
    PoolingOption,
    StoreOption,
    chosen_ids,
    documents_or_shards,
    stream_collection_documents,
)
from kivuko.cli.workers import DriverOption, GpusOption, RayAddressOption, WorkersOption, chosen_workers

app = typer.Typer(help="Build indexes and keep them up to date.", no_args_is_help=True)

DOCUMENTS = Annotated[
    Path,
    typer.Argument(
        help="TSV (id, title, text), JSONL, Parquet or hf:NAME (more fields are metadata to filter by), a collection "
        "folder, or a folder of kivuko index encode."
    ),
]
INDEX = Annotated[Path, typer.Argument(help="Index folder.")]
MODEL = Annotated[
    str | None,
    typer.Option(
        help="Model that encodes documents: folder, catalogue name or hub id; by default the English teacher, "
        "trained on help pages."
    ),
]


@app.command("encode")
def encode(
    documents: DOCUMENTS,
    shards: Annotated[Path, typer.Option(help="Folder to write; kivuko index build and add take it.")],
    model: MODEL = None,
    passages: PassagesOption = None,
    pooling: PoolingOption = None,
    workers: WorkersOption = None,
    driver: DriverOption = "processes",
    ray_address: RayAddressOption = None,
    gpus: GpusOption = 0.0,
) -> None:
    """Encode documents with many workers, of one machine or a Ray cluster, into files to be indexed later.

    Any number of documents takes the same memory, and workers may die: the same command goes on.
    """
    from kivuko.retrieval.shards import encode_shards

    chosen = chosen_workers(driver, workers, ray_address, gpus)
    with reading_bars() as progress:
        made = encode_shards(
            stream_collection_documents(documents, progress),
            _encoder(model, progress),
            shards,
            passages=passages is not False,
            pooling=1.0 if pooling is None else pooling,
            workers=chosen,
            progress=progress,
        )
    say(
        f"{shards}: {made.documents:,} documents in {len(made.names):,} shards\n"
        f"Next: kivuko index build {shards} --output INDEX --kind compressed"
    )


@app.command("build")
def build(
    documents: DOCUMENTS,
    output: Annotated[Path, typer.Option(help="Index folder to write.")],
    model: MODEL = None,
    kind: Annotated[
        str, typer.Option(help="exact, exact-int8, compressed, codes or lexical (words alone, no model).")
    ] = "exact",
    store: StoreOption = None,
    passages: PassagesOption = None,
    pooling: PoolingOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Encode documents once; every student of the same teacher can search them."""
    from kivuko.retrieval.build import build_index, index_shards
    from kivuko.retrieval.index import Index
    from kivuko.retrieval.kinds import check_kind
    from kivuko.retrieval.shards import Shards

    chosen = check_kind(kind)
    set_threads(threads)
    found = documents_or_shards(documents, model=model, passages=passages, pooling=pooling)
    with bars() as progress:
        if isinstance(found, Shards):
            index_shards(found, output, kind=chosen, store=store)
        else:
            encoder = None if chosen == "lexical" else _encoder(model, progress)
            build_index(
                found,
                encoder,
                output,
                kind=chosen,
                store=store,
                passages=passages is not False,
                pooling=1.0 if pooling is None else pooling,
                progress=progress,
            )
    index = Index.open(output)
    facts, meta = index.info(), index.manifest.meta
    said = f"{output}: {facts['documents']:,} documents"
    if chosen != "lexical":
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
    from kivuko.retrieval.build import add_documents, add_shards
    from kivuko.retrieval.index import Index
    from kivuko.retrieval.shards import Shards

    set_threads(threads)
    opened = Index.open(index)
    found = documents_or_shards(documents, model=model)
    with bars() as progress:
        if isinstance(found, Shards):
            facts = add_shards(opened, found, replace=replace)
        else:
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


def _encoder(model: str | None, progress: object) -> str | Path:
    from kivuko.training.teacher import default_teacher

    return model or default_teacher(progress)  # type: ignore[arg-type]
