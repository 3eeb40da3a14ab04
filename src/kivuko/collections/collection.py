"""The collection: documents, queries by language, kind and split, and graded judgments.

Help pages, linked documents, public benchmarks and people's own files all become this one artefact:
``documents.jsonl``, ``queries/LANGUAGE.KIND.SPLIT.tsv``, ``qrels.txt`` (TREC) and ``README.md``, its card. Other
tools can read its files as they are.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from kivuko.artifact import Manifest, kind_of, read_manifest
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.errors import ArtifactError, UnknownNameError
from kivuko.files.json_lines import json_objects
from kivuko.files.tables import read_tsv
from kivuko.languages import Language, resolve
from kivuko.text import normalise
from kivuko.trec_lines import read_qrels

KIND = "collection"
DOCUMENTS_FILE = "documents.jsonl"
QUERIES_FOLDER = "queries"
QRELS_FILE = "qrels.txt"
CARD_FILE = "README.md"
TRAINING_TITLES_FILE = "training-titles.tsv"
LIBREOFFICE_HELP = "libreoffice-help"
_FORMER_KINDS = ("judged-collection", "linked-collections")


class QuerySet(NamedTuple):
    """Which of a collection's queries are meant: ``collection.queries(*query_set)``.

    Attributes:
        kind: what the queries are, such as ``"title"``.
        split: ``"train"``, ``"development"``, ``"test"``, or as whoever published them calls it.
        language: of the queries.
    """

    kind: str
    split: str
    language: Language

    @property
    def file(self) -> str:
        """Path of the queries inside the collection's folder."""
        return f"{QUERIES_FOLDER}/{self.language.tag}.{self.kind}.{self.split}.tsv"


@dataclass(frozen=True)
class Description:
    """What a reader must know of a collection.

    Attributes:
        name: what it is called, such as ``"ciral/yo"``.
        language: of the queries; of several the one that the collection is about.
        judgments: how the judgments came about, in a sentence: people, links, clicks, translation.
        licence: SPDX expression, or words.
        citation: the paper, or "none".
        source: where the data was read from.
        notice: what results on it do not show.
    """

    name: str
    language: Language
    judgments: str
    licence: str
    citation: str
    source: str
    notice: str = ""


@dataclass
class Contents:
    """What a collection is written from: the documents a stream, so that many never stand in memory.

    Attributes:
        documents: documents in any order; an id comes once. The language of one is its metadata ``language``.
        queries: set → query id → text. An id means the same information need in every set.
        qrels: query id → document id → grade.
        report: counts what those who read it and :func:`kivuko.collections.writing.write_collection` leave out.
        training_titles: (title, document id) to make training queries of, where the maker has such.
    """

    documents: Iterable[Document]
    queries: Mapping[QuerySet, Mapping[str, str]]
    qrels: Mapping[str, Mapping[str, int]]
    report: DropReport = field(default_factory=DropReport)
    training_titles: Sequence[tuple[str, str]] = ()


