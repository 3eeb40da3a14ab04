"""Bars for reading long files: how much of them, how fast, and how long yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


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
