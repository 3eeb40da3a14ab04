"""``kivuko languages``: what an encoder knows of a language, and what data is within reach."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kivuko.cli.display import JsonOption, print_json, print_table, say, working

if TYPE_CHECKING:
    from kivuko.experiment.language_profile import LanguageProfile
    from kivuko.models.tokenizer import TokenizerProfile

app = typer.Typer(
    help="What an encoder knows of a language, and what data is within reach.", no_args_is_help=True
)
EncoderOption = Annotated[str, typer.Option(help="Catalogue name, local folder, or hub id.")]
ENCODER = "multilingual-e5-small"
#: The table's text: the same content in every language, whatever is built.
YARDSTICK = ("udhr", "cldr-names")


@app.command("list")
def list_languages(encoder: EncoderOption = ENCODER, as_json: JsonOption = False) -> None:
    """Every language: whether the encoder has seen it, what is built, and what there is."""
    from kivuko.experiment.language_profile import is_seen, resource_tier
    from kivuko.experiment.language_table import ABSENT, number, yes_or_no
    from kivuko.languages import known
    from kivuko.models.catalogue import find
    from kivuko.public.reach import within_reach

    entry, rows, facts = find(encoder), [], []
    for language in known():
        if language.short == "en":
            continue
        reach, seen = within_reach(language), is_seen(language, entry)
        tier = resource_tier(seen, reach.pairs)
        facts.append({"language": language, "seen": seen, "tier": tier, "reach": reach})
        rows.append(
            [
                *(language.name, language.tag, language.short, yes_or_no(seen)),
                *(tier or ABSENT, number(reach.pairs)),
                *(" ".join(reach.dictionaries) or ABSENT, " ".join(reach.collections) or ABSENT),
                " ".join(reach.apertium) or ABSENT,
            ]
        )
    if as_json:
        print_json({"encoder": encoder, "languages": facts})
        return
    columns = ["language", "tag", "code", "seen", "tier", "pairs"]
    columns += ["dictionaries", "test collections", "Apertium"]
    print_table(columns, rows, spare=["Apertium", "test collections", "dictionaries"])
    say(
        f"Seen and tier: by {encoder}, where the catalogue says what it was pre-trained on. Pairs: of the bitext, "
        "where it is built in the cache. `kivuko languages info LANGUAGE` shows more of one language."
    )


@app.command("info")
def info(
    language: Annotated[str, typer.Argument(help="Code, tag or English name: om, orm, orm-Latn, Oromo.")],
    encoder: EncoderOption = ENCODER,
    build: Annotated[bool, typer.Option("--build", help="Build bitext and dictionaries first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """One language: how the encoder's tokenizer writes it, beside English, and the data there is."""
    from contextlib import nullcontext

    from kivuko.experiment.language_profile import profile
    from kivuko.languages import foreign_language

    spoken = foreign_language(language)
    with working(f"building {spoken.name} bitext and dictionaries") if build else nullcontext():
        found = profile(spoken, _tokenizer(encoder), build=build)
    if as_json:
        print_json({**asdict(found), "parity": found.parity})
        return
    print_table(["", spoken.name, "English"], _profile_rows(found), title=f"{spoken.tag} for {encoder}")
    if not found.reach.is_built:
        say("Sources without a number are not built in the cache; --build builds bitext and dictionaries.")
    if None in found.reach.collections.values():
        say(f"A collection is built by: kivuko data build {spoken.short} --collection NAME")


def _profile_rows(found: LanguageProfile) -> list[tuple[str, str, str]]:
    from kivuko.experiment.language_table import ABSENT, counted, number, share, yes_or_no

    spoken, foreign, english = found.language, found.foreign, found.english
    rows = [("seen in pre-training", yes_or_no(found.seen), "")]
    rows.append(("pieces in the script", f"{found.script_pieces:,}", f"{found.latin_pieces:,}"))
    rows.append(("… as a ratio to Latin's", f"{found.script_pieces / max(1, found.latin_pieces):.3f}", ""))
    if foreign is not None and english is not None:
        rows.append(("measured on", f"{found.text}, {found.pairs:,} pairs", "its English side"))
        rows.append(
            (
                "pieces a syllable or bigram" if spoken.spaceless else "pieces a word",
                f"{foreign.pieces_per_word:.2f}",
                f"{english.pieces_per_word:.2f}",
            )
        )
        rows.append(("pieces for the same content", f"{found.parity:.2f}", "1.00"))
        for label, attribute in (
            ("unknown pieces", "unknown"),
            ("letters lost in them", "lost"),
            ("pieces of one byte", "fallback"),
            ("pieces of one letter", "single"),
            ("different letters it can write", "writable"),
        ):
            rows.append((label, share(getattr(foreign, attribute)), share(getattr(english, attribute))))
        if foreign.lacking:
            rows.append(
                ("letters without a piece", f"{len(foreign.lacking)}: {' '.join(foreign.lacking[:30])}", "")
            )
    else:
        rows.append(("measured on", "no text within reach", ""))
    rows.append(
        ("resource tier", found.tier or f"{ABSENT} (bitext not built, or pre-training not known)", "")
    )
    rows.append(("known to the language identifier", yes_or_no(found.identified), ""))
    rows.append(
        ("bitext pairs", number(found.reach.pairs) if found.reach.pairs is not None else "not built", "")
    )
    rows.append(("… by source", counted(found.reach.bitext), ""))
    rows.append(("dictionaries (entries)", counted(found.reach.dictionaries), ""))
    rows.append(("test collections (queries)", counted(found.reach.collections), ""))
    rows.append(("Apertium", " ".join(found.reach.apertium) or ABSENT, ""))
    return rows


@app.command("table")
def table(
    output: Annotated[Path, typer.Option(help="Markdown file to write.")],
    encoder: EncoderOption = ENCODER,
    as_json: JsonOption = False,
) -> None:
    """A page with every language, from what is in the cache; the text measured on is the same for all."""
    from kivuko.artifact import write_atomically
    from kivuko.cli.display import bars
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
    if as_json:
        print_json({"encoder": encoder, "page": output, "languages": profiles})
    else:
        say(f"{output}: {len(profiles)} languages")


def _tokenizer(encoder: str) -> TokenizerProfile:
    from kivuko.models import get
    from kivuko.models.tokenizer import TokenizerProfile

    return TokenizerProfile(encoder, get(encoder))