class Collection:
    """A collection artefact, opened read-only. Use :meth:`open`.

    All documents are searched whatever the split: a split chooses queries. A query's id means the same in every
    kind and language, so one set of judgments is for all of them.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.language: Language = resolve(str(manifest.meta["language"]))
        self.query_sets: tuple[QuerySet, ...] = tuple(
            QuerySet(row["kind"], row["split"], resolve(row["language"]))
            for row in manifest.meta["query_sets"]
        )

    @classmethod
    def open(cls, path: Path | str) -> Collection:
        """Open the collection in folder ``path``.

        Raises:
            ArtifactError: no complete collection is there, or one that an earlier version wrote.
        """
        path = Path(path)
        if (kind := kind_of(path)) in _FORMER_KINDS:
            raise _of_an_earlier_version(path, str(kind))
        manifest = read_manifest(path, KIND)
        if "query_sets" not in manifest.meta:
            raise _of_an_earlier_version(path, "a collection without sets of queries")
        return cls(path, manifest)

    @property
    def name(self) -> str:
        """Which collection this is: ``"libreoffice-help"``, ``"cldr-probe"``, ``"miracl/sw dev"`` …"""
        return str(self.manifest.meta["name"])

    @property
    def languages(self) -> tuple[Language, ...]:
        """The languages it has queries in."""
        return tuple(dict.fromkeys(each.language for each in self.query_sets))

    @property
    def query_kinds(self) -> tuple[str, ...]:
        """The kinds of queries it has: the help has ``"title"``, ``"paragraph"`` and ``"english-title"``."""
        return tuple(dict.fromkeys(each.kind for each in self.query_sets))

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits it has queries in."""
        return tuple(dict.fromkeys(each.split for each in self.query_sets))

    @functools.cached_property
    def documents(self) -> list[Document]:
        """All documents, in the order in which they were written."""
        return list(self.stream_documents())

    def stream_documents(self) -> Iterator[Document]:
        """The same, one at a time; each line of a text is in the normal form (:func:`kivuko.text.normalise`)."""
        for _, fields in json_objects(self.path / DOCUMENTS_FILE):
            if fields is None:
                continue
            title, text = normalise(fields.pop("title")), fields.pop("text")
            yield Document(fields.pop("id"), title, "\n".join(map(normalise, text.split("\n"))), fields)

    def queries(self, kind: str, split: str, language: Language | None = None) -> dict[str, str]:
        """Query id → text, by id.

        Args:
            kind: one of :attr:`query_kinds`. Of a help page and the like ``"title"`` is the translated title (a
                page's, or the name or term of a vocabulary probe), ``"paragraph"`` the page's first translated
                paragraph, ``"english-title"`` the queries of ``"title"`` in English.
            split: one of :attr:`splits`.
            language: of the queries; the first that has the kind by default.

        Raises:
            UnknownNameError: the collection has no such queries.
        """
        path = self.path / self._set(kind, split, language).file
        rows = read_tsv(path, ("query id", "text"))
        return {fields[0]: normalise(fields[1]) for _, fields in rows if fields is not None}

    def qrels(self, kind: str, split: str, language: Language | None = None) -> dict[str, dict[str, int]]:
        """Query id → document id → grade, for the same queries as :meth:`queries`.

        Raises:
            UnknownNameError: the collection has no such queries.
        """
        return {query: dict(self._qrels[query]) for query in self.queries(kind, split, language)}

    def training_titles(self) -> list[tuple[str, str]]:
        """(Title, document id) of training documents whose title is no held-out one's; of help pages and the like."""
        if TRAINING_TITLES_FILE not in self.manifest.files:
            return []
        rows = read_tsv(self.path / TRAINING_TITLES_FILE, ("title", "document id"))
        return [(fields[0], fields[1]) for _, fields in rows if fields is not None]

    @functools.cached_property
    def _qrels(self) -> dict[str, dict[str, int]]:
        return read_qrels(self.path / QRELS_FILE)

    def _set(self, kind: str, split: str, language: Language | None) -> QuerySet:
        found = self.query_sets
        if kind not in self.query_kinds:
            remedy = f"{self.name} has no such queries in {self.language.name}"
            raise UnknownNameError("kind of queries", kind, self.query_kinds, remedy=remedy)
        found = tuple(each for each in found if each.kind == kind)
        spoken = found[0].language if language is None else language
        if spoken not in {each.language for each in found}:
            tags = tuple(dict.fromkeys(each.language.tag for each in found))
            raise UnknownNameError(f"language of {kind} queries", spoken.tag, tags)
        found = tuple(each for each in found if each.language == spoken)
        if split not in {each.split for each in found}:
            raise UnknownNameError("split", split, tuple(each.split for each in found))
        return QuerySet(kind, split, spoken)


def _of_an_earlier_version(path: Path, got: str) -> ArtifactError:
    return ArtifactError(
        "this collection was written by an earlier version",
        where=path,
        expected=f"a folder with {DOCUMENTS_FILE}, {QUERIES_FOLDER}/ and {QRELS_FILE}",
        got=got,
        remedy="make it again: kivuko data import-collection, kivuko data link or kivuko data build, with the same "
        "--output",
    )
