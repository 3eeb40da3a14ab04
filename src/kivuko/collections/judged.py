"""A test collection of anyone's: documents and queries in any languages, graded judgments, and where they are from.

Public benchmarks, people's own files and built collections all become this one artefact, so that ``kivuko index
build``, ``rank`` and ``evaluate`` take their files as they are.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kivuko.artifact import Manifest, read_manifest
from kivuko.collections.counts import DropReport
from kivuko.files.streams import lines
from kivuko.languages import Language, resolve

KIND = "judged-collection"
DOCUMENTS_FILE = "documents.jsonl"
QUERIES_FILE = "queries.tsv"
QRELS_FILE = "qrels.txt"


@dataclass(frozen=True)
class JudgedDocument:
    """A document that can be found.

    Attributes:
        id: unique within its collection, without white space.
        title: one line; may be empty.
        text: the rest.
        language: tag, such as ``eng-Latn``.
    """

    id: str
    title: str
    text: str
    language: str


@dataclass(frozen=True)
class Description:
    """What a reader must know of a collection.

    Attributes:
        name: what it is called, such as ``"ciral/yo"``.
        query_language: of the queries.
        judgments: how the judgments came about, in a sentence: people, links, clicks, translation.
        licence: SPDX expression, or words.
        citation: the paper, or "none".
        source: where the data was read from.
        notice: what results on it do not show.
    """

    name: str
    query_language: Language
    judgments: str
    licence: str
    citation: str
    source: str
    notice: str = ""


@dataclass
class Parts:
    """What a loader reads: streams, so that a large collection never stands in memory.

    Attributes:
        documents: documents in any order; an id comes once.
        queries: query id → text.
        qrels: query id → document id → grade.
        report: counts what loaders and :func:`kivuko.collections.judged_writing.write_judged` leave out.
    """

    documents: Iterable[JudgedDocument]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    report: DropReport = field(default_factory=DropReport)


class JudgedCollection:
    """The artefact, opened read-only. Use :meth:`open`."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.query_language: Language = resolve(str(manifest.meta["query_language"]))

    @classmethod
    def open(cls, path: Path | str) -> JudgedCollection:
        """Open the collection in folder ``path``.

        Raises:
            ArtifactError: no complete collection is there.
        """
        return cls(Path(path), read_manifest(Path(path), KIND))

    def documents(self) -> Iterator[JudgedDocument]:
        """Every document, in the order in which it was written."""
        for _, line in lines(self.path / DOCUMENTS_FILE):
            yield JudgedDocument(**json.loads(line))

    @functools.cached_property
    def queries(self) -> dict[str, str]:
        """Query id → text, by id."""
        rows = (line.split("\t", 1) for _, line in lines(self.path / QUERIES_FILE))
        return {fields[0]: fields[1] for fields in rows}

    @functools.cached_property
    def qrels(self) -> dict[str, dict[str, int]]:
        """Query id → document id → grade, by id."""
        found: dict[str, dict[str, int]] = {}
        for _, line in lines(self.path / QRELS_FILE):
            query, _, document, grade = line.split()
            found.setdefault(query, {})[document] = int(grade)
        return found
