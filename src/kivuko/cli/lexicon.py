"""``kivuko lexicon``: word translations from bitext, dictionaries and files; merging and judging them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kivuko.cli.pairs import BitextOption, LowestScoreOption

app = typer.Typer(help="Make, merge and judge lexicons.", no_args_is_help=True)
LanguageOption = Annotated[str, typer.Option(help="Language of the foreign sides.")]
OutputOption = Annotated[Path, typer.Option(help="Lexicon folder to write.")]


@app.callback()
def group() -> None:
    """Make, merge and judge lexicons."""


@app.command("induce")
def induce(
    language: LanguageOption,
    output: OutputOption,
    bitext: BitextOption = None,
    lowest_score: LowestScoreOption = None,
    aligner: Annotated[
        str,
        typer.Option(help="model-1 (IBM model 1), or eflomal (GPL-3, installed by the extra of that name)."),
    ] = "model-1",
) -> None:
    """Induce a probabilistic lexicon by word alignment in both directions."""
    from typing import cast

    from kivuko.cli.display import console
    from kivuko.cli.pairs import chosen_pairs
    from kivuko.codeswitch import induce as induce_lexicon
    from kivuko.codeswitch.induce import Aligner, check_aligner
    from kivuko.languages import resolve

    spoken = resolve(language)
    check_aligner(aligner)
    pairs = chosen_pairs(bitext, spoken, lowest_score)
    lexicon = induce_lexicon(pairs, spoken, aligner=cast(Aligner, aligner))
    lexicon.save(output)
    console.print(f"{output}: {len(lexicon.entries):,} entries from {lexicon.meta['aligned']:,} pairs")


@app.command("import")
def import_(
    source: Annotated[
        str,
        typer.Argument(
            help="cldr, cldr-names, freedict, ict-terms, public (all of these), a file or a folder."
        ),
    ],
    language: LanguageOption,
    output: OutputOption,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Of a file or folder, where its name does not tell: freedict (a "
            "folder of dictd files), lexicon (foreign, English, probability), muse (en-xx), muse-reversed (xx-en), "
            "panlex (a folder of its tables, or db.sqlite), tsv (English, foreign and perhaps a weight), "
            "wikipedia-titles (a langlinks dump, or English and foreign titles) or wiktextract (kaikki's JSONL).",
        ),
    ] = None,
) -> None:
    """Make a lexicon of a public dictionary or of your own file."""
    from rich.markup import escape

    from kivuko.artifact import check_replaceable
    from kivuko.cli.dictionaries import imported
    from kivuko.cli.display import console
    from kivuko.languages import foreign_language

    check_replaceable(output, "lexicon")
    lexicon = imported(source, foreign_language(language), file_format, output)
    for name, meta in lexicon.meta.get("sources", {"": lexicon.meta}).items():
        if "reading" in meta:
            label = escape(f"{name or meta['source']} ({meta['licence']})")
            left_out = {**meta["reading"]["dropped"], **meta["unused"]}
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "nothing"
            console.print(
                f"{label}: {meta['entries']:,} entries from {meta['used']:,} translations; left out: {reasons}",
                soft_wrap=True,
            )
            for what, count in meta.get("changed", {}).items():
                console.print(f"  {count:,} {what}", soft_wrap=True)
    console.print(f"{output}: {len(lexicon.entries):,} entries", soft_wrap=True)


@app.command("merge")
def merge(
    lexicons: Annotated[list[Path], typer.Argument(help="Lexicon folders of one language.")],
    output: OutputOption,
    weight: Annotated[
        list[float] | None, typer.Option(help="One for each folder, in their order; equal by default.")
    ] = None,
) -> None:
    """Mix lexicons: where several have a word, by weight; a word that one has stays as it is."""
    from kivuko.artifact import check_replaceable, read_manifest
    from kivuko.cli.display import console
    from kivuko.codeswitch import Lexicon
    from kivuko.codeswitch import merge as merge_lexicons
    from kivuko.codeswitch.lexicon import KIND

    check_replaceable(output, "lexicon")
    merged = merge_lexicons([Lexicon.open(path) for path in lexicons], weight or None)
    merged.save(output, parents={str(path): read_manifest(path, KIND).hash for path in lexicons})
    console.print(f"{output}: {len(merged.entries):,} entries from {len(lexicons)} lexicons", soft_wrap=True)


@app.command("info")
def info(
    path: Annotated[Path, typer.Argument(help="Lexicon folder.")],
    against: Annotated[
        Path | None, typer.Option(help="Lexicon folder to hold it against, such as one made by people.")
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="Texts in the language, one a line; or a collection folder, for its title queries."
        ),
    ] = None,
) -> None:
    """Size of a lexicon, how much of some texts it knows, and how far another one agrees with it."""
    from rich.table import Table

    from kivuko.cli.dictionaries import texts_of
    from kivuko.cli.display import console
    from kivuko.codeswitch import Lexicon
    from kivuko.codeswitch.quality import agreement, coverage
    from kivuko.codeswitch.quality import info as size_of

    lexicon = Lexicon.open(path)
    size = size_of(lexicon)
    rows = [
        ("words", f"{size.words:,}"),
        ("phrases", f"{size.phrases:,}"),
        ("beginnings", f"{size.beginnings:,}"),
        ("translations each", f"{size.senses:.2f}"),
        ("same as the English", f"{size.identical:.1%}"),
    ]
    if texts is not None:
        known = coverage(lexicon, texts_of(texts))
        rows += [
            ("running words known", f"{known.known_tokens:.1%} of {known.tokens:,}"),
            ("different words known", f"{known.known_types:.1%} of {known.types:,}"),
            ("with beginnings", f"{known.reached_tokens:.1%}, {known.reached_types:.1%}"),
        ]
    if against is not None:
        held = agreement(lexicon, Lexicon.open(against))
        rows.append(("best translation agrees", f"{held.precision:.1%} of {held.shared:,} shared"))
    table = Table("", "", title=f"{lexicon.language.name} lexicon", show_header=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)
