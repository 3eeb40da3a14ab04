"""Linked documents from MediaWiki dumps: the articles of one wiki per language, and who is whose version.

mwxml reads the dumps (``…-pages-articles.xml``, export versions 0.3 to 0.11), one page at a time. A dump is read
twice: for its titles, and for its articles.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

from rich.progress import Progress

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError, MissingExtraError
from kivuko.files.streams import byte_lines, open_bytes
from kivuko.languages import Language, resolve
from kivuko.linked.documents import LinkedDocument, Reading, SourceFacts
from kivuko.linked.wikitext import read_wikitext
from kivuko.readers.langlinks import read_table
from kivuko.text import normalise

ARTICLES, TEMPLATES = 0, 10
MOST_REDIRECTS = 5
ELSEWHERE = "page of another namespace"
LICENCE = (
    "CC-BY-SA-4.0 (before June 2023: 3.0) and, for most text, GFDL, if the wiki is a Wikipedia; else ask it"
)
_CANONICAL = {"media": -2, "special": -1, "file": 6, "image": 6, "template": TEMPLATES, "category": 14}
_LANGUAGE_ATTRIBUTE = "{http://www.w3.org/XML/1998/namespace}lang"
# Before version 0.6 a redirect is told by its text alone; the keyword is the wiki's language.
_REDIRECT = re.compile(r"\s*#[^\W\d_]+\s*:?\s*\[\[\s*:?\s*([^\[\]|#]+)[^\[\]]*\]\]")
_DISAMBIGUATION = "__DISAMBIG__"
_NOT_TRANSCLUDED = re.compile(
    r"<!--.*?(?:-->|\Z)|<(noinclude|nowiki)\s*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE
)
_DATABASE = re.compile(rb"--.*\bDatabase:\s*(\S+)")
_HEAD_LINES = 40


@dataclass(frozen=True)
class Site:
    """What the head of a dump says of its wiki.

    Attributes:
        path: the dump.
        language: of the wiki, by the dump's ``xml:lang``.
        prefix: what other wikis call it in inter-language links, such as ``"sw"``.
        database: such as ``"swwiki"``; empty in exports before version 0.10.
        generator: the program's version, such as ``"MediaWiki 1.44.0"``.
        namespaces: case-folded name, local or canonical, → number.
        first_letter: whether the first letter of a title is always a capital.
    """

    path: Path
    language: Language
    prefix: str
    database: str
    generator: str
    namespaces: Mapping[str, int]
    first_letter: bool

    def title(self, written: str) -> str:
        """A title as the wiki spells it: blanks for underscores, a capital first letter, no section."""
        title = " ".join(written.partition("#")[0].replace("_", " ").split()).lstrip(": ")
        return title[:1].upper() + title[1:] if self.first_letter else title

    def template(self, written: str) -> str:
        """A template's title as the wiki spells it, without its namespace."""
        prefix, _, rest = written.partition(":")
        is_template = self.namespaces.get(prefix.strip().casefold()) == TEMPLATES
        return self.title(rest if is_template else written)


@dataclass(frozen=True)
class WikiPage:
    """A page as it stands in the dump.

    Attributes:
        id: page id, a number.
        title: of articles as it is; of others mwxml may have taken the namespace away.
        namespace: 0 for articles, 10 for templates.
        redirect: the title this page only leads to, or None.
        model: ``"wikitext"`` for articles; other models are code and data.
        text: wikitext; empty where it was deleted.
    """

    id: str
    title: str
    namespace: int
    redirect: str | None
    model: str
    text: str


@dataclass
class Titles:
    """The titles of one dump: what is held in memory of it.

    Attributes:
        site: the dump's head.
        articles: title → page id, of pages in the articles' namespace that are no redirects.
        redirects: title → the title it leads to.
        disambiguation_templates: names of templates that mark a page as one of several meanings.
    """

    site: Site
    articles: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    disambiguation_templates: set[str] = field(default_factory=set)

    def document(self, written: str, report: DropReport) -> str | None:
        """Id of the document, such as ``"sw-1234"``, that a written title leads to, counted; None if none."""
        title = self.site.title(written)
        for _ in range(MOST_REDIRECTS):
            if title in self.articles:
                report.kept += 1
                return f"{self.site.prefix}-{self.articles[title]}"
            if title not in self.redirects:
                break
            title = self.redirects[title]
        report.drop("no article has this title")
        return None


