"""Queries of linked documents: which texts there are, and the document that each one's document names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from rich.progress import Progress

from kivuko.collections.counts import DropReport
from kivuko.files.resumable import Unfinished
from kivuko.linked.documents import LinkedDocument, LinkedSource, Reading
from kivuko.linked.query_text import FEWEST_WORDS, query_of
from kivuko.linked.recipe import LinkedRecipe
from kivuko.text import comparison_key, words


@dataclass
class Queries:
    """Queries by id, and the document that each one's document names as its counterpart."""

    texts: dict[str, str] = field(default_factory=dict)
    counterparts: dict[str, str] = field(default_factory=dict)

    def remove(self, query: str) -> None:
        """Forget one."""
        del self.texts[query], self.counterparts[query]


def read_queries(
    source: LinkedSource,
    recipe: LinkedRecipe,
    reading: Reading,
    report: DropReport,
    progress: Progress | None,
    work: Unfinished,
) -> Queries:
    """Queries of documents that name a counterpart; a text that several documents give is none."""
    queries = Queries()
    seen: set[bytes] = set()
    ambiguous: set[bytes] = set()
    for document in source.documents(recipe.query_language, reading, progress, work):
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
