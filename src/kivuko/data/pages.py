"""Parsed help pages, kept in the cache: every language's build needs the English ones too."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from kivuko.artifact import cache_folder, hash_json, read_manifest, usable_meta, write_artifact
from kivuko.data.formats.tables import write_jsonl
from kivuko.data.sources import libreoffice_help
from kivuko.data.sources.libreoffice_help import Page
from kivuko.data.streams import lines
from kivuko.languages import Language

KIND = "help-pages"
RECIPE = 2
"""Raised when the parser changes, so that pages parsed before are parsed anew."""
_PAGES_FILE = "pages.jsonl"


@dataclass(frozen=True)
class HelpPages:
    """Pages of one language with what identifies them.

    Attributes:
        pages: page id → page, by id.
        package: name of the Debian package these pages are in.
        version: version of the package, or None for a folder that a person gave.
        hash: content hash, for the manifests of what is made from them.
    """

    pages: dict[str, Page]
    package: str
    version: str | None
    hash: str


def load_pages(language: Language, source_folder: Path | None = None) -> HelpPages:
    """The help in one language.

    Args:
        language: a language with help.
        source_folder: where the package stands unpacked; without it the package is fetched, and what was
            parsed is kept in the cache.

    Raises:
        InputError: ``source_folder`` has no help in this language.
        FetchError: the package cannot be brought.
    """
    if source_folder is None:
        return _cached(language)
    pages, version = libreoffice_help.read_pages(language, source_folder)
    content_hash = hash_json([asdict(page) for page in pages])
    package = libreoffice_help.package(language)
    return HelpPages({page.id: page for page in pages}, package, version, content_hash)


def _cached(language: Language) -> HelpPages:
    path = cache_folder() / "data" / language.tag / "pages"
    if (usable_meta(path, KIND) or {}).get("recipe") != RECIPE:
        pages, version = libreoffice_help.read_pages(language)
        meta = {
            "language": language.tag,
            "licence": libreoffice_help.LICENCE,
            "package": libreoffice_help.package(language),
            "package_version": version,
            "recipe": RECIPE,
        }
        with write_artifact(path, KIND, meta=meta) as building:
            write_jsonl(building / _PAGES_FILE, map(asdict, pages))
    manifest = read_manifest(path, KIND)
    rows = [json.loads(line) for _, line in lines(path / _PAGES_FILE)]
    by_id = {row["id"]: Page(row["id"], row["title"], row["paragraphs"]) for row in rows}
    return HelpPages(by_id, manifest.meta["package"], manifest.meta["package_version"], manifest.hash)
