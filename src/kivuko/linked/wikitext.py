"""Wikitext to running text, well enough for a first sentence and a body to search; and the links in it.

mwparserfromhell parses. What stands in templates and tables goes: expanding them needs the wiki itself. Links in
them are not counted either, so that two articles are linked where their own sentences link them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kivuko.errors import MissingExtraError
from kivuko.text import normalise

if TYPE_CHECKING:
    from mwparserfromhell.nodes import Node, Wikilink
    from mwparserfromhell.wikicode import Wikicode

MEDIA, FILE, CATEGORY = -2, 6, 14
FEWEST_ITEMS = 10
LIST_SHARE = 0.8
"""A page is a list when it has ten list items and four fifths of its lines are items."""

# fmt: off
_SILENT = frozenset({
    "ref", "references", "math", "chem", "ce", "gallery", "score", "timeline", "graph", "mapframe", "maplink",
    "source", "syntaxhighlight", "imagemap", "hiero", "templatestyles", "noinclude", "table",
})
# fmt: on
# What the parser leaves in the text: quotes of bold and italic, switches, and marks that nobody closed.
_MARKS = re.compile(
    r"'{2,5}|__[^\W\d_a-z]+__|\[{2,}|\]{2,}|\{{2,}|\}{2,}|^[ \t:]*\{\||^[ \t]*\|\}|<!--|</?[a-zA-Z][^<>]*>",
    re.MULTILINE,
)
_ITEM = "\0"  # stands for a list item's mark; XML cannot contain it
_INTERLANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*|simple")
_HOLLOW = re.compile(r"\(\s*[,;:\s]*\)|\[\s*\]")
_LOOSE = re.compile(r"(?<=[(])\s*[,;:]\s*|\s+(?=[,;)](?:\s|$))")


@dataclass(frozen=True)
class Wikitext:
    """A page's readable parts.

    Attributes:
        text: one paragraph, heading or list item a line, normalised.
        links: titles the page links to in its own wiki, as written, without sections.
        interlanguage: prefix → title, of ``[[xx:Title]]`` links to other languages.
        is_list: whether the page is mostly list items.
        templates: names of the templates it uses, as written, in their order.
    """

    text: str
    links: tuple[str, ...]
    interlanguage: Mapping[str, str]
    is_list: bool
    templates: tuple[str, ...]


def read_wikitext(source: str, namespaces: Mapping[str, int]) -> Wikitext:
    """Read a page.

    Args:
        source: its wikitext, XML entities already resolved.
        namespaces: case-folded name of each namespace, local and canonical, → its number.

    Raises:
        MissingExtraError: mwparserfromhell is not installed.
    """
    try:
        import mwparserfromhell
    except ImportError as error:
        raise MissingExtraError("mwparserfromhell", "data") from error
    # Quotes that nobody closed would swallow what follows, so they are no tags here.
    code = mwparserfromhell.parse(source, skip_style_tags=True)
    page = _Page(namespaces)
    lines = [line.strip() for line in page.shown(code).splitlines()]
    lines = [line for line in lines if line]
    items = sum(line.startswith(_ITEM) for line in lines)
    paragraphs = (normalise(_LOOSE.sub("", _HOLLOW.sub("", line.replace(_ITEM, "")))) for line in lines)
    return Wikitext(
        "\n".join(filter(None, paragraphs)),
        tuple(page.links),
        page.interlanguage,
        items >= FEWEST_ITEMS and items >= LIST_SHARE * len(lines),
        tuple(str(template.name).strip() for template in code.ifilter_templates()),
    )


class _Page:
    """Walks over a parsed page, and notes where it links to."""

    def __init__(self, namespaces: Mapping[str, int]) -> None:
        self.links: list[str] = []
        self.interlanguage: dict[str, str] = {}
        self._namespaces = namespaces

    def shown(self, code: Wikicode | None, *, literally: bool = False) -> str:
        """What a reader sees of it; marks of wikitext too, if it is meant ``literally``."""
        return "".join(self._node(node, literally) for node in code.nodes) if code is not None else ""

    def _node(self, node: Node, literally: bool) -> str:
        from mwparserfromhell import nodes

        match node:
            case nodes.Text():
                return str(node.value) if literally else _MARKS.sub("", str(node.value))
            case nodes.HTMLEntity():
                return html.unescape(str(node))
            case nodes.Wikilink():
                return self._link(node)
            case nodes.ExternalLink():
                return self.shown(node.title) if node.brackets else str(node.url)
            case nodes.Heading():
                return self.shown(node.title)
            case nodes.Tag():
                name = str(node.tag).strip().lower()
                if name in _SILENT:
                    return ""
                if name == "br":
                    return " "
                if node.wiki_markup in {"*", "#"}:
                    return _ITEM
                return self.shown(node.contents, literally=literally or name == "nowiki")
        return ""  # templates, their arguments, comments

    def _link(self, link: Wikilink) -> str:
        target, label = self.shown(link.title).strip(), self.shown(link.text).strip()
        # [[:Category:X]] shows a link where [[Category:X]] files the page.
        hidden = target.startswith(":")
        name = target.lstrip(":").strip().replace("_", " ")
        prefix, colon, rest = name.partition(":")
        if colon:
            number = self._namespaces.get(prefix.strip().casefold())
            if number in {MEDIA, FILE, CATEGORY} and not hidden:
                return ""
            if number is None and _INTERLANGUAGE.fullmatch(prefix):
                if hidden:
                    return label or rest.strip()
                self.interlanguage.setdefault(prefix, rest.strip())
                return ""
            if number:
                return label or name
        page = name.partition("#")[0].strip()
        if page:
            self.links.append(page)
        return label or name
