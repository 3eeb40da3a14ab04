"""``kivuko data clean``: translation pairs through filters, with counts and samples of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kivuko.cli.pairs import LowestScoreOption

if TYPE_CHECKING:
    from kivuko.data.drops import DropReport
    from kivuko.data.filter_chain import Sample, StepCount

SHOWN_CHARACTERS = 90


def command(
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
    from kivuko.cli.display import console
    from kivuko.cli.reading_bars import reading_bars
    from kivuko.data.cleaned_file import clean_file, report_path
    from kivuko.data.named_filters import named_steps
    from kivuko.languages import resolve

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
