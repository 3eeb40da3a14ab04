"""Queries of linked documents: their texts, and what the judgments need to know of the documents.

A query is a document's title, or its first sentence without the title's words; it leads to the document that its
own document names as its counterpart.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from kivuko.collections.counts import DropReport
from kivuko.languages import Language
from kivuko.linked.documents import LinkedDocument
from kivuko.text import comparison_key, normalise, words

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


@dataclass(frozen=True)
class LinkedRecipe:
    """What to build.

    Attributes:
        query_language: language of the queries.
        document_language: language of the documents; the same one makes the monolingual control, in which a
            document is its own counterpart.
        queries: what a query is.
        drop_identical: leave out queries that read the same as their counterpart's; by default they stay,
            counted, as in WikiCLIR.
    """

    query_language: Language
    document_language: Language
    queries: QueryKind = "title"
    drop_identical: bool = False


@dataclass
class Queries:
    """Queries by id, and the document that each one's document names as its counterpart."""

    texts: dict[str, str] = field(default_factory=dict)
    counterparts: dict[str, str] = field(default_factory=dict)

    def remove(self, query: str) -> None:
        """Forget one."""
        del self.texts[query], self.counterparts[query]


def read_queries(documents: Iterable[LinkedDocument], recipe: LinkedRecipe, report: DropReport) -> Queries:
    """Queries of documents that name a counterpart; a text that several documents give is none."""
    queries = Queries()
    seen: set[bytes] = set()
    ambiguous: set[bytes] = set()
    for document in documents:
        text = query_of(document, recipe.queries, recipe.query_language)
        counterpart = _counterpart(document, recipe)
        if text is not None:
            key = key_of(text)
            (ambiguous if key in seen else seen).add(key)
        if counterpart is None:
            report.drop("document without a counterpart")
        elif text is None:
            report.drop("document without a sentence" if recipe.queries == "first-sentence" else "no title")
        elif len(words(text)) < FEWEST_WORDS[recipe.queries]:
            report.drop(f"query of fewer than {FEWEST_WORDS[recipe.queries]} words")
        else:
            queries.texts[document.id] = text
            queries.counterparts[document.id] = counterpart
    for query, text in list(queries.texts.items()):
        if key_of(text) in ambiguous:
            report.drop("several documents give this query")
            queries.remove(query)
    return queries


def _counterpart(document: LinkedDocument, recipe: LinkedRecipe) -> str | None:
    if recipe.query_language == recipe.document_language:
        return document.id
    return document.counterparts.get(recipe.document_language.tag)


def key_of(text: str) -> bytes:
    """Eight bytes for each text that counts as the same."""
    return hashlib.blake2b(comparison_key(text).encode(), digest_size=8).digest()


_HALF = 32


class MutualLinks:
    """Collects links, and finds the documents that a wanted one links to and that link back.

    Only links from or to a wanted document are held.

    Args:
        wanted: ids whose mutually linked documents will be asked for.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = wanted
        self._numbers: dict[str, int] = {}
        self._links = array("Q")

    def add(self, document: str, links_to: Iterable[str]) -> None:
        """Note where a document links to; a link to itself does not count."""
        held = document in self._wanted
        for target in links_to:
            if target != document and (held or target in self._wanted):
                self._links.append(self._number(document) << _HALF | self._number(target))

    def pairs(self) -> Iterator[tuple[str, str]]:
        """(wanted document, document) for each two that link to each other, in the order of their first links."""
        forward = np.unique(np.array(self._links, dtype=np.uint64))
        half = np.uint64(_HALF)
        backward = (forward << half) | (forward >> half)
        names = list(self._numbers)
        for link in np.intersect1d(forward, backward).tolist():
            document = names[link >> _HALF]
            if document in self._wanted:
                yield document, names[link & (1 << _HALF) - 1]

    def _number(self, document: str) -> int:
        return self._numbers.setdefault(document, len(self._numbers))


@dataclass
class Survey:
    """What one pass over the documents leaves: links, lengths, ids, and no text.

    ``same`` are counterparts that give their query's own text, ``twins`` those whose text another document has too.
    """

    links: MutualLinks
    same: set[str] = field(default_factory=set)
    twins: set[str] = field(default_factory=set)
    present: set[str] = field(default_factory=set)
    lengths: array[int] = field(default_factory=lambda: array("I"))


def survey_documents(documents: Iterable[LinkedDocument], recipe: LinkedRecipe, queries: Queries) -> Survey:
    """One pass over the documents: which there are, their lengths and links, and which give a query's own text."""
    query_keys: dict[str, set[bytes]] = {}
    for query, counterpart in queries.counterparts.items():
        query_keys.setdefault(counterpart, set()).add(key_of(queries.texts[query]))
    survey = Survey(MutualLinks(query_keys.keys()))
    contents: dict[str, bytes] = {}
    seen: set[bytes] = set()
    repeated: set[bytes] = set()
    for document in documents:
        survey.present.add(document.id)
        survey.lengths.append(len(words(document.text)))
        survey.links.add(document.id, document.links_to)
        key = key_of(f"{document.title}\n{document.text}")
        (repeated if key in seen else seen).add(key)
        if document.id in query_keys:
            contents[document.id] = key
            text = query_of(document, recipe.queries, recipe.document_language)
            if text is not None and key_of(text) in query_keys[document.id]:
                survey.same.add(document.id)
    survey.twins = {document for document, key in contents.items() if key in repeated}
    return survey
