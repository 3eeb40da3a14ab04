"""``kivuko data link``: test data from linked documents, where nobody judged any."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kivuko.data.linked.documents import LinkedSource
    from kivuko.data.linked.statistics import Statistics
    from kivuko.languages import Language

HELP = "help"


def command(
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
    output: Annotated[Path, typer.Option(help="Folder for train/, development/, test/ and the data card.")],
    queries: Annotated[
        str, typer.Option(help="title, or first-sentence: without the title's words, as WikiCLIR.")
    ] = "title",
    drop_identical: Annotated[
        bool, typer.Option("--drop-identical", help="Leave out queries that read the same in both languages.")
    ] = False,
) -> None:
    """Make queries, graded judgments, splits and a data card from links between languages (as WikiCLIR)."""
    from kivuko.cli.reading_bars import reading_bars
    from kivuko.data.linked.build import build_linked
    from kivuko.data.linked.query_text import QUERY_KINDS
    from kivuko.data.linked.recipe import LinkedRecipe
    from kivuko.errors import UnknownNameError
    from kivuko.languages import resolve

    if queries not in QUERY_KINDS:
        raise UnknownNameError("kind of query", queries, QUERY_KINDS)
    recipe = LinkedRecipe(resolve(query_language), resolve(document_language), queries, drop_identical)
    with reading_bars() as progress:
        source = _source(sources, [recipe.query_language, recipe.document_language])
        statistics = build_linked(source, output, recipe, progress)
    _show(statistics, output)


def _source(names: list[str], languages: list[Language]) -> LinkedSource:
    """What the names on the command line stand for."""
    from kivuko.data.linked.folder import AlignedFolder
    from kivuko.data.linked.mediawiki_dump import MediaWikiDumps
    from kivuko.data.streams import plain_name
    from kivuko.errors import InputError
    from kivuko.public.linked_help import LinkedHelp

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
    from kivuko.data.linked.card import CARD, JUDGMENTS, NOTICE

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
    console.print(f"data card: {output / CARD}", soft_wrap=True, highlight=False)
