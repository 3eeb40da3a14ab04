"""Test collections for ``kivuko data``: made of linked documents, where nobody judged any, or others' imported.

``link`` makes queries and judgments from links between languages; ``import-collection`` and ``benchmarks`` are about
collections that were published.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kivuko.cli.display import JsonOption, print_json, print_table, say

if TYPE_CHECKING:
    from kivuko.linked.card import Statistics


def link_documents(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="MediaWiki dumps (pages-articles.xml and langlinks.sql, plain or compressed), a folder "
            "LANGUAGE/NAME.txt|.md|.html, or `help` for LibreOffice's help.",
        ),
    ],
    query_language: Annotated[str, typer.Option(help="Language of the queries: sw, swa-Latn, Swahili.")],
    document_language: Annotated[
        str, typer.Option(help="Language of the documents; the same one makes a monolingual control.")
    ],
    output: Annotated[Path, typer.Option(help="Folder to write: a collection, with its data card.")],
    queries: Annotated[
        str, typer.Option(help="title, or first-sentence: without the title's words, as WikiCLIR.")
    ] = "title",
    drop_identical: Annotated[
        bool, typer.Option("--drop-identical", help="Leave out queries that read the same in both languages.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make queries, graded judgments, splits and a data card from links between languages (as WikiCLIR)."""
    from kivuko.cli.display import reading_bars
    from kivuko.errors import UnknownNameError
    from kivuko.languages import resolve
    from kivuko.linked.build import build_linked, open_source
    from kivuko.linked.queries import QUERY_KINDS, LinkedRecipe

    if queries not in QUERY_KINDS:
        raise UnknownNameError("kind of query", queries, QUERY_KINDS)
    recipe = LinkedRecipe(resolve(query_language), resolve(document_language), queries, drop_identical)
    with reading_bars() as progress:
        source = open_source(sources, [recipe.query_language, recipe.document_language])
        statistics = build_linked(source, output, recipe, progress)
    if as_json:
        print_json({"output": output, **statistics.as_json()})
    else:
        _show(statistics, output)


def _show(statistics: Statistics, output: Path) -> None:
    from kivuko.collections.collection import CARD_FILE
    from kivuko.linked.card import JUDGMENTS, NOTICE

    splits = [
        (split, f"{counts.queries:,}", f"{counts.counterparts:,}", f"{counts.mutually_linked:,}")
        for split, counts in statistics.splits.items()
    ]
    print_table(["split", "queries", "grade 2", "grade 1"], splits, title=f"judgments: {JUDGMENTS}")
    rows: list[tuple[str, str, str]] = []
    for name, report in statistics.reports().items():
        rows.append((name, "before", f"{report.before:,}"))
        rows += [("", f"  {reason}", f"−{count:,}") for reason, count in report.reasons.most_common()]
        rows.append(("", "after", f"{report.kept:,}"))
    print_table(["of", "left out", "records"], rows, title="before, left out by reason, after")
    say(
        f"{statistics.documents:,} documents of {statistics.document_words[0]:.0f} words and "
        f"{statistics.links_per_document:.1f} links on average. Identical in both languages: "
        f"{statistics.identical:,} queries ({statistics.identical_share:.1%}).\n{NOTICE}"
    )
    say(f"data card: {output / CARD_FILE}")


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
    output: Annotated[Path, typer.Option(help="Folder to write: documents.jsonl, queries/, qrels.txt.")],
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
    as_json: JsonOption = False,
) -> None:
    """Read a test collection into a folder that `index build`, `rank` and `evaluate` take as it is."""
    from kivuko.benchmarks import importing
    from kivuko.cli.display import reading_bars
    from kivuko.collections.collection import Collection
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
    meta = Collection.open(output).manifest.meta
    if as_json:
        print_json({"output": output, **meta})
        return
    languages = ", ".join(f"{tag} {count:,}" for tag, count in meta["document_languages"].items())
    grades = ", ".join(f"{count:,} of grade {grade}" for grade, count in meta["judgments_by_grade"].items())
    sets = meta["query_sets"]
    first = min(sets, key=lambda row: row["split"] != "test")
    several = f" --kind {first['kind']} --split {first['split']}" if len(sets) > 1 else ""
    notes = [
        f"{output}: {meta['documents']:,} documents ({languages}), {meta['queries']:,} queries "
        f"({meta['language']}); judgments: {grades}",
        *(
            f"queries: {row['queries']:,} of {row['split']}, {row['kind']} ({row['language']})"
            for row in (sets if several else ())
        ),
        *(f"left out: {count:,} × {reason}" for reason, count in meta["left_out"].items()),
        *(f"changed: {count:,} × {what}" for what, count in meta.get("changed", {}).items()),
        *(f"{part}: {meta[part]}" for part in ("judgments", "licence", "citation", "notice") if meta[part]),
        f"Next: kivuko index build {output} --output INDEX, then kivuko rank INDEX {output}{several} --output RUN, "
        f"then kivuko evaluate RUN {output}{several}",
    ]
    for note in notes:
        say(note)


def benchmarks(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The tables of docs/test-collections.md instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """The test collections that are known by name, in which languages, and how each was judged."""
    from kivuko.benchmarks import catalogue

    entries = catalogue.benchmarks()
    if markdown:
        print(catalogue.markdown())
        return
    if as_json:
        print_json(entries)
        return
    rows = []
    for entry in entries:
        many = len(entry.languages) > _LISTED
        languages = f"{len(entry.languages)} languages" if many else " ".join(entry.languages)
        names = ", ".join(filter(None, (entry.short_pattern, entry.pattern)))
        rows.append((names, ", ".join(entry.splits), languages, entry.judged, entry.licence, entry.layout))
    print_table(["name", "splits", "languages", "how judged", "licence", "tried on"], rows)
    say(
        "{x}: language of the queries, {d}: of the documents; the first split is the default. Also irds:ID for "
        "any test collection of ir_datasets, hf:NAME for one of the Hugging Face hub, and folders. With --markdown "
        "also papers, sizes, all languages, and where the data is had."
    )
