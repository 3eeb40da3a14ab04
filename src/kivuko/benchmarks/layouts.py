"""Folders of test collections in the two layouts that most of the field uses: BEIR's and TREC's.

BEIR (Thakur, Reimers, Rücklé, Srivastava, Gurevych, NeurIPS Datasets and Benchmarks 2021, arXiv 2104.08663):
``corpus.jsonl``, ``queries.jsonl`` and ``qrels/SPLIT.tsv`` with a header line. TREC: documents and topics in its
SGML-like markup, or as TSV and JSON lines, with TREC qrels; MIRACL, CIRAL, Mr.TyDi and AfriCLIRMatrix give the
topics as TSV and the documents as JSON lines. Tested on small files of our own wording in these layouts only.
"""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.files.streams import COMPRESSED, encoded_lines, lines, plain_name
from kivuko.files.tables import read_tsv
from kivuko.languages import Language
from kivuko.trec_lines import read_qrels

IDS = ("_id", "docid", "doc_id", "id")
TEXTS = ("text", "contents")

#: Where a record stands, for errors (``file:line``), and what it says.
Record = tuple[str, Mapping[str, Any]]


@dataclasses.dataclass
class Parts:
    """What a loader reads of one split: the documents a stream, so that many never stand in memory.

    Attributes:
        documents: documents in any order, with their language as metadata.
        queries: query id → text.
        qrels: query id → document id → grade.
        report: counts what the loader leaves out.
    """

    documents: Iterable[Document]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    report: DropReport = dataclasses.field(default_factory=DropReport)


BEIR_QRELS = ("query-id", "corpus-id", "score")
_TITLES = frozenset({"TITLE", "HEADLINE", "HEAD", "HL"})
_UNSEEN = frozenset({"DOCNO", "DOCID", "DATE", "DOCTYPE", "LANG", "URL"})
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)[^<>]*>")
_FIELD = re.compile(r"<(num|title|desc|narr)>", re.IGNORECASE)
_LABEL = re.compile(r"^\s*(?:Number|Topic|Title|Description|Narrative)\s*:\s*", re.IGNORECASE)


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
        if row is None or (number == 1 and tuple(row) == BEIR_QRELS):
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

    Documents: ``documents.jsonl``, ``documents.trec``, or a folder ``documents`` of such files. Topics:
    ``topics.tsv`` (id, tab, text) or ``topics.txt`` (``<top>``). Judgments: ``qrels.txt``. All
    may be compressed but the last.

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
        folder, "documents.jsonl", "documents.trec", "documents/**/*", *published.get("documents", ())
    )
    found = read_tsv_topics(topics) if plain_name(topics).endswith(".tsv") else read_topics(topics, encoding)
    return Parts(_all_documents(files, document_language, encoding), dict(found), read_qrels(qrels))


def read_documents(path: Path, language: Language, encoding: str = "utf-8") -> Iterator[Document]:
    """Documents between ``<DOC>`` and ``</DOC>``; headlines become the title, other fields the text.

    Dates, addresses and second numbers are left out; ids, tags and line ends are not text.

    Raises:
        InputError: a document has no ``<DOCNO>`` or is not closed, there is none, or a line is in another encoding;
            names ``file:line``.
    """
    block: list[str] | None = None
    start = 0
    for number, line in encoded_lines(path, encoding):
        mark = line.strip().upper()
        if mark.startswith("<DOC>"):
            if block is not None:
                break
            block, start = [], number
        if block is not None:
            block.append(line)
        if mark.endswith("</DOC>") and block is not None:
            yield _trec_document("\n".join(block), language, f"{path}:{start}")
            block = None
    if block is not None or not start:
        raise InputError(
            "a document is not closed" if start else "there is no document",
            where=f"{path}:{start or 1}",
            expected="<DOC> … </DOC>",
            remedy="fetch it again",
        )


def _trec_document(block: str, language: Language, where: str) -> Document:
    kept: dict[str, list[str]] = {"id": [], "title": [], "text": []}
    inside: list[str] = []
    place = 0
    for tag in _TAG.finditer(block):
        _keep(kept, inside, block[place : tag.start()])
        place = tag.end()
        name = tag[2].upper()
        if not tag[1]:
            inside.append(name)
        elif name in inside:  # tags such as <P> need not be closed
            del inside[len(inside) - 1 - inside[::-1].index(name) :]
    document_id = " ".join(kept["id"])
    if not document_id or document_id.split() != [document_id]:
        raise InputError(
            "a document has no number",
            where=where,
            expected="<DOCNO> one word </DOCNO>",
            got=repr(document_id),
        )
    return Document(document_id, " ".join(kept["title"]), "\n".join(kept["text"]), {"language": language.tag})


