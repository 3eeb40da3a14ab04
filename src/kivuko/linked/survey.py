"""One pass over linked documents for what the judgments need of them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

from rich.progress import Progress

from kivuko.data.sieve import computed
from kivuko.files.resumable import Unfinished
from kivuko.linked.documents import LinkedDocument, LinkedSource, Reading
from kivuko.linked.mutual_links import MutualLinks
from kivuko.linked.queries import Queries, key_of
from kivuko.linked.query_text import query_of
from kivuko.linked.recipe import LinkedRecipe
from kivuko.text import words


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


def survey_documents(
    source: LinkedSource,
    recipe: LinkedRecipe,
    queries: Queries,
    reading: Reading,
    progress: Progress | None,
    work: Unfinished,
) -> Survey:
    """One pass over the documents: which there are, their lengths and links, and which give a query's own text."""
    query_keys: dict[str, set[bytes]] = {}
    for query, counterpart in queries.counterparts.items():
        query_keys.setdefault(counterpart, set()).add(key_of(queries.texts[query]))
    survey = Survey(MutualLinks(query_keys.keys()))
    contents: dict[str, bytes] = {}
    seen: set[bytes] = set()
    repeated: set[bytes] = set()

    def measured(document: LinkedDocument) -> list[Any]:
        """Number of words, key of the content, and whether it gives the text of a query that leads to it."""
        text = (
            query_of(document, recipe.queries, recipe.document_language)
            if document.id in query_keys
            else None
        )
        same = text is not None and key_of(text) in query_keys[document.id]
        return [len(words(document.text)), key_of(f"{document.title}\n{document.text}").hex(), same]

    documents = source.documents(recipe.document_language, reading, progress, work)
    for document, (length, content, same) in computed(work, "survey", documents, measured):
        survey.present.add(document.id)
        survey.lengths.append(length)
        survey.links.add(document.id, document.links_to)
        key = bytes.fromhex(content)
        (repeated if key in seen else seen).add(key)
        if document.id in query_keys:
            contents[document.id] = key
        if same:
            survey.same.add(document.id)
    survey.twins = {document for document, key in contents.items() if key in repeated}
    return survey
