"""``kivuko data``: what text there is, building and cleaning it, and what is in what was built."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kivuko.cli import collections
from kivuko.cli.display import JsonOption, note, print_json, print_table, say, working
from kivuko.cli.resources import LowestScoreOption

if TYPE_CHECKING:
    from kivuko.cleaning.chain import Sample, StepCount
    from kivuko.collections.counts import DropReport


SHOWN_CHARACTERS = 90


def clean_bitext(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PAIRS",
            help="TSV (English, tab, translation; perhaps a score before or behind), TMX, JSON lines of translations "
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
    as_json: JsonOption = False,
) -> None:
    """Drop what is no translation: counted by filter, with samples, and written where you say.

    The filters by name, in their usual order: empty, too-short, too-long, identical, credits, markup, placeholders,
    mnemonics, numbers, length-ratio, mostly-english, script, english, language, near-duplicate, repeated-english.
    One step edits instead: interface-text. The two about languages need pycld2, of the extra "data".
    """
    from kivuko.cleaning.chain import named_steps
    from kivuko.cli.display import reading_bars
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
    if as_json:
        print(report_path(output).read_text(encoding="utf-8"), end="")
        return
    _show_counts(spoken.name, report, counts)
    _show_samples(counts)
    say(f"{output}: {report.kept:,} pairs")
    say(f"{report_path(output)}: counts and samples in full")


def _show_counts(language: str, report: DropReport, counts: Sequence[StepCount]) -> None:
    rows: list[tuple[str, ...]] = [("before", "", f"{report.before:,}", "")]
    by_steps: Counter[str] = Counter()
    for count in counts:
        by_steps[count.outcome] += 0 if count.edits else count.touched
    rows += [("reading", reason, f"−{count:,}", "") for reason, count in (report.reasons - by_steps).items()]
    rows += [("reading", what, f"{count:,}", "") for what, count in report.changed.items()]
    for count in counts:
        sign = "" if count.edits else "−"
        unchecked = f"{count.not_checked:,}" if count.not_checked else ""
        rows.append((f"  {count.step.name}", count.outcome, f"{sign}{count.touched:,}", unchecked))
    rows.append(("after", "", f"{report.kept:,}", ""))
    print_table(["step", "what for", "pairs", "not checked"], rows, title=f"English–{language} pairs")


def _show_samples(counts: Sequence[StepCount]) -> None:
    for count in counts:
        if count.samples:
            say(f"{count.step.name}: {count.outcome}")
        for sample in count.samples:
            say(f"  {_shown(sample)}")


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
        str,
        typer.Option(
            help="What a text is: document, paragraph (blank lines part them), line, or passage (at most 1,000 "
            "characters of a record or of a line of plain text)."
        ),
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
    as_json: JsonOption = False,
) -> None:
    """Filter and de-duplicate running text into a folder; an interrupted import goes on where it was."""
    from kivuko.cli.display import reading_bars
    from kivuko.errors import UnknownNameError
    from kivuko.languages import resolve
    from kivuko.readers.running_text import UNITS, TextFilter
    from kivuko.readers.text_import import import_text
    from kivuko.text.identification import identifiable, is_in

    spoken = resolve(language)
    chosen = next((each for each in UNITS if each == unit), None)
    if chosen is None:
        raise UnknownNameError("unit", unit, UNITS)
    identified = identify and spoken in identifiable()
    if identify and not identified:
        print(
            f"CLD2 does not know {spoken.name}: texts in other languages of its script stay", file=sys.stderr
        )
    keep = TextFilter(
        spoken, fewest_words, lowest_script_share, (lambda text: is_in(text, spoken)) if identified else None
    )
    with reading_bars() as progress:
        report = import_text(source, output, keep, unit=chosen, progress=progress)
    if as_json:
        print_json({"output": output, "language": spoken.tag, "unit": unit, **report.as_json()})
        return
    title = f"{spoken.name} texts: before, dropped by reason, after"
    print_table(["", unit + "s"], _count_rows(report), title=title)
    say(f"{output}: give it to `kivuko train recipe mlm` with --text")


def _count_rows(report: DropReport) -> list[tuple[str, str]]:
    dropped = [(f"  {reason}", f"−{count:,}") for reason, count in report.reasons.most_common()]
    return [("before", f"{report.before:,}"), *dropped, ("after", f"{report.kept:,}")]


app = typer.Typer(help="Collections and bitext: what there is, build it, look into it.", no_args_is_help=True)
app.command("link")(collections.link_documents)
app.command("import-text")(import_running_text)
app.command("clean")(clean_bitext)
app.command("import-collection")(collections.import_collection)
app.command("benchmarks")(collections.benchmarks)

# What some sources are called in the table of all languages.
_SHORT = {
    "cldr-probe": "cldr",
    "gnome-help": "gnome",
    "ict-terms": "terms",
    "libreoffice-help": "help",
    "libreoffice-l10n": "l10n",
}

LanguageArgument = Annotated[str, typer.Argument(help="Code, tag or English name: om, orm, orm-Latn, Oromo.")]


@app.command("list")
def list_data(as_json: JsonOption = False) -> None:
    """Languages, the sources there are for each, and how much is built in the cache."""
    from kivuko.collections.collection import LIBREOFFICE_HELP
    from kivuko.languages import known
    from kivuko.public.reach import within_reach

    rows, facts = [], []
    for language in known():
        reach = within_reach(language)
        if language.short == "en" or not (reach.collections or reach.bitext):
            continue
        facts.append(
            {
                "language": language,
                "collections": reach.collections,
                "bitext": reach.bitext,
                "pairs": reach.pairs,
            }
        )
        covering = [
            " ".join(_SHORT.get(name, name) for name in names) for names in (reach.collections, reach.bitext)
        ]
        counts = [reach.collections.get(LIBREOFFICE_HELP), reach.pairs]
        rows.append(
            [language.name, language.tag, language.short, *covering]
            + ["" if count is None else f"{count:,}" for count in counts]
        )
    if as_json:
        print_json(facts)
        return
    columns = ["language", "tag", "code", "collections", "bitext", "test queries", "pairs"]
    print_table(columns, rows, spare=["bitext"])
    say(
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
    as_json: JsonOption = False,
) -> None:
    """Build the test collection (where there is help in the language) and the bitext, or one collection by name."""
    from kivuko.collections.collection import LIBREOFFICE_HELP
    from kivuko.languages import resolve
    from kivuko.public.bitext import build_bitext
    from kivuko.public.collections import build_collection, collection_folder, collections_for

    found = resolve(language)
    names = collections_for(found)
    wanted = collection or (LIBREOFFICE_HELP if LIBREOFFICE_HELP in names else None)
    built, notes = [], []
    if wanted is not None:
        folder = output and collection_folder(found, wanted, output)
        with working(f"building the {found.name} collection {wanted}"):
            built.append(build_collection(found, folder, name=wanted, source_folder=source))
    else:
        notes.append(f"No help collection: there is no LibreOffice help in {found.name}.")
    if collection is None:
        if others := [name for name in names if name != wanted]:
            notes.append(f"Further collections, built with --collection NAME: {', '.join(others)}")
        with working(f"building the {found.name} bitext"):
            built.append(build_bitext(found, output and output / "bitext", source_folder=source))
    _describe(built, as_json)
    if not as_json:
        for each in notes:
            say(each)


@app.command("info")
def info(
    language_or_folder: Annotated[
        str, typer.Argument(help="Language built in the cache, or a folder with what was built.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Documents, queries by kind and split, pairs by source before and after, drops by reason, licences."""
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
    _describe(paths, as_json)


