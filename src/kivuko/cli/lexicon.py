"""``kivuko lexicon``: word translations from bitext."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make lexicons.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Make lexicons."""


@app.command("induce")
def induce(
    language: Annotated[str, typer.Option(help="Language of the foreign sides.")],
    output: Annotated[Path, typer.Option(help="Lexicon folder to write.")],
    bitext: Annotated[
        Path | None,
        typer.Option(
            help="Pairs as TSV (English, tab, translation), or a bitext folder; public ones by default."
        ),
    ] = None,
) -> None:
    """Induce a probabilistic lexicon by word alignment (IBM model 1, both directions)."""
    from kivuko.cli.display import console
    from kivuko.cli.pairs import chosen_pairs
    from kivuko.codeswitch import induce as induce_lexicon
    from kivuko.languages import resolve

    spoken = resolve(language)
    lexicon = induce_lexicon(chosen_pairs(bitext, spoken), spoken)
    lexicon.save(output)
    console.print(f"{output}: {len(lexicon.entries):,} entries from {lexicon.meta['aligned']:,} pairs")
