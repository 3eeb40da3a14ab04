"""Build the bitext of English and one language from all public sources there are for it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from kivuko.artifact import cache_folder, write_artifact
from kivuko.cleaning.pairs import clean_pairs, drop_duplicates
from kivuko.collections.bitext import KIND, PAIRS_FILE, Pair, RawPairs
from kivuko.collections.collection import LIBREOFFICE_HELP
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.files.tables import write_jsonl
from kivuko.languages import Language, foreign_language
from kivuko.public.help_pages import english_pages
from kivuko.public.leakage import HeldOut, drop_leaking, held_out_texts
from kivuko.public.recipe import basic_meta, is_current
from kivuko.public.sources import BITEXT


def build_bitext(
    language: Language | str, path: Path | None = None, *, source_folder: Path | None = None
) -> Path:
    """Build the bitext of English and one language.

    Of equal pairs in several of :data:`kivuko.public.sources.BITEXT` the first stays. No side of a pair is a title
    or text of a development or test page of any of the language's collections, or of the English help.

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
    covering = [source for source in BITEXT.values() if source.covers(language)]
    found = [source.read(language, source_folder) for source in covering]
    sources = [raw for raw in found if raw is not None]
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
    meta = basic_meta(language, source_folder) | {
        "absent": [name for name in BITEXT if name not in present],
        "counts": {name: report.as_json() for name, report in reports.items()},
        "held_out_collections": [LIBREOFFICE_HELP, *held_out.collections],
        "licences": {name: source.licence for name, source in present.items()},
        "packages": {english.package: english.version, **packages},
        "pairs": len(kept),
    }
    parents = {"english-pages": english.hash}
    for raw in sources:
        parents |= raw.parents
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
