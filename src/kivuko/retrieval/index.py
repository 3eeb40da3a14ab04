"""The index folder: documents, their words and their passages' vectors, in segments that are written once.

A change (build, add, delete, compact) is there whole or not at all, see :mod:`kivuko.retrieval.changes`. Who has an
index open keeps the state that was opened.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kivuko.artifact import Manifest, read_manifest
from kivuko.collections.document import Document
from kivuko.errors import ArtifactError, names_missing_extra
from kivuko.ranking import ranked
from kivuko.retrieval import changes
from kivuko.retrieval.bounds import EFFORT, Effort
from kivuko.retrieval.filters import Among, Filter, check_fields, fitting, why_none_fits
from kivuko.retrieval.kinds import Kind
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.segment import EncodedDocuments
from kivuko.retrieval.sharing import Sharing
from kivuko.retrieval.state import KIND, State
from kivuko.retrieval.stored import StoredVectors

if TYPE_CHECKING:
    from kivuko.models.encoder import ModelLike

#: Files of a segment by what they are for: what a search reads, and what ranks the best passages in the end.
_SEARCHED = {
    "token-code",
    "token-centroid",
    "token-norm",
    "passage-mean",
    "passage-mean-step",
    "lengths",
    "passages",
}


@dataclass(frozen=True)
class PassageHit:
    """A document that an index found.

    Attributes:
        id: of the document.
        score: higher is better.
        span: where in its full text the passage stands that scored best; None when words alone were searched.
    """

    id: str
    score: float
    span: tuple[int, int] | None


class Index:
    """An index folder. Use :meth:`open`.

    Attributes:
        path: the folder.
        state: what it holds, as it was opened.
    """

    def __init__(self, path: Path, state: State) -> None:
        self.path = path
        self.state = state
        self._sharing: Sharing[NDArray[np.float32], list[PassageHit]] = Sharing()

    @classmethod
    def open(cls, path: Path) -> Index:
        """Open the index in folder ``path`` as it is now.

        Sizes of files are compared with what was written; :meth:`verify` reads all of them and compares content.

        Raises:
            ArtifactError: no complete index is there, a file is missing or cut short, or an earlier version of Kivuko
                wrote it.
        """
        path = Path(path)
        return cls(path, _read_state(path))

    @property
    def manifest(self) -> Manifest:
        """What the index says of itself."""
        return self.state.manifest

    @property
    def kind(self) -> Kind:
        """How it keeps vectors."""
        return self.state.kind

    @property
    def space(self) -> str | None:
        """The vector space of the passages; None in an index of words alone."""
        space: str | None = self.manifest.meta["space"]
        return space

    @property
    def documents(self) -> list[Document]:
        """The documents that can be found, in the order in which they were added."""
        return self.state.documents

    @property
    def ids(self) -> Collection[str]:
        """Those of the documents that can be found, in the order in which they were added."""
        return self.state.places.keys()

    def document(self, document_id: str) -> Document:
        """One document.

        Raises:
            KeyError: the index has no such document.
        """
        number, document = self.state.places[document_id]
        return self.state.segments[number].document(document)

    def has(self, document_id: str) -> bool:
        """Whether there is a document of this id."""
        return document_id in self.state.places

    @names_missing_extra()
    def require_space(self, model: ModelLike) -> None:
        """Refuse queries of a model whose vectors do not live in this index's space.

        Raises:
            InputError: the model gives one vector a text.
            ArtifactError: the index has no vectors, or the model writes into another space.
            MissingExtraError: torch is not installed.
        """
        from kivuko.models.encoder import folder_of, space_of

        if self.space is None:
            raise self._lacks_vectors()
        space = space_of(model)
        if space != self.space:
            raise ArtifactError(
                "this index was built in another model's vector space",
                where=self.path,
                expected=f"a model of space {self.space[:12]}… (the teacher, or a student trained from it)",
                got=f"{folder_of(model)}, of space {space[:12]}…",
                remedy="search with a student of the teacher that encoded the documents, "
                "or build the index again with 'kivuko index build'",
            )

    @names_missing_extra()
    def search(
        self,
        queries: Sequence[NDArray[np.float32]],
        *,
        depth: int,
        where: Filter | Among | None = None,
        effort: Effort = EFFORT,
    ) -> list[list[PassageHit]]:
        """The best documents by MaxSim, each by its best passage; threads that wait for a core share a scan.

        Args:
            queries: [query tokens, dim] of each query; one without tokens finds nothing.
            depth: documents kept a query, at least 1.
            where: which documents may be found.
            effort: how far a compressed index looks.

        Returns:
            Hits of each query, best first; ties by document id.

        Raises:
            ArtifactError: the index holds words alone.
            StoreError: a store keeps the vectors, and does not answer.
            UnknownNameError: no document has a field that ``where`` names.
        """
        return self._sharing.run(
            (depth, where, effort), queries, lambda several: self._search(several, depth, where, effort)
        )

    def _search(
        self,
        queries: Sequence[NDArray[np.float32]],
        depth: int,
        where: Filter | Among | None,
        effort: Effort,
    ) -> list[list[PassageHit]]:
        if self.state.storage is None:
            raise self._lacks_vectors()
        allowed = self._allowed(where)
        asked = [number for number, query in enumerate(queries) if len(query)]
        best: list[dict[str, tuple[float, tuple[int, int]]]] = [{} for _ in queries]
        passages = [
            alive[segment.owners.of] for segment, alive in zip(self.state.segments, allowed, strict=True)
        ]
        found_by = self.state.search([queries[each] for each in asked], depth, passages, where, effort)
        for query, results in zip(asked, found_by, strict=True):
            for segment, result in zip(self.state.segments, results, strict=True):
                # The best first, so that a document keeps its best passage, the earlier one of equals.
                order = np.lexsort((result.passages, -result.scores))
                spans = segment.passages[result.passages[order]].tolist()
                for (document, begin, end), score in zip(spans, result.scores[order].tolist(), strict=True):
                    best[query].setdefault(segment.ids[document], (score, (begin, end)))
        return [
            [
                PassageHit(name, *found[name])
                for name in ranked({name: score for name, (score, _) in found.items()})[:depth]
            ]
            for found in best
        ]

    def search_words(
        self,
        queries: Sequence[Sequence[Mapping[str, float]]],
        *,
        depth: int,
        where: Filter | Among | None = None,
    ) -> list[list[PassageHit]]:
        """The best documents by BM25, see :meth:`kivuko.retrieval.lexical.LexicalIndex.search_structured`.

        Args:
            queries: for each query word, word → weight.
            depth: documents kept a query, at least 1.
            where: which documents may be found; how rare a word is, is counted over all of them.

        Raises:
            UnknownNameError: no document has a field that ``where`` names.
        """
        among = zip(self._allowed(where), self.state.alive, strict=True)
        allowed = np.concatenate([np.zeros(0, dtype=bool), *(mask[alive] for mask, alive in among)])
        runs = (self.lexical.search_structured(query, depth, allowed=allowed) for query in queries)
        return [[PassageHit(name, score, None) for name, score in run.items()] for run in runs]

    @property
    def lexical(self) -> LexicalIndex:
        """BM25 over the documents that can be found."""
        return self.state.lexical

    @names_missing_extra()
    def vectors_of(self, document_id: str) -> list[tuple[tuple[int, int], NDArray[np.float32]]]:
        """Span in the full text, and [tokens, dim] vectors, of each passage of a document, in order.

        Raises:
            KeyError: the index has no such document.
            ArtifactError: the index keeps no vectors.
            StoreError: a store keeps them, and does not answer.
        """
        from kivuko.retrieval.exact import Vectors

        number, document = self.state.places[document_id]
        segment, kept_as = self.state.segments[number], self.state.storage
        own = np.flatnonzero(segment.owners.of == document)
        own = own[np.argsort(segment.passages[own, 1], kind="stable")]
        spans = [(int(begin), int(end)) for _, begin, end in segment.passages[own]]
        if isinstance(kept_as, StoredVectors):
            return list(zip(spans, kept_as.vectors_of(segment, own), strict=True))
        if segment.arrays is None or "int8" not in segment.arrays.by_token:
            raise self._lacks_vectors()
        vectors = Vectors(segment.arrays)
        return list(zip(spans, map(vectors.of, own.tolist()), strict=True))

    @names_missing_extra()
    def add(self, shards: Sequence[EncodedDocuments], *, replace: bool = False) -> None:
        """Add documents, all of them or none, without encoding again what is there.

        Args:
            shards: documents in parts, encoded in the index's space; where they hold none, nothing changes.
            replace: whether a document with the id of one that is there takes its place.

        Raises:
            InputError: an id comes twice, is there already (without ``replace``), or the vectors do not fit.
            ArtifactError: another process is changing the index.
            StorageError: the disk is full; the index stays as it was.
        """
        changes.add(self.path, shards, replace=replace)
        self._reopen()

    def delete(self, ids: Sequence[str]) -> None:
        """Remove documents; :meth:`compact` frees their space.

        Raises:
            InputError: the index has no document of one of these ids; none is removed then.
            ArtifactError: another process is changing the index.
            StorageError: the disk is full; the index stays as it was.
        """
        changes.delete(self.path, ids)
        self._reopen()

    def compact(self) -> None:
        """Write all documents into as few segments as they need, without the deleted ones.

        Raises:
            ArtifactError: another process is changing the index.
            StorageError: the disk is full; the index stays as it was.
        """
        changes.compact(self.path)
        self._reopen()

    def verify(self) -> None:
        """Read every file and compare its SHA-256 with the manifest's; see that a store has every passage.

        Raises:
            ArtifactError: a file is missing, cut short or altered, or a store lacks a passage.
            StoreError: a store keeps the vectors, and does not answer.
        """
        read_manifest(self.path, KIND, verify=True)
        if isinstance(self.state.storage, StoredVectors):
            self.state.storage.verify(self.state.points.all)

    def info(self) -> dict[str, Any]:
        """What the index holds and how large it is.

        Returns:
            ``kind``, ``space``, ``documents`` that can be found and ``deleted`` ones whose space is not freed,
            ``passages``, ``tokens`` and ``segments`` of both, and ``bytes`` of three parts: ``text`` (documents and
            words), ``searched`` (what a search by vectors reads) and ``vectors`` (what ranks the best passages in
            the end).
        """
        sizes = {"text": 0, "searched": 0, "vectors": 0}
        for name, (size, _) in self.manifest.files.items():
            sizes[self._part(Path(name))] += size
        documents = len(self.state.places)
        return {
            "kind": self.kind,
            "space": self.space,
            "documents": documents,
            "deleted": self.state.total("documents") - documents,
            "passages": self.state.total("passages"),
            "tokens": self.state.total("tokens"),
            "segments": len(self.state.segments),
            "bytes": sizes,
        }

    def _part(self, file: Path) -> str:
        if file.parent.name == "codec" or file.stem in _SEARCHED:
            return "searched"
        if not file.stem.startswith(("token-", "passage-")):
            return "text"
        # Vectors of one byte a number are what an exact index reads through.
        scanned = self.kind in ("exact", "exact-int8") and file.stem != "token-float16"
        return "searched" if scanned else "vectors"

    def why_none_fits(self, where: Filter) -> str | None:
        """Which condition of a filter leaves no document, and the values there are; None where it is not the filter.

        Raises:
            UnknownNameError: no document has a field that ``where`` names.
        """
        if not self.state.places or any(allowed.any() for allowed in self._allowed(where)):
            return None
        there = zip(self.state.segments, self.state.alive, strict=True)
        rows = [segment.metadata[number] for segment, alive in there for number in np.flatnonzero(alive)]
        return why_none_fits(rows, where)

    def _allowed(self, where: Filter | Among | None) -> list[NDArray[np.bool_]]:
        """[documents] of each segment, which of them may be found."""
        if isinstance(where, Among):
            chosen = [np.zeros_like(alive) for alive in self.state.alive]
            for name in where.ids:
                number, document = self.state.places[name]
                chosen[number][document] = True
            return chosen
        if not where or not self.state.places:  # without documents there are no fields to know
            return self.state.alive
        rows = [segment.metadata for segment in self.state.segments]
        check_fields(where, itertools.chain.from_iterable(itertools.chain.from_iterable(rows)))
        return [alive & fitting(own, where) for alive, own in zip(self.state.alive, rows, strict=True)]

    def _lacks_vectors(self) -> ArtifactError:
        return ArtifactError(
            "this index keeps no vectors",
            where=self.path,
            expected="an index of kind exact, exact-int8 or compressed",
            got=f"kind {self.kind}",
            remedy="build the index again as one of these kinds, or search by bm25 or lexicon-bm25",
        )

    def _reopen(self) -> None:
        self.state = _read_state(self.path)


def _read_state(path: Path) -> State:
    while True:
        before = _manifest_bytes(path)
        try:
            return State.read(path, read_manifest(path, KIND))
        except (ArtifactError, FileNotFoundError):
            # Files may be missing because a writer replaced the state that was being opened.
            if _manifest_bytes(path) == before:
                raise
        except (EOFError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                "a file of this index cannot be read",
                where=path,
                got=repr(error),
                remedy="'kivuko index verify' says which file is damaged; build the index again",
            ) from error


def _manifest_bytes(path: Path) -> bytes | None:
    try:
        return (path / "manifest.json").read_bytes()
    except OSError:
        return None
