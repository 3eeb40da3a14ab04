"""All the text in a file or an artefact of any kind, for counting: what was made for searching, training or nothing.

Structure does not matter here: whatever is a string of a JSON record, or a line, is text, identifiers included.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kivuko.artifact import MANIFEST, cache_folder, is_complete, read_manifest
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.files.json_lines import JSON_LINES, is_json_lines, json_value
from kivuko.files.streams import lines, plain_name
from kivuko.languages import Language
from kivuko.text import normalise
from kivuko.text.faults import fault

_READ = (*JSON_LINES, ".tsv", ".txt")


def stored_texts(path: Path, report: DropReport) -> Iterator[str]:
    """Texts of a file, or of a collection, a bitext, imported text or another artefact, one at a time.

    A text that normalisation changes comes as it is and normalised, for Kivuko reads it so and others do not.

    Args:
        path: plain text, tab-separated fields or JSON lines (``.txt``, ``.tsv``, ``.jsonl``, ``.ndjson``,
            ``.json``), plain or compressed, or an artefact's folder.
        report: counts records and lines with text, and what is dropped: those without, and those with a control
            character or half a character.

    Raises:
        InputError: there is nothing there, nothing that can be read, or a line is damaged (names ``file:line``).
        ArtifactError: the artefact is damaged.
    """
    for file in _files(path):
        is_json = is_json_lines(file)
        for number, line in lines(file):
            strings = (
                list(_strings(json_value(line, f"{file}:{number}"))) if is_json and line.strip() else [line]
            )
            strings = [string for string in strings if string.strip()]
            if not strings:
                report.drop("no text")
                continue
            text = "\n".join(strings)
            if reason := fault(text):
                report.drop(reason)
                continue
            report.kept += 1
            yield text
            normal = "\n".join(map(normalise, strings))
            if normal != text:
                yield normal


def cached_artefacts(language: Language) -> list[Path]:
    """What ``kivuko data build`` has put into the cache for a language: collections, bitext, pages, dictionaries.

    Raises:
        InputError: there is nothing.
    """
    folder = cache_folder() / "data" / language.tag
    found = sorted(
        file.parent
        for file in folder.rglob(MANIFEST)
        if not any(part.startswith(".") for part in file.relative_to(folder).parts)
        if any(map(_is_read, file.parent.iterdir()))
    )
    if not found:
        raise InputError(
            f"there is no text in {language.name} in the cache",
            where=folder,
            remedy=f"build it with 'kivuko data build {language.short or language.tag}', or give files",
        )
    return found


def _files(path: Path) -> list[Path]:
    if path.is_file() and _is_read(path):
        return [path]
    if path.is_dir() and is_complete(path):
        found = [path / name for name in sorted(read_manifest(path, _kind(path)).files)]
        if any(map(_is_read, found)):
            return list(filter(_is_read, found))
    raise InputError(
        "there is no text here that can be counted",
        where=path,
        expected=f"a file that ends in {', '.join(_READ)} (and .gz, .bz2, .xz, .zst), or an artefact with such files",
        got=f"files {', '.join(sorted(file.name for file in path.iterdir())[:5])}" if path.is_dir() else None,
        remedy="check the path; name the files of a folder one by one",
    )


def _kind(path: Path) -> str:
    return str(json.loads((path / MANIFEST).read_text(encoding="utf-8")).get("kind"))


def _is_read(file: Path) -> bool:
    return plain_name(file).endswith(_READ) and file.name != MANIFEST


def _strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
