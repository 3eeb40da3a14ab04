"""GNOME's desktop help and system administration guide: 348 short pages in 40 languages (CC-BY-SA-3.0).

One Debian package, ``gnome-user-docs``, carries all languages: ``usr/share/help/XX/GUIDE/NAME.page``, with the
English ones under ``C``. What nobody has translated stays English inside a translated page, and in some
languages that is everything.
"""

from __future__ import annotations

import re
from pathlib import Path

from kivuko.data.formats.mallard import read_topic
from kivuko.data.sources.libreoffice_help import Page
from kivuko.data.sources.source import roots
from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.packages import fetch_archive, package_version, read_deb

NAME = "gnome-help"
LICENCE = "CC-BY-SA-3.0"
PACKAGE = "gnome-user-docs"
# he, hi, kn, pa, ro and tr have folders too, but (almost) all in them is English.
_CODES = frozenset({
    "as", "ca", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "gl", "gu", "hr", "hu", "id", "it", "ja",
    "ko", "lt", "lv", "mr", "nl", "pl", "pt", "ru", "sl", "sr", "sr-Latn", "sv", "ta", "te", "uk", "vi", "zh",
})  # fmt: skip
# Where the folder is not called after the language's short code.
_FOLDERS = {"en": "C", "zh": "zh_CN", "sr-Latn": "sr@latin"}
_HELP_FOLDERS = ("usr/share/help", "share/help", "help", ".")


def covers(language: Language) -> bool:
    """Whether at least fifty of the pages have a title in this language (English has all)."""
    return language.short in _CODES


def package(language: Language) -> str:
    """Name of the Debian package, the same for every language."""
    return PACKAGE


def has(language: Language, source_folder: Path) -> bool:
    """Whether a folder that a person gave has this language's pages."""
    return _help_folder(language, source_folder) is not None


def read_pages(language: Language, source_folder: Path | None = None) -> tuple[list[Page], str | None]:
    """All help pages in ``language``, by id (``"gnome-help/a11y-contrast"``), and the package's version.

    Args:
        language: a language that :func:`covers` knows.
        source_folder: unpacked package or an installed GNOME; without it the package is fetched.

    Raises:
        InputError: ``source_folder`` has no help in this language, or a page is damaged.
        FetchError: the package cannot be brought.
    """
    if source_folder is None:
        archive = fetch_archive(PACKAGE)
        inside = f"usr/share/help/{_folder(language)}/"
        files = [
            (path.removeprefix(inside), content)
            for path, content in read_deb(archive, rf"^{re.escape(inside)}[^/]+/[^/]+\.page$")
        ]
        version = package_version(archive)
    else:
        files = _files(language, source_folder)
        version = None
    by_id = sorted((name.removesuffix(".page"), content) for name, content in files)
    return [_read_page(page_id, content) for page_id, content in by_id], version


def _read_page(page_id: str, content: bytes) -> Page:
    title, texts = read_topic(content, f"{page_id}.page")
    paragraphs = {f"p{number}": text for number, text in enumerate(texts) if text}
    return Page(page_id, title, paragraphs)


def _files(language: Language, source_folder: Path) -> list[tuple[str, bytes]]:
    folder = _help_folder(language, source_folder)
    if folder is None:
        raise InputError(
            f"there is no GNOME help in {language.name} in this folder",
            where=source_folder,
            expected=f"usr/share/help/{_folder(language)}/gnome-help with .page files",
            remedy=f"give a folder with the unpacked Debian package {PACKAGE}, or the root of an installed GNOME",
        )
    # Other programs' help stands beside it on an installed system.
    guides = [folder / guide for guide in ("gnome-help", "system-admin-guide")]
    return [
        (f"{guide.name}/{path.name}", path.read_bytes()) for guide in guides for path in guide.glob("*.page")
    ]


def _help_folder(language: Language, source_folder: Path) -> Path | None:
    for root in roots(source_folder):
        for part in _HELP_FOLDERS:
            if any((root / part / _folder(language) / "gnome-help").glob("*.page")):
                return root / part / _folder(language)
    return None


def _folder(language: Language) -> str:
    return _FOLDERS.get(language.short, language.short)