class MediaWikiDumps:
    """Dumps of several wikis, one a language (:class:`kivuko.linked.documents.LinkedSource`).

    Args:
        dumps: ``…-pages-articles.xml`` or ``…-multistream.xml``, plain or compressed; each says its language.
        langlinks: ``…-langlinks.sql`` of some of the wikis, plain or compressed. A wiki without one has the
            inter-language links that stand in its texts (``[[sw:Ndege]]``), as all had before 2013.

    Raises:
        InputError: a file is no such dump, two are of one language, or links are of a wiki that is not given.
        UnknownNameError: a dump's language is none we know.
        MissingExtraError: mwxml is not installed.
    """

    def __init__(self, dumps: Sequence[Path], langlinks: Sequence[Path] = ()) -> None:
        self._sites: dict[str, Site] = {}
        for path in dumps:
            site = read_site(path)
            if site.language.tag in self._sites:
                raise InputError(
                    "two dumps are of one language",
                    where=path,
                    expected="one dump a language",
                    got=f"{site.language.tag}, which {self._sites[site.language.tag].path} is of too",
                )
            self._sites[site.language.tag] = site
        self._langlinks = {self._tag_of_links(path): path for path in langlinks}
        self._titles: dict[str, Titles] = {}

    @property
    def facts(self) -> SourceFacts:
        """What a data card says of it."""
        sites = self._sites.values()
        return SourceFacts(
            name="MediaWiki dumps",
            licence=LICENCE,
            attribution="the authors of the articles: name the wiki and the article, and link its page, where its "
            "history names them; share what you make of it under the same licence",
            meaning="an inter-language link: editors say that two articles are about the same subject",
            versions={
                **{site.path.name: f"{site.database or site.prefix}, {site.generator}" for site in sites},
                **{path.name: f"inter-language links of {tag}" for tag, path in self._langlinks.items()},
            },
        )

    @property
    def files(self) -> Sequence[Path]:
        """The dumps, then the links."""
        return [*(site.path for site in self._sites.values()), *self._langlinks.values()]

    def documents(
        self, language: Language, reading: Reading, progress: Progress | None = None
    ) -> Iterator[LinkedDocument]:
        """The articles of one wiki; redirects, disambiguation pages and lists are counted and left out.

        Raises:
            InputError: there is no dump in this language, or one is damaged.
            MissingExtraError: mwparserfromhell is not installed.
        """
        if language.tag not in self._sites:
            raise InputError(
                f"none of the dumps is in {language.name}",
                where=", ".join(str(site.path) for site in self._sites.values()),
                expected=language.tag,
                got=", ".join(self._sites),
            )
        site, others = self._sites[language.tag], [tag for tag in self._sites if tag != language.tag]
        titles = self._titles_of(language.tag, progress)
        other_titles = {self._sites[tag].prefix: self._titles_of(tag, progress) for tag in others}
        table = None
        if language.tag in self._langlinks and other_titles:
            table = read_langlinks(
                self._langlinks[language.tag], other_titles, reading.counterparts, progress
            )
        for page in pages(site, progress):
            reason = _no_article(page)
            if reason is not None:
                reading.documents.drop(reason)
                continue
            wikitext = read_wikitext(page.text, site.namespaces)
            named = {site.title(name) for name in wikitext.templates}
            if _DISAMBIGUATION in page.text or named & titles.disambiguation_templates:
                reading.documents.drop("disambiguation page")
                continue
            if wikitext.is_list or not wikitext.text:
                reading.documents.drop("list" if wikitext.is_list else "page without text")
                continue
            reading.documents.kept += 1
            counterparts = {}
            for prefix, title in (
                wikitext.interlanguage if table is None else table.get(page.id, {})
            ).items():
                if prefix in other_titles:
                    found = other_titles[prefix].document(title, reading.counterparts)
                    if found is not None:
                        counterparts[other_titles[prefix].site.language.tag] = found
            targets = (titles.document(title, reading.links) for title in wikitext.links)
            yield LinkedDocument(
                f"{site.prefix}-{page.id}",
                language.tag,
                normalise(page.title),
                wikitext.text,
                counterparts,
                tuple(target for target in targets if target is not None),
            )

    def _tag_of_links(self, path: Path) -> str:
        database = database_of(path)
        for tag, site in self._sites.items():
            if database == (site.database or f"{site.prefix.replace('-', '_')}wiki"):
                return tag
        raise InputError(
            "these inter-language links are of a wiki whose dump is not given",
            where=path,
            expected=" or ".join(site.database or site.prefix for site in self._sites.values()),
            got=database,
            remedy="give the langlinks of the wiki that the queries are from",
        )

    def _titles_of(self, tag: str, progress: Progress | None) -> Titles:
        if tag not in self._titles:
            self._titles[tag] = read_titles(self._sites[tag], pages(self._sites[tag], progress))
        return self._titles[tag]


