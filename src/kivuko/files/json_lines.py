"""One JSON object a line: the one reader of documents, pairs, queries, running text and dictionaries in JSON.

What a line has to be is RFC 8259's JSON, more strictly than Python takes it: no ``NaN``, unless its publisher is
known to mean nothing by it, and no key twice in an object, of which other programs take the first or the last value.
Half of a surrogate pair is legal there, though no text: whoever uses the strings refuses or counts it
(:func:`kivuko.text.faults.fault`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.progress import Progress

from kivuko.errors import InputError
from kivuko.files.streams import lines, plain_name

#: Endings of names that are read as JSON lines, before that of a compression.
JSON_LINES = (".jsonl", ".ndjson", ".json")
_ELEMENTS = "'.[]'"


def is_json_lines(path: Path) -> bool:
    """Whether a file's name says that it has a JSON object a line; it may be compressed."""
    return plain_name(path).lower().endswith(JSON_LINES)


def json_objects(
    path: Path, progress: Progress | None = None, *, nan_is_null: bool = False
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Number (from 1) and object of each line; None for an empty line.

    Args:
        path: the file, plain or compressed.
        progress: a rich display for a bar over the file's bytes.
        nan_is_null: takes ``NaN`` for ``null``, as pandas means it; else it is an error.

    Raises:
        InputError: a line is no JSON object, is not in UTF-8 or has a NUL (names ``file:line``), or there is no file.
        MissingExtraError: see :func:`kivuko.files.streams.open_bytes`.
    """
    for number, line in lines(path, progress):
        found = json_object(line, f"{path}:{number}", nan_is_null=nan_is_null) if line.strip() else None
        yield number, found


def json_object(line: str, where: str, *, nan_is_null: bool = False) -> dict[str, Any]:
    """The object that a line is.

    Raises:
        InputError: it is none.
    """
    value = json_value(line, where, nan_is_null=nan_is_null)
    if not isinstance(value, dict):
        raise InputError(
            "this line is no JSON object",
            where=where,
            expected="one object a line: {…}",
            got=type(value).__name__,
            remedy=f"put each object on a line of its own: jq -c {_ELEMENTS} FILE > NEW"
            if isinstance(value, list)
            else None,
        )
    return value


def json_value(line: str, where: str, *, nan_is_null: bool = False) -> Any:
    """The JSON value that a line is.

    Raises:
        InputError: it is none, has a key twice in one object, or is nested too deeply.
    """
    try:
        return (_DECODER_OF_NAN if nan_is_null else _DECODER).decode(line)
    except json.JSONDecodeError as error:
        got = f"{error.msg} at column {error.colno}"
    except RecursionError:
        got = "hundreds of lists or objects inside each other"
    except ValueError as error:
        got = str(error)
    remedy = "mend or remove the line; a download that broke off ends in half a line"
    if line.strip() in ("[", "{", "[{"):
        remedy = f"put each object on a line of its own: jq -c {'.' if line.strip() == '{' else _ELEMENTS} FILE > NEW"
    raise InputError(
        "this line is not JSON", where=where, expected="one JSON object a line", got=got, remedy=remedy
    )


def text_field(record: Mapping[str, Any], names: Sequence[str], where: str) -> str:
    """The first of these fields that a record has and that is not null, which is text.

    Raises:
        InputError: it has none of them, or something other than text in it.
    """
    return str(_field(record, names, where, str))


def id_field(record: Mapping[str, Any], names: Sequence[str], where: str) -> str:
    """The first of these fields that a record has and that is not null: text, or a whole number, in decimal digits.

    Raises:
        InputError: it has none of them, or something else in it.
    """
    return str(_field(record, names, where, str | int))


def _field(record: Mapping[str, Any], names: Sequence[str], where: str, kind: Any) -> object:
    present = sorted((name for name in names if name in record), key=lambda name: record[name] is None)
    name = next(iter(present), None)
    if name is None:
        raise InputError(
            "a field is missing",
            where=where,
            expected=" or ".join(names),
            got=f"fields {', '.join(record)}" if record else "no field",
        )
    value = record[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(
            f"the field {name} is {'no text' if kind is str else 'neither text nor a whole number'}",
            where=where,
            expected='text: "…"',
            got=f"{type(value).__name__}: {str(value)[:60]}",
            remedy="put it into double quotes" if isinstance(value, int | float) else None,
        )
    return value


def read_jsonl(path: Path, fields: Sequence[str]) -> Iterator[tuple[int, list[str] | None]]:
    """Number and the named string fields of each line; None for an empty line, which the caller counts.

    Raises:
        InputError: as :func:`json_objects`, or a line has not these fields as strings.
    """
    for number, body in json_objects(path):
        where = f"{path}:{number}"
        yield number, None if body is None else [text_field(body, (field,), where) for field in fields]


def _with_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} twice in one object")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is no number in JSON")


def _null_or_no_number(name: str) -> None:
    if name != "NaN":
        _no_number(name)


_DECODER = json.JSONDecoder(object_pairs_hook=_with_unique_keys, parse_constant=_no_number)
_DECODER_OF_NAN = json.JSONDecoder(object_pairs_hook=_with_unique_keys, parse_constant=_null_or_no_number)
