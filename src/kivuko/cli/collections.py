"""``kivuko data import-collection`` and ``benchmarks``: test collections that others published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# More languages than this are counted, not listed.
_LISTED = 25


def import_collection(
    name: Annotated[
        str,
        typer.Argument(
            help="A name of `kivuko data benchmarks` (miracl/sw), irds:ID of ir_datasets, hf:NAME of the hub, or a "
            "folder in BEIR's or TREC's layout."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder to write: documents.jsonl, queries.tsv, qrels.txt.")],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--from", help="The files of a named collection, as published or in one of these layouts."
        ),
    ] = None,
    query_language: Annotated[
        str | None, typer.Option(help="Of the queries, where neither name nor data says it.")
    ] = None,
    document_language: Annotated[
        str | None, typer.Option(help="Of the documents, where neither name nor data says it.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Of the judgments; `benchmarks` shows which there are.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of files in TREC's markup, such as latin-1.")] = "utf-8",
) -> None:
    """Read a test collection into a folder that `index build`, `rank` and `evaluate` take as it is."""
    from kivuko.cli.display import console
    from kivuko.cli.reading_bars import reading_bars
    from kivuko.data.benchmarks import importing
    from kivuko.data.judged_collection import JudgedCollection
    from kivuko.languages import resolve

    with reading_bars() as progress:
        importing.import_collection(
            name,
            output,
            folder=folder,
            query_language=resolve(query_language) if query_language else None,
            document_language=resolve(document_language) if document_language else None,
            split=split,
            encoding=encoding,
            progress=progress,
        )
    meta = JudgedCollection.open(output).manifest.meta
    languages = ", ".join(f"{tag} {count:,}" for tag, count in meta["document_languages"].items())
    grades = ", ".join(f"{count:,} of grade {grade}" for grade, count in meta["judgments_by_grade"].items())
    notes = [
        f"{output}: {meta['documents']:,} documents ({languages}), {meta['queries']:,} queries "
        f"({meta['query_language']}); judgments: {grades}",
        *(f"left out: {count:,} × {reason}" for reason, count in meta["left_out"].items()),
        *(f"{part}: {meta[part]}" for part in ("judgments", "licence", "citation", "notice") if meta[part]),
        f"Next: kivuko index build {output / 'documents.jsonl'} --output INDEX, then kivuko rank INDEX "
        f"{output / 'queries.tsv'} --output RUN, then kivuko evaluate RUN {output / 'qrels.txt'}",
    ]
    for note in notes:
        console.print(note, soft_wrap=True, highlight=False, markup=False)


def benchmarks(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The tables of docs/test-collections.md instead.")
    ] = False,
) -> None:
    """The test collections that are known by name, in which languages, and how each was judged."""
    from rich.table import Table

    from kivuko.cli.display import console
    from kivuko.data.benchmarks import catalogue
    from kivuko.data.benchmarks import table as tables

    if markdown:
        print(tables.markdown())
        return
    table = Table()
    table.add_column("name", no_wrap=True)
    for column in ("splits", "languages", "how judged", "licence"):
        table.add_column(column)
    for entry in catalogue.benchmarks():
        many = len(entry.languages) > _LISTED
        languages = f"{len(entry.languages)} languages" if many else " ".join(entry.languages)
        table.add_row(entry.pattern, ", ".join(entry.splits), languages, entry.judged, entry.licence)
    console.print(table)
    console.print(
        "{x}: language of the queries, {d}: of the documents; the first split is the default. Also irds:ID for "
        "any test collection of ir_datasets, hf:NAME for one of the Hugging Face hub, and folders. With --markdown "
        "also papers, sizes, all languages, and where the data is had.",
        highlight=False,
    )
