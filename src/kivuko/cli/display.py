"""What every verb shows alike: progress on stderr, with how far, how fast and how long yet; results on stdout."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from kivuko.retrieval.search import Match


def plain_console(*, stderr: bool = False) -> Console:
    """A console that shows text as it is: brackets are no markup and colons no emoji, in a name or a title either."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


console = plain_console()
#: Of several processes that train together, as torchrun starts them, the first one speaks.
_SPEAKS = os.environ.get("WORLD_SIZE", "1") == "1" or os.environ.get("RANK") == "0"
_NARROWEST = 22  # letters of a line of text in a table

ThreadsOption = Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores by default.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def set_threads(threads: int | None) -> None:
    """Let torch use so many threads; as many as there are cores where nothing is said."""
    if threads:
        import torch

        torch.set_num_threads(threads)


def say(text: str) -> None:
    """Print text on stdout as it is: brackets are no markup, nothing is coloured, and no line is broken."""
    if _SPEAKS:
        print(text)


def note(text: str) -> None:
    """Print what a person should know beside the result on stderr, so that it never stands in the midst of JSON."""
    if _SPEAKS:
        print(text, file=sys.stderr)


def say_styled(*parts: str | tuple[str, str], whole_lines: bool = False) -> None:
    """Print text on stdout of which parts have a style, (text, style); what they say is shown as it is.

    Args:
        parts: what is printed, one after the other.
        whole_lines: whether lines that are longer than the terminal is wide stay whole, for commands to copy.
    """
    console.print(Text.assemble(*parts), soft_wrap=whole_lines)


def working(message: str) -> AbstractContextManager[object]:
    """Say on stderr what is being done, as long as the block runs and while there is nothing to count."""
    return plain_console(stderr=True).status(Text(message))


@contextmanager
def bars() -> Iterator[Progress]:
    """Progress bars on stderr, with how many of how many."""
    with _bars(MofNCompleteColumn(table_column=Column(no_wrap=True))) as progress:
        yield progress


@contextmanager
def reading_bars() -> Iterator[Progress]:
    """Progress bars on stderr, with a rate each."""
    with _bars(Done(table_column=Column(no_wrap=True))) as progress:
        yield progress


