"""Which documents a search may find, by their metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import InputError, UnknownNameError

#: Field → values; a document fits when each field has one of its values. Numbers are compared as they are written.
Filter = Mapping[str, Sequence[str]]


def parse_filter(conditions: Iterable[str]) -> Filter:
    """A filter from texts like ``language=eng-Latn``; several of one field are alternatives.

    Raises:
        InputError: a text has no ``=`` or nothing before it.
    """
    found: dict[str, list[str]] = {}
    for condition in conditions:
        field, sign, value = condition.partition("=")
        if not sign or not field.strip():
            raise InputError(
                "this is no condition", expected="FIELD=VALUE, such as language=eng-Latn", got=repr(condition)
            )
        found.setdefault(field.strip(), []).append(value.strip())
    return found


def as_filter(where: Mapping[str, object]) -> Filter:
    """A filter from values as Python has them: ``{"year": 2020, "language": ["om", "sw"]}``."""
    several = {
        field: value if isinstance(value, list | tuple | set | frozenset) else [value]
        for field, value in where.items()
    }
    return {field: [as_written(value) or "" for value in values] for field, values in several.items()}


def fitting(rows: Sequence[Mapping[str, object]], wanted: Filter) -> NDArray[np.bool_]:
    """[rows], which metadata fit a filter."""
    return np.fromiter(
        (all(as_written(row.get(field)) in values for field, values in wanted.items()) for row in rows),
        dtype=bool,
        count=len(rows),
    )


def check_fields(wanted: Filter, known: Iterable[str]) -> None:
    """Refuse a field that no document has: it would find nothing, silently.

    Raises:
        UnknownNameError: a field is not among ``known``.
    """
    fields = set(known)
    for field in wanted:
        if field not in fields:
            raise UnknownNameError("metadata field", field, fields or {"(these documents have no metadata)"})


def as_written(value: object) -> str | None:
    """A value as a person would type it; None where there is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
