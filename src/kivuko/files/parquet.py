"""Rows of Parquet files, as datasets are published, read batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.progress import Progress

from kivuko.errors import InputError, names_missing_extra

_ROWS_AT_ONCE = 1024


def is_parquet(path: Path) -> bool:
    """Whether a file's name says that it is one."""
    return path.suffix.lower() == ".parquet"


def parquet_objects(path: Path, progress: Progress | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number (from 1) and fields of each row.

    Args:
        path: the file.
        progress: a rich display for a bar over the rows.

    Raises:
        InputError: it is no Parquet file, or there is no such file.
        MissingExtraError: pyarrow is not installed.
    """
    with names_missing_extra():
        import pyarrow
        from pyarrow.parquet import ParquetFile
    try:
        with ParquetFile(path) as file:
            bar = progress.add_task(path.name, total=file.metadata.num_rows) if progress else None
            number = 0
            # One group after the other: what pyarrow holds for all of them at once grows with their number.
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=[group]):
                    for row in batch.to_pylist():
                        number += 1
                        yield number, row
                    if progress and bar is not None:
                        progress.update(bar, completed=number)
    except (pyarrow.ArrowInvalid, FileNotFoundError, IsADirectoryError) as error:
        raise InputError(
            "this is no Parquet file that can be read",
            where=path,
            expected="a file ending in .parquet",
            got=str(error).splitlines()[0],
            remedy="bring it again",
        ) from error
