"""``kivuko lexicon``: word translations from bitext, dictionaries and files; merging and judging them.

A dictionary is a public one by name, or a file in one of several formats; texts are files or collections.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from kivuko.artifact import is_complete
from kivuko.cli.display import reading_bars
from kivuko.cli.resources import BitextOption, LowestScoreOption
from kivuko.codeswitch import Lexicon
from kivuko.codeswitch.lexicon import read_lexicon_tsv
from kivuko.collections.collection import Collection
from kivuko.errors import InputError, UnknownNameError
from kivuko.files.streams import lines, plain_name
from kivuko.languages import Language, resolve
from kivuko.public import freedict
from kivuko.public.lexicons import public_lexicon, source_lexicon
from kivuko.public.sources import LEXICONS
from kivuko.readers.dictionaries import (
    RawTranslations,
    Reading,
    read_muse,
    read_translations_tsv,
)
from kivuko.readers.langlinks import is_langlinks_dump, read_wikipedia_titles
from kivuko.readers.panlex import is_panlex, read_panlex
from kivuko.readers.wiktextract import read_wiktextract

app = typer.Typer(help="Make, merge and judge lexicons.", no_args_is_help=True)
LanguageOption = Annotated[str, typer.Option(help="Language of the foreign sides.")]
OutputOption = Annotated[Path, typer.Option(help="Lexicon folder to write.")]
PUBLIC = "public"


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
    from kivuko.cli.resources import chosen_pairs
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

    pass  # RELAYOUT
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

    pass  # RELAYOUT
    from kivuko.cli.display import console
    from kivuko.codeswitch import Lexicon
    from kivuko.codeswitch.lexicon import agreement, coverage
    from kivuko.codeswitch.lexicon import info as size_of

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


_Reader = Callable[[Path, Language, Progress | None], Reading]


def _muse(path: Path, language: Language, progress: Progress | None, *, english_first: bool) -> Reading:
    return read_muse(path, english_first=english_first, progress=progress)


def _tsv(path: Path, language: Language, progress: Progress | None) -> Reading:
    return read_translations_tsv(path, progress)


_READERS: Mapping[str, _Reader] = {
    "muse": partial(_muse, english_first=True),
    "muse-reversed": partial(_muse, english_first=False),
    "panlex": read_panlex,
    "tsv": _tsv,
    "wikipedia-titles": read_wikipedia_titles,
    "wiktextract": read_wiktextract,
}
FORMATS = (*_READERS, "lexicon", "freedict")
_FOLDERS = frozenset({"freedict", "panlex"})


def imported(source: str, language: Language, file_format: str | None, output: Path) -> Lexicon:
    """The lexicon that a source's name or a path, with a format where its name tells none, stands for; saved.

    Raises:
        InputError: no public dictionary in this language, no such path, a format that is missing or out of
            place, or a file that does not fit it; the message names ``file:line``.
        UnknownNameError: neither a source nor a path, or no such format.
        FetchError: a package cannot be brought.
        MissingExtraError: a ``.zst`` file without the package that reads it.
        ArtifactError: ``output`` holds something that Kivuko did not write.
    """
    if file_format is None and source in {PUBLIC, *LEXICONS}:
        return _saved(_public(source, language), output)
    path = Path(source)
    if not path.exists():
        raise UnknownNameError(
            "dictionary", source, (PUBLIC, *LEXICONS), remedy="give one of these names, or the path of a file"
        )
    file_format = file_format or format_by_name(path, language)
    if file_format is None:
        raise InputError(
            "a file's format has to be named where its name does not tell it",
            where=path,
            expected=f"--format {', '.join(FORMATS)}",
        )
    if file_format not in FORMATS:
        raise UnknownNameError("format", file_format, FORMATS)
    if (path.is_dir() and file_format not in _FOLDERS) or (path.is_file() and file_format == "freedict"):
        raise InputError(
            f"the format {file_format} is not for this",
            where=path,
            expected="a folder for freedict, a folder or file for panlex, a file for the others",
        )
    if file_format == "lexicon":
        return _saved(read_lexicon_tsv(path, language), output)
    if file_format == "freedict":
        return _saved(source_lexicon(freedict.read_folder(path, language), language), output)
    with reading_bars() as progress:
        reading = _READERS[file_format](path, language, progress)
    return _saved(_lexicon(path, language, file_format, reading), output)


def format_by_name(path: Path, language: Language) -> str | None:
    """The format of a file or folder that is called, or laid out, as only one publisher's are; else None."""
    name = plain_name(path)
    if is_panlex(path):
        return "panlex"
    if path.is_dir():
        return "freedict" if any(path.glob("freedict-*.index")) else None
    if is_langlinks_dump(path):
        return "wikipedia-titles"
    if name.endswith(".jsonl") and ("kaikki" in name or "wiktextract" in name):
        return "wiktextract"
    if found := re.fullmatch(r"([a-z]{2,3})-([a-z]{2,3})(?:\.[0-9]+-[0-9]+)?\.txt", name):
        return _muse_direction(found[1], found[2], language)
    return None


def _muse_direction(first: str, second: str, language: Language) -> str | None:
    """MUSE's files are called en-xx or xx-en; those of two other languages are none of ours."""
    other = {"en": second}.get(first) or {"en": first}.get(second)
    try:
        if other is None or resolve(other).iso639_3 != language.iso639_3:
            return None
    except UnknownNameError:
        return None
    return "muse" if first == "en" else "muse-reversed"


def _public(source: str, language: Language) -> Lexicon:
    if source == PUBLIC:
        found = public_lexicon(language)
        if found is not None:
            return found.lexicon
    elif LEXICONS[source].covers(language):
        return source_lexicon(LEXICONS[source].read(language), language)
    having = [name for name, each in LEXICONS.items() if each.covers(language)]
    raise InputError(
        f"{source} has no {language.name}",
        expected=", ".join(having) or "a file of your own: there is no public dictionary in this language",
    )


def _lexicon(path: Path, language: Language, file_format: str, reading: Reading) -> Lexicon:
    raw = RawTranslations(path.name, "the file's own", {}, reading.rows, reading.drops)
    lexicon = source_lexicon(raw, language)
    meta = {**lexicon.meta, "format": file_format, "changed": dict(reading.changed)}
    return Lexicon(language, lexicon.entries, meta)


def _saved(lexicon: Lexicon, output: Path) -> Lexicon:
    lexicon.save(output)
    return lexicon


def texts_of(path: Path) -> list[str]:
    """The lines of a file, or the queries of a collection folder: of its language and first kind, of all splits.

    Raises:
        InputError: no such file, or not UTF-8.
        ArtifactError: the folder is no collection.
    """
    if path.is_dir() or is_complete(path):
        collection = Collection.open(path)
        kind = next(each.kind for each in collection.query_sets if each.language == collection.language)
        return [
            text
            for each in collection.query_sets
            if (each.language, each.kind) == (collection.language, kind)
            for text in collection.queries(*each).values()
        ]
    return [line for _, line in lines(path)]
