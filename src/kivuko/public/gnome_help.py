"""GNOME's desktop help and system administration guide: 348 short pages in 40 languages (CC-BY-SA-3.0).

One Debian package, ``gnome-user-docs``, carries all languages: ``usr/share/help/XX/GUIDE/NAME.page``, with the
English ones under ``C``. They are Mallard topics, GNOME's XML for help. What nobody has translated stays English
inside a translated page, and in some languages that is everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.packages import fetch_archive, package_version, read_deb, roots
from kivuko.public.help_pages import HelpPages, Page
from kivuko.text import normalise

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
_NAMESPACE = "{http://projectmallard.org/1.0/}"
_BLOCKS = frozenset(f"{_NAMESPACE}{name}" for name in ("p", "title", "subtitle", "desc", "screen", "td"))
# What is no text of the page: who wrote it and when, and what the authors say to each other.
_SILENT = frozenset(f"{_NAMESPACE}{name}" for name in ("info", "comment"))
# Their parts stand side by side without a space: <keyseq><key>Ctrl</key><key>C</key></keyseq>.
_SEQUENCES = frozenset(f"{_NAMESPACE}{name}" for name in ("keyseq", "guiseq"))


def covers(language: Language) -> bool:
    """Whether at least fifty of the pages have a title in this language (English has all)."""
    return language.short in _CODES


def packages(language: Language) -> tuple[str, ...]:
    """Name of the Debian package, the same for every language."""
    return (PACKAGE,)


def has(language: Language, source_folder: Path) -> bool:
    """Whether a folder that a person gave has this language's pages."""
    return _help_folder(language, source_folder) is not None


def load_pages(language: Language, source_folder: Path | None = None) -> HelpPages:
    """All help pages in ``language``, called as ``"gnome-help/a11y-contrast"``.

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
    return HelpPages.of([_read_page(page_id, content) for page_id, content in by_id], PACKAGE, version)


def read_topic(data: bytes, where: object) -> tuple[str, list[str]]:
    """Title and paragraphs of one page, normalised.

    The first paragraph is the page's own summary (``<info><desc>``). A translated page has the same elements in
    the same order as the English one, so the n-th paragraphs of the two belong together: an empty one stays.

    Args:
        data: the file's content.
        where: its path, for errors.

    Returns:
        The title (empty if there is none), and one text for each paragraph, heading, cell and screen of output.

    Raises:
        InputError: not well-formed XML, or not a Mallard page.
    """
    try:
        page = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise InputError("this page is not well-formed XML", where=where, got=str(error)) from error
    if page.tag != f"{_NAMESPACE}page":
        raise InputError("this is not a Mallard page", where=where, expected="<page>", got=f"<{page.tag}>")
    title = page.find(f"{_NAMESPACE}title")
    summary = page.find(f"{_NAMESPACE}info/{_NAMESPACE}desc")
    texts = ["" if summary is None else _text(summary)]
    texts += [text for child in page if child is not title for text in _blocks(child)]
    return "" if title is None else _text(title), texts


def _blocks(element: ElementTree.Element) -> Iterator[str]:
    """Texts of the innermost blocks at and below ``element``."""
    if element.tag in _SILENT:
        return
    if element.tag in _BLOCKS and not any(inner.tag in _BLOCKS for inner in list(element.iter())[1:]):
        yield _text(element)
        return
    for child in element:
        yield from _blocks(child)


def _text(element: ElementTree.Element) -> str:
    return normalise("".join(_pieces(element)))


def _pieces(element: ElementTree.Element) -> Iterator[str]:
    yield element.text or ""
    for number, child in enumerate(element):
        if number and element.tag in _SEQUENCES:
            yield " "
        yield from _pieces(child)
        yield child.tail or ""


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
