"""What a document's query is: its title, or its first sentence without the title's words."""

from __future__ import annotations

import re
from typing import Literal

from kivuko.languages import Language
from kivuko.linked.documents import LinkedDocument
from kivuko.text import normalise, words

QueryKind = Literal["title", "first-sentence"]
QUERY_KINDS: tuple[QueryKind, ...] = ("title", "first-sentence")
FEWEST_WORDS: dict[QueryKind, int] = {"title": 1, "first-sentence": 4}
"""Words a query must have (letters or digits; of scripts without spaces, bigrams)."""

# A full stop of a script with spaces needs one after it; others do not.
_END = re.compile(r"[.!?…]+[\"'»”’)\]]*(?=\s|$)|[。！？।॥።؟۔༎།។]+")
_LAST_WORD = re.compile(r"[^\W_]+$")
_PARENTHESIS = re.compile(r"\s*\([^()]*\)\s*$")
_EDGES = re.compile(r"^[\s,;:.)\]–—-]+|[\s,;:(\[–—-]+$")
_HOLLOW = re.compile(r"\(\s*[,;:\s]*\)")


def query_of(document: LinkedDocument, kind: QueryKind, language: Language) -> str | None:
    """The document's query, or None where it has no sentence.

    Args:
        document: a document in the language of the queries.
        kind: its title as it is, or its first sentence without the title's words (Schamoni, Hieber, Sokolov and
            Riezler, ACL 2014).
        language: what the document is in.
    """
    if kind == "title":
        return normalise(document.title) or None
    sentence = first_sentence(document.text, language)
    return None if sentence is None else without_title(sentence, document.title, language)


def first_sentence(text: str, language: Language) -> str | None:
    """The first sentence of a text, one paragraph a line; None where no paragraph has a sentence's end.

    A heading has no full stop and is passed over. A full stop after an initial, a short capitalised
    abbreviation or an ordinal, before a small letter or inside brackets does not end a sentence. In a language that
    writes no spaces, and often no full stops, the first paragraph stands in.
    """
    for paragraph in text.splitlines():
        for found in _END.finditer(paragraph):
            if _ends(paragraph, found):
                return paragraph[: found.end()].strip()
    if language.spaceless:
        return next((line for line in text.splitlines() if len(words(line)) >= 4), None)
    return None


def _ends(paragraph: str, found: re.Match[str]) -> bool:
    before, after = paragraph[: found.start()], paragraph[found.end() :].lstrip()
    if not words(before):
        return False
    if not after:
        return True
    if before.count("(") > before.count(")"):
        return False
    if not found[0].startswith("."):
        return True
    last = _LAST_WORD.search(before)
    return not after[0].islower() and (last is None or not _abbreviates(last[0], after))


def _abbreviates(last: str, after: str) -> bool:
    """Whether a full stop after ``last`` belongs to it: "J.", "St. Louis", "ca. 300", "12. Mai", but not "… da."."""
    if len(last) > 2:
        return False
    return len(last) == 1 or last[0].isupper() or last.isdigit() or after[0].isdigit()


def without_title(sentence: str, title: str, language: Language) -> str:
    """A sentence without the words of a title; what the title has in brackets at its end does not count.

    Inflected forms of the title's words stay. Where a language writes no spaces, the title goes as a whole.
    """
    title = _PARENTHESIS.sub("", title)
    if language.spaceless:
        kept = sentence.replace(title, " ") if title else sentence
    else:
        named = set(words(title))
        kept = " ".join(_without(token, named) for token in sentence.split())
    return normalise(_EDGES.sub("", _HOLLOW.sub("", normalise(kept))))


def _without(token: str, named: set[str]) -> str:
    """A run of characters without white space; nothing is left of it but its brackets if its words are named."""
    found = words(token)
    if not found or not set(found) <= named:
        return token
    return "".join(character for character in token if character in "()[]")
