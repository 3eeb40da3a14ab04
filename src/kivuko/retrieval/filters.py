"""Which documents a search may find, by their metadata."""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import InputError, UnknownNameError
from kivuko.text import normalise

#: Field → values; a document fits when each field has one of its values, see :func:`fitting`.
Filter = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Among:
    """In the place of a filter: documents by their ids, whatever their metadata."""

    ids: frozenset[str]


# RFC 8259, section 6. Python would read 1_000 and ٣ as numbers too.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
#: Values that a message names.
_SHOWN = 8


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
    """[rows], which metadata fit a filter.

    A number fits however JSON writes it (``2020``, ``2020.0`` and ``2.02e3`` are one), and so does a text that is a
    whole number (``"2020"``, ``"2020.0"``); true and false fit ``True`` and ``FALSE``. Other texts, and the names of
    fields, fit in any Unicode form and with any white space around them.
    """
    names = {name for row in rows for name in row}
    asked = [
        (
            [name for name in names if normalise(name) == normalise(field)],
            {meant for value in values for meant in _meant(value)},
        )
        for field, values in wanted.items()
    ]
    return np.fromiter(
        (
            all(
                any(name in row and _compared(row[name]) in meant for name in spelled)
                for spelled, meant in asked
            )
            for row in rows
        ),
        dtype=bool,
        count=len(rows),
    )


def field_tokens(metadata: Mapping[str, object]) -> list[str]:
    """Metadata as texts; those of :func:`asked_tokens` are the same where :func:`fitting` says that a value fits."""
    return sorted({_token(name, _compared(value)) for name, value in metadata.items()})


def asked_tokens(wanted: Filter) -> list[list[str]]:
    """For each condition of a filter, the texts of which a document that fits has one."""
    return [
        sorted({_token(field, meant) for value in values for meant in _meant(value)})
        for field, values in wanted.items()
    ]


def check_fields(wanted: Filter, known: Iterable[str]) -> None:
    """Refuse a field that no document has: it would find nothing, silently.

    Raises:
        UnknownNameError: a field is not among ``known``.
    """
    fields = set(map(normalise, known))
    for field in wanted:
        if normalise(field) not in fields:
            raise UnknownNameError("metadata field", field, fields or {"(these documents have no metadata)"})


def why_none_fits(rows: Sequence[Mapping[str, object]], wanted: Filter) -> str:
    """What to say of a filter that no document fits: which of its conditions, and which values there are."""
    conditions = {
        field: " or ".join(f"{field}={value}" for value in values) for field, values in wanted.items()
    }
    left = rows
    before: list[str] = []
    # What no document has by itself is named first: it is wrong whatever else is asked for.
    for field in sorted(wanted, key=lambda field: bool(fitting(rows, {field: wanted[field]}).any())):
        fits = fitting(left, {field: wanted[field]})
        if not fits.any():
            which = f"no document with {' and '.join(before)}" if before else "no document"
            return f"{which} has {conditions[field]}; {_there_are(left, field, wanted[field])}"
        before.append(conditions[field])
        left = [row for row, fit in zip(left, fits, strict=True) if fit]
    return f"no document has {' and '.join(before)}"


def _there_are(rows: Sequence[Mapping[str, object]], field: str, values: Sequence[str]) -> str:
    """The values of a field: those nearest to what was asked for, else the most frequent ones."""
    counts = Counter(
        _plain(normalise(written))
        for row in rows
        for name, value in row.items()
        if normalise(name) == normalise(field) and (written := as_written(value)) is not None
    )
    if not counts:
        return f"none of them has {field}"
    near = [
        each for value in values for each in difflib.get_close_matches(normalise(value), counts, cutoff=0.8)
    ]
    shown = near or sorted(counts, key=lambda value: (-counts[value], value))[:_SHOWN]
    more = len(counts) - len(shown)
    listed = ", ".join(f"{value} ({counts[value]:,})" for value in dict.fromkeys(shown))
    return f"{field} is {listed}" + (f" and {more:,} other values" if more > 0 else "")


def as_written(value: object) -> str | None:
    """A value as a person would type it; None where there is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _meant(text: str) -> list[object]:
    """What a text in a filter may stand for, as :func:`_compared` has it."""
    text = normalise(text)
    meant: list[object] = [_plain(text)]
    if _NUMBER.fullmatch(text):
        meant.append(Decimal(text))
    if text.casefold() in ("true", "false"):
        meant.append((text.casefold() == "true",))
    return meant


@functools.lru_cache(maxsize=1 << 16, typed=True)
def _compared(value: object) -> object:
    """A value of metadata in the form that is compared: a text, a number, or true or false in a tuple.

    By themselves true would be 1 (and None would be a text).
    """
    if isinstance(value, bool) or value is None:
        return (value,)
    if isinstance(value, int | float) and _NUMBER.fullmatch(repr(value)):
        return Decimal(repr(value))
    return _plain(normalise(str(value)))


def _token(field: str, compared: object) -> str:
    kind = type(compared).__name__
    value = str(compared.normalize() + 0) if isinstance(compared, Decimal) else compared
    return json.dumps([normalise(field), kind, value], ensure_ascii=False)


def _plain(text: str) -> str:
    """A text as it is; a whole number without its point (tables that had a gap in a column write 2020.0)."""
    return _WHOLE.sub(r"\1", text) if _WHOLE.fullmatch(text) else text
