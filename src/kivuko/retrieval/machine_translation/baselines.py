"""Translate, then search with BM25: the queries into the documents' language, or the documents into the queries'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kivuko.data import Document
from kivuko.ranking import Run
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.machine_translation.translator import Translator


def search_translated_queries(
    index: LexicalIndex, queries: Mapping[str, str], translator: Translator, depth: int = 1000
) -> Run:
    """Query translation: BM25 with each query's translation, words and order as the translator gave them.

    Args:
        index: documents in ``translator.target``.
        queries: query id → text in ``translator.source``.
        translator: translates all queries in one call.
        depth: documents kept a query.

    Returns:
        One ranking a query, in their order; one whose translation matches nothing has no documents.
    """
    translations = translator.translate(list(queries.values()))
    return {
        query: index.search(translation, depth)
        for query, translation in zip(queries, translations, strict=True)
    }


def translate_documents(documents: Sequence[Document], translator: Translator) -> list[Document]:
    """The documents in the translator's target language, ids unchanged.

    Titles and lines are translated one by one, for a line is a paragraph and translators cut long texts; a
    line that occurs often is translated once.
    """
    lines = [[document.title, *document.text.split("\n")] for document in documents]
    distinct = list(dict.fromkeys(line for document in lines for line in document if line.strip()))
    translations = dict(zip(distinct, translator.translate(distinct), strict=True))
    translated = [[translations.get(line, "") for line in document] for document in lines]
    return [
        Document(document.id, title, "\n".join(text))
        for document, (title, *text) in zip(documents, translated, strict=True)
    ]
