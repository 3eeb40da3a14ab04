"""What stands behind a headword, taken apart: ``leave (a place), quit; stop doing sth`` → ``leave``, ``quit``."""

from __future__ import annotations

import re

from kivuko.text import normalise

_NOTE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>")
_UNCLOSED_NOTE = re.compile(r"[(\[{<].*$")
_BORDER = re.compile(r"[,;،፣、，；]")
# An alternative (he/it), a label (pl:), a gap (…) or a leftover of markup: what is meant cannot be known.
_UNCLEAR = re.compile(
    r"[][(){}<>/\\|=*^_&+:\"…]|\.\.|(?i:\b(?:sth|smth|sb|smb|so's|sb's|etc|esp|cf|pl|sing)\b)"
)
_ENDS = " .!?।"
_PARTICLE = re.compile(r"^(?:to|an?|the) (?=\S)", re.IGNORECASE)


def without_notes(text: str) -> str:
    """Text without what is in brackets of any kind, normalised: ``bank (of a river)`` → ``bank``."""
    former = None
    while former != text:  # notes inside notes
        former, text = text, _NOTE.sub(" ", text)
    return normalise(_UNCLOSED_NOTE.sub("", text))


def glosses(text: str) -> list[str]:
    """The translations in a definition, in order, each once; what is no plain word or phrase is left out.

    Notes in brackets go, commas and semicolons separate, and ``~`` (FreeDict's Hindi) is a space.
    """
    parts = (part.strip(_ENDS) for part in _BORDER.split(without_notes(text.replace("~", " "))))
    return list(dict.fromkeys(part for part in parts if part and not _UNCLEAR.search(part)))


def without_particle(english: str) -> str:
    """English without a leading ``to`` of the infinitive or article, unless that is all there is."""
    return _PARTICLE.sub("", english)
