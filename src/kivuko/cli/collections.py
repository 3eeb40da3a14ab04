"""Test collections for ``kivuko data``: made of linked documents, where nobody judged any, or others' imported.

``link`` makes queries and judgments from links between languages; ``import-collection`` and ``benchmarks`` are about
collections that were published.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kivuko.languages import Language
    from kivuko.linked.card import Statistics
    from kivuko.linked.documents import LinkedSource


HELP = "help"


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
) -> None:
    """Make queries, graded judgments, splits and a data card from links between languages (as WikiCLIR)."""
    from kivuko.cli.display import reading_bars
    from kivuko.errors import UnknownNameError
    from kivuko.languages import resolve
    from kivuko.linked.build import build_linked
    from kivuko.linked.queries import QUERY_KINDS, LinkedRecipe

    if queries not in QUERY_KINDS:
        raise UnknownNameError("kind of query", queries, QUERY_KINDS)
    recipe = LinkedRecipe(resolve(query_language), resolve(document_language), queries, drop_identical)
    with reading_bars() as progress:
        source = _source(sources, [recipe.query_language, recipe.document_language])
        statistics = build_linked(source, output, recipe, progress)
    _show(statistics, output)


def _source(names: list[str], languages: list[Language]) -> LinkedSource:
    """What the names on the command line stand for."""
    from kivuko.errors import InputError
    from kivuko.files.streams import plain_name
    from kivuko.linked.folder import AlignedFolder
    from kivuko.linked.help_pages import LinkedHelp
    from kivuko.linked.mediawiki import MediaWikiDumps

    paths = [Path(name) for name in names]
    if names == [HELP]:
        return LinkedHelp(languages)
    if len(paths) == 1 and paths[0].is_dir():
        return AlignedFolder(paths[0])
    dumps = [path for path in paths if plain_name(path).endswith(".xml")]
    links = [path for path in paths if plain_name(path).endswith(".sql")]
    if len(dumps) + len(links) < len(paths) or not dumps:
        raise InputError(
            "these are no linked documents",
            where=" ".join(names),
            expected="dumps (….xml, ….xml.bz2) with their links (….sql, ….sql.gz), one folder, or the word help",
            got=", ".join(
                name for name, path in zip(names, paths, strict=True) if path not in {*dumps, *links}
            )
            or "no dump",
            remedy="give files of one kind; a folder has a folder for each language in it",
        )
    return MediaWikiDumps(dumps, links)


def _show(statistics: Statistics, output: Path) -> None:
    from rich.table import Table

    from kivuko.cli.display import console
    from kivuko.collections.collection import CARD_FILE
    from kivuko.linked.card import JUDGMENTS, NOTICE

    table = Table("split", title=f"judgments: {JUDGMENTS}", min_width=50)
    for column in ("queries", "grade 2", "grade 1"):
        table.add_column(column, justify="right")
    for split, counts in statistics.splits.items():
        numbers = (counts.queries, counts.counterparts, counts.mutually_linked)
        table.add_row(split, *(f"{number:,}" for number in numbers))
    console.print(table)
    dropped = Table("of", "left out", title="before, left out by reason, after")
    dropped.add_column("records", justify="right")
    for name, report in statistics.reports().items():
        dropped.add_row(name, "before", f"{report.before:,}")
        for reason, count in report.reasons.most_common():
            dropped.add_row("", f"  {reason}", f"−{count:,}")
        dropped.add_row("", "after", f"[bold]{report.kept:,}[/]", end_section=True)
    console.print(dropped)
    console.print(
        f"{statistics.documents:,} documents of {statistics.document_words[0]:.0f} words and "
        f"{statistics.links_per_document:.1f} links on average. Identical in both languages: "
        f"{statistics.identical:,} queries ({statistics.identical_share:.1%}).\n{NOTICE}"
    )
    console.print(f"data card: {output / CARD_FILE}", soft_wrap=True, highlight=False)


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
) -> None:
    """Read a test collection into a folder that `index build`, `rank` and `evaluate` take as it is."""
    from kivuko.benchmarks import importing
    from kivuko.cli.display import console, reading_bars
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
    languages = ", ".join(f"{tag} {count:,}" for tag, count in meta["document_languages"].items())
    grades = ", ".join(f"{count:,} of grade {grade}" for grade, count in meta["judgments_by_grade"].items())
    notes = [
        f"{output}: {meta['documents']:,} documents ({languages}), {meta['queries']:,} queries "
        f"({meta['language']}); judgments: {grades}",
        *(f"left out: {count:,} × {reason}" for reason, count in meta["left_out"].items()),
        *(f"{part}: {meta[part]}" for part in ("judgments", "licence", "citation", "notice") if meta[part]),
        f"Next: kivuko index build {output} --output INDEX, then kivuko rank INDEX {output} --output RUN, then "
        f"kivuko evaluate RUN {output}",
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

    from kivuko.benchmarks import catalogue
    from kivuko.cli.display import console

    if markdown:
        print(catalogue.markdown())
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