def _no_article(page: WikiPage) -> str | None:
    """Why a page is none whose text has to be read, or None."""
    if page.namespace != ARTICLES:
        return ELSEWHERE
    if page.redirect is not None:
        return "redirect"
    return None if page.model == "wikitext" else f"page that is not wikitext ({page.model})"


def read_titles(site: Site, found: Iterable[WikiPage]) -> Titles:
    """The titles of a dump's pages.

    A wiki's own disambiguation templates are those whose text has the word ``__DISAMBIG__`` (MediaWiki's
    extension Disambiguator), with the redirects to them: no list of their names in 300 languages is needed.
    """
    titles = Titles(site)
    template_redirects: dict[str, str] = {}
    for page in found:
        if page.namespace == TEMPLATES:
            name = site.template(page.title)
            if page.redirect is not None:
                template_redirects[name] = site.template(page.redirect)
            elif _DISAMBIGUATION in _NOT_TRANSCLUDED.sub("", page.text):
                titles.disambiguation_templates.add(name)
        elif page.namespace == ARTICLES and page.redirect is not None:
            titles.redirects[site.title(page.title)] = site.title(page.redirect)
        elif page.namespace == ARTICLES:
            titles.articles[site.title(page.title)] = page.id
    titles.disambiguation_templates |= {
        name for name, target in template_redirects.items() if target in titles.disambiguation_templates
    }
    return titles


def read_site(path: Path) -> Site:
    """The head of a dump.

    Raises:
        InputError: not a MediaWiki export, or damaged.
        UnknownNameError: its language is none we know.
        MissingExtraError: mwxml is not installed.
    """
    with _opened(path, None) as (root, dump):
        info, language = dump.site_info, root.attr(_LANGUAGE_ATTRIBUTE)
        if not language:
            raise _not_an_export(path, "<mediawiki> without xml:lang")
        # The wiki's own subdomain is its prefix; a language code is not: simple English is "en" too.
        labels = (urlsplit(info.base or "").hostname or "").split(".")
        return Site(
            path,
            resolve(language),
            labels[0] if len(labels) > 2 and labels[0] != "www" else language,
            info.dbname or "",
            info.generator or "",
            _CANONICAL | {space.name.casefold(): space.id for space in info.namespaces or () if space.name},
            (info.case or "first-letter") == "first-letter",
        )


def pages(site: Site, progress: Progress | None = None) -> Iterator[WikiPage]:
    """Every page of the dump in its order; a page is forgotten once the next one is asked for.

    Raises:
        InputError: the dump is damaged or cut short, or has several revisions of a page.
        MissingExtraError: mwxml is not installed.
    """
    with _opened(site.path, progress) as (root, dump):
        while (page := _next_page(site, dump)) is not None:
            yield page
            root.element.clear()  # mwxml empties a page, but leaves it with its parent