def _describe(paths: Sequence[Path], as_json: bool) -> None:
    """Print the manifests of collections and bitext as tables, or as JSON."""
    from kivuko.artifact import Manifest, kind_of, read_manifest
    from kivuko.collections.collection import Collection
    from kivuko.errors import ArtifactError

    manifests: dict[Path, Manifest] = {}
    refused: list[ArtifactError] = []
    for path in paths:
        # Another kind of artefact has other metadata: opening it as a collection says so.
        is_bitext = kind_of(path) == "bitext"
        try:
            manifests[path] = read_manifest(path, "bitext") if is_bitext else Collection.open(path).manifest
        except ArtifactError as error:
            refused.append(error)
    if not manifests:
        raise refused[0]
    for each in refused:
        note(str(each))
    if as_json:
        print_json(
            [{"path": path, "kind": manifest.kind, **manifest.meta} for path, manifest in manifests.items()]
        )
        return
    for path, manifest in manifests.items():
        _show_meta(path, manifest.kind, manifest.meta)


def _show_meta(path: Path, kind: str, meta: Mapping[str, Any]) -> None:
    title = f"{kind} {meta['name']}" if kind == "collection" else kind
    say(f"{title} {meta['language']}  {path}")
    if kind == "collection":
        _show_query_sets(meta)
        grades = ", ".join(
            f"{count:,} of grade {grade}" for grade, count in meta["judgments_by_grade"].items()
        )
        say(f"{meta['documents']:,} documents; judgments: {grades}")
        for part in ("judgments", "licence", "citation", "source"):
            say(f"{part}: {meta[part]}")
        for reason, count in meta["left_out"].items():
            say(f"left out: {count:,} × {reason}")
    if "counts" in meta:
        _show_counts_by_part(meta["counts"])
    if (named := meta.get("documents_with_their_hidden_title")) is not None:
        say(f"documents that contain the English query word for word: {named:,}")
    for name in meta.get("absent", ()):
        say(f"{name}: no text in this language")
    for name, licence in meta.get("licences", {}).items():
        say(f"licence of {name}: {licence}")
    for name, version in meta.get("packages", {}).items():
        say(f"package {name}: {version or 'from the folder given'}")
    say(f"{meta.get('notice', '')}\n")


def _show_query_sets(meta: Mapping[str, Any]) -> None:
    counts: dict[str, dict[str, int]] = {}
    if "documents_by_split" in meta:
        counts["documents"] = meta["documents_by_split"]
    for row in meta["query_sets"]:
        name = f"{row['kind']} queries, {row['language']}"
        counts.setdefault(name, {})[row["split"]] = row["queries"]
    splits = list(dict.fromkeys(split for by_split in counts.values() for split in by_split))
    rows = [
        [name, *(f"{by_split.get(split, 0):,}" for split in splits), f"{sum(by_split.values()):,}"]
        for name, by_split in counts.items()
    ]
    print_table(["of", *splits, "all"], rows, title="documents and queries by split")


def _show_counts_by_part(counts: Mapping[str, Mapping[str, Any]]) -> None:
    rows: list[tuple[str, str, str]] = []
    for name, count in counts.items():
        rows.append((_label(name), "before", f"{count['before']:,}"))
        dropped = sorted(count["dropped"].items(), key=lambda item: (-item[1], item[0]))
        rows += [("", f"  {reason}", f"−{number:,}") for reason, number in dropped]
        rows.append(("", "after", f"{count['after']:,}"))
    print_table(["of", "", "records"], rows, title="before, dropped by reason, after")


def _label(name: str) -> str:
    return f"{name} queries" if name in {"title", "paragraph", "english-title"} else name
