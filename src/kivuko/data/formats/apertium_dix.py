"""Apertium's bilingual dictionaries as their authors write them: ``apertium-eus-eng.eus-eng.dix``.

Forcada et al.: "Apertium: a free/open-source platform for rule-based machine translation", Machine Translation 25,
2011, doi:10.1007/s10590-011-9090-0. An entry pairs two lemmas, each with tags behind it::

    <e r="LR"><p><l>etxe<s n="n"/></l><r>home<s n="n"/></r></p></e>

``<b/>`` is a blank, ``<g>`` marks what is not inflected, ``<i>`` stands for both sides, and ``r`` restricts an entry
to one direction. Tested only on files of our own wording; the compiled dictionaries, which are what packages have,
are read by :mod:`kivuko.data.formats.apertium_bin`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from xml.etree import ElementTree

from rich.progress import Progress

from kivuko.errors import InputError, UnknownNameError
from kivuko.files.streams import byte_lines, plain_name
from kivuko.languages import Language, resolve
from kivuko.readers.dictionaries import Reading, Translation, untranslated
from kivuko.text import normalise

#: Of a translation that is only made from English, beside 1 of one that is made into English.
FROM_ENGLISH_WEIGHT = 0.5
ONE_WAY = "only from English, at half weight"
_PAIR = re.compile(r"([a-z]{2,3})(?:_[A-Za-z]+)*-([a-z]{2,3})(?:_[A-Za-z]+)*\.(?:dix|metadix|autobil\.bin)")
# Elements and attributes that only metadix has: prm, prm1, sa.
_METADIX = ("prm", "sa")
# One code for languages that Apertium treats as variants of one.
_JOINT = {"hbs": ("bos", "hrv", "srp"), "sh": ("bos", "hrv", "srp"), "nor": ("nno", "nob")}


def english_first(path: Path, language: Language) -> bool:
    """Whether the left side of a dictionary is English, by its file's name.

    Raises:
        InputError: the name does not say so, or the dictionary is of other languages.
    """
    found = _PAIR.search(plain_name(path))
    left, right = (_codes(code) for code in found.groups()) if found else (frozenset[str](), frozenset[str]())
    for first, second in ((left, right), (right, left)):
        if "eng" in first and language.iso639_3 in second:
            return first is left
    raise InputError(
        f"this file's name is not that of a dictionary of English and {language.name}",
        where=path,
        expected=f"a name that ends in eng-{language.iso639_3}.dix or {language.iso639_3}-eng.dix (or .metadix or "
        ".autobil.bin), for it says which language is on the left",
        remedy="rename a copy if the file is of these languages",
    )


def read_apertium_dix(path: Path, language: Language, progress: Progress | None = None) -> Reading:
    """Pairs of lemmas, without tags; one that only translates from English weighs :data:`FROM_ENGLISH_WEIGHT`.

    Left out and counted: entries to be ignored, patterns, paradigms without a lemma, joined forms, and what only
    a metadix's preprocessor can complete.

    Args:
        path: a ``.dix`` or ``.metadix`` file, plain or compressed.
        language: the one beside English.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: the name or the content is of no dictionary of English and this language, or the file is
            damaged; names ``file:line``.
    """
    left_is_english = english_first(path, language)
    from_english = "LR" if left_is_english else "RL"
    reading = Reading()
    for entry in _entries(path, progress):
        sides = _sides(entry)
        if isinstance(sides, str):
            reading.drops.drop(sides)
            continue
        left, right = map(normalise, sides)
        english, foreign = (left, right) if left_is_english else (right, left)
        reason = untranslated(english, foreign, language)
        if reason:
            reading.drops.drop(reason)
        elif entry.get("r") == from_english:
            reading.rows.append(Translation(english, foreign, FROM_ENGLISH_WEIGHT))
            reading.changed[ONE_WAY] += 1
        else:
            reading.rows.append(Translation(english, foreign))
    return reading.finished(path, f"entries in English and {language.name}")


def _entries(path: Path, progress: Progress | None) -> Iterator[ElementTree.Element]:
    """The entries of the sections, each forgotten once it has been looked at; those of paradigms are not words."""
    parser: ElementTree.XMLPullParser[ElementTree.Element] = ElementTree.XMLPullParser(["start", "end"])
    section: ElementTree.Element | None = None
    number, root = 0, ""
    try:
        for number, line in byte_lines(path, progress):
            parser.feed(line)
            for event, element in cast("Iterator[tuple[str, ElementTree.Element]]", parser.read_events()):
                root = root or element.tag
                if element.tag == "section":
                    section = element if event == "start" else None
                elif element.tag == "e" and event == "end":
                    if section is not None:
                        yield element
                        section.clear()
                    else:
                        element.clear()
            if root and root != "dictionary":
                raise InputError(
                    "this is no Apertium dictionary",
                    where=f"{path}:{number}",
                    expected="<dictionary>",
                    got=f"<{root}>",
                )
        parser.close()
        list(parser.read_events())  # where an error of the last line is kept
    except ElementTree.ParseError as error:
        raise InputError(
            "this XML is damaged or cut short",
            where=f"{path}:{number}",
            got=str(error),
            remedy="fetch it again",
        ) from error


def _sides(entry: ElementTree.Element) -> tuple[str, str] | str:
    """The lemmas of an entry, or why it has none."""
    if entry.get("i") == "yes":
        return "entries to be ignored"
    if any(name.startswith(_METADIX) for part in entry.iter() for name in (part.tag, *part.keys())):
        return "entries for a metadix's preprocessor"
    if any(part.tag in {"re", "t", "w"} for part in entry.iter()):
        return "patterns"
    left = right = ""
    for part in entry:
        for each in (part.find("l"), part.find("r")) if part.tag == "p" else (part, part):
            if each is not None and _is_joined(each):
                return "joined forms"
        if part.tag == "p":
            left += _lemma(part.find("l"))
            right += _lemma(part.find("r"))
        elif part.tag in {"i", "ig"}:
            left += _lemma(part)
            right += _lemma(part)
    if not left.strip() and not right.strip() and any(part.tag == "par" for part in entry):
        return "paradigms without a lemma"
    return left, right


def _is_joined(side: ElementTree.Element) -> bool:
    """Whether there is a second word behind the tags of the first."""
    tagged = False
    for part in side.iter():
        tagged = tagged or part.tag == "s"
        if part.tag == "j" or (tagged and (part.tail or "").strip() and part is not side):
            return True
    return False


def _lemma(side: ElementTree.Element | None) -> str:
    if side is None:
        return ""
    pieces = [side.text or ""]
    for part in side:
        pieces += [" " if part.tag == "b" else "", _lemma(part) if part.tag == "g" else "", part.tail or ""]
    return "".join(pieces)


def _codes(code: str) -> frozenset[str]:
    """ISO 639-3 codes of the languages that a code in a file's name stands for."""
    if code in _JOINT:
        return frozenset(_JOINT[code])
    try:
        return frozenset({resolve(code).iso639_3})
    except UnknownNameError:
        return frozenset()
