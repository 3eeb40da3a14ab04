"""Queries for documents that nobody asked for: what a teacher learns to search with."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from kivuko.data import Document
from kivuko.public.collections import FEWEST_WORDS
from kivuko.text import comparison_key, words

_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")


def title_and_sentence_pairs(documents: Sequence[Document]) -> list[tuple[str, str]]:
    """(query, document) pairs of English documents: the title, and one sentence of the text, chosen by its hash.

    Titles alone would teach short queries and let long ones be forgotten (docs/results/teachers). A title that
    several documents have is no query, nor is a sentence that stands in several or has fewer than four words.

    Args:
        documents: at best a few thousand; one without a query has no pair.

    Returns:
        All titles' pairs, then all sentences', each in the order of the documents.
    """
    titled = Counter(comparison_key(document.title) for document in documents)
    pairs = [
        (document.title, document.full_text)
        for document in documents
        if document.title and document.text and titled[comparison_key(document.title)] == 1
    ]
    sentences = [_BETWEEN_SENTENCES.split(document.text) for document in documents]
    found_in = Counter(key for own in sentences for key in {comparison_key(text) for text in own})
    for document, own in zip(documents, sentences, strict=True):
        able = [
            text
            for text in own
            if len(words(text)) >= FEWEST_WORDS
            and found_in[comparison_key(text)] == 1
            and comparison_key(text) != comparison_key(document.title)
        ]
        if able:
            sentence = min(able, key=lambda text: hashlib.sha256(text.encode()).hexdigest())
            pairs.append((sentence, document.full_text))
    return pairs
