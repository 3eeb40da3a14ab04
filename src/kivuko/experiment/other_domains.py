"""Collections of other domains as plain folders: documents.tsv, qrels.txt and a queries.LANGUAGE.tsv a language.

Nobody split them, so they are halved here by the articles that their queries are about: a hash of what the first
relevant document's id has before its last hyphen. What is chosen is chosen on one half, and reported on the other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from kivuko.artifact import cache_folder, exclusive, hash_file, hash_json, is_complete
from kivuko.collections.collection import Contents, Description, QuerySet
from kivuko.collections.document import Document
from kivuko.collections.split import HELD_OUT
from kivuko.collections.writing import write_collection
from kivuko.errors import InputError
from kivuko.languages import Language, resolve
from kivuko.ranking import Qrels
from kivuko.readers.documents import read_documents, read_queries
from kivuko.trec_lines import read_qrels

DOCUMENTS, QRELS = "documents.tsv", "qrels.txt"
ENGLISH = resolve("en")


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
    judged = read_qrels(folder / QRELS)
    texts = {query: text for query, text in read_queries(file).items() if judged.get(query)}
    found = []
    for split in HELD_OUT:
        own = sorted(query for query in texts if half_of(sorted(judged[query])[0]) == split)[:most]
        if own:
            found.append(
                Half(split, {query: texts[query] for query in own}, {query: judged[query] for query in own})
            )
    return found


def is_plain(folder: Path) -> bool:
    """Whether a folder is laid out as this module says."""
    return (folder / DOCUMENTS).is_file() and (folder / QRELS).is_file()


def as_collection(folder: Path, kind: str, documents: int | None = None) -> Path:
    """The collection artefact of a plain folder, in the cache: both halves of all languages' queries.

    Args:
        folder: see the module.
        kind: what its queries are, such as ``"question"``; English ones become ``english-KIND``.
        documents: how many are searched: all that are relevant to a query, and of the others those whose ids have
            the lowest hashes; all by default.

    Raises:
        InputError: a file does not read, no queries are there, or more documents than asked for are relevant.
    """
    files = sorted([folder / DOCUMENTS, folder / QRELS, *folder.glob("queries.*.tsv")])
    inputs = [kind, documents, [[file.name, hash_file(file)] for file in files]]
    path = cache_folder() / "other-domains" / hash_json(inputs)[:16]
    with exclusive(path):
        if is_complete(path):
            return path
        queries: dict[QuerySet, dict[str, str]] = {}
        for file in sorted(folder.glob("queries.*.tsv")):
            language = resolve(file.name.split(".")[1])
            own = f"english-{kind}" if language == ENGLISH else kind
            queries |= {
                QuerySet(own, half.split, language): half.queries for half in halves(folder, language)
            }
        spoken = [each.language for each in queries if each.language != ENGLISH]
        if not spoken:
            raise InputError(
                "no queries to ask", where=folder, expected="queries.LANGUAGE.tsv beside qrels.txt"
            )
        qrels = read_qrels(folder / QRELS)
        relevant = {document for grades in qrels.values() for document in grades}
        description = Description(
            name=folder.name,
            language=spoken[0],
            judgments="as the folder it was read from says",
            licence="as the folder it was read from says",
            citation="none",
            source=str(folder),
        )
        chosen = _some(list(read_documents(folder / DOCUMENTS)), relevant, documents, folder)
        return write_collection(path, description, Contents(chosen, queries, qrels))


def _some(documents: list[Document], relevant: set[str], most: int | None, folder: Path) -> list[Document]:
    if most is None:
        return documents
    needed = sum(document.id in relevant for document in documents)
    if needed > most:
        raise InputError(
            "more documents are relevant than are to be searched", where=folder, expected=needed, got=most
        )
    by_hash = sorted(
        documents, key=lambda each: (each.id not in relevant, hashlib.sha256(each.id.encode()).hexdigest())
    )
    kept = {document.id for document in by_hash[:most]}
    return [document for document in documents if document.id in kept]


def half_of(document_id: str) -> str:
    """The half of a document's article, which is its id up to the last hyphen."""
    article = document_id.rpartition("-")[0] or document_id
    return HELD_OUT[hashlib.sha256(article.encode()).digest()[0] % 2]
