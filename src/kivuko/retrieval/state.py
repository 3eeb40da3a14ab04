"""What an index folder says it is: its segments, which of their documents are alive, and how vectors are kept."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.artifact import Manifest
from kivuko.collections.document import Document
from kivuko.errors import ArtifactError
from kivuko.retrieval.bounds import Effort, Part, Scored, search
from kivuko.retrieval.filters import Among, Filter
from kivuko.retrieval.kinds import Kind, Storage, check_kind, storage
from kivuko.retrieval.lexical import LexicalIndex, WordCounts
from kivuko.retrieval.segment import Segment
from kivuko.retrieval.stored import PointPlaces, StoredVectors
from kivuko.retrieval.stores import open_store

KIND = "index"
FORMAT = 3


@dataclass(frozen=True)
class State:
    """One state of an index folder, with everything it names opened.

    What is worked out of it once is kept with it, so that another state never answers from it.

    Attributes:
        manifest: what it was read from.
        kind: how vectors are kept.
        storage: the same, as what does it; None in an index of words alone.
        names: of the segments' folders, in the order in which they were added.
        segments: opened.
        alive: [documents] of each segment, which of them were not deleted.
    """

    manifest: Manifest
    kind: Kind
    storage: Storage | StoredVectors | None
    names: list[str]
    segments: list[Segment]
    alive: list[NDArray[np.bool_]]

    @classmethod
    def read(cls, path: Path, manifest: Manifest) -> State:
        """Open what a manifest names.

        Raises:
            ArtifactError: an earlier version of Kivuko wrote the index.
            FileNotFoundError: a writer has replaced this state meanwhile.
        """
        meta = manifest.meta
        if meta.get("format") != FORMAT:
            raise ArtifactError(
                "an earlier version of Kivuko wrote this index",
                where=path,
                expected=f"index format {FORMAT}",
                got=f"format {meta.get('format', 1)}",
                remedy="build it again with 'kivuko index build'",
            )
        kind = check_kind(str(meta["kind"]))
        names = [str(entry["name"]) for entry in meta["segments"]]
        segments = [Segment(path / name) for name in names]
        deleted: dict[str, list[int]] = {}
        if meta["deleted"]:
            deleted = json.loads((path / meta["deleted"]).read_text(encoding="utf-8"))
        alive = [np.ones(len(segment), dtype=bool) for segment in segments]
        for name, mask in zip(names, alive, strict=True):
            mask[deleted.get(name, [])] = False
        store = open_store(*meta["store"]) if kind == "stored" else None
        kept_as = storage(kind, path / meta["codec"] if meta["codec"] else None, store)
        return cls(manifest, kind, kept_as, names, segments, alive)

    @functools.cached_property
    def places(self) -> dict[str, tuple[int, int]]:
        """Id of each document that is alive → segment and number in it, in the order in which they were added."""
        return {
            segment.ids[document]: (number, document)
            for number, (segment, mask) in enumerate(zip(self.segments, self.alive, strict=True))
            for document in np.flatnonzero(mask).tolist()
        }

    @functools.cached_property
    def documents(self) -> list[Document]:
        """The documents that are alive, in the order in which they were added."""
        return [self.segments[number].document(document) for number, document in self.places.values()]

    @functools.cached_property
    def lexical(self) -> LexicalIndex:
        """BM25 over the documents that are alive."""
        among = list(zip(self.segments, self.alive, strict=True))
        counts = [segment.words.without_order().take(np.flatnonzero(mask)) for segment, mask in among]
        parts = [segment.ordered(mask) for segment, mask in among]
        return LexicalIndex.from_counts(list(self.places), WordCounts.join(counts), parts)

    @functools.cached_property
    def parts(self) -> list[Part]:
        """The segments, to be searched by vectors that the folder has; none where it has none."""
        if self.storage is None or isinstance(self.storage, StoredVectors):
            return []
        return [self.storage.part(segment) for segment in self.segments]

    @functools.cached_property
    def points(self) -> PointPlaces:
        """Where the points that a store keeps stand in the segments."""
        passages = [mask[segment.owners.of] for segment, mask in zip(self.segments, self.alive, strict=True)]
        return PointPlaces(self.segments, passages)

    def search(
        self,
        queries: Sequence[NDArray[np.float32]],
        depth: int,
        allowed: Sequence[NDArray[np.bool_]],
        where: Filter | Among | None,
        effort: Effort,
    ) -> Iterator[list[Scored]]:
        """Passages with their MaxSim, the ``depth`` best documents' among them, see :mod:`kivuko.retrieval.bounds`.

        Args:
            queries: [query tokens, dim] of each query, at least one token.
            depth: documents wanted a query.
            allowed: [passages] of each segment, which may be found.
            where: by which that was found.
            effort: how far to look.

        Yields:
            For each query, what was found in each segment.
        """
        if isinstance(self.storage, StoredVectors):
            return self.storage.search(self, queries, depth, allowed, where, effort)
        return search(self.parts, queries, depth, allowed, effort)

    def total(self, what: str) -> int:
        """Sum over segments of their ``"documents"``, ``"passages"`` or ``"tokens"``, deleted ones included."""
        entries: list[dict[str, Any]] = self.manifest.meta["segments"]
        return sum(int(entry[what]) for entry in entries)
