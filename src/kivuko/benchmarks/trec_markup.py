"""Documents and topics in TREC's SGML-like markup: ``<DOC>`` … ``</DOC>`` and ``<top>`` … ``</top>``.

Tags may have attributes (``<top lang="om">``, ``<DOC id="A-1" type="story">``), and fields need not be closed: as
TREC's topics 51 to 150 are written, any tag ends the field before it. What cannot be understood is refused with its
line: text outside documents and topics, text in no field of a topic, a field twice.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.files.streams import encoded_lines
from kivuko.languages import Language
from kivuko.text.normal import unescaped

_TITLES = frozenset({"TITLE", "HEADLINE", "HEAD", "HL"})
_UNSEEN = frozenset({"DATE", "DOCTYPE", "LANG", "URL"})
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)[^<>]*>")
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""")
# MS-DOS marks the end of a file with Control-Z.
_BLANK = " \t\r\x1a"
_LABEL = re.compile(r"^\s*(?:Number|Topic|Title|Description|Narrative)\s*:\s*", re.IGNORECASE)
_DOCUMENT_IDS = ("docno", "docid", "id")
_TOPIC_IDS = ("num", "number", "id", "qid")


def read_documents(path: Path, language: Language, encoding: str = "utf-8") -> Iterator[Document]:
    """Documents between ``<DOC>`` and ``</DOC>``; headlines become the title, other fields the text.

    The id is in ``<DOCNO>``, or else in ``<DOCID>``, or else in an attribute ``docno``, ``docid`` or ``id`` of
    ``<DOC>``. Dates, addresses and second numbers are left out; ids, tags and line ends are not text.

    Raises:
        InputError: a document has no id or is not closed, there is none, there is text outside of them, or a line is
            in another encoding; names ``file:line``.
    """
    for element in _elements(path, "DOC", encoding):
        yield _document(element, language)


def read_topics(path: Path, encoding: str = "utf-8") -> Iterator[tuple[str, str]]:
    """Id and title of each ``<top>``; closing tags and labels such as ``Number:`` may be there or not.

    The id is in ``<num>``, or else in an attribute ``num``, ``number``, ``id`` or ``qid`` of ``<top>``.

    Raises:
        InputError: a topic has no number or no title, has one twice or text in no field, or is not closed, a number
            comes twice, there is no topic or text outside of them, or a line is in another encoding; names
            ``file:line``.
    """
    seen: set[str] = set()
    for element in _elements(path, "top", encoding):
        fields = _topic_fields(element)
        query, title = (
            " ".join(_LABEL.sub("", _plain(fields.get(name, ""))).split()) for name in ("num", "title")
        )
        query = query or _first(element.attributes, _TOPIC_IDS)
        if not query or not title or query in seen:
            raise InputError(
                "this topic cannot be used",
                where=element.where,
                expected="<num> with a number of its own, and a <title>",
                got=f"number {query!r}, title {title[:40]!r}",
            )
        seen.add(query)
        yield query, title


@dataclass(frozen=True)
class _Element:
    """A document or topic: where it begins, its attributes by their names in lower case, and what it holds."""

    where: str
    attributes: Mapping[str, str]
    content: str


def _elements(path: Path, name: str, encoding: str) -> Iterator[_Element]:
    """The elements of this name, none of which holds another one."""
    opening = re.compile(rf"<{name}(\s[^<>]*)?>", re.IGNORECASE)
    begun = re.compile(rf"<{name}(?:\s[^<>]*)?$", re.IGNORECASE)
    closing = re.compile(rf"</{name}\s*>", re.IGNORECASE)
    outside = _Outside(name)
    start, attributes, held = 0, "", ""
    content: list[str] | None = None
    for number, line in encoded_lines(path, encoding):
        if content is not None and "<" not in line:
            content.append(line)
            continue
        rest = held + line
        if content is not None and opening.match(rest.lstrip()):
            break
        while True:
            if content is None:
                rest = outside.without_comments(rest, opening)
                opened = opening.search(rest) or begun.search(rest)
                outside.check(rest[: opened.start()] if opened else rest, f"{path}:{number}")
                if opened is None:
                    break
                start = start if held else number
                held = ""
                if opened.re is begun:  # its attributes go on in the next line
                    held = f"{rest[opened.start() :]} "
                    break
                content, attributes, rest = [], opened[1] or "", rest[opened.end() :]
            closed = closing.search(rest)
            if closed is None:
                content.append(rest)
                break
            content.append(rest[: closed.start()])
            yield _Element(f"{path}:{start}", _attributes(attributes), "\n".join(content))
            content, rest = None, rest[closed.end() :]
    if content is not None or held or not start:
        kind = {"DOC": "document", "top": "topic"}[name]
        raise InputError(
            f"a {kind} is not closed" if start else f"there is no {kind}",
            where=f"{path}:{start or 1}",
            expected=f"<{name}> … </{name}>",
            remedy="fetch it again",
        )


