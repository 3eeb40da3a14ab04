"""BEIR folders: ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/SPLIT.tsv`` with a header line.

Thakur, Reimers, Rücklé, Srivastava, Gurevych, "BEIR", NeurIPS Datasets and Benchmarks 2021, arXiv 2104.08663.
Tested on small files of our own wording in this layout only.
"""

from __future__ import annotations

from pathlib import Path

from kivuko.benchmarks.folders import find
from kivuko.benchmarks.jsonl_records import documents, queries, records
from kivuko.collections.judged import Parts
from kivuko.errors import InputError
from kivuko.files.tables import read_tsv
from kivuko.languages import Language

HEADER = ("query-id", "corpus-id", "score")


def read_beir(folder: Path, split: str, document_language: Language) -> Parts:
    """A BEIR folder.

    Args:
        folder: where the files are, plain or compressed.
        split: of the judgments: ``"test"``, ``"dev"`` or ``"train"``.
        document_language: of all documents.

    Raises:
        InputError: a file is missing or a line does not fit; names ``file:line``.
    """
    corpus = find(folder, "corpus.jsonl")
    asked = queries(records(find(folder, "queries.jsonl")))
    qrels = _qrels(find(folder, f"qrels/{split}.tsv"))
    return Parts(documents(records(corpus), document_language), asked, qrels)


def _qrels(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for number, row in read_tsv(path, HEADER):
        if row is None or (number == 1 and tuple(row) == HEADER):
            continue
        query, document, grade = (value.strip() for value in row)
        if not grade.isascii() or not grade.removeprefix("-").isdigit() or document in found.get(query, {}):
            raise InputError(
                "this line is no judgment",
                where=f"{path}:{number}",
                expected="query id, document id and a whole grade, each pair once",
                got="\t".join(row)[:80],
            )
        found.setdefault(query, {})[document] = int(grade)
    return found
