"""``kivuko lexicon``: word translations from bitext, dictionaries and files; merging and judging them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kivuko.cli.display import JsonOption, print_json, print_table, reading_bars, say
from kivuko.cli.resources import BitextOption, LowestScoreOption

if TYPE_CHECKING:
    from kivuko.codeswitch import Lexicon

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
    as_json: JsonOption = False,
) -> None:
    """Induce a probabilistic lexicon by word alignment in both directions."""
    from typing import cast

    from kivuko.cli.resources import chosen_pairs
    from kivuko.codeswitch import induce as induce_lexicon
    from kivuko.codeswitch.induce import Aligner, check_aligner
    from kivuko.languages import resolve

    spoken = resolve(language)
    check_aligner(aligner)
    pairs = chosen_pairs(bitext, spoken, lowest_score)
    lexicon = induce_lexicon(pairs, spoken, aligner=cast(Aligner, aligner))
    lexicon.save(output)
    if as_json:
        print_json(_facts(output, lexicon))
    else:
        say(f"{output}: {len(lexicon.entries):,} entries from {lexicon.meta['aligned']:,} pairs")


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
            "folder of dictd files), gatitos (en_xx.tsv), gatitos-reversed (xx_en.tsv), lexicon (foreign, English, "
            "probability), muse (en-xx), muse-reversed (xx-en), "
            "panlex (a folder of its tables, or db.sqlite), tsv (English, foreign and perhaps a weight), "
            "wikipedia-titles (a langlinks dump, or English and foreign titles) or wiktextract (kaikki's JSONL).",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a lexicon of a public dictionary or of your own file."""
    from kivuko.artifact import check_replaceable
    from kivuko.codeswitch.lexicon import KIND
    from kivuko.languages import foreign_language
    from kivuko.public.lexicons import read_lexicon

    check_replaceable(output, KIND)
    with reading_bars() as progress:
        lexicon = read_lexicon(source, foreign_language(language), file_format, progress)
    lexicon.save(output)
    if as_json:
        print_json(_facts(output, lexicon))
        return
    for name, meta in lexicon.meta.get("sources", {"": lexicon.meta}).items():
        if "reading" in meta:
            left_out = {**meta["reading"]["dropped"], **meta["unused"]}
            say(
                f"{name or meta['source']} ({meta['licence']}): {meta['entries']:,} entries from "
                f"{meta['used']:,} translations; left out: {_reasons(left_out)}"
            )
            for what, count in meta.get("changed", {}).items():
                say(f"  {count:,} {what}")
        elif meta.get("unused"):
            say(f"{meta['from']}: left out: {_reasons(meta['unused'])}")
    say(f"{output}: {len(lexicon.entries):,} entries")


@app.command("merge")
def merge(
    lexicons: Annotated[list[Path], typer.Argument(help="Lexicon folders of one language.")],
    output: OutputOption,
    weight: Annotated[
        list[float] | None, typer.Option(help="One for each folder, in their order; equal by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Mix lexicons: where several have a word, by weight; a word that one has stays as it is."""
    from kivuko.artifact import check_replaceable, read_manifest
    from kivuko.codeswitch import Lexicon
    from kivuko.codeswitch import merge as merge_lexicons
    from kivuko.codeswitch.lexicon import KIND

    check_replaceable(output, KIND)
    merged = merge_lexicons([Lexicon.open(path) for path in lexicons], weight or None)
    merged.save(output, parents={str(path): read_manifest(path, KIND).hash for path in lexicons})
    if as_json:
        print_json(_facts(output, merged))
    else:
        say(f"{output}: {len(merged.entries):,} entries from {len(lexicons)} lexicons")


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
    as_json: JsonOption = False,
) -> None:
    """Size of a lexicon, how much of some texts it knows, and how far another one agrees with it."""
    from kivuko.codeswitch import Lexicon
    from kivuko.codeswitch.lexicon_quality import agreement, coverage
    from kivuko.codeswitch.lexicon_quality import info as size_of

    lexicon = Lexicon.open(path)
    size = size_of(lexicon)
    known = None if texts is None else coverage(lexicon, _texts(texts))
    held = None if against is None else agreement(lexicon, Lexicon.open(against))
    if as_json:
        facts = {"lexicon": path, "language": lexicon.language.tag, "size": size, "texts": known}
        print_json(facts | {"against": held and asdict(held) | {"precision": held.precision}})
        return
    rows = [
        ("words", f"{size.words:,}"),
        ("phrases", f"{size.phrases:,}"),
        ("beginnings", f"{size.beginnings:,}"),
        ("translations each", f"{size.senses:.2f}"),
        ("same as the English", f"{size.identical:.1%}"),
    ]
    if known is not None:
        rows += [
            ("running words known", f"{known.known_tokens:.1%} of {known.tokens:,}"),
            ("different words known", f"{known.known_types:.1%} of {known.types:,}"),
            ("with beginnings", f"{known.reached_tokens:.1%}, {known.reached_types:.1%}"),
        ]
    if held is not None:
        rows.append(("best translation agrees", f"{held.precision:.1%} of {held.shared:,} shared"))
    print_table(["", ""], rows, title=f"{lexicon.language.name} lexicon")


def _reasons(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "nothing"


def _facts(path: Path, lexicon: Lexicon) -> dict[str, Any]:
    """What JSON says of a lexicon that was made: where it is, what of, and what was left out."""
    return {
        **lexicon.meta,
        "lexicon": path,
        "language": lexicon.language.tag,
        "entries": len(lexicon.entries),
    }


def _texts(path: Path) -> list[str]:
    """The lines of a file, or the title queries of a collection folder.

    Raises:
        InputError: no such file, or not UTF-8.
        ArtifactError: the folder is no collection.
    """
    from kivuko.collections.collection import Collection
    from kivuko.files.streams import lines

    if path.is_dir():
        collection = Collection.open(path)
        kind = next(each.kind for each in collection.query_sets if each.language == collection.language)
        return [
            text
            for each in collection.query_sets
            if (each.language, each.kind) == (collection.language, kind)
            for text in collection.queries(*each).values()
        ]
    return [line for _, line in lines(path)]
