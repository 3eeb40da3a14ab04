"""What text must not be: bytes of another encoding or of no text at all, NULs, control characters, half a character.

Unicode's control characters are those of category Cc. Tabs, line ends and the other white space among them are
harmless: the normal form makes spaces of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from kivuko.errors import InputError

_FAULT = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")
_CONTROL = re.compile("[\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
HALF, NUL, CONTROL = "half a character", "NUL character", "control character"

# Unicode Standard, section 23.8; that of UTF-32 in little-endian order begins as that of UTF-16.
_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_UNMARKED = ("UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE")
_PACKED = (
    (
        b"PK\x03\x04",
        "a ZIP archive, an Excel or OpenDocument file",
        "unpack it, let its name end in .zip, or save it as text with tabs",
    ),
    (b"\x1f\x8b", "a gzip archive", "unpack it, or let its name end in .gz"),
    (b"BZh", "a bzip2 archive", "unpack it, or let its name end in .bz2"),
    (b"\xfd7zXZ\0", "an xz archive", "unpack it, or let its name end in .xz"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "unpack it, or let its name end in .zst"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"PAR1", "Parquet", "write its rows as one JSON object a line"),
    (b"%PDF", "PDF", "give the text itself"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "save it as text with tabs, in UTF-8"),
)  # fmt: skip
#: Bytes of a file's beginning that tell its encoding.
HEAD = 4096


def fault(text: str) -> str | None:
    """What is wrong with a text: half of a surrogate pair (``"\\ud83d"`` in JSON), a NUL, a control character.

    Returns:
        The first of these that it has; None for a text without them.
    """
    found = _FAULT.search(text)
    if found is None:
        return None
    if found[0] >= "\ud800":
        return HALF
    return NUL if found[0] == "\0" else CONTROL


def without_controls(text: str) -> str:
    """A space for each control character, as Moses' ``remove-non-printing-char.perl`` has it; NULs stay."""
    return _CONTROL.sub(" ", text)


def faulty(text: str, where: object, what: str) -> InputError:
    """The error of a text that has a :func:`fault`."""
    found = _FAULT.search(text)
    shown = f"U+{ord(found[0]):04X} at character {found.start() + 1}" if found else None
    remedies = {
        HALF: "write the whole character, or take the half out",
        NUL: "was it made of a file in UTF-16? Make it anew in UTF-8; else take the NUL out",
        CONTROL: r"take it out; of a whole file: perl -CSD -pe 's/(?![\t\n\r])\p{Cc}/ /g' FILE > NEW",
    }
    kind = fault(text)
    return InputError(
        f"{what} has a {kind}" if kind != HALF else f"{what} has {kind}",
        where=where,
        expected="text",
        got=shown,
        remedy=remedies[kind] if kind else None,
    )


def decode(line: bytes, where: str, head: Callable[[], bytes], encoding: str = "utf-8") -> str:
    """A line's text, its line end included.

    Args:
        line: its bytes.
        where: ``file:line``.
        head: gives the first :data:`HEAD` bytes of the file; asked only where the line cannot be text.
        encoding: of the file, as Python calls it.

    Raises:
        InputError: the line is not in the encoding, or has a NUL; says in which encoding or format the file seems to
            be, and how to convert it.
    """
    try:
        text = line.decode(encoding)
    except UnicodeDecodeError as error:
        raise _no_text(head(), where, encoding, error.start + 1, line[error.start]) from error
    if "\0" in text:
        raise _no_text(head(), where, encoding, text.index("\0") + 1)
    return text


def head_of(path: Path) -> bytes:
    """The first :data:`HEAD` bytes of a file, as they lie there."""
    with path.open("rb") as stream:
        return stream.read(HEAD)


def _no_text(head: bytes, where: str, encoding: str, column: int, byte: int | None = None) -> InputError:
    """The error of a line with a byte that is not in the encoding, or with a NUL in this column."""
    packed = [
        *_PACKED,
        (head[:257] + b"ustar", "a tar archive", "unpack it"),
    ]  # POSIX.1, pax, "ustar interchange"
    for mark, name, remedy in packed:
        if head.startswith(mark):
            return InputError("the file is no text", where=where, expected="text", got=name, remedy=remedy)
    other = _wide_encoding(head)
    if other is None and byte is None:
        return InputError(
            "a line has a NUL character",
            where=where,
            expected="text, in which no byte is 0",
            got=f"U+0000 (a control character) at column {column}",
            remedy=r"is the file damaged? If not, take the NULs out: tr -d '\000' < FILE > NEW",
        )
    got = other or f"byte 0x{byte:02x} at column {column}"
    if got.startswith("UTF-16"):
        got += ", which Excel and some programs of Windows call Unicode"
    utf8 = encoding.startswith("utf-8")
    if other is None and not utf8:
        return InputError(
            "a line is in another encoding",
            where=where,
            expected=encoding,
            got=got,
            remedy="name the encoding of the file: --encoding NAME",
        )
    return InputError(
        "the file is not in UTF-8" if utf8 else "the file is in another encoding",
        where=where,
        expected="UTF-8" if utf8 else encoding,
        got=got,
        remedy=f"convert it first{'' if other else ', for example'}: "
        f"iconv -f {other or 'WINDOWS-1252'} -t UTF-8 FILE > NEW"
        f"{'' if utf8 else ', and name no other encoding'}",
    )


def _wide_encoding(head: bytes) -> str | None:
    """Which of the encodings with two or four bytes a character this is the beginning of, if one.

    Without a byte-order mark it is the one in which most characters are ASCII: text of any script has spaces and line
    ends. Where the bytes without the NULs are text, they are ASCII characters if every second byte or so is a NUL,
    and else that text with the odd NUL.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    try:
        odd = fault(head.replace(b"\0", b"").decode("utf-8", "strict")) is None and head.count(0) * 3 < len(
            head
        )
    except UnicodeDecodeError:
        odd = False
    if odd:
        return None
    ascii_share = {}
    for name in _UNMARKED:
        text = head[: len(head) // 4 * 4 or len(head)].decode(name, "replace")
        ascii_share[name] = sum("\t" <= each <= "~" for each in text) / max(1, len(text))
    best = max(_UNMARKED, key=ascii_share.__getitem__)
    return best if ascii_share[best] > 0.04 else None
