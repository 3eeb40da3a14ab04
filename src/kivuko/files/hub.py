"""Data sets of the Hugging Face hub, or of a local folder that its library can load, record by record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from rich.progress import Progress

from kivuko.errors import FetchError, MissingExtraError

Value = TypeVar("Value")
_PREFIX = "hf:"


def is_hub(path: Path) -> bool:
    """Whether a path is a data set's name: ``hf:NAME``, ``hf:NAME:SUBSET`` or ``hf:NAME:SUBSET:SPLIT``."""
    return str(path).startswith(_PREFIX)


def hub_objects(path: Path, progress: Progress | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number (from 1) and fields of each record, one after the other as they arrive.

    Fields of several values, such as lists, are left out: a document has no place for them.

    Args:
        path: a name as :func:`is_hub` has them; of a data set with several splits that called ``train`` by default.
        progress: a rich display for a bar that counts.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        FetchError: the data set cannot be reached, or it has no such subset or split.
    """
    name, subset, split = (*str(path).removeprefix(_PREFIX).split(":"), "", "")[:3]
    bar = progress.add_task(name, total=None) if progress else None
    for number, (_, record) in enumerate(hub_records(name, subset or None, split or "train"), start=1):
        yield number, {key: value for key, value in record.items() if not isinstance(value, list | dict)}
        if progress and bar is not None:
            progress.update(bar, completed=number)


def hub_records(name: str, subset: str | None, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records of a subset, streamed: of the split if there is one of this name, or of the only one.

    Yields:
        What a record is called in messages, and its fields.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        FetchError: the data set cannot be reached, or it has no such subset or split.
    """
    splits = read_by_datasets(name, lambda library: library.get_dataset_split_names(name, subset))
    chosen = splits[0] if len(splits) == 1 else split
    where = ", ".join(filter(None, (name, subset, chosen)))
    stream = read_by_datasets(
        where, lambda library: iter(library.load_dataset(name, subset, split=chosen, streaming=True))
    )
    number = 0
    while (record := read_by_datasets(where, lambda _: next(stream, None))) is not None:
        number += 1
        yield f"{where}, record {number}", dict(record)


def read_by_datasets(where: str, read: Callable[[Any], Value]) -> Value:
    """What a read with the library ``datasets`` gives; whatever keeps it from its data is one error here.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        FetchError: the data set cannot be reached, or has no such part.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "train") from error
    try:
        return read(datasets)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise FetchError(
            "this data set cannot be read from the Hugging Face hub",
            where=where,
            got=(str(error).splitlines() or [type(error).__name__])[0],
            remedy="check network, name and split; or download its files elsewhere and give their folder",
        ) from error
