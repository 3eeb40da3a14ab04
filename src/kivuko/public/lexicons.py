"""Lexicons of dictionaries: what can be known of a language's words without any bitext.

All public ones in one lexicon, one of them by name, or a file or folder in one of several formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kivuko.artifact import cache_folder, usable_meta
from kivuko.codeswitch import Lexicon, from_translations, merge
from kivuko.codeswitch.lexicon import KIND, read_lexicon_tsv
from kivuko.errors import InputError, UnknownNameError
from kivuko.files.json_lines import is_json_lines
from kivuko.files.streams import plain_name
from kivuko.languages import Language, foreign_language, resolve
from kivuko.public import freedict
from kivuko.public.sources import LEXICONS
from kivuko.readers.dictionaries import (
    RawTranslations,
    Reading,
    read_gatitos,
    read_muse,
    read_translations_tsv,
)
from kivuko.readers.langlinks import is_langlinks_dump, read_wikipedia_titles
from kivuko.readers.panlex import is_panlex, read_panlex
from kivuko.readers.wiktextract import read_wiktextract

if TYPE_CHECKING:
    from rich.progress import Progress

RECIPE = 2
"""Raised when a rule of reading or merging changes, so that what was built before is built anew."""


@dataclass(frozen=True)
class PublicLexicon:
    """A merged lexicon and where it is.

    Attributes:
        lexicon: the mixture of the sources, all of equal weight.
        counts: source → its rows, entries, licence, packages and what was left out, by reason.
        path: folder of the lexicon.
    """

    lexicon: Lexicon
    counts: Mapping[str, Mapping[str, Any]]
    path: Path


def public_lexicon(language: Language | str, *, without: Collection[str] = ()) -> PublicLexicon | None:
    """Merge every public dictionary of a language; built on first use, then opened from the cache.

    Args:
        language: any known language but English.
        without: names of sources to leave out. Two of them are test collections too: a test on the CLDR probe
            must not use ``cldr``, one on ICT terms not ``ict-terms``.

    Returns:
        None if no source (that is not left out) has the language.

    Raises:
        UnknownNameError: the language or a source in ``without`` is unknown.
        InputError: the language is English, or a source is damaged.
        FetchError: a package cannot be brought; no source is left out silently.
        StorageError: the disk refused a write.
    """
    language = foreign_language(language)
    for name in without:
        if name not in LEXICONS:
            raise UnknownNameError("dictionary", name, LEXICONS)
    names = [name for name, source in LEXICONS.items() if source.covers(language) and name not in without]
    if not names:
        return None
    path = cache_folder() / "data" / language.tag / "dictionaries" / "+".join(names)
    meta = usable_meta(path, KIND)
    if meta is None or (meta.get("recipe"), meta.get("language")) != (RECIPE, language.tag):
        _build(language, names).save(path)
    lexicon = Lexicon.open(path)
    return PublicLexicon(lexicon, lexicon.meta["sources"], path)


def source_lexicon(raw: RawTranslations, language: Language) -> Lexicon:
    """The lexicon of one source, with its origin and counts in ``meta``.

    Raises:
        InputError: no row is a word or short phrase.
    """
    meta = {
        "source": raw.source,
        "licence": raw.licence,
        "packages": dict(raw.packages),
        "reading": raw.drops.as_json(),
    }
    lexicon = from_translations(raw.rows, language, meta=meta)
    return Lexicon(language, lexicon.entries, {**lexicon.meta, "entries": len(lexicon.entries)})


def _build(language: Language, names: list[str]) -> Lexicon:
    parts = [source_lexicon(LEXICONS[name].read(language), language) for name in names]
    merged = merge(parts)
    sources = {name: dict(part.meta) for name, part in zip(names, parts, strict=True)}
    return Lexicon(language, merged.entries, {"recipe": RECIPE, "sources": sources})


def _muse(path: Path, language: Language, progress: Progress | None, *, english_first: bool) -> Reading:
    return read_muse(path, english_first=english_first, language=language, progress=progress)


def _gatitos(path: Path, language: Language, progress: Progress | None, *, english_first: bool) -> Reading:
    return read_gatitos(path, english_first=english_first, language=language, progress=progress)


def _tsv(path: Path, language: Language, progress: Progress | None) -> Reading:
    return read_translations_tsv(path, language=language, progress=progress)


PUBLIC = "public"
_Reader = Callable[[Path, Language, "Progress | None"], Reading]
_READERS: Mapping[str, _Reader] = {
    "gatitos": partial(_gatitos, english_first=True),
    "gatitos-reversed": partial(_gatitos, english_first=False),
    "muse": partial(_muse, english_first=True),
    "muse-reversed": partial(_muse, english_first=False),
    "panlex": read_panlex,
    "tsv": _tsv,
    "wikipedia-titles": read_wikipedia_titles,
    "wiktextract": read_wiktextract,
}
FORMATS = (*_READERS, "lexicon", "freedict")
_FOLDERS = frozenset({"freedict", "panlex"})


def read_lexicon(
    source: str, language: Language, file_format: str | None = None, progress: Progress | None = None
) -> Lexicon:
    """The lexicon that the name of a public dictionary or the path of a file or folder stands for.

    Args:
        source: ``"public"`` for all public dictionaries, one of :data:`kivuko.public.sources.LEXICONS`, or a path.
        language: of the foreign sides.
        file_format: one of :data:`FORMATS`, where the path's name does not tell it.
        progress: a display for a bar over the file.

    Raises:
        InputError: no public dictionary in this language, no such path, a format that is missing or out of
            place, or a file that does not fit it; the message names ``file:line``.
        UnknownNameError: neither a source nor a path, or no such format.
        FetchError: a package cannot be brought.
        MissingExtraError: a ``.zst`` file without the package that reads it.
    """
    if file_format is None and source in {PUBLIC, *LEXICONS}:
        return _public(source, language)
    path = Path(source)
    if not path.exists():
        raise UnknownNameError(
            "dictionary", source, (PUBLIC, *LEXICONS), remedy="give one of these names, or the path of a file"
        )
    file_format = file_format or format_by_name(path, language)
    if file_format is None:
        raise InputError(
            "a file's format has to be named where its name does not tell it",
            where=path,
            expected=f"--format {', '.join(FORMATS)}",
        )
    if file_format not in FORMATS:
        raise UnknownNameError("format", file_format, FORMATS)
    if (path.is_dir() and file_format not in _FOLDERS) or (path.is_file() and file_format == "freedict"):
        raise InputError(
            f"the format {file_format} is not for this",
            where=path,
            expected="a folder for freedict, a folder or file for panlex, a file for the others",
        )
    if file_format == "lexicon":
        return read_lexicon_tsv(path, language)
    if file_format == "freedict":
        return source_lexicon(freedict.read_folder(path, language), language)
    return _lexicon(path, language, file_format, _READERS[file_format](path, language, progress))


def _lexicon(path: Path, language: Language, file_format: str, reading: Reading) -> Lexicon:
    raw = RawTranslations(path.name, "the file's own", {}, reading.rows, reading.drops)
    lexicon = source_lexicon(raw, language)
    meta = {**lexicon.meta, "format": file_format, "changed": dict(reading.changed)}
    return Lexicon(language, lexicon.entries, meta)


def format_by_name(path: Path, language: Language) -> str | None:
    """The format of a file or folder that is called, or laid out, as only one publisher's are; else None."""
    name = plain_name(path)
    if is_panlex(path):
        return "panlex"
    if path.is_dir():
        return "freedict" if any(path.glob("freedict-*.index")) else None
    if is_langlinks_dump(path):
        return "wikipedia-titles"
    if is_json_lines(path) and ("kaikki" in name or "wiktextract" in name):
        return "wiktextract"
    if found := re.fullmatch(r"([a-z]{2,3})-([a-z]{2,3})(?:\.[0-9]+-[0-9]+)?\.txt", name):
        return _direction("muse", found[1], found[2], language)
    if found := re.fullmatch(r"([a-z]{2,3}(?:-[A-Z][a-z]{3})?)_([a-z]{2,3}(?:-[A-Z][a-z]{3})?)\.tsv", name):
        return _direction("gatitos", found[1], found[2], language)
    return None


def _direction(publisher: str, first: str, second: str, language: Language) -> str | None:
    """The files of MUSE and GATITOS say en-xx or xx-en; those of two other languages are none of ours."""
    other = {"en": second}.get(first) or {"en": first}.get(second)
    try:
        if other is None or resolve(other).iso639_3 != language.iso639_3:
            return None
    except UnknownNameError:
        return None
    return publisher if first == "en" else f"{publisher}-reversed"


def _public(source: str, language: Language) -> Lexicon:
    if source == PUBLIC:
        found = public_lexicon(language)
        if found is not None:
            return found.lexicon
    elif LEXICONS[source].covers(language):
        return source_lexicon(LEXICONS[source].read(language), language)
    having = [name for name, each in LEXICONS.items() if each.covers(language)]
    raise InputError(
        f"{source} has no {language.name}",
        expected=", ".join(having) or "a file of your own: there is no public dictionary in this language",
    )
