"""Dictionaries as translations of words and short phrases: what a reading gives, and the two plainest kinds of file.

What stands behind a headword is taken apart: ``leave (a place), quit; stop doing sth`` → ``leave``, ``quit``.

*dictd databases*, as FreeDict's: a sorted ``.index`` into a text, which is compressed by dictzip (a kind of gzip). A
line of the index is ``headword TAB offset TAB length``, the numbers in base 64. The entry in the text begins with a
line of headwords, pronunciation and grammar; the translations follow, as FreeDict's style sheets lay them out::

    afisi, ofisi /afˈisi/ /ofˈisi/ <n> [sg=pl]      doze /dˈəʊz/ <VI>
    1.                                              1. first translation, second translation
    office, bureau                                        "An example in English."
    a definition that is left out                   2. third translation
       See also: {idara}

*Lines of a text file*, plain or compressed: MUSE's word pairs, GATITOS' words and phrases, and tab-separated
translations. PanLex, Wiktionary and Wikipedia's titles have files of their own beside this one.
"""

from __future__ import annotations

import gzip
import math
import re
import string
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import Progress

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.files.streams import lines
from kivuko.files.tables import HEADER, names_columns
from kivuko.languages import Language
from kivuko.text import comparison_key, normalise, script_share
from kivuko.text.faults import fault

_NOTE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>")
_UNCLOSED_NOTE = re.compile(r"[(\[{<].*$")
_BORDER = re.compile(r"[,;،፣、，；]")
# An alternative (he/it), a label (pl:), a gap (…) or a leftover of markup: what is meant cannot be known.
_UNCLEAR = re.compile(
    r"[][(){}<>/\\|=*^_&+:\"…]|\.\.|(?i:\b(?:sth|smth|sb|smb|so's|sb's|etc|esp|cf|pl|sing)\b)"
)
_ENDS = " .!?।"
_PARTICLE = re.compile(r"^(?:to|an?|the) (?=\S)", re.IGNORECASE)
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
ENGLISH = "eng-Latn"
ONE_A_LINE = "one translation a line"


@dataclass(frozen=True)
class Translation:
    """One line of a dictionary.

    Attributes:
        english: a word or phrase, in the spelling of the source.
        foreign: a word or phrase that translates it.
        weight: how much the source says for it, above 0; only the ratio to its other lines counts.
    """

    english: str
    foreign: str
    weight: float = 1.0


@dataclass(frozen=True)
class RawTranslations:
    """Translations of one source.

    Attributes:
        source: the source's name.
        licence: SPDX expression; the file's name for a person's own.
        packages: package → version; empty for a person's own file.
        rows: the translations in an order that does not change.
        drops: records of the source that became rows, and why the others did not.
    """

    source: str
    licence: str
    packages: Mapping[str, str]
    rows: list[Translation]
    drops: DropReport


@dataclass
class Reading:
    """Translations of one file.

    Attributes:
        rows: the translations, in the order of the file.
        drops: how many records became rows, and why the others did not.
        changed: what was done to records that became rows → how many of them.
    """

    rows: list[Translation] = field(default_factory=list)
    drops: DropReport = field(default_factory=DropReport)
    changed: Counter[str] = field(default_factory=Counter)

    def finished(self, path: Path, expected: str) -> Reading:
        """The same with its rows counted.

        Raises:
            InputError: there are none; the message says what was left out.
        """
        self.drops.kept = len(self.rows)
        if not self.rows:
            raise InputError(
                "the file has no translations that can be used",
                where=path,
                expected=expected,
                got=f"left out: {self.drops.reasons_text}" if self.drops.dropped else "an empty file",
            )
        return self


def untranslated(english: str, foreign: str, language: Language) -> str | None:
    """Why ``foreign`` is no translation although it stands in the place of one; None if it may be one.

    A name that is equal in both languages cannot be told from one that nobody translated. Nothing is lost by
    leaving both out: a word without translations stands for itself when a query is translated.
    """
    if not foreign.strip() or not english.strip():
        return "empty"
    if reason := fault(english + foreign):
        return reason
    if comparison_key(english) == comparison_key(foreign):
        return "same as the English"
    return None if script_share(foreign, language.script) >= 0.5 else "not in the language's script"


def glosses(text: str) -> list[str]:
    """The translations in a definition, in order, each once; what is no plain word or phrase is left out.

    Notes in brackets go, commas and semicolons separate, and ``~`` (FreeDict's Hindi) is a space.
    """
    parts = (part.strip(_ENDS) for part in _BORDER.split(without_notes(text.replace("~", " "))))
    return list(dict.fromkeys(part for part in parts if part and not _UNCLEAR.search(part)))


def without_notes(text: str) -> str:
    """Text without what is in brackets of any kind, normalised: ``bank (of a river)`` → ``bank``."""
    former = None
    while former != text:  # notes inside notes
        former, text = text, _NOTE.sub(" ", text)
    return normalise(_UNCLOSED_NOTE.sub("", text))


