"""Indexes scanned by actors of a Ray cluster, some for each, and searched as one.

Who asks keeps documents and words, and sends the vectors of a query to one actor of each index; each answers with the
best of its own, and the best of all are the answer. A dead actor, or all of a dead node's, are started again by Ray,
which repeats what they were at; meanwhile another of the same index is asked.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import UnknownNameError
from kivuko.ranking import ranked
from kivuko.retrieval.bounds import Effort
from kivuko.retrieval.filters import Among, Filter
from kivuko.retrieval.index import Index, PassageHit
from kivuko.retrieval.state import State
from kivuko.retrieval.together import SeveralIndexes
from kivuko.workers import connected_ray

#: Seconds after which another actor of the same index is asked as well.
PATIENCE = 2.0


@dataclass(frozen=True)
class Scan:
    """What one index is asked.

    Attributes:
        state: hash of the index's manifest, as whoever asks has it open.
        queries: [query tokens, dim] of each query.
        depth: documents wanted a query.
        where: which documents may be found.
        effort: how far a compressed index looks.
    """

    state: str
    queries: Sequence[NDArray[np.float32]]
    depth: int
    where: Filter | Among | None
    effort: Effort


class _Scanner:
    """One index, held open by an actor; a later state of it is opened when somebody has seen it."""

    def __init__(self, path: Path) -> None:
        self.index = Index.open(path)

    def process(self) -> int:
        """Number of the process that the actor is now."""
        return os.getpid()

    def search(self, asked: Scan) -> list[list[PassageHit]]:
        if self.index.manifest.hash != asked.state:
            self.index = Index.open(self.index.path)
        try:
            return self.index.search(asked.queries, depth=asked.depth, where=asked.where, effort=asked.effort)
        except UnknownNameError:  # no document of this one has a field that others have
            return [[] for _ in asked.queries]


class Scanners:
    """Actors that scan index folders, which every node has under the same path.

    Args:
        indexes: the folders.
        replicas: actors for each, of one core each.
        address: of the Ray cluster; that of ``RAY_ADDRESS``, else a new one on this machine, by default.

    Raises:
        MissingExtraError: ray is not installed.
    """

    def __init__(self, indexes: Sequence[Path], *, replicas: int = 1, address: str | None = None) -> None:
        ray = self._ray = connected_ray(address)
        actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)(_Scanner)
        self.actors: dict[Path, list[Any]] = {
            path.absolute(): [actor.remote(path.absolute()) for _ in range(replicas)] for path in indexes
        }
        self._turn = itertools.count()

    def search(self, asked: Sequence[tuple[Path, Scan]]) -> list[list[list[PassageHit]]]:
        """What each of some indexes finds, in order; all of them search at once."""
        turn = next(self._turn)
        rows = [self._from(path, turn) for path, _ in asked]
        scans = [self._ray.put(scan) for _, scan in asked]
        answers = [[actors[0].search.remote(scan)] for actors, scan in zip(rows, scans, strict=True)]
        for further in range(1, max(map(len, rows))):
            first = [references[0] for references in answers]
            _, late = self._ray.wait(first, num_returns=len(first), timeout=PATIENCE)
            for actors, scan, references in zip(rows, scans, answers, strict=True):
                if references[0] in late and further < len(actors):
                    references.append(actors[further].search.remote(scan))
        return [self._ray.get(self._ray.wait(references)[0][0]) for references in answers]

    def close(self) -> None:
        """Stop the actors."""
        for actor in itertools.chain.from_iterable(self.actors.values()):
            self._ray.kill(actor)

    def _from(self, path: Path, turn: int) -> list[Any]:
        """An index's actors, whose turn it is first."""
        actors = self.actors[path.absolute()]
        first = turn % len(actors)
        return actors[first:] + actors[:first]


class ScannedIndexes(SeveralIndexes):
    """Several indexes searched as one, of which actors do the scans. Use :meth:`scanned`."""

    def __init__(self, parts: Sequence[Index], state: State) -> None:
        super().__init__(parts, state)
        self._scanners: Scanners | None = None

    @classmethod
    def scanned(cls, indexes: Sequence[Index | Path | str], scanners: Scanners) -> ScannedIndexes:
        """Search indexes as :meth:`kivuko.retrieval.together.SeveralIndexes.together` does, by these actors.

        Exact kinds give the same scores; a compressed one looks at as many passages in each index as it would in all
        of them, so that it finds no less.

        Args:
            indexes: at least one, for each of which there are actors.
            scanners: the actors.
        """
        made = cls.together(indexes)
        made._scanners = scanners
        return made

    def _search(
        self,
        queries: Sequence[NDArray[np.float32]],
        depth: int,
        where: Filter | Among | None,
        effort: Effort,
    ) -> list[list[PassageHit]]:
        if self._scanners is None or self.space is None:
            return super()._search(queries, depth, where, effort)
        self._allowed(where)  # a field that no document has is an error
        asked = [
            (part.path, Scan(part.manifest.hash, queries, depth, _of_part(where, part), effort))
            for part in self.parts
        ]
        found: list[dict[str, PassageHit]] = [{} for _ in queries]
        for of_part in self._scanners.search(asked):
            for hits, own in zip(found, of_part, strict=True):
                # An actor may have seen a change that is not open here yet.
                hits.update({hit.id: hit for hit in own if self.has(hit.id)})
        return [
            [hits[name] for name in ranked({name: hit.score for name, hit in hits.items()})[:depth]]
            for hits in found
        ]


def _of_part(where: Filter | Among | None, part: Index) -> Filter | Among | None:
    if isinstance(where, Among):
        return Among(frozenset(name for name in where.ids if part.has(name)))
    return where
