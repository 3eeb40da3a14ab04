"""Several index folders searched as one: a collection in parts, each made on a machine of its own.

Every document scores as it would in one index of all: by vectors each by itself, by words with frequencies counted
over all parts.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

from kivuko.artifact import Manifest, hash_json
from kivuko.errors import ArtifactError, InputError
from kivuko.retrieval.bounds import Part
from kivuko.retrieval.index import Index
from kivuko.retrieval.segment import EncodedDocuments
from kivuko.retrieval.state import KIND, State


class SeveralIndexes(Index):
    """Index folders that are searched as one, and changed each by itself. Use :meth:`together`."""

    def __init__(self, parts: Sequence[Index], state: State) -> None:
        super().__init__(parts[0].path, state)
        self.parts = tuple(parts)

    @classmethod
    def together(cls, indexes: Sequence[Index | Path | str]) -> Self:
        """Search some indexes as one, as they stand now.

        Args:
            indexes: at least one, all of one vector space or all of words alone.

        Raises:
            InputError: there is none, or two have a document of the same id.
            ArtifactError: one is no complete index, or they differ in their vector space.
        """
        parts = [each if isinstance(each, Index) else Index.open(Path(each)) for each in indexes]
        if not parts:
            raise InputError("no index to search", expected="at least one", got="none")
        for part in parts[1:]:
            _require_alike(parts[0], part)
        if len(parts) > 1:
            _refuse_stored(parts)
        made = cls(parts, _Joined.of([part.state for part in parts]))
        if len(made.state.places) < sum(len(part.state.places) for part in parts):
            _refuse_repeated(parts)
        return made

    def add(self, shards: Sequence[EncodedDocuments], *, replace: bool = False) -> None:
        """See :meth:`kivuko.retrieval.index.Index.add`; refused."""
        self._refuse()

    def delete(self, ids: Sequence[str]) -> None:
        """See :meth:`kivuko.retrieval.index.Index.delete`; refused."""
        self._refuse()

    def compact(self) -> None:
        """See :meth:`kivuko.retrieval.index.Index.compact`; refused."""
        self._refuse()

    def verify(self) -> None:
        """See :meth:`kivuko.retrieval.index.Index.verify`, for all of them."""
        for part in self.parts:
            part.verify()

    def info(self) -> dict[str, Any]:
        """See :meth:`kivuko.retrieval.index.Index.info`, summed."""
        several = [part.info() for part in self.parts]
        counts = ("documents", "deleted", "passages", "tokens", "segments")
        return {
            "kind": self.kind,
            "space": self.space,
            **{name: sum(each[name] for each in several) for name in counts},
            "bytes": {name: sum(each["bytes"][name] for each in several) for name in several[0]["bytes"]},
        }

    def _refuse(self) -> NoReturn:
        raise InputError(
            "several indexes that are searched as one are changed each by itself",
            where=", ".join(str(part.path) for part in self.parts),
            remedy="change the one that has the documents",
        )


@dataclass(frozen=True)
class _Joined(State):
    """The states of several indexes, one after the other."""

    states: Sequence[State] = ()

    @classmethod
    def of(cls, states: Sequence[State]) -> _Joined:
        first = states[0]
        meta = {**first.manifest.meta, "segments": [e for s in states for e in s.manifest.meta["segments"]]}
        return cls(
            Manifest(KIND, hash_json([state.manifest.hash for state in states]), meta=meta),
            first.kind,
            first.storage,
            [name for state in states for name in state.names],
            [segment for state in states for segment in state.segments],
            [mask for state in states for mask in state.alive],
            states,
        )

    @functools.cached_property
    def parts(self) -> list[Part]:
        """Each read as its own index keeps vectors, of which a codec is one's own."""
        return list(itertools.chain.from_iterable(state.parts for state in self.states))


def _require_alike(first: Index, other: Index) -> None:
    if first.space != other.space:
        raise ArtifactError(
            "these indexes were built in different vector spaces",
            where=other.path,
            expected=f"space {first.space or 'none'}, as of {first.path}",
            got=f"space {other.space or 'none'}",
            remedy="build all of them with one model",
        )


def _refuse_stored(parts: Sequence[Index]) -> None:
    for part in parts:
        if part.kind == "stored":
            raise InputError(
                "an index whose vectors a store keeps is searched by itself",
                where=part.path,
                remedy="put all documents into one: a store has room for them",
            )


def _refuse_repeated(parts: Sequence[Index]) -> NoReturn:
    seen: dict[str, Path] = {}
    for part in parts:
        for document in part.documents:
            if document.id in seen:
                raise InputError(
                    "two of these indexes have a document of the same id",
                    where=f"{seen[document.id]} and {part.path}",
                    expected="an id of its own for each document",
                    got=repr(document.id),
                    remedy="delete it in one of them: kivuko index delete",
                )
            seen[document.id] = part.path
    raise AssertionError("no id is repeated")
