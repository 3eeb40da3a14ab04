"""A line of a document that shows why it was found."""

from __future__ import annotations

from kivuko.collections.document import Document
from kivuko.text import words

_WIDTH = 160


def snippet(document: Document, span: tuple[int, int] | None, query: str, width: int = _WIDTH) -> str:
    """An excerpt of a document's text, at most ``width`` characters and two ellipses.

    Args:
        document: what was found; its title is not repeated.
        span: the passage in its full text by which it was found; all of it by default.
        query: the excerpt begins near the first of its words in the passage, where one is there at all.
        width: characters.
    """
    title = len(document.title) + 1
    begin, end = span or (0, len(document.full_text))
    text = document.full_text[max(begin, title) : end]
    whole = " ".join(text.split())
    if len(whole) <= width:
        return whole
    lowered = whole.lower()
    found = [place for place in (lowered.find(word) for word in words(query)) if place >= 0]
    # Some of what stands before the word, from the beginning of a word on.
    start = max(0, min([*found, len(whole)]) - width // 4) if found else 0
    start = whole.rfind(" ", 0, start) + 1
    stop = min(len(whole), start + width)
    if stop < len(whole) and " " in whole[start + 1 : stop]:
        stop = whole.rfind(" ", start, stop)
    return ("…" if start else "") + whole[start:stop] + ("…" if stop < len(whole) else "")