@contextmanager
def _opened(path: Path, progress: Progress | None) -> Iterator[tuple[Any, Any]]:
    """The dump's outermost element and its ``mwxml.Dump``, which leaves the language out."""
    try:
        from mwxml import Dump
        from mwxml.element_iterator import ElementIterator
        from mwxml.errors import MalformedXML
    except ImportError as error:
        raise MissingExtraError("mwxml", "data") from error
    try:
        with open_bytes(path, progress) as stream:
            root = ElementIterator.from_file(stream)
            if root.tag != "mediawiki":
                raise _not_an_export(path, f"<{root.tag}>")
            yield root, Dump.from_element(root)
    except MalformedXML as error:
        raise _not_an_export(path, str(error)) from error
    except ParseError as error:
        if not hasattr(error, "position"):  # mwxml's own, when there is not even a first element
            raise _not_an_export(path, "no XML") from error
        raise InputError(
            "this dump is damaged or cut short",
            where=f"{path}:{error.position[0]}",
            expected="well-formed XML up to </mediawiki>",
            got=str(error),
            remedy="fetch it again",
        ) from error


def _next_page(site: Site, dump: Any) -> WikiPage | None:
    page = revision = None
    try:
        page = next(dump.pages, None)
        if page is None:
            return None
        revision, another = next(page, None), next(page, None)
    except (AttributeError, TypeError, ValueError):
        another = None  # mwxml takes for granted that titles and numbers are there
    if page is None or revision is None or page.title is None or page.id is None:
        raise InputError(
            "a page lacks its title, its id or its revision",
            where=site.path,
            got=f"title {page and page.title!r}, id {page and page.id!r}",
            remedy="give a dump called pages-articles",
        )
    if another is not None:
        raise InputError(
            "a page has several revisions in this dump",
            where=site.path,
            expected="one revision a page, as in …-pages-articles.xml",
            got=f"a history of {page.title!r}",
            remedy="give the dump called pages-articles, not one with the history",
        )
    content = revision.slots.contents["main"]
    text, namespace, redirect = content.text or "", page.namespace, page.redirect
    if not namespace and ":" in page.title:  # of an old dump, where mwxml knows the wiki's own names alone
        namespace = site.namespaces.get(page.title.partition(":")[0].casefold(), ARTICLES)
    if redirect is None and not site.database and (found := _REDIRECT.match(text)):
        redirect = found[1]
    return WikiPage(str(page.id), page.title, namespace, redirect, content.model or "wikitext", text)


def _not_an_export(path: Path, got: str) -> InputError:
    return InputError(
        "this is not a MediaWiki dump in XML",
        where=path,
        expected="<mediawiki xml:lang=…> with <siteinfo>, as in SWIKI-DATE-pages-articles.xml.bz2",
        got=got,
        remedy="give the dump called pages-articles (or its multistream)",
    )


def database_of(path: Path) -> str:
    """The wiki whose links a dump of ``langlinks`` holds, such as ``"swwiki"``, by the dump's head.

    Raises:
        InputError: the head does not say so.
    """
    for number, line in byte_lines(path):
        if found := _DATABASE.match(line):
            return found[1].decode("ascii", "replace")
        if number == _HEAD_LINES:
            break
    raise InputError(
        "this does not look like a dump of a wiki's table",
        where=path,
        expected="a line like '-- Host: HOST    Database: swwiki' at its head",
        remedy="give the file called langlinks.sql.gz as it was fetched",
    )


def read_langlinks(
    path: Path, prefixes: Collection[str], report: DropReport, progress: Progress | None = None
) -> dict[str, dict[str, str]]:
    """Page id → prefix → title in the other wiki, for the wikis wanted.

    Args:
        path: the dump, plain or compressed; read as a stream.
        prefixes: the other wikis; links to more wikis are not looked at.
        report: counts the links dropped, by reason; who follows the others counts them.
        progress: a display for a bar over the file.

    Raises:
        InputError: a row is malformed, or the file is damaged or cut short; names ``file:line``.
    """
    wanted = {prefix.encode(): prefix for prefix in prefixes}
    links: dict[str, dict[str, str]] = {}
    for _, (page, prefix, title) in read_table(
        path, "langlinks", ("ll_from", "ll_lang", "ll_title"), progress
    ):
        if prefix not in wanted:
            continue
        try:
            decoded = title.decode("utf-8")
        except UnicodeDecodeError:
            report.drop("title that is not UTF-8")  # old tables cut titles at 255 bytes, inside a character
            continue
        if decoded:
            links.setdefault(page.decode(), {})[wanted[prefix]] = decoded
        else:
            report.drop("empty title")
    return links
