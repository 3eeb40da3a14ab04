"""What public data there is for a language, and how much of it the cache already has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kivuko.artifact import cache_folder, usable_meta
from kivuko.codeswitch.lexicon import KIND as LEXICON
from kivuko.collections.bitext import KIND as BITEXT_KIND
from kivuko.collections.bitext import Bitext
from kivuko.collections.collection import KIND as COLLECTION
from kivuko.languages import Language
from kivuko.public.bitext import build_bitext
from kivuko.public.collections import collection_folder, collections_for
from kivuko.public.lexicons import public_lexicon
from kivuko.public.recipe import is_current
from kivuko.public.sources import BITEXT, LEXICONS
from kivuko.retrieval.apertium import apertium_pairs


@dataclass(frozen=True)
class Reach:
    """Public data of one language; counts are None where nothing is built in the cache.

    Attributes:
        bitext: source → pairs after cleaning; a source without a pair left has 0.
        pairs: pairs of all sources.
        dictionaries: source → entries.
        collections: test collection → title queries of its test split.
        apertium: directions of Apertium with English, such as ``"eu-en"``.
    """

    bitext: Mapping[str, int | None]
    pairs: int | None
    dictionaries: Mapping[str, int | None]
    collections: Mapping[str, int | None]
    apertium: tuple[str, ...]

    @property
    def is_built(self) -> bool:
        """Whether bitext and dictionaries are in the cache."""
        return self.pairs is not None and None not in self.dictionaries.values()


def within_reach(language: Language, *, build: bool = False) -> Reach:
    """What there is for a language.

    Args:
        language: any but English.
        build: bring and build the bitext and the dictionaries first; else only the cache is looked at.

    Raises:
        FetchError: a package cannot be brought (only with ``build``).
    """
    if build:
        build_bitext(language)
        public_lexicon(language)
    pairs = _pairs_by_source(language)
    entries = _entries_by_source(language)
    return Reach(
        bitext={
            name: None if pairs is None else pairs.get(name, 0)
            for name, source in BITEXT.items()
            if source.covers(language)
        },
        pairs=None if pairs is None else sum(pairs.values()),
        dictionaries={
            name: entries.get(name) for name, source in LEXICONS.items() if source.covers(language)
        },
        collections={name: _test_queries(language, name) for name in collections_for(language)},
        apertium=tuple(
            f"{pair.source.short}-{pair.target.short}"
            for pair in apertium_pairs()
            if language in (pair.source, pair.target)
        ),
    )


def cached_bitext(language: Language) -> Bitext | None:
    """The bitext in the cache; None if none is there, or one made by older rules."""
    path = cache_folder() / "data" / language.tag / "bitext"
    return Bitext.open(path) if is_current(path, BITEXT_KIND, language, None) else None


def _pairs_by_source(language: Language) -> dict[str, int] | None:
    bitext = cached_bitext(language)
    if bitext is None:
        return None
    return {name: int(count["after"]) for name, count in bitext.manifest.meta["counts"].items()}


def _entries_by_source(language: Language) -> dict[str, int]:
    """From every cached mixture of dictionaries: some leave a source out."""
    found: dict[str, int] = {}
    for path in sorted((cache_folder() / "data" / language.tag / "dictionaries").glob("*")):
        meta = usable_meta(path, LEXICON) or {}
        found |= {name: int(source["entries"]) for name, source in meta.get("sources", {}).items()}
    return found


def _test_queries(language: Language, name: str) -> int | None:
    path = collection_folder(language, name)
    if not is_current(path, COLLECTION, language, None):
        return None
    wanted = (language.tag, "title", "test")
    sets = (usable_meta(path, COLLECTION) or {})["query_sets"]
    return sum(
        int(each["queries"]) for each in sets if (each["language"], each["kind"], each["split"]) == wanted
    )
