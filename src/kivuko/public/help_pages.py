"""Help pages, and LibreOffice's: 2,560 HTML pages with equal names and paragraph ids in every language (MPL-2.0).

Debian ships one package per language, ``libreoffice-help-XX``. A paragraph nobody has translated stays
English inside a translated page, so who pairs the pages has to look for that. What was parsed is kept in the
cache: every language's build needs the English pages too.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from html.parser import HTMLParser
from pathlib import Path

from kivuko.artifact import cache_folder, hash_json, read_manifest, usable_meta, write_artifact
from kivuko.collections.bitext import Pair, RawPairs
from kivuko.collections.collection import LIBREOFFICE_HELP
from kivuko.collections.split import split_of
from kivuko.errors import InputError
from kivuko.files.streams import lines
from kivuko.files.tables import write_jsonl
from kivuko.languages import Language, resolve
from kivuko.packages import fetch_archive, package_version, read_deb, roots
from kivuko.text import normalise

NAME = LIBREOFFICE_HELP
LICENCE = "MPL-2.0"
KIND = "help-pages"
RECIPE = 2
"""Raised when the parser changes, so that pages parsed before are parsed anew."""
_PAGES_FILE = "pages.jsonl"
_CODES = frozenset({
    "ca", "cs", "da", "de", "dz", "el", "en", "es", "et", "eu", "fi", "fr", "gl", "hi", "hu", "id",
    "it", "ja", "km", "ko", "nl", "om", "pl", "pt", "ru", "sk", "sl", "sv", "tr", "vi", "zh", "zh-Hant",
})  # fmt: skip
# Where the package or folder is not called after the language's short code.
_PACKAGES = {"en": "en-us", "zh": "zh-cn", "zh-Hant": "zh-tw"}
_HELP_FOLDERS = (
    "usr/share/libreoffice/help",
    "usr/lib/libreoffice/help",
    "share/libreoffice/help",
    "help",
    ".",
)


@dataclass(frozen=True)
class Page:
    """One help page.

    Attributes:
        id: name without language and suffix, such as ``"swriter/guide/textdoc_inframe"``.
        title: the page's title, normalised.
        paragraphs: paragraph id → normalised text in page order; a repeated id gets ``#2``, ``#3`` …
    """

    id: str
    title: str
    paragraphs: dict[str, str]


@dataclass(frozen=True)
class HelpPages:
    """Pages of one language with what identifies them.

    Attributes:
        pages: page id → page, by id.
        package: name of the package these pages are in.
        version: version of the package, or None for a folder that a person gave.
        hash: content hash, for the manifests of what is made from them.
    """

    pages: dict[str, Page]
    package: str
    version: str | None
    hash: str

    @classmethod
    def of(cls, pages: Iterable[Page], package: str, version: str | None) -> HelpPages:
        """Pages in any order, with the hash of their content."""
        by_id = {page.id: page for page in sorted(pages, key=lambda page: page.id)}
        return cls(by_id, package, version, hash_json([asdict(page) for page in by_id.values()]))


def covers(language: Language) -> bool:
    """Whether there is a help package for this language (English has one)."""
    return language.short in _CODES


def packages(language: Language) -> tuple[str, ...]:
    """Name of the Debian package."""
    return (_package(language),)


def has(language: Language, source_folder: Path) -> bool:
    """Whether a folder that a person gave has this language's pages."""
    return _text_folder(language, source_folder) is not None


def load_pages(language: Language, source_folder: Path | None = None) -> HelpPages:
    """The help in one language.

    Args:
        language: a language with help.
        source_folder: unpacked package or installed LibreOffice; without it the package is fetched, and what was
            parsed is kept in the cache.

    Raises:
        InputError: ``source_folder`` has no help in this language, or a page is not in UTF-8.
        FetchError: the package cannot be brought.
    """
    if source_folder is not None:
        return HelpPages.of(_parsed(_files(language, source_folder)), _package(language), None)
    path = cache_folder() / "data" / language.tag / "pages"
    if (usable_meta(path, KIND) or {}).get("recipe") != RECIPE:
        _keep(language, path)
    manifest = read_manifest(path, KIND)
    rows = [json.loads(line) for _, line in lines(path / _PAGES_FILE)]
    by_id = {row["id"]: Page(row["id"], row["title"], row["paragraphs"]) for row in rows}
    return HelpPages(by_id, manifest.meta["package"], manifest.meta["package_version"], manifest.hash)


def english_pages(source_folder: Path | None) -> HelpPages:
    """The English help: from the folder given if it is in there, else from the package.

    Raises:
        FetchError: the package cannot be brought.
    """
    english = resolve("en")
    in_folder = source_folder is not None and has(english, source_folder)
    return load_pages(english, source_folder if in_folder else None)