class _Outside:
    """What stands between elements: comments, and the tags of an element around all of them; no text."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._in_comment = False
        # Also the document type, and instructions such as <?xml …?>; an empty element's attributes may be a text.
        self._harmless = re.compile(rf"<[!?][^<>]*>|<(?!/?{name}\b)/?[a-z](?:[^<>]*[^<>/])?>", re.IGNORECASE)

    def without_comments(self, text: str, opening: re.Pattern[str]) -> str:
        """A line without the comments before its first element; a comment may go over several lines."""
        if self._in_comment:
            _, end, text = text.partition("-->")
            self._in_comment = not end
        while (begin := text.find("<!--")) >= 0 and not opening.search(text, 0, begin):
            _, end, rest = text[begin:].partition("-->")
            text, self._in_comment = text[:begin] + rest, not end
        return text

    def check(self, text: str, where: str) -> None:
        if self._harmless.sub("", text).strip(_BLANK):
            raise InputError(
                f"there is text outside of <{self._name}> … </{self._name}>",
                where=where,
                expected=f"<{self._name}>, with or without attributes, and text only up to its end",
                got=repr(text.strip()[:60]),
                remedy=f"rename the element to {self._name} if it is one; else remove the text",
            )


def _attributes(text: str) -> dict[str, str]:
    return {
        found[1].lower(): unescaped(next(filter(None, found.groups()[1:]), "")).strip()
        for found in _ATTRIBUTE.finditer(text)
    }


def _first(attributes: Mapping[str, str], names: Iterable[str]) -> str:
    return next((attributes[name] for name in names if attributes.get(name)), "")


def _plain(text: str) -> str:
    """Text without character references, however often it was escaped."""
    return unescaped(html.unescape(text))


def _ends(tags: Sequence[re.Match[str]]) -> list[int | None]:
    """For each tag the place of the one that closes it; None if none does before another one of its name."""
    ends: list[int | None] = []
    following: dict[str, int | None] = {}
    for place, tag in reversed(list(enumerate(tags))):
        name = tag[2].lower()
        ends.append(None if tag[1] else following.get(name))
        following[name] = place if tag[1] else None
    return ends[::-1]


def _document(element: _Element, language: Language) -> Document:
    kept: dict[str, list[str]] = {"DOCNO": [], "DOCID": [], "title": [], "text": []}
    tags = list(_TAG.finditer(element.content))
    inside: list[str] = []
    unclosed, begin = "", 0
    for tag, end in zip(tags, _ends(tags), strict=True):
        _keep(kept, {*inside, unclosed}, element.content[begin : tag.start()])
        name, unclosed, begin = tag[2].upper(), "", tag.end()
        if tag[1] and name in inside:
            del inside[len(inside) - 1 - inside[::-1].index(name) :]
        elif not tag[1] and not tag[0].endswith("/>"):
            if end is not None:
                inside.append(name)
            else:  # as <P> is written; the next tag ends it
                unclosed = name
    _keep(kept, {*inside, unclosed}, element.content[begin:])
    document_id = " ".join(kept["DOCNO"] or kept["DOCID"]) or _first(element.attributes, _DOCUMENT_IDS)
    if not document_id or document_id.split() != [document_id]:
        raise InputError(
            "a document has no number",
            where=element.where,
            expected='<DOCNO> one word </DOCNO>, or <DOC id="one-word">',
            got=repr(document_id),
        )
    return Document(document_id, " ".join(kept["title"]), "\n".join(kept["text"]), {"language": language.tag})


def _keep(kept: dict[str, list[str]], inside: set[str], text: str) -> None:
    text = " ".join(_plain(text).split())
    if not text:
        return
    if name := next((name for name in ("DOCNO", "DOCID") if name in inside), None):
        kept[name].append(text)
    elif _TITLES & inside:
        kept["title"].append(text)
    elif not _UNSEEN & inside:
        kept["text"].append(text)


def _topic_fields(element: _Element) -> dict[str, str]:
    """``num`` and ``title`` of a topic: from their tag to the next tag of any kind."""
    content = f"{element.content}</top>"
    tags = list(_TAG.finditer(content))
    ends = _ends(tags)
    fields: dict[str, str] = {}
    open_until: list[int] = []  # places of the closing tags of the elements around
    _refuse(element, "text before its first field", content[: tags[0].start()])
    for place, (tag, following) in enumerate(pairwise(tags)):
        name, text = tag[2].lower(), content[tag.end() : following.start()]
        open_until = [until for until in open_until if until > place]
        if tag[1]:
            if not open_until:
                _refuse(element, f"text after {tag[0]}, in no field", text)
            continue
        if name in ("num", "title"):
            if name in fields:
                _refuse(element, f"<{name}> twice", tag[0])
            if ends[place] not in (None, place + 1):
                _refuse(element, f"a tag inside of <{name}>", following[0])
            fields[name] = text
        if (end := ends[place]) is not None:
            open_until.append(end)
    return fields


def _refuse(element: _Element, what: str, text: str) -> None:
    if text.strip():
        raise InputError(
            f"a topic has {what}",
            where=element.where,
            expected="fields such as <num>, <title> and <desc>, each from its tag to the next one",
            got=repr(text.strip()[:60]),
            remedy="mend the topic",
        )
