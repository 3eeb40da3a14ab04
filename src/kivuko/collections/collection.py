"""A test collection: documents, queries of several kinds, relevance judgements, and the split by page."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kivuko.artifact import Manifest, read_manifest
from kivuko.collections.split import SPLITS, Split, split_of
from kivuko.errors import ArtifactError, UnknownNameError
from kivuko.files.tables import read_jsonl, read_tsv
from kivuko.languages import Language, resolve

KIND = "collection"
DOCUMENTS_FILE = "documents.jsonl"
TRAINING_TITLES_FILE = "training-titles.tsv"
QUERY_KINDS = ("title", "paragraph", "english-title")
LIBREOFFICE_HELP = "libreoffice-help"
NAME_KEY = "collection"
"""Under which a manifest's metadata has the collection's name; what was built before there were names is the help."""


@dataclass(frozen=True)
class Document:
    """A document that can be found.

    Attributes:
        id: unique within its collection.
        title: one line; may be empty.
        text: the rest.
        metadata: what a search can be narrowed by, such as ``{"language": "eng-Latn", "year": 2020}``.
    """

    id: str
    title: str
    text: str
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict, hash=False)

    @property
    def full_text(self) -> str:
        """What is indexed."""
        return f"{self.title}\n{self.text}"


class Collection:
    """A collection artefact, opened read-only. Use :meth:`open`.

    The documents are English. A query is in the collection's language, and the one document it was taken from
    (in translation) is relevant; the query's id is that document's. All documents are searched whatever the
    split: a split chooses queries.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.language: Language = resolve(str(manifest.meta["language"]))

    @classmethod
    def open(cls, path: Path | str) -> Collection:
        """Open the collection in folder ``path``.

        Raises:
            ArtifactError: no complete collection is there.
        """
        return cls(Path(path), read_manifest(Path(path), KIND))

    @property
    def name(self) -> str:
        """Which collection this is, whatever the language: ``"libreoffice-help"``, ``"cldr-probe"`` …"""
        return str(self.manifest.meta.get(NAME_KEY, LIBREOFFICE_HELP))

    @property
    def query_kinds(self) -> tuple[str, ...]:
        """The kinds of queries it has: every collection has ``"title"`` and ``"english-title"``."""
        return tuple(kind for kind in QUERY_KINDS if queries_file(kind) in self.manifest.files)

    @functools.cached_property
    def documents(self) -> list[Document]:
        """All documents, by id."""
        rows = read_jsonl(self.path / DOCUMENTS_FILE, ("id", "title", "text"))
        return [Document(fields[0], fields[1], fields[2]) for _, fields in rows if fields is not None]

    def queries(self, kind: str, split: str) -> dict[str, str]:
        """Query id → text, by id.

        Args:
            kind: ``"title"`` (translated title: a page's, or the name or term of a vocabulary probe),
                ``"paragraph"`` (the page's first translated paragraph; see :attr:`query_kinds`) or
                ``"english-title"`` (the queries of ``"title"`` in English).
            split: ``"train"``, ``"development"`` or ``"test"``.

        Raises:
            UnknownNameError: no such kind or split, or this collection has no queries of the kind.
        """
        _check("split", split, SPLITS)
        return {query: text for query, text in self._queries(kind).items() if split_of(query) == split}

    def qrels(self, kind: str, split: str) -> dict[str, dict[str, int]]:
        """Query id → document id → relevance (1), for the same queries as :meth:`queries`.

        Raises:
            UnknownNameError: no such kind or split.
        """
        return {query: {query: 1} for query in self.queries(kind, split)}

    def training_titles(self) -> list[tuple[str, str]]:
        """(English title, document id) of training pages whose title is no held-out page's title."""
        rows = read_tsv(self.path / TRAINING_TITLES_FILE, ("title", "document id"))
        return [(fields[0], fields[1]) for _, fields in rows if fields is not None]

    def split_of(self, document_id: str) -> Split:
        """The side a document is on.

        Raises:
            ArtifactError: the collection has no such document.
        """
        if document_id not in self._ids:
            raise ArtifactError("this collection has no such document", where=self.path, got=document_id)
        return split_of(document_id)

    @functools.cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(document.id for document in self.documents)

    def _queries(self, kind: str) -> dict[str, str]:
        _check("kind of queries", kind, QUERY_KINDS)
        if kind not in self.query_kinds:
            raise UnknownNameError(
                "kind of queries",
                kind,
                self.query_kinds,
                remedy=f"{self.name} has no running text in {self.language.name}; `kivuko data list` shows which "
                "collections of help there are",
            )
        rows = read_tsv(self.path / queries_file(kind), ("query id", "text"))
        return {fields[0]: fields[1] for _, fields in rows if fields is not None}


def queries_file(kind: str) -> str:
    """Name of the file with the queries of one kind."""
    return f"queries-{kind}.tsv"


def _check(label: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise UnknownNameError(label, name, known)
