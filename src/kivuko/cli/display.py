"""What every verb shows alike: progress on stderr, tables on stdout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

console = Console()


@contextmanager
def bars() -> Iterator[Progress]:
    """Progress bars on stderr."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
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
