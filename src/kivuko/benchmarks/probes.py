"""Reading comprehension and inference, parallel over languages, as retrieval: Belebele, XQuAD and XNLI.

Belebele (Bandarkar, Liang, Muller, Artetxe, Shukla, Husa, Goyal, Krishnan, Zettlemoyer, Khabsa, ACL 2024,
arXiv 2308.16884): a question finds the passage it was written for. One file a language, ``swh_Latn.jsonl``, of
objects with ``link``, ``question_number``, ``flores_passage`` and ``question``; the download from its authors also
has ``split``, without which a link may stand for two passages.

XQuAD (Artetxe, Ruder, Yogatama, ACL 2020, arXiv 1910.11856): a question finds the paragraph it was written for. One
file a language, ``xquad.hi.json``, in SQuAD's layout; on the hub, one record a question.

XNLI (Conneau, Rinott, Lample, Williams, Bowman, Schwenk, Stoyanov, EMNLP 2018, arXiv 1809.05053): a premise finds the
hypothesis it entails, among all hypotheses. ``xnli.test.tsv`` (header line; the columns that are read are in
:data:`XNLI_COLUMNS`) or ``xnli.test.jsonl`` hold all 15 languages; on the hub there is one subset a language, with
``premise``, ``hypothesis`` and ``label``.

XQuAD was read as published (English, Hindi, Turkish); the others were tested on small files of our own wording in
these layouts only.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kivuko.benchmarks.layouts import Parts, Record, records
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.files.json_lines import id_field, is_json_lines, text_field
from kivuko.files.streams import lines, open_bytes
from kivuko.files.tables import ragged
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
XNLI_COLUMNS = ("language", "gold_label", "sentence1", "sentence2", "pairID")
_HUB_LABELS = ("entailment", "neutral", "contradiction")


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
        query = _belebele_question(record, where)
        times[query] += 1
        queries[query] = text_field(record, ("question",), where)
    passages: dict[str, dict[str, list[str]]] = {}  # link → text → its questions
    for where, record in held:
        texts = passages.setdefault(_belebele_link(record, where), {})
        texts.setdefault(text_field(record, ("flores_passage",), where), []).append(
            _belebele_question(record, where)
        )
    documents: list[Document] = []
    qrels: dict[str, dict[str, int]] = {}
    shared = Counter(q for texts in passages.values() for found in texts.values() for q in found)
    for link, texts in passages.items():
        for text, found in texts.items():
            # Of two passages with one link, the text has to tell them apart.
            document = _digest(link if len(texts) == 1 else f"{link}\n{text}")
            documents.append(Document(document, "", text, {"language": document_language.tag}))
            qrels |= {query: {document: 1} for query in found if shared[query] == 1 and times[query] == 1}
    for query in list(queries):
        if times[query] > 1 or shared[query] > 1:
            del queries[query]
            for _ in range(times[query]):
                report.drop("question with the link and number of another")
    return Parts(documents, queries, qrels, report)


def _belebele_link(record: Mapping[str, Any], where: str) -> str:
    split = id_field(record, ("split",), where) if "split" in record else ""
    return f"{id_field(record, ('link',), where)} {split}"


def _belebele_question(record: Mapping[str, Any], where: str) -> str:
    return _digest(f"{_belebele_link(record, where)} {id_field(record, ('question_number',), where)}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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
    paragraphs: dict[str, list[str]] = {}
    for where, record in held:
        found = paragraphs.setdefault(text_field(record, ("context",), where), [])
        found.append(id_field(record, ("id",), where))
    documents = [
        Document(min(found), "", text, {"language": document_language.tag})
        for text, found in paragraphs.items()
    ]
    qrels = {question: {min(found): 1} for found in paragraphs.values() for question in found}
    return Parts(documents, questions(asked), qrels)


def questions(found: Iterable[Record]) -> dict[str, str]:
    """Id → question.

    Raises:
        InputError: a record lacks a field.
    """
    return {
        id_field(record, ("id",), where): text_field(record, ("question",), where) for where, record in found
    }


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
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            "this file is not in SQuAD's layout",
            where=path,
            expected="JSON in UTF-8: data, paragraphs, context, qas, id, question",
            got=repr(error),
        ) from error


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
    documents: dict[str, Document] = {}
    found: dict[str, tuple[Document, SentencePair]] = {}
    for pair in held:
        new = Document(pair.id, "", pair.hypothesis, {"language": document_language.tag})
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
    for where, record in records(path) if is_json_lines(path) else _xnli_rows(path):
        if text_field(record, ("language",), where) == language:
            none = False
            yield _sentence_pair(record, id_field(record, ("pairID",), where), where)
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
        yield _sentence_pair({**texts, "gold_label": _HUB_LABELS[label]}, str(number), where)


def _sentence_pair(record: Mapping[str, Any], name: str, where: str) -> SentencePair:
    premise, hypothesis, label = (
        text_field(record, (column,), where) for column in ("sentence1", "sentence2", "gold_label")
    )
    return SentencePair(name, premise, hypothesis, label == "entailment", where)


def _xnli_rows(path: Path) -> Iterator[Record]:
    header: Sequence[str] = ()
    for number, line in lines(path):
        row = line.split("\t")
        if number == 1:
            header = row
            if not set(XNLI_COLUMNS) <= set(row):
                raise InputError(
                    "this is no file of XNLI",
                    where=f"{path}:1",
                    expected=", ".join(XNLI_COLUMNS),
                    got=line[:80],
                )
        elif len(row) != len(header):
            raise ragged(path, number, line, f"{len(header)} tab-separated fields, as in the first line")
        else:
            yield f"{path}:{number}", dict(zip(header, row, strict=True))
