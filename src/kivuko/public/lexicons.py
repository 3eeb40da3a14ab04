"""All public dictionaries of a language in one lexicon: what can be known of its words without any bitext."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kivuko.artifact import cache_folder, usable_meta
from kivuko.codeswitch import Lexicon, from_translations, merge
from kivuko.codeswitch.lexicon import KIND
from kivuko.errors import UnknownNameError
from kivuko.languages import Language, foreign_language
from kivuko.public.sources import LEXICONS
from kivuko.readers.dictionaries import RawTranslations

RECIPE = 1
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
