"""Folders of test collections in the two layouts that most of the field uses: BEIR's and TREC's.

BEIR (Thakur, Reimers, Rücklé, Srivastava, Gurevych, NeurIPS Datasets and Benchmarks 2021, arXiv 2104.08663):
``corpus.jsonl``, ``queries.jsonl`` and ``qrels/SPLIT.tsv`` with a header line. TREC: documents and topics in its
SGML-like markup, or as TSV and JSON lines, with TREC qrels; MIRACL, CIRAL, Mr.TyDi and AfriCLIRMatrix give the
topics as TSV and the documents as JSON lines. Tested on small files of our own wording in these layouts only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kivuko.benchmarks import trec_markup
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.files.json_lines import JSON_LINES, id_field, is_json_lines, json_objects, text_field
from kivuko.files.streams import COMPRESSED, plain_name
from kivuko.files.tables import HEADER, names_columns, read_tsv
from kivuko.languages import Language
from kivuko.trec_lines import read_qrels

IDS = ("_id", "docid", "doc_id", "id")
TEXTS = ("text", "contents")

#: Where a record stands, for errors (``file:line``), and what it says.
Record = tuple[str, Mapping[str, Any]]


@dataclasses.dataclass
class Parts:
    """What a loader reads: the documents a stream, so that many never stand in memory.

    Attributes:
        documents: documents in any order, with their language as metadata.
        queries: query id → text.
        qrels: query id → document id → grade.
        report: counts what the loader leaves out.
        english: the same queries in English, by id, where the publisher has them.
        splits: query id → split, where queries of several were read.
    """

    documents: Iterable[Document]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    report: DropReport = dataclasses.field(default_factory=DropReport)
    english: Mapping[str, str] = dataclasses.field(default_factory=dict)
    splits: Mapping[str, str] = dataclasses.field(default_factory=dict)


BEIR_QRELS = ("query-id", "corpus-id", "score")


def is_beir(folder: Path) -> bool:
    """Whether a folder is laid out as BEIR does; else it may be as TREC does."""
    return any(folder.glob("queries.jsonl*"))


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
    qrels = _beir_qrels(find(folder, f"qrels/{split}.tsv"))
    return Parts(documents(records(corpus), document_language), asked, qrels)


def _beir_qrels(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for number, row in read_tsv(path, BEIR_QRELS):
        if row is None or (number == 1 and names_columns(row)):
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


def read_trec(
    folder: Path,
    document_language: Language,
    *,
    encoding: str = "utf-8",
    published: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Parts:
    """A folder with documents, topics and qrels.

    Documents: ``documents.jsonl`` or ``.ndjson``, ``documents.trec``, or a folder ``documents`` of such files.
    Topics: ``topics.tsv`` (id, tab, text) or ``topics.txt`` (``<top>``). Judgments: ``qrels.txt``. All may be
    compressed but the last.

    Args:
        folder: where they are.
        document_language: of all documents.
        encoding: of files in TREC's markup; TSV and JSON lines are in UTF-8.
        published: glob patterns of the names that a publisher gave ``topics``, ``qrels`` and ``documents``.

    Raises:
        InputError: a file is missing or a line does not fit; names ``file:line``.
    """
    topics = find(folder, "topics.tsv", "topics.txt", *published.get("topics", ()))
    qrels = find(folder, "qrels.txt", *published.get("qrels", ()))
    files = find_all(
        folder,
        *("documents.jsonl", "documents.ndjson", "documents.trec", "documents/**/*"),
        *published.get("documents", ()),
    )
    report = DropReport()
    found = (
        read_tsv_topics(topics, report)
        if plain_name(topics).endswith(".tsv")
        else trec_markup.read_topics(topics, encoding)
    )
    return Parts(_all_documents(files, document_language, encoding), dict(found), read_qrels(qrels), report)


def _all_documents(paths: Sequence[Path], language: Language, encoding: str) -> Iterator[Document]:
    for path in paths:
        if is_json_lines(path):
            yield from documents(records(path), language)
        elif plain_name(path).endswith((".trec", ".sgml", ".txt")):
            yield from trec_markup.read_documents(path, language, encoding)
        else:
            raise InputError(
                "this kind of file is not read",
                where=path,
                expected=f"{', '.join(JSON_LINES)}, .trec, .sgml or .txt, also with {', '.join(COMPRESSED)}",
                remedy="rename it if it is one of these, unpack or convert it, or move it out of the folder",
            )


def read_tsv_topics(path: Path, report: DropReport) -> Iterator[tuple[str, str]]:
    """Topics as ``id<TAB>text`` lines; a first line that names the columns is counted.

    Raises:
        InputError: a line has not two fields, or an id comes twice.
    """
    seen: set[str] = set()
    for number, row in read_tsv(path, ("query id", "text")):
        if row is None:
            continue
        if number == 1 and names_columns(row):
            report.drop(f"{HEADER} of the topics")
            continue
        query, text = row[0].strip(), row[1].strip()
        if not query or query in seen or not text:
            raise InputError(
                "this topic cannot be used",
                where=f"{path}:{number}",
                expected="an id of its own and a text",
                got=f"{query!r}, {text[:40]!r}",
            )
        seen.add(query)
        yield query, text


def records(path: Path, *, nan_is_null: bool = False) -> Iterator[Record]:
    """``file:line`` and object of each line that is not blank; see :func:`kivuko.files.json_lines.json_objects`.

    Raises:
        InputError: a line is no JSON object, not in UTF-8, or the file is missing or damaged.
    """
    for number, record in json_objects(path, nan_is_null=nan_is_null):
        if record is not None:
            yield f"{path}:{number}", record


def documents(found: Iterable[Record], language: Language) -> Iterator[Document]:
    """Records as documents, in their order; a title is optional.

    Raises:
        InputError: a record lacks a field, and what reading the records raises.
    """
    for where, record in found:
        title = "" if record.get("title") is None else text_field(record, ("title",), where)
        document_id = id_field(record, IDS, where).strip()
        yield Document(document_id, title, text_field(record, TEXTS, where), {"language": language.tag})


def queries(found: Iterable[Record]) -> dict[str, str]:
    """Records as queries: id → text.

    Raises:
        InputError: a record lacks a field, or an id comes twice.
    """
    texts: dict[str, str] = {}
    for where, record in found:
        query = id_field(record, IDS, where).strip()
        if query in texts:
            raise InputError(
                "a query's id comes twice", where=where, expected="an id of its own", got=repr(query)
            )
        texts[query] = text_field(record, TEXTS, where)
    return texts


def find(folder: Path, *patterns: str) -> Path:
    """The one file that fits the first of the patterns that any file fits, plain or compressed.

    Args:
        folder: looked through.
        patterns: glob patterns, such as ``"topics.tsv"`` or ``"**/topics.*-dev.tsv"``.

    Raises:
        InputError: no file fits, or several fit the same pattern.
    """
    found = find_all(folder, *patterns)
    if len(found) > 1:
        raise InputError(
            "more than one file of this test collection fits",
            where=folder,
            expected=f"one file {' or '.join(patterns)}",
            got=", ".join(str(path.relative_to(folder)) for path in found[:4]),
            remedy="give the folder of one language and one version",
        )
    return found[0]


def find_all(folder: Path, *patterns: str) -> Sequence[Path]:
    """All files that fit the first of the patterns that any file fits, plain or compressed, by path.

    Raises:
        InputError: no file fits.
    """
    for pattern in patterns:
        found = {path for ending in ("", *COMPRESSED) for path in folder.glob(f"{pattern}{ending}")}
        if files := sorted(path for path in found if path.is_file()):
            return files
    raise InputError(
        "a file of this test collection is not there",
        where=folder,
        expected=f"{' or '.join(patterns)}, also with {', '.join(COMPRESSED)}",
        got="no such folder" if not folder.is_dir() else "no such file in it",
        remedy="lay the folder out as docs/test-collections.md says",
    )