class _Lines(Progress):
    """What bars show, for a log: a line on everything that takes long, every half minute and when it is done."""

    every = 30.0

    def __init__(self, *columns: ProgressColumn, console: Console, expand: bool) -> None:
        super().__init__(*columns, console=console, expand=expand, disable=True)
        #: Task → how many seconds it had run when it was last spoken of.
        self._said: dict[TaskID, float] = {}
        self._done: set[TaskID] = set()

    def update(self, task_id: TaskID, **options: Any) -> None:
        """See ``Progress.update``."""
        super().update(task_id, **options)
        self._say(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """See ``Progress.advance``."""
        super().advance(task_id, advance)
        self._say(task_id)

    def _say(self, number: TaskID) -> None:
        task = self._tasks[number]
        elapsed = task.elapsed or 0.0
        waits = elapsed - self._said.get(number, 0.0) < self.every
        if not _SPEAKS or number in self._done or (waits and not task.finished):
            return
        self._said[number] = elapsed
        if task.finished:
            self._done.add(number)
            if elapsed < self.every:
                return
        much = f" {task.completed:,.0f} of {task.total:,.0f}," if task.total else ""
        left = f", {task.time_remaining:.0f} s to go" if task.time_remaining else ""
        self.console.print(f"{task.description}:{much} {elapsed:.0f} s{left}", soft_wrap=True)


def _bars(count: ProgressColumn) -> Progress:
    """Bars of one line each, however long the description: of it, what the rest leaves room for is shown."""
    error = plain_console(stderr=True)
    return (Progress if error.is_terminal and _SPEAKS else _Lines)(
        TextColumn(
            "{task.description}",
            markup=False,  # file names
            table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
        ),
        BarColumn(bar_width=10),
        count,
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        console=error,
        expand=True,
    )


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str | None = None,
    spare: Sequence[str] = (),
) -> None:
    """Print a table on stdout: for people on a terminal; piped, as plain text, one line a row, nothing cut.

    Columns whose cells are all numbers stand to the right. Piped, two spaces or more part the columns, and cells
    hold what they hold: for programs, :func:`print_json` is the better form.

    Args:
        columns: headings; a table whose headings are all empty has no line of them.
        rows: as many cells a row as there are columns; None is shown as ``–``, the rest by ``str``.
        title: a line above.
        spare: columns that a terminal too narrow for all goes without, the first of them first; those left out are
            named below the table.
    """
    cells = [["–" if value is None else str(value) for value in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    numbers = [bool(cells) and all(map(_is_number, column)) for column in zip(*cells, strict=True)]
    numbers = numbers or [False] * len(columns)
    if not console.is_terminal:
        lines = [
            "  ".join(
                _padded(cell, width, number) for cell, width, number in zip(row, widths, numbers, strict=True)
            )
            for row in ([columns, *cells] if any(columns) else cells)
        ]
        heading = [title] if title else []
        print("\n".join(line.rstrip() for line in [*heading, *lines]))
        return
    kept, left_out = list(range(len(columns))), []
    # Text may take several lines, numbers may not.
    room = console.width + 3  # three columns of the screen stand between two of the table
    widths = [3 + (w if number else min(w, _NARROWEST)) for w, number in zip(widths, numbers, strict=True)]
    for name in spare:
        if name in columns and sum(widths[column] for column in kept) > room:
            kept.remove(columns.index(name))
            left_out.append(name)
    fits = sum(widths[column] for column in kept) <= room
    shown = Table(
        title=Text(title) if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        show_header=any(columns),
    )
    for column in kept:
        shown.add_column(
            Text(columns[column]),
            justify="right" if numbers[column] else "left",
            no_wrap=fits and numbers[column],
            overflow="fold",
        )
    for row in cells:
        shown.add_row(*(Text(row[column]) for column in kept))
    console.print(shown)
    if left_out:
        say(f"(too narrow for {', '.join(left_out)})")


def print_json(value: object) -> None:
    """Print a value as JSON on stdout, and nothing else: what ``--json`` of every command does.

    Args:
        value: of what JSON has, or with dataclasses, mappings, tuples and paths, in any depth.

    Raises:
        TypeError: something in it is none of these.
        ValueError: a number is not finite.
    """
    print(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False, default=_as_json))


def _as_json(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def _is_number(cell: str) -> bool:
    """Whether a cell begins as a number does: ``0.512 [0.490, 0.533]``, ``+0.02``, ``1,200``; or holds none."""
    return cell in ("", "–") or unicodedata.category(cell.lstrip("+-−±(")[:1] or "a") == "Nd"


def _padded(cell: str, width: int, number: bool) -> str:
    blank = " " * (width - cell_len(cell))
    return blank + cell if number else cell + blank


def show_matches(matches: Sequence[Match]) -> None:
    """Print which query token matched which document token, in the order of the query.

    A word of the gloss stands in brackets behind the query's word that it translates.
    """
    rows = []
    for match in matches:
        asked = f"{match.query_word} ({match.read_as})" if match.read_as else match.query_word
        rows.append((asked, match.document_word, f"{match.similarity:.2f}"))
    print_table(["query token in", "matched", "cosine"], rows)


class Done(ProgressColumn):
    """How much of how much, and how much a second: bytes (``unit="bytes"``) or records."""

    def render(self, task: Task) -> Text:
        """See :class:`rich.progress.ProgressColumn`."""
        shown = decimal if task.fields.get("unit") == "bytes" else "{:,}".format
        total = f" of {shown(int(task.total))}" if task.total else ""
        rate = f", {shown(int(task.speed))}/s" if task.speed else ""
        return Text(f"{shown(int(task.completed))}{total}{rate}")
