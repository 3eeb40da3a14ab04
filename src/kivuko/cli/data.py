"""``kivuko data``: what text there is, building it, what is in what was built; and cleaning and importing your own.

``clean`` puts translation pairs through filters, with counts and samples of each; ``import-text`` filters running
text of one language once and keeps it in shards. Test collections are in :mod:`kivuko.cli.collections`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kivuko.cli import collections
from kivuko.cli.resources import LowestScoreOption

if TYPE_CHECKING:
    from kivuko.cleaning.chain import Sample, StepCount
    from kivuko.collections.collection import Collection
    from kivuko.collections.counts import DropReport
    from kivuko.languages import Language
app = typer.Typer(help="Collections and bitext: what there is, build it, look into it.", no_args_is_help=True)
LanguageArgument = Annotated[str, typer.Argument(help="Code, tag or English name: om, orm, orm-Latn, Oromo.")]
SHOWN_CHARACTERS = 90
# What some sources are called in the table of all languages.
_SHORT = {
    "cldr-probe": "cldr",
    "gnome-help": "gnome",
    "ict-terms": "terms",
    "libreoffice-help": "help",
    "libreoffice-l10n": "l10n",
}


@app.command("list")
def list_data() -> None:
    """Languages, the sources there are for each, and how much is built in the cache."""
    from rich.console import Console
    from rich.table import Table

    from kivuko.languages import known
    from kivuko.public.sources import BITEXT, COLLECTIONS

    table = Table("language")
    for column in ("tag", "code"):
        table.add_column(column, no_wrap=True)
    table.add_column("collections")
    table.add_column("bitext")
    table.add_column("test queries", justify="right")
    table.add_column("pairs", justify="right", no_wrap=True)
    for language in known():
        covering = [
            " ".join(_SHORT.get(name, name) for name, source in sources.items() if source.covers(language))
            for sources in (COLLECTIONS, BITEXT)
        ]
        if language.short != "en" and any(covering):
            table.add_row(language.name, language.tag, language.short, *covering, *_built(language))
    console = Console()
    console.print(table)
    console.print(
        "Collections: help (libreoffice-help), gnome (gnome-help), terms (ict-terms) and cldr (cldr-probe). Bitext: "
        "LibreOffice's help (help) and interface (l10n), the interfaces of other programs under their names "
        "(gettext: a dozen and a half of Debian packages), the Declaration of Human Rights (udhr). Numbers (title "
        "queries of test pages of the LibreOffice help, pairs) are shown for what is in the cache; `kivuko data "
        "build LANGUAGE` builds it, and with `--collection NAME` another collection."
    )


@app.command("build")
def build(
    language: LanguageArgument,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for collection/, bitext/ or NAME/; the cache by default."),
    ] = None,
    collection: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only this collection: libreoffice-help, gnome-help, ict-terms or cldr-probe.",
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Unpacked packages or an installed LibreOffice, instead of fetching."),
    ] = None,
) -> None:
    """Build the test collection (where there is help in the language) and the bitext, or one collection by name."""
    from rich.console import Console

    from kivuko.collections.collection import LIBREOFFICE_HELP
    from kivuko.languages import resolve
    from kivuko.public.bitext import build_bitext
    from kivuko.public.collections import build_collection, collection_folder, collections_for

    console, progress = Console(), Console(stderr=True)
    found = resolve(language)
    names = collections_for(found)
    wanted = collection or (LIBREOFFICE_HELP if LIBREOFFICE_HELP in names else None)
    if wanted is not None:
        folder = output and collection_folder(found, wanted, output)
        with progress.status(f"building the {found.name} collection {wanted}"):
            path = build_collection(found, folder, name=wanted, source_folder=source)
        _describe(console, path)
    else:
        console.print(f"No help collection: there is no LibreOffice help in {found.name}.")
    if collection is not None:
        return
    if others := [name for name in names if name != wanted]:
        console.print(f"Further collections, built with --collection NAME: {', '.join(others)}\n")
    with progress.status(f"building the {found.name} bitext"):
        path = build_bitext(found, output and output / "bitext", source_folder=source)
    _describe(console, path)


@app.command("info")
def info(
    language_or_folder: Annotated[
        str, typer.Argument(help="Language built in the cache, or a folder with what was built.")
    ],
) -> None:
    """Documents, queries by kind and split, pairs by source before and after, drops by reason, licences."""
    from rich.console import Console

    from kivuko.artifact import cache_folder, is_complete
    from kivuko.errors import ArtifactError
    from kivuko.languages import resolve
    from kivuko.public.sources import COLLECTIONS

    given = Path(language_or_folder)
    folder = given if given.is_dir() else cache_folder() / "data" / resolve(language_or_folder).tag
    parts = ("", "collection", *COLLECTIONS, "bitext")
    paths = [folder / part for part in parts if is_complete(folder / part)]
    if not paths:
        raise ArtifactError(
            "nothing is built here",
            where=folder,
            expected="a collection or a bitext",
            remedy=f"run: kivuko data build {'LANGUAGE' if given.is_dir() else language_or_folder}",
        )
    for path in paths:
        _describe(Console(), path)


@app.command("clean")
def clean_bitext(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PAIRS",
            help="TSV (English, tab, translation; perhaps a score and a tab first), TMX, JSON lines of translations "
            "or the PREFIX of PREFIX.en and PREFIX.xx, plain or compressed.",
        ),
    ],
    language: Annotated[str, typer.Option(help="Language of the translations: om, orm, orm-Latn, Oromo.")],
    output: Annotated[
        Path,
        typer.Option(metavar="FILE.tsv", help="Where the pairs go; FILE.report.json says what was dropped."),
    ],
    filters: Annotated[
        str | None,
        typer.Option(
            help="Steps by name, in order, with commas between: identical,length-ratio=3,language. By default all "
            "but two: mnemonics, and interface-text, which takes placeholders and markup out.",
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="Pairs to show of each step.")] = 3,
    seed: Annotated[int, typer.Option(help="Which pairs are shown.")] = 0,
    lowest_score: LowestScoreOption = None,
) -> None:
    """Drop what is no translation: counted by filter, with samples, and written where you say.

    The filters by name, in their usual order: empty, too-short, too-long, identical, credits, markup, placeholders,
    mnemonics, numbers, length-ratio, mostly-english, script, english, language, near-duplicate, repeated-english.
    One step edits instead: interface-text. The two about languages need pycld2, of the extra "data".
    """
    from kivuko.cleaning.chain import named_steps
    from kivuko.cli.display import console, reading_bars
    from kivuko.languages import resolve
    from kivuko.readers.cleaned_bitext import clean_file, report_path

    spoken = resolve(language)
    steps = named_steps(filters, spoken)
    with reading_bars() as progress:
        report, counts = clean_file(
            source,
            spoken,
            output,
            steps,
            samples=samples,
            seed=seed,
            lowest_score=lowest_score,
            progress=progress,
        )
    _show_counts(spoken.name, report, counts)
    _show_samples(counts)
    console.print(f"{output}: {report.kept:,} pairs", highlight=False, soft_wrap=True)
    console.print(f"{report_path(output)}: counts and samples in full", highlight=False, soft_wrap=True)


@app.command("import-text")
def import_running_text(
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

    from kivuko.cli.display import console, reading_bars
    from kivuko.errors import UnknownNameError
    from kivuko.languages import resolve
    from kivuko.readers.running_text import UNITS
    from kivuko.readers.text_import import import_text
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


def _built(language: Language) -> list[str]:
    """Number of test title queries and of pairs in the cache; empty where nothing is built."""
    from kivuko.artifact import cache_folder, is_complete, read_manifest
    from kivuko.collections.collection import Collection
    from kivuko.public.recipe import is_current

    folder = cache_folder() / "data" / language.tag
    cells = ["", ""]
    if is_current(folder / "collection", "collection", language, None):
        cells[0] = f"{len(Collection.open(folder / 'collection').queries('title', 'test')):,}"
    if is_complete(folder / "bitext"):
        cells[1] = f"{read_manifest(folder / 'bitext', 'bitext').meta['pairs']:,}"
    return cells


def _describe(console: Any, path: Path) -> None:
    """Print the manifest of a collection or bitext as tables."""
    import json

    from kivuko.artifact import MANIFEST
    from kivuko.collections.bitext import Bitext
    from kivuko.collections.collection import Collection

    kind = json.loads((path / MANIFEST).read_text(encoding="utf-8"))["kind"]
    # Another kind of artefact has other metadata: reading it as a collection says so.
    opened = Bitext.open(path) if kind == "bitext" else Collection.open(path)
    meta = opened.manifest.meta
    title = kind if isinstance(opened, Bitext) else f"{kind} {opened.name}"
    console.print(f"[bold]{title}[/] {meta['language']}  {path}", highlight=False, soft_wrap=True)
    if isinstance(opened, Collection):
        console.print(_split_table(opened))
        grades = ", ".join(
            f"{count:,} of grade {grade}" for grade, count in meta["judgments_by_grade"].items()
        )
        console.print(f"{meta['documents']:,} documents; judgments: {grades}", highlight=False)
        for part in ("judgments", "licence", "citation", "source"):
            console.print(f"{part}: {meta[part]}", highlight=False, markup=False, soft_wrap=True)
        for reason, count in meta["left_out"].items():
            console.print(f"left out: {count:,} × {reason}", highlight=False)
    if "counts" in meta:
        console.print(_count_table(meta["counts"]))
    if (named := meta.get("documents_with_their_hidden_title")) is not None:
        console.print(f"documents that contain the English query word for word: {named:,}")
    for name in meta.get("absent", ()):
        console.print(f"{name}: no text in this language")
    for name, licence in meta.get("licences", {}).items():
        console.print(f"licence of {name}: {licence}")
    for name, version in meta.get("packages", {}).items():
        console.print(f"package {name}: {version or 'from the folder given'}", highlight=False)
    console.print(f"{meta.get('notice', '')}\n")


def _split_table(collection: Collection) -> Any:
    from rich.table import Table

    meta = collection.manifest.meta
    counts: dict[str, dict[str, int]] = {}
    if "documents_by_split" in meta:
        counts["documents"] = meta["documents_by_split"]
    for row in meta["query_sets"]:
        name = f"{row['kind']} queries, {row['language']}"
        counts.setdefault(name, {})[row["split"]] = row["queries"]
    table = Table("", title="documents and queries by split")
    for split in (*collection.splits, "all"):
        table.add_column(split, justify="right")
    for name, by_split in counts.items():
        numbers = [*(by_split.get(split, 0) for split in collection.splits), sum(by_split.values())]
        table.add_row(name, *(f"{number:,}" for number in numbers))
    return table


def _count_table(counts: Mapping[str, Mapping[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("", "", title="before, dropped by reason, after")
    table.add_column("records", justify="right")
    for name, count in counts.items():
        table.add_row(name, "before", f"{count['before']:,}")
        for reason, number in sorted(count["dropped"].items(), key=lambda item: (-item[1], item[0])):
            table.add_row("", f"  {reason}", f"−{number:,}")
        table.add_row("", "after", f"[bold]{count['after']:,}[/]", end_section=True)
    return table


def _show_counts(language: str, report: DropReport, counts: Sequence[StepCount]) -> None:
    from rich.table import Table

    from kivuko.cli.display import console

    table = Table("step", "what for", title=f"English–{language} pairs")
    table.add_column("pairs", justify="right")
    table.add_column("not checked", justify="right")
    table.add_row("before", "", f"{report.before:,}", "")
    by_steps = sum(count.touched for count in counts if not count.edits)
    if report.dropped > by_steps:
        table.add_row("reading", "not usable as pairs", f"−{report.dropped - by_steps:,}", "")
    for count in counts:
        sign = "" if count.edits else "−"
        unchecked = f"{count.not_checked:,}" if count.not_checked else ""
        table.add_row(f"  {count.step.name}", count.outcome, f"{sign}{count.touched:,}", unchecked)
    table.add_row("after", "", f"[bold]{report.kept:,}[/]", "")
    console.print(table)


def _show_samples(counts: Sequence[StepCount]) -> None:
    from kivuko.cli.display import console

    for count in counts:
        if count.samples:
            console.print(f"[bold]{count.step.name}[/]: {count.outcome}", highlight=False, soft_wrap=True)
        for sample in count.samples:
            console.print(f"  {_shown(sample)}", markup=False, highlight=False, soft_wrap=True)


def _shown(sample: Sample) -> str:
    if sample.after is None:
        return f"{sample.id}  {' ‖ '.join(map(_cut, sample.before))}"
    # What an edit takes out may be invisible.
    before, after = (
        " ‖ ".join(_cut(_visible(text)) for text in texts) for texts in (sample.before, sample.after)
    )
    return f"{sample.id}  {before}  →  {after}"


def _visible(text: str) -> str:
    """With code points for tabs, no-break and zero-width spaces and the like."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)


def _cut(text: str) -> str:
    """On one line, and not longer than can be taken in at a glance."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


app.command("link")(collections.link_documents)
app.command("import-collection")(collections.import_collection)
app.command("benchmarks")(collections.benchmarks)
