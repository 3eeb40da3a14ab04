"""Compiled gettext catalogues (``.mo``): the English key and its translation."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from kivuko.errors import InputError

_CONTEXT_END = "\x04"
_PLURAL_BORDER = "\x00"
_MAGIC = 0x950412DE


def read_mo(data: bytes, where: object) -> Iterator[tuple[str, str]]:
    """Each translated message of a catalogue, in the file's order.

    A key is ``context EOT English``; the context is left out. Of a message with plurals the English plural is
    paired with the last plural form, the two that say "several". Untranslated messages are left out.

    Args:
        data: the file's content.
        where: its path, for errors.

    Yields:
        (English, translation).

    Raises:
        InputError: not a complete ``.mo`` file, or not in UTF-8.
    """
    try:
        order = "<" if struct.unpack_from("<I", data)[0] == _MAGIC else ">"
        magic, _, count, keys, values = struct.unpack_from(f"{order}5I", data)
        if magic != _MAGIC:
            raise ValueError("no gettext magic number")
        for index in range(count):
            key = _string(data, order, keys + 8 * index)
            value = _string(data, order, values + 8 * index)
            english = key.split(_CONTEXT_END, 1)[-1].split(_PLURAL_BORDER)[-1]
            translation = value.split(_PLURAL_BORDER)[-1]
            if english and translation:
                yield english, translation
    except (struct.error, ValueError) as error:
        raise InputError(
            "this is not a complete gettext catalogue in UTF-8",
            where=where,
            got=str(error),
            remedy="bring the package again, or leave this file out of the folder",
        ) from error


def _string(data: bytes, order: str, entry: int) -> str:
    length, start = struct.unpack_from(f"{order}2I", data, entry)
    if start + length > len(data):
        raise ValueError(f"the file ends before the string at byte {start}")
    return data[start : start + length].decode("utf-8")
