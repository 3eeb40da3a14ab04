"""What is kept of each page of a dump, so that the dump itself is unpacked and parsed once for all passes over it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.progress import Progress

from kivuko.data.sieve import Sieved
from kivuko.files.resumable import Unfinished
from kivuko.linked.mediawiki_xml import ARTICLES, TEMPLATES, Site, WikiPage, pages
from kivuko.linked.wikitext import read_wikitext, template_names, without_silent_parts

DISAMBIGUATION = "__DISAMBIG__"
_NOT_TRANSCLUDED = re.compile(r"<noinclude\s*>.*?</noinclude\s*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class ReadPage:
    """An article or a template, read.

    Attributes:
        id: page id, a number.
        title: with its namespace, where that is not the articles'.
        namespace: 0 for articles, 10 for templates.
        redirect: the title this page only leads to, or None.
        model: ``"wikitext"``, or what else the page is in.
        marked: whether it has MediaWiki's word for disambiguation pages; of a template, whether pages get it by that.
        text, links, interlanguage, is_list: see :class:`kivuko.linked.wikitext.Wikitext`; of articles only.
        templates: names of the templates that an article uses, as written, each once.
    """

    id: str
    title: str
    namespace: int
    redirect: str | None
    model: str
    marked: bool = False
    text: str = ""
    links: list[str] = field(default_factory=list)
    interlanguage: Mapping[str, str] = field(default_factory=dict)
    is_list: bool = False
    templates: list[str] = field(default_factory=list)


class ReadPages:
    """The articles and templates of a dump, redirects among them, in its order.

    Attributes:
        elsewhere: pages of other namespaces, once all pages were drawn.
    """

    def __init__(self, site: Site, progress: Progress | None = None, work: Unfinished | None = None) -> None:
        self.elsewhere = 0
        self._kept: Sieved[dict[str, Any]] = Sieved(
            work,
            f"pages-{site.language.tag}",
            pages(site, progress),
            lambda page: None if (read := _read(page, site)) is None else asdict(read),
            "pages",
        )

    def __iter__(self) -> Iterator[ReadPage]:
        for page in self._kept:
            yield ReadPage(**page)
        self.elsewhere = self._kept.read - self._kept.kept


def _read(page: WikiPage, site: Site) -> ReadPage | None:
    head = (page.id, page.title, page.namespace, page.redirect, page.model)
    if page.namespace == TEMPLATES:
        transcluded = without_silent_parts(_NOT_TRANSCLUDED.sub("", page.text))
        return ReadPage(*head, marked=DISAMBIGUATION in transcluded)
    if page.namespace != ARTICLES:
        return None
    if page.redirect is not None or page.model != "wikitext":
        return ReadPage(*head)
    wikitext = read_wikitext(page.text, site.namespaces)
    return ReadPage(
        *head,
        DISAMBIGUATION in page.text,
        wikitext.text,
        list(wikitext.links),
        dict(wikitext.interlanguage),
        wikitext.is_list,
        list(dict.fromkeys(template_names(page.text))),
    )
