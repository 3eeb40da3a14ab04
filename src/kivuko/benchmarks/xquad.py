"""XQuAD as retrieval: a question finds the paragraph it was written for.

Artetxe, Ruder, Yogatama, "On the Cross-lingual Transferability of Monolingual Representations", ACL 2020,
arXiv 1910.11856. One file a language, ``xquad.hi.json``, in SQuAD's layout; on the hub, one record a question.
Tested on small files of our own wording in this layout only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from kivuko.benchmarks.jsonl_records import Record, field
from kivuko.collections.judged import JudgedDocument, Parts
from kivuko.errors import InputError
from kivuko.files.streams import open_bytes
from kivuko.languages import Language


def read_xquad(asked: Iterable[Record], held: Iterable[Record], document_language: Language) -> Parts:
    """Questions in one language, and all paragraphs in the same or another.

    A question has the same id in every language, and a paragraph that of the first of its questions by id.

    Args:
        asked: records (``id``, ``question``) in the queries' language.
        held: records (``id``, ``context``) in the documents' language.
        document_language: of ``held``.

    Raises:
        InputError: a record lacks a field.
    """
    queries = {field(record, ("id",), where): field(record, ("question",), where) for where, record in asked}
    paragraphs: dict[str, list[str]] = {}
    for where, record in held:
        found = paragraphs.setdefault(field(record, ("context",), where), [])
        found.append(field(record, ("id",), where))
    documents = [
        JudgedDocument(min(found), "", text, document_language.tag) for text, found in paragraphs.items()
    ]
    qrels = {question: {min(found): 1} for found in paragraphs.values() for question in found}
    return Parts(documents, queries, qrels)


def squad_records(path: Path) -> Iterator[Record]:
    """``id``, ``context`` and ``question`` of each question in a file in SQuAD's layout (Rajpurkar et al., 2016).

    Raises:
        InputError: the file is missing, no JSON, or in another layout.
    """
    with open_bytes(path) as stream:
        text = stream.read()  # a file of XQuAD has 1 MB
    try:
        for article in json.loads(text)["data"]:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    record = {"context": paragraph["context"], **{k: question[k] for k in ("id", "question")}}
                    yield f"{path}, question {record['id']}", record
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "this file is not in SQuAD's layout",
            where=path,
            expected="JSON in UTF-8: data, paragraphs, context, qas, id, question",
            got=repr(error),
        ) from error