def read_pairs(language: Language, source_folder: Path | None = None) -> RawPairs | None:
    """Titles and paragraphs of the training pages with their translations, by page and in page order.

    Returns:
        None if ``source_folder`` has no help in this language.

    Raises:
        InputError, FetchError: see :func:`load_pages`.
    """
    if source_folder is not None and not has(language, source_folder):
        return None
    foreign = load_pages(language, source_folder)
    pairs = []
    for page_id, page in english_pages(source_folder).pages.items():
        translated = foreign.pages.get(page_id)
        if translated is None or split_of(page_id) != "train":
            continue
        pairs.append(Pair(f"{NAME}:{page_id}#title", page.title, translated.title, NAME))
        for paragraph_id, text in page.paragraphs.items():
            if paragraph_id in translated.paragraphs:
                paragraph = translated.paragraphs[paragraph_id]
                pairs.append(Pair(f"{NAME}:{page_id}#{paragraph_id}", text, paragraph, NAME))
    versions = {foreign.package: foreign.version}
    return RawPairs(NAME, LICENCE, versions, pairs, parents={"pages": foreign.hash})


def _keep(language: Language, path: Path) -> None:
    archive = fetch_archive(_package(language))
    files = [
        (path.split("/text/", 1)[1], content)
        for path, content in read_deb(archive, r"/help/[^/]+/text/.*\.html$")
    ]
    meta = {
        "language": language.tag,
        "licence": LICENCE,
        "package": _package(language),
        "package_version": package_version(archive),
        "recipe": RECIPE,
    }
    with write_artifact(path, KIND, meta=meta) as building:
        write_jsonl(building / _PAGES_FILE, map(asdict, _parsed(files)))


def _parsed(files: Iterable[tuple[str, bytes]]) -> list[Page]:
    by_id = sorted((name.removesuffix(".html"), content) for name, content in files)
    return [_read_page(page_id, content) for page_id, content in by_id]


def _package(language: Language) -> str:
    return f"libreoffice-help-{_PACKAGES.get(language.short, language.short)}"


def _files(language: Language, source_folder: Path) -> list[tuple[str, bytes]]:
    texts = _text_folder(language, source_folder)
    if texts is None:
        raise InputError(
            f"there is no LibreOffice help in {language.name} in this folder",
            where=source_folder,
            expected="usr/share/libreoffice/help/XX/text with .html pages below",
            remedy="give a folder with the unpacked libreoffice-help packages of this language and of en-us, "
            "or the root of an installed LibreOffice",
        )
    return [(path.relative_to(texts).as_posix(), path.read_bytes()) for path in texts.rglob("*.html")]


def _text_folder(language: Language, source_folder: Path) -> Path | None:
    code = _PACKAGES.get(language.short, language.short)
    for root in roots(source_folder):
        for part in _HELP_FOLDERS:
            for text_folder in sorted((root / part).glob("*/text")):
                if text_folder.parent.name.lower() == code:
                    return text_folder
    return None


def _read_page(name: str, content: bytes) -> Page:
    parser = _PageParser()
    try:
        parser.feed(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError("this help page is not in UTF-8", where=f"{name}.html", got=str(error)) from error
    parser.close()
    return Page(name, normalise(parser.title), parser.paragraphs)


class _PageParser(HTMLParser):
    """Title, and the paragraphs and headings with an id inside ``<div id="DisplayArea">``."""

    _BLOCKS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.paragraphs: dict[str, str] = {}
        self._seen: Counter[str] = Counter()
        self._in_title = False
        self._depth = 0  # of <div> inside the display area; 0 outside
        self._mac = 0  # of <span> inside the variant for another system
        self._id: str | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "title":
            self._in_title = True
        elif tag == "div" and (self._depth or attributes.get("id") == "DisplayArea"):
            self._depth += 1
        elif tag in self._BLOCKS and self._depth:
            self._finish()
            self._id = attributes.get("id")
        elif tag == "span" and (self._mac or attributes.get("class") == "MAC"):
            # Key names for another system stand beside the usual ones; both would run together.
            self._mac += 1
        elif tag == "br":
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag == "div" and self._depth:
            self._depth -= 1
            if self._depth == 0:
                self._finish()
        elif tag in self._BLOCKS:
            self._finish()
        elif tag == "span" and self._mac:
            self._mac -= 1

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif self._id and not self._mac:
            self._text.append(data)

    def _finish(self) -> None:
        text = normalise("".join(self._text))
        if self._id and text:
            self._seen[self._id] += 1
            count = self._seen[self._id]
            self.paragraphs[self._id if count == 1 else f"{self._id}#{count}"] = text
        self._id, self._text = None, []
