"""Title, text and links of a page in plain text, Markdown or HTML.

Of plain text the first line is the title; of Markdown the first heading; of HTML ``<title>``, else the first
``<h1>``.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from kivuko.files.streams import lines
from kivuko.text import normalise

SUFFIXES = (".txt", ".md", ".html", ".htm")
_LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(\s*<?([^()\s<>]*)>?[^()]*\)")
_HEADING = re.compile(r" {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-{2,})\s*$")
_MARKS = re.compile(r"^\s*(?:[-*+>]|\d+[.)])\s+|[*`]{1,3}|(?<!\w)_{1,2}|_{1,2}(?!\w)")
_FENCE = re.compile(r"\s*(?:```|~~~)")


def read_page(path: Path) -> tuple[str, str, list[str]]:
    """Title, text (a paragraph a line) and links, as written, of a file whose name ends in one of the suffixes.

    Raises:
        InputError: it is not UTF-8.
    """
    content = [line for _, line in lines(path)]
    match path.suffix.lower():
        case ".md":
            return _markdown(content)
        case ".txt":
            paragraphs = [text for text in map(normalise, content) if text]
            return (paragraphs[0] if paragraphs else ""), "\n".join(paragraphs[1:]), []
    parser = _Page()
    parser.feed("\n".join(content))
    parser.close()
    title, paragraphs = parser.result()
    return title, "\n".join(paragraphs), parser.links


def _markdown(content: list[str]) -> tuple[str, str, list[str]]:
    title, links = "", []
    paragraphs: list[list[str]] = [[]]
    fenced = False
    for line in content:
        if _FENCE.match(line):
            fenced = not fenced
            continue
        links += [found[3] for found in _LINK.finditer(line) if not found[1] and not fenced]
        shown = line if fenced else _LINK.sub(lambda found: "" if found[1] else found[2], line)
        heading = None if fenced else _HEADING.match(shown)
        underlined = not fenced and _UNDERLINE.match(shown) and len(paragraphs[-1]) == 1
        if heading or underlined:
            text = _plain(heading[1] if heading else paragraphs.pop()[0])
            if title:
                paragraphs.append([text])
            title = title or text
            paragraphs.append([])
        elif not shown.strip():
            paragraphs.append([])
        else:
            paragraphs[-1].append(shown if fenced else _plain(shown))
    joined = (normalise(" ".join(parts)) for parts in paragraphs)
    return normalise(title), "\n".join(text for text in joined if text), links


def _plain(line: str) -> str:
    return _MARKS.sub("", line)


class _Page(HTMLParser):
    """Title, paragraphs and links of an HTML file."""

    # fmt: off
    _BLOCKS = frozenset({
        "p", "div", "section", "article", "main", "header", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "li",
        "ul", "ol", "dt", "dd", "dl", "table", "tr", "td", "th", "pre", "blockquote", "figure", "figcaption", "body",
    })
    # fmt: on
    _SILENT = frozenset({"script", "style", "nav", "template"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self._title: list[str] = []
        self._first_heading: str | None = None
        self._paragraphs: list[str] = []
        self._pieces: list[str] = []
        self._in_title = False
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._in_title = True
        elif tag in self._SILENT:
            self._silent += 1
        elif tag in self._BLOCKS:
            self._finish()
        elif tag == "br":
            self._pieces.append(" ")
        elif tag == "a" and not self._silent and (target := dict(attrs).get("href")):
            self.links.append(target)

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag in self._SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in self._BLOCKS:
            text = self._finish()
            if tag == "h1" and self._first_heading is None:
                self._first_heading = text

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self._title.append(data)
        elif not self._silent:
            self._pieces.append(data)

    def result(self) -> tuple[str, list[str]]:
        """Title and paragraphs; a heading that repeats the title is no paragraph."""
        self._finish()
        title = normalise("".join(self._title)) or self._first_heading or ""
        paragraphs = self._paragraphs
        return title, paragraphs[1:] if paragraphs[:1] == [title] else paragraphs

    def _finish(self) -> str:
        text, self._pieces = normalise("".join(self._pieces)), []
        if text:
            self._paragraphs.append(text)
        return text
