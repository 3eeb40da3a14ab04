"""Which article a title leads to, through redirects, and which templates mark disambiguation pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kivuko.linked.mediawiki_pages import ReadPage
from kivuko.linked.mediawiki_xml import TEMPLATES, Site

MOST_REDIRECTS = 5


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

    def page_id(self, written: str) -> str | None:
        """Page id of the article that a written title leads to; None if there is none."""
        title = self.site.title(written)
        for _ in range(MOST_REDIRECTS):
            if title in self.articles:
                return self.articles[title]
            if title not in self.redirects:
                return None
            title = self.redirects[title]
        return None


def read_titles(site: Site, pages: Iterable[ReadPage]) -> Titles:
    """The titles of a dump's pages.

    A wiki's own disambiguation templates are those whose text has the word ``__DISAMBIG__`` (MediaWiki's
    extension Disambiguator), with the redirects to them: no list of their names in 300 languages is needed.
    """
    titles = Titles(site)
    template_redirects: dict[str, str] = {}
    for page in pages:
        if page.namespace == TEMPLATES:
            name = site.title(page.title.partition(":")[2])
            if page.redirect is not None:
                template_redirects[name] = site.title(page.redirect.partition(":")[2])
            elif page.marked:
                titles.disambiguation_templates.add(name)
        elif page.redirect is not None:
            titles.redirects[site.title(page.title)] = site.title(page.redirect)
        else:
            titles.articles[site.title(page.title)] = page.id
    titles.disambiguation_templates |= {
        name for name, target in template_redirects.items() if target in titles.disambiguation_templates
    }
    return titles
