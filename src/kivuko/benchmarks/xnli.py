"""XNLI as a retrieval probe: a premise finds the hypothesis it entails, among all hypotheses.

Conneau, Rinott, Lample, Williams, Bowman, Schwenk, Stoyanov, "XNLI: Evaluating Cross-lingual Sentence
Representations", EMNLP 2018, arXiv 1809.05053. ``xnli.test.tsv`` (header line; the columns that are read are in
:data:`COLUMNS`) or ``xnli.test.jsonl`` hold all 15 languages; on the hub there is one subset a language, with
``premise``, ``hypothesis`` and ``label``. Tested on small files of our own wording in this layout only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kivuko.benchmarks.jsonl_records import Record, field, records
from kivuko.collections.judged import JudgedDocument, Parts
from kivuko.errors import InputError
from kivuko.files.streams import lines, plain_name
from kivuko.languages import Language

COLUMNS = ("language", "gold_label", "sentence1", "sentence2", "pairID")
_HUB_LABELS = ("entailment", "neutral", "contradiction")


@dataclass(frozen=True)
class SentencePair:
    """A premise and a hypothesis.

    Attributes:
        id: of the pair, the same in every language.
        entailed: whether the premise entails the hypothesis.
        where: it stands, for errors.
    """

    id: str
    premise: str
    hypothesis: str
    entailed: bool
    where: str


def read_xnli(
    asked: Iterable[SentencePair], held: Iterable[SentencePair], document_language: Language
) -> Parts:
    """Premises in one language, and all hypotheses in the same or another.

    A hypothesis that its premise entails has grade 1, one that it does not entail 0; the rest are not judged.
    Sentences that occur in several pairs are one query or document, under the id of the first.

    Args:
        asked: pairs in the queries' language.
        held: pairs in the documents' language.
        document_language: of ``held``.

    Raises:
        InputError: a pair is labelled otherwise in one language than in the other, so that they are not parallel.
    """
    documents: dict[str, JudgedDocument] = {}
    found: dict[str, tuple[JudgedDocument, SentencePair]] = {}
    for pair in held:
        new = JudgedDocument(pair.id, "", pair.hypothesis, document_language.tag)
        found[pair.id] = documents.setdefault(pair.hypothesis, new), pair
    ids: dict[str, str] = {}
    qrels: dict[str, dict[str, int]] = {}
    for pair in asked:
        query = ids.setdefault(pair.premise, pair.id)
        if pair.id not in found:
            continue
        document, other = found[pair.id]
        if other.entailed != pair.entailed:
            raise InputError(
                "the two languages are not parallel",
                where=pair.where,
                expected=f"the label of {other.where}",
                got="entailment" if pair.entailed else "no entailment",
            )
        grades = qrels.setdefault(query, {})
        grades[document.id] = max(grades.get(document.id, 0), int(pair.entailed))
    return Parts(documents.values(), {query: premise for premise, query in ids.items()}, qrels)


def xnli_pairs(path: Path, language: str) -> Iterator[SentencePair]:
    """The pairs of one language (a code such as ``"sw"``) in ``xnli.test.tsv`` or ``xnli.test.jsonl``.

    Raises:
        InputError: a column is missing, a line has another number of fields, or there is no pair in the language.
    """
    none = True
    for where, record in records(path) if plain_name(path).endswith(".jsonl") else _rows(path):
        if field(record, ("language",), where) == language:
            none = False
            yield _pair(record, field(record, ("pairID",), where), where)
    if none:
        raise InputError("this file has no pair in the language", where=path, expected=language)


def hub_pairs(found: Iterable[Record]) -> Iterator[SentencePair]:
    """The pairs of a subset of the hub's ``facebook/xnli``; they have no id there but their place.

    Raises:
        InputError: a record lacks a field, or its label is none.
    """
    for number, (where, record) in enumerate(found):
        label = record.get("label")
        if not isinstance(label, int) or label not in range(len(_HUB_LABELS)):
            raise InputError("this is no label of XNLI", where=where, expected="0, 1 or 2", got=repr(label))
        texts = {"sentence1": record.get("premise"), "sentence2": record.get("hypothesis")}
        yield _pair({**texts, "gold_label": _HUB_LABELS[label]}, str(number), where)


def _pair(record: Mapping[str, Any], name: str, where: str) -> SentencePair:
    premise, hypothesis, label = (
        field(record, (column,), where) for column in ("sentence1", "sentence2", "gold_label")
    )
    return SentencePair(name, premise, hypothesis, label == "entailment", where)


def _rows(path: Path) -> Iterator[Record]:
    header: Sequence[str] = ()
    for number, line in lines(path):
        row = line.split("\t")
        if number == 1:
            header = row
            if not set(COLUMNS) <= set(row):
                raise InputError(
                    "this is no file of XNLI", where=f"{path}:1", expected=", ".join(COLUMNS), got=line[:80]
                )
        elif len(row) != len(header):
            raise InputError(
                "this line has the wrong number of fields",
                where=f"{path}:{number}",
                expected=f"{len(header)} tab-separated fields, as in the first line",
                got=len(row),
            )
        else:
            yield f"{path}:{number}", dict(zip(header, row, strict=True))
