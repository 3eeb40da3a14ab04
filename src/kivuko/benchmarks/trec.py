"""TREC's own files: documents and topics in its SGML-like markup, or as TSV and JSON lines, with TREC qrels.

The layout of most collections of the field: topics and qrels beside documents, of which MIRACL, CIRAL, Mr.TyDi and
AfriCLIRMatrix give the topics as TSV and the documents as JSON lines. Tested on small files of our own wording in
these layouts only.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from kivuko.benchmarks.folders import find, find_all
from kivuko.benchmarks.jsonl_records import documents, records
from kivuko.benchmarks.trec_topics import TAG, read_topics, read_tsv_topics
from kivuko.collections.judged import JudgedDocument, Parts
from kivuko.errors import InputError
from kivuko.files.streams import COMPRESSED, encoded_lines, plain_name
from kivuko.languages import Language
from kivuko.trec_lines import read_qrels

_TITLES = frozenset({"TITLE", "HEADLINE", "HEAD", "HL"})
_UNSEEN = frozenset({"DOCNO", "DOCID", "DATE", "DOCTYPE", "LANG", "URL"})


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
    return Parts(_documents(files, document_language, encoding), dict(found), read_qrels(qrels))


def read_documents(path: Path, language: Language, encoding: str = "utf-8") -> Iterator[JudgedDocument]:
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
            yield _document("\n".join(block), language, f"{path}:{start}")
            block = None
    if block is not None or not start:
        raise InputError(
            "a document is not closed" if start else "there is no document",
            where=f"{path}:{start or 1}",
            expected="<DOC> … </DOC>",
            remedy="fetch it again",
        )


def _document(block: str, language: Language, where: str) -> JudgedDocument:
    kept: dict[str, list[str]] = {"id": [], "title": [], "text": []}
    inside: list[str] = []
    place = 0
    for tag in TAG.finditer(block):
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
    return JudgedDocument(document_id, " ".join(kept["title"]), "\n".join(kept["text"]), language.tag)


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


def _documents(paths: Sequence[Path], language: Language, encoding: str) -> Iterator[JudgedDocument]:
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
