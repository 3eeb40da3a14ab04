"""ICU message syntax, ``{count, plural, one {page} other {pages}}``, made plain text."""

from __future__ import annotations

import re

_OPEN_CHOICE = re.compile(r"\s*\w+\s*,\s*(?:plural|select|selectordinal)\s*,(?:\s*offset:\d+)?")
_SELECTOR = re.compile(r"\s*(=?\w+)\s*\{")
_PLAIN = re.compile(r"[^{}]*")


def plain_text(message: str) -> str:
    """The message without its arguments; of a choice the form ``other`` stays, as of gettext's plurals.

    Example: ``"{n, number} {n, plural, one {page} other {pages}} of {book}"`` becomes ``"  pages of  "``.

    A message whose braces do not match, or whose choice has no ``other``, stays as it is.
    """
    try:
        text, end = _message(message, 0)
    except ValueError:
        return message
    return text if end == len(message) else message


def _message(source: str, start: int) -> tuple[str, int]:
    """Text from ``start`` to the brace that closes it (or the end), and where that is."""
    text = ""
    while True:
        plain = _PLAIN.match(source, start)
        assert plain is not None  # it matches nothing at all too
        text, start = text + plain[0], plain.end()
        if start == len(source) or source[start] == "}":
            return text, start
        choice = _OPEN_CHOICE.match(source, start + 1)
        form, start = _choice(source, choice.end()) if choice else (" ", source.find("}", start) + 1)
        if start == 0:
            raise ValueError("an argument does not end")
        text += form


def _choice(source: str, start: int) -> tuple[str, int]:
    """Form ``other`` of the choice whose selectors begin at ``start``, and where the choice has ended."""
    forms = {}
    while selector := _SELECTOR.match(source, start):
        form, end = _message(source, selector.end())
        if end == len(source):
            raise ValueError("a form does not end")
        forms[selector[1]], start = form.replace("#", " "), end + 1
    end = source.find("}", start)
    if "other" not in forms or source[start:end].strip() or end < 0:
        raise ValueError("a choice without the form other")
    return forms["other"], end + 1
