"""``kivuko languages``: what an encoder knows of a language, and what data is within reach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kivuko.models.tokenizer import TokenizerProfile

app = typer.Typer(
    help="What an encoder knows of a language, and what data is within reach.", no_args_is_help=True
)
EncoderOption = Annotated[str, typer.Option(help="Catalogue name, local folder, or hub id.")]
ENCODER = "multilingual-e5-small"
#: The table's text: the same content in every language, whatever is built.
YARDSTICK = ("udhr", "cldr-names")


@app.command("list")
def list_languages(encoder: EncoderOption = ENCODER) -> None:
    """Every language: whether the encoder has seen it, what is built, and what there is."""
    from rich.table import Table

    from kivuko.cli.display import console
    from kivuko.experiment.language_table import ABSENT, number, yes_or_no
    from kivuko.experiment.tiers import is_seen, resource_tier
    from kivuko.languages import known
    from kivuko.models.catalogue import find
    from kivuko.public.reach import within_reach

    table = Table("language")
    for column in ("tag", "code"):
        table.add_column(column, no_wrap=True)
    table.add_column("seen")
    table.add_column("tier")
    table.add_column("pairs", justify="right")
    for column in ("dictionaries", "test collections", "Apertium"):
        table.add_column(column)
    for language in known():
        if language.short == "en":
            continue
        reach, seen = within_reach(language), is_seen(language, find(encoder))
        table.add_row(
            *(language.name, language.tag, language.short, yes_or_no(seen)),
            *(resource_tier(seen, reach.pairs) or ABSENT, number(reach.pairs)),
            *(" ".join(reach.dictionaries) or ABSENT, " ".join(reach.collections) or ABSENT),
            " ".join(reach.apertium) or ABSENT,
        )
    console.print(table)
    console.print(
        f"Seen and tier: by {encoder}, where the catalogue says what it was pre-trained on. Pairs: of the bitext, "
        "where it is built in the cache. `kivuko languages info LANGUAGE` shows more of one language."
    )


@app.command("info")
def info(
    language: Annotated[str, typer.Argument(help="Code, tag or English name: om, orm, orm-Latn, Oromo.")],
    encoder: EncoderOption = ENCODER,
    build: Annotated[bool, typer.Option("--build", help="Build bitext and dictionaries first.")] = False,
) -> None:
    """One language: how the encoder's tokenizer writes it, beside English, and the data there is."""
    from contextlib import nullcontext

    from rich.console import Console
    from rich.table import Table

    from kivuko.cli.display import console
    from kivuko.experiment.language_profile import profile
    from kivuko.experiment.language_table import ABSENT, counted, number, share, yes_or_no
    from kivuko.languages import foreign_language

    spoken = foreign_language(language)
    working = Console(stderr=True).status(f"building {spoken.name} bitext and dictionaries")
    with working if build else nullcontext():
        found = profile(spoken, _tokenizer(encoder), build=build)
    foreign, english = found.foreign, found.english
    table = Table("", spoken.name, "English", title=f"{spoken.tag} for {encoder}")
    table.add_row("seen in pre-training", yes_or_no(found.seen), "")
    table.add_row("pieces in the script", f"{found.script_pieces:,}", f"{found.latin_pieces:,}")
    table.add_row("… as a ratio to Latin's", f"{found.script_pieces / max(1, found.latin_pieces):.3f}", "")
    if foreign is not None and english is not None:
        table.add_row("measured on", f"{found.text}, {found.pairs:,} pairs", "its English side")
        table.add_row(
            "pieces a syllable or bigram" if spoken.spaceless else "pieces a word",
            f"{foreign.pieces_per_word:.2f}",
            f"{english.pieces_per_word:.2f}",
        )
        table.add_row("pieces for the same content", f"{found.parity:.2f}", "1.00")
        for label, attribute in (
            ("unknown pieces", "unknown"),
            ("letters lost in them", "lost"),
            ("pieces of one byte", "fallback"),
            ("pieces of one letter", "single"),
            ("different letters it can write", "writable"),
        ):
            table.add_row(label, share(getattr(foreign, attribute)), share(getattr(english, attribute)))
        if foreign.lacking:
            table.add_row(
                "letters without a piece", f"{len(foreign.lacking)}: {' '.join(foreign.lacking[:30])}", ""
            )
    else:
        table.add_row("measured on", "no text within reach", "")
    table.add_row(
        "resource tier", found.tier or f"{ABSENT} (bitext not built, or pre-training not known)", ""
    )
    table.add_row("known to the language identifier", yes_or_no(found.identified), "")
    table.add_row(
        "bitext pairs", number(found.reach.pairs) if found.reach.pairs is not None else "not built", ""
    )
    table.add_row("… by source", counted(found.reach.bitext), "")
    table.add_row("dictionaries (entries)", counted(found.reach.dictionaries), "")
    table.add_row("test collections (queries)", counted(found.reach.collections), "")
    table.add_row("Apertium", " ".join(found.reach.apertium) or ABSENT, "")
    console.print(table)
    if not found.reach.is_built:
        console.print(
            "Sources without a number are not built in the cache; --build builds bitext and dictionaries."
        )
    if None in found.reach.collections.values():
        console.print(
            f"A collection is built by: kivuko data build {spoken.short} --collection NAME", soft_wrap=True
        )


@app.command("table")
def table(
    output: Annotated[Path, typer.Option(help="Markdown file to write.")],
    encoder: EncoderOption = ENCODER,
) -> None:
    """A page with every language, from what is in the cache; the text measured on is the same for all."""
    from kivuko.artifact import write_atomically
    from kivuko.cli.display import bars, console
    from kivuko.experiment.language_profile import profile
    from kivuko.experiment.language_table import language_page
    from kivuko.languages import known

    tokenizer = _tokenizer(encoder)
    languages = [language for language in known() if language.short != "en"]
    with bars() as progress:
        profiles = [
            profile(language, tokenizer, texts=YARDSTICK)
            for language in progress.track(languages, description="languages")
        ]
    named = "" if encoder == ENCODER else f" --encoder {encoder}"
    page = language_page(profiles, command=f"kivuko languages table --output {output}{named}")
    with write_atomically(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    console.print(f"{output}: {len(profiles)} languages", soft_wrap=True)


def _tokenizer(encoder: str) -> TokenizerProfile:
    from kivuko.models import get
    from kivuko.models.tokenizer import TokenizerProfile

    return TokenizerProfile(encoder, get(encoder))