def _keep(kept: dict[str, list[str]], inside: list[str], text: str) -> None:
    text = " ".join(html.unescape(text).split())
    if not text:
        return
    if "DOCNO" in inside:
        kept["id"].append(text)
    elif _TITLES & set(inside):
        kept["title"].append(text)
    elif not _UNSEEN & set(inside):
        kept["text"].append(text)


def _all_documents(paths: Sequence[Path], language: Language, encoding: str) -> Iterator[Document]:
    for path in paths:
        if plain_name(path).endswith((".jsonl", ".json")):
            yield from documents(records(path), language)
        elif plain_name(path).endswith((".trec", ".sgml", ".txt")):
            yield from read_documents(path, language, encoding)
        else:
            raise InputError(
                "this kind of file is not read",
                where=path,
                expected=f".jsonl, .json, .trec, .sgml or .txt, also with {', '.join(COMPRESSED)}",
                remedy="rename it if it is one of these, or move it out of the folder",
            )


def read_tsv_topics(path: Path) -> Iterator[tuple[str, str]]:
    """Topics as ``id<TAB>text`` lines.

    Raises:
        InputError: a line has not two fields, or an id comes twice.
    """
    seen: set[str] = set()
    for number, row in read_tsv(path, ("query id", "text")):
        if row is None:
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


def read_topics(path: Path, encoding: str = "utf-8") -> Iterator[tuple[str, str]]:
    """Id and title of each ``<top>``; closing tags and labels such as ``Number:`` may be there or not.

    Raises:
        InputError: a topic has no number or no title, or is not closed, a number comes twice, there is no topic, or
            a line is in another encoding.
    """
    seen: set[str] = set()
    block: list[str] | None = None
    start = 0
    for number, line in encoded_lines(path, encoding):
        opening, closing = "<top>" in line.lower(), "</top>" in line.lower()
        if opening:
            if block is not None:
                break
            block, start = [], number
        if block is not None:
            block.append(line)
        if closing and block is not None:
            query, title = _topic("\n".join(block))
            if not query or not title or query in seen:
                raise InputError(
                    "this topic cannot be used",
                    where=f"{path}:{start}",
                    expected="<num> with a number of its own, and a <title>",
                    got=f"number {query!r}, title {title[:40]!r}",
                )
            seen.add(query)
            yield query, title
            block = None
    if block is not None or not seen:
        raise InputError(
            "there is no topic" if block is None else "a topic is not closed",
            where=f"{path}:{start or 1}",
            expected="<top> … </top>",
        )


def _topic(block: str) -> tuple[str, str]:
    parts = _FIELD.split(block)
    fields = dict(zip((name.lower() for name in parts[1::2]), parts[2::2], strict=True))
    number, title = (
        " ".join(_LABEL.sub("", html.unescape(_TAG.sub(" ", fields.get(name, "")))).split())
        for name in ("num", "title")
    )
    return number, title


def records(path: Path) -> Iterator[Record]:
    """``file:line`` and object of each line that is not blank.

    Raises:
        InputError: a line is no JSON object, not in UTF-8, or the file is missing or damaged.
    """
    for number, line in lines(path):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            record = json.loads(line)
        except ValueError as error:
            raise InputError(
                "this line is not JSON", where=where, expected="one JSON object a line", got=str(error)
            ) from error
        if not isinstance(record, dict):
            raise InputError(
                "this line is no JSON object", where=where, expected="{…}", got=type(record).__name__
            )
        yield where, record


def field(record: Mapping[str, Any], names: Sequence[str], where: str) -> str:
    """The first of these fields that a record has, as text.

    Raises:
        InputError: it has none of them, or something other than text or a whole number in it.
    """
    for name in names:
        if name in record:
            value = record[name]
            if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
                return str(value)
            raise InputError(
                f"the field {name} is no text", where=where, expected="text", got=type(value).__name__
            )
    raise InputError(
        "a field is missing", where=where, expected=" or ".join(names), got=", ".join(record) or "no field"
    )


def documents(found: Iterable[Record], language: Language) -> Iterator[Document]:
    """Records as documents, in their order; a title is optional.

    Raises:
        InputError: see :func:`field`, and what reading the records raises.
    """
    for where, record in found:
        title = "" if record.get("title") is None else field(record, ("title",), where)
        yield Document(
            field(record, IDS, where).strip(), title, field(record, TEXTS, where), {"language": language.tag}
        )


def queries(found: Iterable[Record]) -> dict[str, str]:
    """Records as queries: id → text.

    Raises:
        InputError: see :func:`field`; or an id comes twice.
    """
    texts: dict[str, str] = {}
    for where, record in found:
        query = field(record, IDS, where).strip()
        if query in texts:
            raise InputError(
                "a query's id comes twice", where=where, expected="an id of its own", got=repr(query)
            )
        texts[query] = field(record, TEXTS, where)
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
