"""Hard negatives for (query, document) pairs that come without: documents that share words with the query."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kivuko.collections.collection import Document
from kivuko.errors import InputError
from kivuko.retrieval.lexical import LexicalIndex

#: A negative is one of so many documents that BM25 ranks best, the query's own left out.
CANDIDATES = 8


def with_hard_negatives(pairs: Sequence[tuple[str, str]], *, seed: int = 0) -> list[tuple[str, str, str]]:
    """Give every pair one hard negative: a document of another pair, drawn from the best by BM25 for its query.

    Where no other document has a word of the query, any other is drawn.

    Args:
        pairs: (query, document), the document's title on its first line.
        seed: of the draw.

    Returns:
        (query, document, hard negative), in the order of ``pairs``.

    Raises:
        InputError: there are fewer than two different documents, or no word in them.

    Reference:
        Karpukhin et al., EMNLP 2020, arXiv 2004.04906 (a document that BM25 ranks high as negative).
    """
    texts = sorted({document for _, document in pairs})
    if len(texts) < 2:
        raise InputError(
            "there are no documents to take hard negatives from",
            expected="two different documents at least",
            got=str(len(texts)),
        )
    titles_and_texts = (text.partition("\n") for text in texts)
    index = LexicalIndex(
        [Document(str(i), title, text) for i, (title, _, text) in enumerate(titles_and_texts)]
    )
    own = {text: i for i, text in enumerate(texts)}
    rng = random.Random(seed)
    triples = []
    for query, document in pairs:
        found = [int(i) for i in index.search(query, CANDIDATES + 1) if int(i) != own[document]][:CANDIDATES]
        number = rng.choice(found) if found else (own[document] + rng.randrange(1, len(texts))) % len(texts)
        triples.append((query, document, texts[number]))
    return triples
