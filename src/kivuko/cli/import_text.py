"""``kivuko data import-text``: running text of one language, filtered once and kept in shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="JSON lines (mC4, OSCAR), a .txt file, or a folder of these; .gz, .bz2, .xz and .zst are read.",
        ),
    ],
    language: Annotated[str, typer.Option(help="Language of the texts: om, orm, orm-Latn, Oromo.")],
    output: Annotated[Path, typer.Option(help="Folder to write.")],
    unit: Annotated[
        str, typer.Option(help="What a text is: document, paragraph (blank lines part them) or line.")
    ] = "document",
    fewest_words: Annotated[int, typer.Option(min=1, help="Drop texts with fewer words.")] = 5,
    lowest_script_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Drop texts with fewer of their letters in the language's script."),
    ] = 0.5,
    identify: Annotated[
        bool,
        typer.Option(help="Drop texts that language identification (CLD2) takes for another language."),
    ] = True,
) -> None:
    """Filter and de-duplicate running text into a folder; an interrupted import goes on where it was."""
    from rich.table import Table

    from kivuko.cli.display import console
    from kivuko.cli.reading_bars import reading_bars
    from kivuko.data.formats.running_text import UNITS
    from kivuko.data.text_import import import_text
    from kivuko.errors import UnknownNameError
    from kivuko.languages import resolve
    from kivuko.text.identification import identifiable, is_in

    spoken = resolve(language)
    chosen = next((each for each in UNITS if each == unit), None)
    if chosen is None:
        raise UnknownNameError("unit", unit, UNITS)
    identified = identify and spoken in identifiable()
    if identify and not identified:
        console.print(
            f"CLD2 does not know {spoken.name}: texts in other languages of its script stay", soft_wrap=True
        )
    with reading_bars() as progress:
        report = import_text(
            source,
            output,
            spoken,
            unit=chosen,
            fewest_words=fewest_words,
            lowest_script_share=lowest_script_share,
            in_language=(lambda text: is_in(text, spoken)) if identified else None,
            progress=progress,
        )
    table = Table("", title=f"{spoken.name} texts: before, dropped by reason, after")
    table.add_column(unit + "s", justify="right")
    table.add_row("before", f"{report.before:,}")
    for reason, count in report.reasons.most_common():
        table.add_row(f"  {reason}", f"−{count:,}")
    table.add_row("after", f"[bold]{report.kept:,}[/]")
    console.print(table)
    console.print(f"{output}: give it to `kivuko train recipe mlm` with --text", soft_wrap=True)
