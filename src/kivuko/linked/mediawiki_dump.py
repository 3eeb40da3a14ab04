"""Linked documents from MediaWiki dumps: the articles of one wiki per language, and who is whose version.

A dump is read once, as a stream, if there is a folder for what is kept of it; else for every pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.progress import Progress

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.files.resumable import Unfinished
from kivuko.languages import Language
from kivuko.linked.documents import LinkedDocument, Reading, SourceFacts
from kivuko.linked.langlinks import database_of, read_langlinks
from kivuko.linked.mediawiki_pages import ReadPage, ReadPages
from kivuko.linked.mediawiki_titles import Titles, read_titles
from kivuko.linked.mediawiki_xml import ARTICLES, Site, read_site
from kivuko.text import normalise

ELSEWHERE = "page of another namespace"
LICENCE = (
    "CC-BY-SA-4.0 (before June 2023: 3.0) and, for most text, GFDL, if the wiki is a Wikipedia; else ask it"
)


class MediaWikiDumps:
    """Dumps of several wikis, one a language (:class:`kivuko.linked.documents.LinkedSource`).

    Args:
        dumps: ``…-pages-articles.xml`` or ``…-multistream.xml``, plain or compressed; each says its language.
        langlinks: ``…-langlinks.sql`` of some of the wikis, plain or compressed. A wiki without one has the
            inter-language links that stand in its texts (``[[sw:Ndege]]``), as all had before 2013.

    Raises:
        InputError: a file is no such dump, two are of one language, or links are of a wiki that is not given.
        UnknownNameError: a dump's language is none we know.
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
        self,
        language: Language,
        reading: Reading,
        progress: Progress | None = None,
        work: Unfinished | None = None,
    ) -> Iterator[LinkedDocument]:
        """The articles of one wiki; redirects, disambiguation pages and lists are counted and left out.

        Raises:
            InputError: there is no dump in this language, or one is damaged.
        """
        if language.tag not in self._sites:
            raise InputError(
                f"none of the dumps is in {language.name}",
                where=", ".join(str(site.path) for site in self._sites.values()),
                expected=language.tag,
                got=", ".join(self._sites),
            )
        site, others = self._sites[language.tag], [tag for tag in self._sites if tag != language.tag]
        titles = self._titles_of(language.tag, progress, work)
        other_titles = {self._sites[tag].prefix: self._titles_of(tag, progress, work) for tag in others}
        table = self._table(language.tag, other_titles, reading.counterparts, progress, work)
        pages = ReadPages(site, progress, work)
        for page in pages:
            reason = _no_document(page, titles)
            if reason is not None:
                reading.documents.drop(reason)
                continue
            reading.documents.kept += 1
            named = page.interlanguage if table is None else table.get(page.id, {})
            counterparts = {}
            for prefix, title in named.items():
                if prefix in other_titles:
                    found = _resolved(other_titles[prefix], title, reading.counterparts)
                    if found is not None:
                        counterparts[other_titles[prefix].site.language.tag] = found
            targets = (_resolved(titles, title, reading.links) for title in page.links)
            yield LinkedDocument(
                document_id(site, page.id),
                language.tag,
                normalise(page.title),
                page.text,
                counterparts,
                tuple(target for target in targets if target is not None),
            )
        if pages.elsewhere:
            reading.documents.reasons[ELSEWHERE] += pages.elsewhere

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

    def _titles_of(self, tag: str, progress: Progress | None, work: Unfinished | None) -> Titles:
        if tag not in self._titles:
            site = self._sites[tag]
            self._titles[tag] = read_titles(site, ReadPages(site, progress, work))
        return self._titles[tag]

    def _table(
        self,
        tag: str,
        others: dict[str, Titles],
        report: DropReport,
        progress: Progress | None,
        work: Unfinished | None,
    ) -> dict[str, dict[str, str]] | None:
        if tag not in self._langlinks or not others:
            return None
        return read_langlinks(self._langlinks[tag], others, report, progress, work, f"langlinks-{tag}")


def document_id(site: Site, page_id: str) -> str:
    """A page's id among documents of several wikis, such as ``"sw-1234"``."""
    return f"{site.prefix}-{page_id}"


def _resolved(titles: Titles, title: str, report: DropReport) -> str | None:
    """Id of the document a title leads to, counted; None if there is none."""
    page_id = titles.page_id(title)
    if page_id is None:
        report.drop("no article has this title")
        return None
    report.kept += 1
    return document_id(titles.site, page_id)


def _no_document(page: ReadPage, titles: Titles) -> str | None:
    """Why a page is no document, or None."""
    if page.namespace != ARTICLES:
        return ELSEWHERE
    if page.redirect is not None:
        return "redirect"
    if page.model != "wikitext":
        return f"page that is not wikitext ({page.model})"
    if page.marked or any(
        titles.site.title(name) in titles.disambiguation_templates for name in page.templates
    ):
        return "disambiguation page"
    if page.is_list:
        return "list"
    return None if page.text else "page without text"
