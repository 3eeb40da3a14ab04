"""Collections of other domains as plain folders: documents.tsv, qrels.txt and a queries.LANGUAGE.tsv a language.

Nobody split them, so they are halved here by the articles that their queries are about: a hash of what the first
relevant document's id has before its last hyphen. What is chosen is chosen on one half, and reported on the other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from kivuko.collections.split import HELD_OUT
from kivuko.languages import Language
from kivuko.ranking import Qrels
from kivuko.readers.documents import read_queries
from kivuko.trec_lines import read_qrels


@dataclass(frozen=True)
class Half:
    """The queries of one half, in one language, and their judgments.

    Attributes:
        split: ``"development"`` or ``"test"``.
        queries: query id → text.
        qrels: of these queries.
    """

    split: str
    queries: dict[str, str]
    qrels: Qrels


def halves(folder: Path, language: Language, most: int | None = None) -> list[Half]:
    """Both halves of a folder's judged queries in a language.

    Args:
        folder: see the module.
        language: of the queries.
        most: queries of each half, the first by id; all by default.

    Returns:
        Nothing where the folder has no queries in the language; no half that would be empty.

    Raises:
        InputError: a file does not read.
    """
    file = folder / f"queries.{language.short}.tsv"
    if not file.is_file():
        return []
    judged = read_qrels(folder / "qrels.txt")
    texts = {query: text for query, text in read_queries(file).items() if judged.get(query)}
    found = []
    for split in HELD_OUT:
        own = sorted(query for query in texts if half_of(sorted(judged[query])[0]) == split)[:most]
        if own:
            found.append(
                Half(split, {query: texts[query] for query in own}, {query: judged[query] for query in own})
            )
    return found


def half_of(document_id: str) -> str:
    """The half of a document's article, which is its id up to the last hyphen."""
    article = document_id.rpartition("-")[0] or document_id
    return HELD_OUT[hashlib.sha256(article.encode()).digest()[0] % 2]