def without_particle(english: str) -> str:
    """English without a leading ``to`` of the infinitive or article, unless that is all there is."""
    return _PARTICLE.sub("", english)


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


def read_muse(
    path: Path, *, english_first: bool, language: Language | None = None, progress: Progress | None = None
) -> Reading:
    """MUSE dictionaries (Conneau et al., ICLR 2018, arXiv 1710.04087): two words a line, space or tab between.

    The published files are made by machine and have the odd line that does not fit; such lines are counted, and so is
    a first line that names the columns.

    Args:
        path: the file, such as ``en-sw.txt``.
        english_first: true for ``en-xx.txt``, false for ``xx-en.txt``.
        language: of the foreign words, by whose name their column may be called.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: no such file, not UTF-8, or most lines do not have two words.
    """
    reading, first_odd = Reading(), ""
    for number, line in lines(path, progress):
        found = line.split()
        if reason := _no_entry(number, line, found, language):
            reading.drops.drop(reason)
        elif len(found) == 2:
            english, foreign = found if english_first else reversed(found)
            reading.rows.append(Translation(english, foreign))
        elif found:
            reading.drops.drop("lines without two words")
            first_odd = first_odd or f"{path}:{number}"
        else:
            reading.drops.drop("empty lines")
    if reading.drops.reasons["lines without two words"] >= max(1, len(reading.rows)):
        raise InputError(
            "most lines of this file do not have two words",
            where=first_odd,
            expected="one English and one foreign word a line, with a space or tab between them",
            got=f"{reading.drops.reasons_text}; {len(reading.rows):,} lines with two words",
            remedy="for phrases give English<TAB>foreign lines with --format tsv",
        )
    return reading.finished(path, ONE_A_LINE)


def read_gatitos(
    path: Path, *, english_first: bool, language: Language | None = None, progress: Progress | None = None
) -> Reading:
    """GATITOS (Jones, Caswell, Saxena, Firat, EMNLP 2023, arXiv 2303.15265): 4,000 English words and short phrases.

    Two columns with a tab between; a word with several translations has as many lines. The odd line that has not
    two fields is counted.

    Args:
        path: the file, such as ``en_om.tsv``.
        english_first: true for ``en_xx.tsv``, false for ``xx_en.tsv``.
        language: of the foreign side, by whose name its column may be called.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: no such file, not UTF-8, or no line has two fields.
    """
    reading = Reading()
    for number, line in lines(path, progress):
        fields = [field.strip() for field in line.split("\t")]
        if reason := _no_entry(number, line, fields, language):
            reading.drops.drop(reason)
        elif len(fields) == 2 and all(fields):
            english, foreign = fields if english_first else reversed(fields)
            reading.rows.append(Translation(english, foreign))
        else:
            reading.drops.drop("lines without two fields" if line.strip() else "empty lines")
    return reading.finished(path, "two fields a line, with a tab between: English and its translation")


def read_translations_tsv(
    path: Path, *, language: Language | None = None, progress: Progress | None = None
) -> Reading:
    """Lines of ``English<TAB>foreign`` or ``English<TAB>foreign<TAB>weight`` in UTF-8.

    One translation a line, words or phrases; weights are above 0, and 1 where none is given. It is
    also the layout for a list of PanLex's translations (English expression, foreign expression, quality of the
    translation). Empty lines, a first line that names the columns and lines with a control character are counted;
    any other line that does not fit is an error.

    Args:
        path: the file, plain or compressed.
        language: of the foreign words, by whose name their column may be called.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: no such file, not UTF-8, or a line that does not fit; names ``file:line``.
    """
    reading = Reading()
    for number, line in lines(path, progress):
        if not line.strip():
            reading.drops.drop("empty lines")
            continue
        fields = [field.strip() for field in line.split("\t")]
        if reason := _no_entry(number, line, fields, language):
            reading.drops.drop(reason)
            continue
        weight = _weight(fields[2]) if len(fields) == 3 else 1.0
        if len(fields) not in {2, 3} or not fields[0] or not fields[1] or weight is None:
            raise InputError(
                "this line is no translation",
                where=f"{path}:{number}",
                expected="English<TAB>foreign, or English<TAB>foreign<TAB>weight with a weight above 0",
                got=repr(line[:80]),
                remedy="mend or remove the line; of a table with commas between its columns (CSV), save it as text "
                "with tabs (TSV) in UTF-8",
            )
        reading.rows.append(Translation(fields[0], fields[1], weight))
    return reading.finished(path, ONE_A_LINE)


def _no_entry(number: int, line: str, fields: Sequence[str], language: Language | None) -> str | None:
    """Why a line is left out before it is read: it is no text, or the first and names the columns."""
    spoken = [ENGLISH, language.tag] if language else [ENGLISH]
    return fault(line) or (HEADER if number == 1 and names_columns(fields, *spoken) else None)


def _weight(text: str) -> float | None:
    try:
        weight = float(text)
    except ValueError:
        return None
    return weight if math.isfinite(weight) and weight > 0 else None
