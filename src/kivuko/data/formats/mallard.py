"""Mallard topics (``.page``), GNOME's XML for help: the title, and the paragraphs in reading order."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from kivuko.errors import InputError
from kivuko.text import normalise

_NAMESPACE = "{http://projectmallard.org/1.0/}"
_BLOCKS = frozenset(f"{_NAMESPACE}{name}" for name in ("p", "title", "subtitle", "desc", "screen", "td"))
# What is no text of the page: who wrote it and when, and what the authors say to each other.
_SILENT = frozenset(f"{_NAMESPACE}{name}" for name in ("info", "comment"))
# Their parts stand side by side without a space: <keyseq><key>Ctrl</key><key>C</key></keyseq>.
_SEQUENCES = frozenset(f"{_NAMESPACE}{name}" for name in ("keyseq", "guiseq"))


def read_topic(data: bytes, where: object) -> tuple[str, list[str]]:
    """Title and paragraphs of one page, normalised.

    The first paragraph is the page's own summary (``<info><desc>``). A translated page has the same elements in
    the same order as the English one, so the n-th paragraphs of the two belong together: an empty one stays.

    Args:
        data: the file's content.
        where: its path, for errors.

    Returns:
        The title (empty if there is none), and one text for each paragraph, heading, cell and screen of output.

    Raises:
        InputError: not well-formed XML, or not a Mallard page.
    """
    try:
        page = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise InputError("this page is not well-formed XML", where=where, got=str(error)) from error
    if page.tag != f"{_NAMESPACE}page":
        raise InputError("this is not a Mallard page", where=where, expected="<page>", got=f"<{page.tag}>")
    title = page.find(f"{_NAMESPACE}title")
    summary = page.find(f"{_NAMESPACE}info/{_NAMESPACE}desc")
    texts = ["" if summary is None else _text(summary)]
    texts += [text for child in page if child is not title for text in _blocks(child)]
    return "" if title is None else _text(title), texts


def _blocks(element: ElementTree.Element) -> Iterator[str]:
    """Texts of the innermost blocks at and below ``element``."""
    if element.tag in _SILENT:
        return
    if element.tag in _BLOCKS and not any(inner.tag in _BLOCKS for inner in list(element.iter())[1:]):
        yield _text(element)
        return
    for child in element:
        yield from _blocks(child)


def _text(element: ElementTree.Element) -> str:
    return normalise("".join(_pieces(element)))


def _pieces(element: ElementTree.Element) -> Iterator[str]:
    yield element.text or ""
    for number, child in enumerate(element):
        if number and element.tag in _SEQUENCES:
            yield " "
        yield from _pieces(child)
        yield child.tail or ""
