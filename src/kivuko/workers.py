"""Pieces of work that do not need each other, by workers of which any may die: processes here, or a Ray cluster.

A piece writes what it makes into files, each whole or not at all, so that one whose worker died is done once more.
Pieces are drawn only as workers come free, so a stream of any length takes no more memory than a short one.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from kivuko.errors import WorkerError, names_missing_extra

Piece = TypeVar("Piece")
Made = TypeVar("Made")
Driver = Literal["processes", "ray"]

#: Pieces drawn for each worker: one that it is at work on, and the next.
_DRAWN = 2
#: Deaths with no piece finished between them, after which it is the work that kills its workers.
_MOST_DEATHS = 3
#: What libraries are told, so that workers do not take each other's cores; a piece is the same whoever does it.
_ALONE = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Workers:
    """Who does the work.

    Attributes:
        driver: ``"processes"`` of this machine, or ``"ray"``.
        count: workers; as many as there are cores, or as the cluster has, by default.
        address: of the Ray cluster; that of ``RAY_ADDRESS``, else a new one on this machine, by default.
        gpus: that each worker of the cluster holds, parts of one too.
    """

    driver: Driver = "processes"
    count: int | None = None
    address: str | None = None
    gpus: float = 0.0

    def done(self, work: Callable[[Piece], Made], pieces: Iterable[Piece]) -> Iterator[tuple[int, Made]]:
        """Do every piece of some work once or, where a worker dies over it, again.

        Args:
            work: a function of a module, with arguments and results that pickle; each has one thread.
            pieces: any number; drawn as workers come free.

        Yields:
            Number of the piece, from 0, and what was made of it, in the order in which they are finished.

        Raises:
            WorkerError: workers die whatever is tried.
            MissingExtraError: ray is not installed.
            Exception: whatever the work raises; what other pieces wrote stays.
        """
        return (
            _by_processes(self, work, pieces) if self.driver == "processes" else _by_ray(self, work, pieces)
        )


def _by_processes(
    workers: Workers, work: Callable[[Piece], Made], pieces: Iterable[Piece]
) -> Iterator[tuple[int, Made]]:
    count = workers.count or os.cpu_count() or 1
    drawn = enumerate(pieces)
    unfinished: dict[int, Piece] = {}
    deaths = 0
    while True:
        pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin)
        try:
            at_work = {pool.submit(work, piece): number for number, piece in unfinished.items()}
            while True:
                for number, piece in itertools.islice(drawn, _DRAWN * count - len(at_work)):
                    unfinished[number] = piece
                    at_work[pool.submit(work, piece)] = number
                if not at_work:
                    return
                for future in wait(at_work, return_when=FIRST_COMPLETED).done:
                    number = at_work.pop(future)
                    made = future.result()
                    del unfinished[number]
                    deaths = 0
                    yield number, made
        except BrokenProcessPool as error:
            deaths += 1
            if deaths == _MOST_DEATHS:
                raise _always_dies(unfinished) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _begin() -> None:
    _alone()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _alone() -> None:
    os.environ.update(_ALONE)


def _end_with_parent() -> None:
    """End this worker when whoever began it is killed: the pipe that it waits at would stay open, held by itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _by_ray(
    workers: Workers, work: Callable[[Piece], Made], pieces: Iterable[Piece]
) -> Iterator[tuple[int, Made]]:
    ray = connected_ray(workers.address)
    from ray.exceptions import RayError, RayTaskError

    task: Any = ray.remote(num_cpus=1, num_gpus=workers.gpus, max_retries=_MOST_DEATHS)(_alone_in_ray)
    cluster = ray.cluster_resources()
    count = workers.count or int(cluster.get("CPU", 1))
    drawn = enumerate(pieces)
    unfinished: dict[int, Piece] = {}
    at_work: dict[Any, int] = {}
    while True:
        for number, piece in itertools.islice(drawn, _DRAWN * count - len(at_work)):
            unfinished[number] = piece
            at_work[task.remote(work, piece)] = number
        if not at_work:
            return
        for reference in ray.wait(list(at_work))[0]:
            number = at_work.pop(reference)
            try:
                made = ray.get(reference)
            except RayTaskError as error:
                raise error.cause from None
            except RayError as error:
                raise _always_dies(unfinished) from error
            del unfinished[number]
            yield number, made


def connected_ray(address: str | None) -> Any:
    """The library ray, connected to a cluster; nothing of its use is reported to its makers.

    Args:
        address: of the cluster; that of ``RAY_ADDRESS``, else a new one on this machine, by default.

    Raises:
        MissingExtraError: ray is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with names_missing_extra():
        import ray
    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False, include_dashboard=False)
    return ray


def _alone_in_ray(work: Callable[[Any], Any], piece: Any) -> Any:
    _alone()
    return work(piece)


def _always_dies(unfinished: dict[int, Any]) -> WorkerError:
    shown = ", ".join(str(number + 1) for number in sorted(unfinished)[:4])
    return WorkerError(
        "workers die over this work, again and again",
        where=f"piece {shown}",
        expected="workers that finish a piece in the end",
        remedy="see whether memory ran out (dmesg says so), and try fewer workers; finished pieces are kept",
    )
