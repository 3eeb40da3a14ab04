"""What every verb shows alike: progress on stderr, tables on stdout.

Bars for reading long files: how much of them, how fast, and how long yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

console = Console()

ThreadsOption = Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores by default.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def set_threads(threads: int | None) -> None:
    """Let torch use so many threads; as many as there are cores where nothing is said."""
    if threads:
        import torch

        torch.set_num_threads(threads)


@contextmanager
def bars() -> Iterator[Progress]:
    """Progress bars on stderr."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield progress


def show_matches(matches: Sequence[tuple[str, str, float]]) -> None:
    """Print which query token matched which document token.

    Args:
        matches: (query word, document word, cosine) for each query token, in the order of the query.
    """
    table = Table("query token in", "matched", "cosine", box=None, padding=(0, 2, 0, 0))
    for query_word, document_word, similarity in matches:
        table.add_row(escape(query_word), escape(document_word), f"{similarity:.2f}")
    console.print(table)


class Done(ProgressColumn):
    """How much of how much, and how much a second: bytes (``unit="bytes"``) or records."""

    def render(self, task: Task) -> Text:
        """See :class:`rich.progress.ProgressColumn`."""
        shown = decimal if task.fields.get("unit") == "bytes" else "{:,}".format
        total = f" of {shown(int(task.total))}" if task.total else ""
        rate = f", {shown(int(task.speed))}/s" if task.speed else ""
        return Text(f"{shown(int(task.completed))}{total}{rate}")


@contextmanager
def reading_bars() -> Iterator[Progress]:
    """Progress bars on stderr, with a rate each."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        Done(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield progress
