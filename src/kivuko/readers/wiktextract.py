"""Wiktionary as wiktextract extracts it: one JSON object a line for each word and part of speech.

Tatu Ylonen: "Wiktextract: Wiktionary as Machine-Readable Structured Data", LREC 2022, pages 1317-1325. The English
edition's extracts, all of it or one language's. Tested only on files of our own wording in the layout that
wiktextract documents: no machine of the project reaches the extracts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.progress import Progress

from kivuko.errors import InputError
from kivuko.files.json_lines import json_object
from kivuko.files.streams import byte_lines, decoded
from kivuko.languages import Language
from kivuko.readers.dictionaries import (
    Reading,
    Translation,
    glosses,
    untranslated,
    without_notes,
    without_particle,
)

#: Of a gloss beside a translation's 1: a gloss explains as often as it translates.
GLOSS_WEIGHT = 0.5
# What the English Wiktionary files a language under, where that is neither our short nor our three-letter code.
_CODES = {
    "bos": ("sh",),
    "hrv": ("sh",),
    "kmr": ("ku",),
    "nob": ("no",),
    "srp": ("sh",),
    "tgl": ("fil",),
    "twi": ("ak",),
    "zho": ("cmn",),
}
ELSEWHERE = "entries that do not name the language"
_FORMS = frozenset({"form-of", "alt-of"})


def read_wiktextract(path: Path, language: Language, progress: Progress | None = None) -> Reading:
    """Translations of English words, and glosses of the language's own words at :data:`GLOSS_WEIGHT`.

    ``translations`` are read from the entry and from each sense, where a later pass of wiktextract moves those
    that it can tell; their language is ``code`` or, in newer extracts, ``lang_code``. Of nested glosses the last
    and narrowest is taken. Inflected and alternative forms are counted and left out.

    Lines in which none of the language's codes stands are passed over unparsed.

    Args:
        path: the extract, plain or compressed.
        language: of the translations and of the entries with glosses.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: a line is not a JSON object with fields of the documented kinds (names ``file:line``), or
            nothing in it is in this language.
    """
    codes = {language.iso639_3, language.short.split("-")[0], *_CODES.get(language.iso639_3, ())}
    quoted = [f'"{code}"'.encode() for code in sorted(codes)]
    reading = Reading()
    for number, raw in byte_lines(path, progress):
        if _is_whole(raw) and not any(code in raw for code in quoted):
            reading.drops.drop(ELSEWHERE)
            continue
        line = decoded(path, number, raw)
        if not line.strip():
            reading.drops.drop("empty lines")
            continue
        entry = json_object(line, f"{path}:{number}")
        try:
            if not entry.get("word") or not entry.get("lang_code"):
                reading.drops.drop("redirects, and entries without a word or language")
            elif entry["lang_code"] == "en":
                _translations(entry, codes, language, reading)
            elif entry["lang_code"] in codes:
                _glosses(entry, language, reading)
            else:
                reading.drops.drop("entries of other languages")
        except (AttributeError, TypeError) as error:
            raise InputError(
                "this entry is not laid out as wiktextract does",
                where=f"{path}:{number}",
                expected="strings under word and lang_code, lists of objects under senses and translations",
                got=str(error),
            ) from error
    return reading.finished(path, f"wiktextract's entries with translations into {language.name}, or of it")


def _is_whole(line: bytes) -> bool:
    """Whether a line that nobody parses begins and ends as an object does."""
    return line.startswith(b'{"') and line.rstrip().endswith(b"}")


def _translations(entry: dict[str, Any], codes: set[str], language: Language, reading: Reading) -> None:
    for found in _listed(entry, "translations"):
        if found.get("code", found.get("lang_code")) not in codes:
            reading.drops.drop("translations into other languages")
        elif not found.get("word"):
            reading.drops.drop("translations that are only a note")
        else:
            _add(reading, entry["word"], without_notes(found["word"]), language, 1.0)


def _listed(entry: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """The objects under ``key`` in the entry, then those in its senses."""
    yield from entry.get(key, ())
    for sense in entry.get("senses", ()):
        yield from sense.get(key, ())


def _glosses(entry: dict[str, Any], language: Language, reading: Reading) -> None:
    for sense in entry.get("senses", ()):
        if "form_of" in sense or "alt_of" in sense or not _FORMS.isdisjoint(sense.get("tags", ())):
            reading.drops.drop("senses that name another form")
            continue
        found = glosses(sense["glosses"][-1]) if sense.get("glosses") else []
        if not found:
            reading.drops.drop("senses without a plain gloss")
        for gloss in found:
            _add(reading, without_particle(gloss), without_notes(entry["word"]), language, GLOSS_WEIGHT)


def _add(reading: Reading, english: str, foreign: str, language: Language, weight: float) -> None:
    reason = untranslated(english, foreign, language)
    if reason:
        reading.drops.drop(reason)
        return
    reading.rows.append(Translation(english, foreign, weight))
    if weight == GLOSS_WEIGHT:
        reading.changed["of them from glosses"] += 1
