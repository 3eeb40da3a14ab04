"""Pages of a MediaWiki export (``…-pages-articles.xml``), one at a time: the format's versions 0.3 to 0.11."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

from rich.progress import Progress

from kivuko.errors import InputError
from kivuko.files.streams import open_bytes
from kivuko.languages import Language, resolve

ARTICLES, TEMPLATES = 0, 10
_CANONICAL = {"media": -2, "special": -1, "file": 6, "image": 6, "template": TEMPLATES, "category": 14}
_LANGUAGE_ATTRIBUTE = "{http://www.w3.org/XML/1998/namespace}lang"
# Before version 0.4 a redirect is told by its text alone; the keyword is the wiki's language.
_REDIRECT = re.compile(r"\s*#[^\W\d_]+\s*:?\s*\[\[\s*:?\s*([^\[\]|#]+)[^\[\]]*\]\]")


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


@dataclass(frozen=True)
class WikiPage:
    """A page as it stands in the dump.

    Attributes:
        id: page id, a number.
        title: with its namespace, where that is not the articles'.
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


def read_site(path: Path) -> Site:
    """The head of a dump.

    Raises:
        InputError: not a MediaWiki export, or damaged.
        UnknownNameError: its language is none we know.
    """
    with _events(path, None) as events:
        _, root = next(events)
        if _name(root) != "mediawiki":
            raise _not_an_export(path, f"<{_name(root)}>")
        for event, element in events:
            if event == "end" and _name(element) == "siteinfo":
                return _site(path, root, element)
            if _name(element) == "page":
                break
    raise _not_an_export(path, "no <siteinfo>")


def pages(site: Site, progress: Progress | None = None) -> Iterator[WikiPage]:
    """Every page of the dump in its order; a page is forgotten once it is yielded.

    Raises:
        InputError: the dump is damaged or cut short, or has several revisions of a page.
    """
    with _events(site.path, progress) as events:
        _, root = next(events)
        for event, element in events:
            if event == "end" and _name(element) == "page":
                yield _page(site, element)
                root.clear()


@contextmanager
def _events(path: Path, progress: Progress | None) -> Iterator[Iterator[tuple[str, ElementTree.Element]]]:
    try:
        with open_bytes(path, progress) as stream:
            yield ElementTree.iterparse(stream, events=("start", "end"))
    except ElementTree.ParseError as error:
        line = error.position[0]
        raise InputError(
            "this dump is damaged or cut short",
            where=f"{path}:{line}",
            expected="well-formed XML up to </mediawiki>",
            got=str(error),
            remedy="fetch it again",
        ) from error


def _site(path: Path, root: ElementTree.Element, info: ElementTree.Element) -> Site:
    facts = {_name(child): (child.text or "").strip() for child in info}
    namespaces = dict(_CANONICAL)
    for element in info.iter():
        if _name(element) == "namespace" and element.text:
            namespaces[element.text.strip().casefold()] = int(element.get("key", "0"))
    language = root.get(_LANGUAGE_ATTRIBUTE)
    if not language:
        raise _not_an_export(path, "<mediawiki> without xml:lang")
    # The wiki's own subdomain is its prefix; a language code is not: simple English is "en" too.
    labels = (urlsplit(facts.get("base", "")).hostname or "").split(".")
    prefix = labels[0] if len(labels) > 2 and labels[0] != "www" else language
    return Site(
        path,
        resolve(language),
        prefix,
        facts.get("dbname", ""),
        facts.get("generator", ""),
        namespaces,
        facts.get("case", "first-letter") == "first-letter",
    )


def _page(site: Site, page: ElementTree.Element) -> WikiPage:
    children: dict[str, ElementTree.Element] = {}
    for child in page:
        name = _name(child)
        if name == "revision" and name in children:
            raise InputError(
                "a page has several revisions in this dump",
                where=site.path,
                expected="one revision a page, as in …-pages-articles.xml",
                got=f"a history of {_text(children.get('title'))!r}",
                remedy="give the dump called pages-articles, not one with the history",
            )
        children.setdefault(name, child)
    title, number = _text(children.get("title")), _text(children.get("id"))
    revision = children.get("revision")
    if not title or not number or revision is None:
        raise InputError(
            "a page lacks its title, its id or its revision",
            where=site.path,
            got=f"title {title!r}, id {number!r}",
            remedy="give a dump called pages-articles",
        )
    parts = {_name(child): child for child in revision}
    text = (parts["text"].text or "") if "text" in parts else ""
    if "ns" in children:
        namespace = int(_text(children["ns"]))
    else:
        namespace = site.namespaces.get(title.partition(":")[0].casefold(), ARTICLES) if ":" in title else 0
    redirect = children["redirect"].get("title") if "redirect" in children else None
    if redirect is None and "ns" not in children and (found := _REDIRECT.match(text)):
        redirect = found[1]
    return WikiPage(number, title, namespace, redirect, _text(parts.get("model")) or "wikitext", text)


def _text(element: ElementTree.Element | None) -> str:
    return ((element.text or "") if element is not None else "").strip()


def _name(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _not_an_export(path: Path, got: str) -> InputError:
    return InputError(
        "this is not a MediaWiki dump in XML",
        where=path,
        expected="<mediawiki xml:lang=…> with <siteinfo>, as in SWIKI-DATE-pages-articles.xml.bz2",
        got=got,
        remedy="give the dump called pages-articles (or its multistream)",
    )
