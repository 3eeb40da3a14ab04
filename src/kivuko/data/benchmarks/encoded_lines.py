"""Lines of files from before UTF-8 was everywhere."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from kivuko.data.streams import byte_lines, lines
from kivuko.errors import InputError


def encoded_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Numbered lines in an encoding in which a line feed is one byte, as in nearly all.

    Raises:
        InputError: Python does not know the encoding, it is none of these, or a line is not in it.
    """
    try:
        usable = "\n".encode(codecs.lookup(encoding).name) == b"\n"
    except LookupError:
        usable = False
    if not usable:
        raise InputError(
            "files in this encoding cannot be read",
            where=path,
            expected="an encoding that Python knows and in which a line feed is one byte, such as latin-1",
            got=encoding,
            remedy="convert the file to UTF-8 first, for example: iconv -f UTF-16 -t UTF-8 FILE > NEW",
        )
    if codecs.lookup(encoding).name == "utf-8":
        yield from lines(path)
        return
    for number, line in byte_lines(path):
        try:
            yield number, line.decode(encoding).rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(
                "a line is in another encoding",
                where=f"{path}:{number}",
                expected=encoding,
                got=f"byte 0x{line[error.start]:02x} at column {error.start + 1}",
                remedy="name the encoding of the file: --encoding NAME",
            ) from error
