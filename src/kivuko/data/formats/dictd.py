"""dictd databases: a sorted ``.index`` into a text, which is compressed by dictzip (a kind of gzip).

A line of the index is ``headword TAB offset TAB length``, the numbers in base 64. The entry in the text begins
with a line of headwords, pronunciation and grammar; the translations follow, as FreeDict's style sheets lay
them out::

    afisi, ofisi /afˈisi/ /ofˈisi/ <n> [sg=pl]      doze /dˈəʊz/ <VI>
    1.                                              1. first translation, second translation
    office, bureau                                        "An example in English."
    a definition that is left out                   2. third translation
       See also: {idara}
"""

from __future__ import annotations

import gzip
import re
import string
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from kivuko.data.glosses import glosses
from kivuko.errors import InputError

_DIGITS = {
    digit: value
    for value, digit in enumerate(string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/")
}
_ABOUT = re.compile(r"^00-?database")
#: Pronunciation, grammar or a note begins here.
_AFTER_HEADWORD = re.compile(r"\s+[/<(\[].*$")
_SENSE_NUMBER = re.compile(r"(?:^|\s)\d+\.(?=\s|$)")
# What FreeDict's Swahili says of words that have an entry elsewhere.
_REFERENCE = re.compile(r"^Plural of \{[^{}]*\}:|See also:.*$")
# Examples, cross-references and usage notes are indented by more than the odd single space.
_ASIDE = re.compile(r"^(\s{2,}|\s*[\"“])")
#: A line of more characters was wrapped if the next one is indented by a space.
_WRAPPED = 60


@dataclass(frozen=True)
class Entry:
    """Headwords (spellings of one word) and their translations, both perhaps none that could be read."""

    headwords: list[str]
    translations: list[str]


def read_dictd(index: bytes, text: bytes, where: object) -> Iterator[Entry]:
    """Every entry once, in the text's order; the entries about the database itself are left out.

    Args:
        index: content of the ``.index`` file.
        text: content of the ``.dict`` file, plain or compressed (``.dict.dz``).
        where: path of the index, for errors.

    Raises:
        InputError: a line of the index cannot be read, leads outside the text, or something is not UTF-8.
    """
    text = _plain(text, where)
    places: dict[tuple[int, int], int] = {}
    for number, line in enumerate(index.split(b"\n"), start=1):
        if line and not _ABOUT.match(line.decode("utf-8", "replace")):
            places.setdefault(_place(line, len(text), f"{where}:{number}"), number)
    for (start, length), number in sorted(places.items()):
        try:
            yield _entry(text[start : start + length].decode("utf-8"))
        except UnicodeDecodeError as error:
            raise InputError(
                "an entry is not in UTF-8", where=f"{where}:{number}", got=f"{error.reason} in the entry"
            ) from error


def _plain(text: bytes, where: object) -> bytes:
    if not text.startswith(b"\x1f\x8b"):
        return text
    try:
        return gzip.decompress(text)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError("the dictionary's text is damaged", where=where, got=str(error)) from error


def _place(line: bytes, size: int, where: str) -> tuple[int, int]:
    """Offset and length, in bytes, of the entry that a line of the index points at."""
    try:
        _, offset, length = line.decode("utf-8").rstrip("\r").split("\t")[:3]
        start, count = _number(offset), _number(length)
    except (ValueError, KeyError) as error:
        raise InputError(
            "a line of the dictionary's index cannot be read",
            where=where,
            expected="headword, offset and length in base 64, separated by tabs",
            got=repr(line[:80]),
        ) from error
    if start + count > size:
        raise InputError(
            "the dictionary's index leads outside its text",
            where=where,
            expected=f"at most {size} bytes",
            got=f"{count} bytes from {start}",
            remedy="bring both files again; they have to be of the same version",
        )
    return start, count


def _number(digits: str) -> int:
    value = 0
    for digit in digits:
        value = value * 64 + _DIGITS[digit]
    return value


def _entry(text: str) -> Entry:
    first, *rest = text.splitlines() or [""]
    translations = [
        translation
        for line in _translation_lines(rest)
        for translation in glosses(_SENSE_NUMBER.sub(";", _REFERENCE.sub("", line)))
    ]
    headwords = [
        # Prefixes and suffixes (-arian) are no words.
        headword
        for headword in glosses(_AFTER_HEADWORD.sub("", first))
        if not headword.startswith("-") and not headword.endswith("-")
    ]
    return Entry(headwords, list(dict.fromkeys(translations)))


def _translation_lines(lines: list[str]) -> list[str]:
    """Of each sense the first line, which a wrapped one and those with a semicolon in front go on.

    What else stands there is a definition, often in the headword's own language.
    """
    found: list[str] = []
    wanted, joins = True, False
    for line in lines:
        if not line.strip() or _ASIDE.match(line):
            continue
        if joins and line.startswith(" ") and (found[-1].endswith((",", ";")) or len(found[-1]) > _WRAPPED):
            found[-1] += line
            continue
        numbered = _SENSE_NUMBER.match(line) if line[0].isdigit() else None
        joins = numbered is not None or wanted or line.startswith(";")
        if joins:
            found.append(line.strip())
            wanted = numbered is not None and numbered.end() == len(line.rstrip())
    return found
