"""Belebele as retrieval: a question finds the passage it was written for.

Bandarkar, Liang, Muller, Artetxe, Shukla, Husa, Goyal, Krishnan, Zettlemoyer, Khabsa, "The Belebele Benchmark: a
Parallel Reading Comprehension Dataset in 122 Language Variants", ACL 2024, arXiv 2308.16884. One file a language,
``swh_Latn.jsonl``, of objects with ``link``, ``question_number``, ``flores_passage`` and ``question``; the download
from its authors also has ``split``, without which a link may stand for two passages. Tested on small files of our
own wording in this layout only.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from kivuko.benchmarks.jsonl_records import Record, field
from kivuko.collections.counts import DropReport
from kivuko.collections.judged import JudgedDocument, Parts
from kivuko.languages import Language

#: Our ISO 639-3 code → that of FLORES-200, where they differ.
_FLORES = MappingProxyType(
    {
        "ara": "arb",
        "aze": "azj",
        "fas": "pes",
        "ful": "fuv",
        "lav": "lvs",
        "mlg": "plt",
        "mon": "khk",
        "msa": "zsm",
        "nep": "npi",
        "ori": "ory",
        "orm": "gaz",
        "pus": "pbt",
        "sqi": "als",
        "swa": "swh",
        "uzb": "uzn",
    }
)


def flores_code(language: Language) -> str:
    """The language's code in FLORES-200, such as ``"gaz_Latn"`` for Oromo."""
    script = "Hang" if language.script == "Kore" else language.script
    return f"{_FLORES.get(language.iso639_3, language.iso639_3)}_{script}"


def read_belebele(asked: Iterable[Record], held: Iterable[Record], document_language: Language) -> Parts:
    """Questions in one language, and all passages in the same or another.

    Left out and counted: questions that share link and number with another one, as nothing says which of the two a
    translation is of. A passage and a question have the same id in every language.

    Args:
        asked: records in the queries' language.
        held: records in the documents' language.
        document_language: of ``held``.

    Raises:
        InputError: a record lacks a field.
    """
    report = DropReport()
    queries: dict[str, str] = {}
    times: Counter[str] = Counter()
    for where, record in asked:
        query = _question(record, where)
        times[query] += 1
        queries[query] = field(record, ("question",), where)
    passages: dict[str, dict[str, list[str]]] = {}  # link → text → its questions
    for where, record in held:
        texts = passages.setdefault(_link(record, where), {})
        texts.setdefault(field(record, ("flores_passage",), where), []).append(_question(record, where))
    documents: list[JudgedDocument] = []
    qrels: dict[str, dict[str, int]] = {}
    shared = Counter(q for texts in passages.values() for found in texts.values() for q in found)
    for link, texts in passages.items():
        for text, found in texts.items():
            # Of two passages with one link, the text has to tell them apart.
            document = _digest(link if len(texts) == 1 else f"{link}\n{text}")
            documents.append(JudgedDocument(document, "", text, document_language.tag))
            qrels |= {query: {document: 1} for query in found if shared[query] == 1 and times[query] == 1}
    for query in list(queries):
        if times[query] > 1 or shared[query] > 1:
            del queries[query]
            for _ in range(times[query]):
                report.drop("question with the link and number of another")
    return Parts(documents, queries, qrels, report)


def _link(record: Mapping[str, Any], where: str) -> str:
    split = field(record, ("split",), where) if "split" in record else ""
    return f"{field(record, ('link',), where)} {split}"


def _question(record: Mapping[str, Any], where: str) -> str:
    return _digest(f"{_link(record, where)} {field(record, ('question_number',), where)}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
