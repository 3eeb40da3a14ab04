"""Build the bitext of English and one language from all public sources there are for it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from kivuko.artifact import cache_folder, write_artifact
from kivuko.cleaning.pairs import clean_pairs, drop_duplicates
from kivuko.collections.bitext import KIND, PAIRS_FILE, Pair
from kivuko.collections.counts import DropReport
from kivuko.collections.split import split_of
from kivuko.data.leakage import HeldOut, drop_leaking, held_out_texts
from kivuko.data.pages import HelpPages, load_pages
from kivuko.data.recipe import basic_meta, english_pages, foreign_language, is_current
from kivuko.data.sources import (
    django,
    gettext_catalogues,
    kolibri,
    libreoffice_help,
    libreoffice_l10n,
    mediawiki,
    udhr,
    wordpress,
)
from kivuko.data.sources.source import RawPairs
from kivuko.errors import InputError
from kivuko.files.tables import write_jsonl
from kivuko.languages import Language

_FURTHER_SOURCES = (libreoffice_l10n, mediawiki, gettext_catalogues, wordpress, kolibri, django, udhr)


def build_bitext(
    language: Language | str, path: Path | None = None, *, source_folder: Path | None = None
) -> Path:
    """Build the bitext of English and one language.

    Sources, the earlier first among equal pairs: paragraphs and titles of training pages of the help,
    LibreOffice's interface strings, MediaWiki's messages, gettext catalogues of further programs, WordPress,
    Kolibri, Django, the Universal Declaration of Human Rights. No side of a pair is a title or text of a
    development or test page of any of the language's collections, or of the English help.

    Args:
        language: any known language but English.
        path: where to; ``data/TAG/bitext`` in the cache by default.
        source_folder: unpacked packages or an installed LibreOffice, instead of fetching; a source that is
            not in there is left out and named in the manifest.

    Returns:
        The bitext's folder; one that is complete and current is returned as it is.

    Raises:
        UnknownNameError: the language is unknown.
        InputError: the language is English, or there is no source for it.
        FetchError: a package cannot be brought.
        StorageError: the disk refused a write.
    """
    language = foreign_language(language)
    path = path or cache_folder() / "data" / language.tag / "bitext"
    if is_current(path, KIND, language, source_folder):
        return path
    english = english_pages(source_folder)
    foreign = load_pages(language, source_folder) if _has_help(language, source_folder) else None
    sources = [] if foreign is None else [_help_source(english, foreign)]
    sources += _further_sources(language, source_folder)
    if not sources:
        raise InputError(
            f"there is no bitext of English and {language.name}",
            where=source_folder,
            expected="at least one source of `kivuko data list`",
            remedy="give your own pairs as a file of English<TAB>translation lines",
        )
    held_out = held_out_texts(language, source_folder)
    reports = {source.source: DropReport() for source in sources}
    kept = _clean(sources, language, held_out, reports)
    packages = {name: version for raw in sources for name, version in raw.packages.items()}
    present = {source.source: source for source in sources}
    names = [libreoffice_help.NAME, *(source.NAME for source in _FURTHER_SOURCES)]
    meta = basic_meta(language, source_folder) | {
        "absent": [name for name in names if name not in present],
        "counts": {name: report.as_json() for name, report in reports.items()},
        "held_out_collections": [libreoffice_help.NAME, *held_out.collections],
        "licences": {name: source.licence for name, source in present.items()},
        "packages": {english.package: english.version, **packages},
        "pairs": len(kept),
    }
    parents = {"english-pages": english.hash, **({"pages": foreign.hash} if foreign else {})}
    with write_artifact(path, KIND, parents=parents, meta=meta) as building:
        write_jsonl(building / PAIRS_FILE, map(asdict, kept))
    return path


def _clean(
    sources: list[RawPairs], language: Language, held_out: HeldOut, reports: dict[str, DropReport]
) -> list[Pair]:
    seen: set[tuple[str, str]] = set()
    kept: list[Pair] = []
    for source in sources:
        report = reports[source.source]
        pairs = clean_pairs(source.pairs, language, report)
        pairs = drop_leaking(pairs, held_out, report)
        pairs = drop_duplicates(pairs, seen, report)
        report.kept = len(pairs)
        kept += pairs
    return kept


def _has_help(language: Language, source_folder: Path | None) -> bool:
    if not libreoffice_help.covers(language):
        return False
    return source_folder is None or libreoffice_help.has(language, source_folder)


def _help_source(english: HelpPages, foreign: HelpPages) -> RawPairs:
    """Titles and paragraphs of the training pages, by page and in page order."""
    name = libreoffice_help.NAME
    pairs = []
    for page_id, page in english.pages.items():
        translated = foreign.pages.get(page_id)
        if translated is None or split_of(page_id) != "train":
            continue
        pairs.append(Pair(f"{name}:{page_id}#title", page.title, translated.title, name))
        for paragraph_id, text in page.paragraphs.items():
            if paragraph_id in translated.paragraphs:
                paragraph = translated.paragraphs[paragraph_id]
                pairs.append(Pair(f"{name}:{page_id}#{paragraph_id}", text, paragraph, name))
    return RawPairs(name, libreoffice_help.LICENCE, {foreign.package: foreign.version}, pairs)


def _further_sources(language: Language, source_folder: Path | None) -> list[RawPairs]:
    covering = [source for source in _FURTHER_SOURCES if source.covers(language)]
    found = [source.read_raw(language, source_folder) for source in covering]
    return [raw for raw in found if raw is not None]
