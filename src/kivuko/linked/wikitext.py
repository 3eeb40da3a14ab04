"""Wikitext to running text, well enough for a first sentence and a body to search; and the links in it.

What stands in templates and tables goes: expanding them needs the wiki itself. Links in them are not counted
either, so that two articles are linked where their own sentences link them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kivuko.text import normalise

MEDIA, FILE, CATEGORY = -2, 6, 14
FEWEST_ITEMS = 10
LIST_SHARE = 0.8
"""A page is a list when it has ten list items and four fifths of its lines are items."""

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NOWIKI = re.compile(r"<nowiki\s*>(.*?)</nowiki\s*>", re.DOTALL | re.IGNORECASE)
_NOWIKI_MARKS = {mark: f"&#{ord(mark)};" for mark in "[]{}|'<>=*#:;_"}
_SILENT_NAMES = (
    "ref|references|math|chem|ce|gallery|score|timeline|graph|mapframe|maplink|syntaxhighlight|source|imagemap|"
    "hiero|templatestyles|noinclude"
)
_SILENT_EMPTY = re.compile(rf"<(?:{_SILENT_NAMES})\b[^<>]*/>", re.IGNORECASE)
_SILENT = re.compile(rf"<({_SILENT_NAMES})\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_BRACES = re.compile(r"\{\{|\}\}|^[ \t:]*\{\||^[ \t]*\|\}(?!\})", re.MULTILINE)
_BRACKETS = re.compile(r"\[\[|\]\]")
_INTERLANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*|simple")
_WEB_LINK = re.compile(r"\[(?:[a-z]+:)?//[^\s\[\]]+\s*([^\[\]]*)\]", re.IGNORECASE)
_BREAK = re.compile(r"<br\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_HEADING = re.compile(r"^(={1,6})\s*(.*?)\s*\1\s*$", re.MULTILINE)
_ITEM = re.compile(r"[ \t]*[*#]")
_LAYOUT = re.compile(r"'{2,5}|__[^\W\d_a-z]+__|^-{4,}|^[*#:;]+", re.MULTILINE)
_HOLLOW = re.compile(r"\(\s*[,;:\s]*\)|\[\s*\]")
_LOOSE = re.compile(r"(?<=[(])\s*[,;:]\s*|\s+(?=[,;)](?:\s|$))")
_TEMPLATE = re.compile(r"\{\{\s*([^|{}\n<]+?)\s*(?=\||\}\}|\n|<)")


@dataclass(frozen=True)
class Wikitext:
    """A page's readable parts.

    Attributes:
        text: one paragraph, heading or list item a line, normalised.
        links: titles the page links to in its own wiki, as written, without sections.
        interlanguage: prefix → title, of ``[[xx:Title]]`` links to other languages.
        is_list: whether the page is mostly list items.
    """

    text: str
    links: tuple[str, ...]
    interlanguage: Mapping[str, str]
    is_list: bool


def read_wikitext(source: str, namespaces: Mapping[str, int]) -> Wikitext:
    """Read a page.

    Args:
        source: its wikitext, XML entities already resolved.
        namespaces: case-folded name of each namespace, local and canonical, → its number.
    """
    source = without_silent_parts(source)
    source = _nested(source, _BRACES, lambda _: "", ("{{", "{|"), {"}}": "{{", "|}": "{|"})
    links: list[str] = []
    interlanguage: dict[str, str] = {}
    source = _nested(
        source,
        _BRACKETS,
        lambda content: _shown(content, namespaces, links, interlanguage),
        ("[[",),
        {"]]": "[["},
    )
    lines = [line for line in source.splitlines() if line.strip()]
    items = sum(bool(_ITEM.match(line)) for line in lines)
    source = _WEB_LINK.sub(r"\1", _HEADING.sub(r"\2", source))
    source = _LAYOUT.sub("", _TAG.sub("", _BREAK.sub(" ", source)))
    text = html.unescape(source)
    paragraphs = (normalise(_LOOSE.sub("", _HOLLOW.sub("", line))) for line in text.splitlines())
    return Wikitext(
        "\n".join(filter(None, paragraphs)),
        tuple(links),
        interlanguage,
        items >= FEWEST_ITEMS and items >= LIST_SHARE * len(lines),
    )


def without_silent_parts(source: str) -> str:
    """Wikitext without comments and elements whose content is no text; what is in ``<nowiki>`` stays as it is."""
    source = _COMMENT.sub("", source)
    source = _NOWIKI.sub(lambda found: "".join(_NOWIKI_MARKS.get(c, c) for c in found[1]), source)
    return _SILENT.sub("", _SILENT_EMPTY.sub("", source))


def template_names(source: str) -> Iterable[str]:
    """Names of the templates a page uses, as written."""
    return (found[1] for found in _TEMPLATE.finditer(source))


def _nested(
    source: str,
    marks: re.Pattern[str],
    render: Callable[[str], str],
    openers: tuple[str, ...],
    closers: Mapping[str, str],
) -> str:
    """Replace each balanced part by ``render(content)``, innermost first; of what is not balanced only the mark goes.

    One pass with a stack: a part that somebody forgot to close swallows nothing.
    """
    # Each level: its opener, and the pieces of text since it.
    stack: list[tuple[str, list[str]]] = [("", [])]
    open_marks = dict.fromkeys(openers, 0)
    position = 0
    for found in marks.finditer(source):
        stack[-1][1].append(source[position : found.start()])
        position = found.end()
        mark = found[0].strip(" \t:")
        if mark in open_marks:
            stack.append((mark, []))
            open_marks[mark] += 1
            continue
        wanted = closers[mark]
        if not open_marks[wanted]:
            continue
        while stack[-1][0] != wanted:
            open_marks[stack[-1][0]] -= 1
            _give_to_outer(stack)
        open_marks[wanted] -= 1
        content = "".join(stack.pop()[1])
        stack[-1][1].append(render(content))
    stack[-1][1].append(source[position:])
    while len(stack) > 1:
        _give_to_outer(stack)
    return "".join(stack[0][1])


def _give_to_outer(stack: list[tuple[str, list[str]]]) -> None:
    _, pieces = stack.pop()
    stack[-1][1].append("".join(pieces))


def _shown(
    content: str, namespaces: Mapping[str, int], links: list[str], interlanguage: dict[str, str]
) -> str:
    """What a reader sees of ``[[content]]``; where it leads is added to the last two arguments."""
    target, bar, label = content.partition("|")
    hidden = target.lstrip().startswith(
        ":"
    )  # [[:Category:X]] shows a link where [[Category:X]] files the page
    name = target.strip().lstrip(":").strip().replace("_", " ")
    prefix, colon, rest = name.partition(":")
    shown = label.strip() if bar and label.strip() else name
    if colon:
        number = namespaces.get(prefix.strip().casefold())
        if number in {MEDIA, FILE, CATEGORY} and not hidden:
            return ""
        if number is None and _INTERLANGUAGE.fullmatch(prefix):
            if hidden:
                return label.strip() or rest.strip()
            interlanguage.setdefault(prefix, rest.strip())
            return ""
        if number:
            return shown
    page = name.partition("#")[0].strip()
    if page:
        links.append(page)
    return shown
