"""Work that threads ask for at the same time, done at once.

A scan reads every vector of an index, whatever is looked for; where more threads search than there are cores, one
reading can serve several of them. Nobody waits for others to come: what finds a core free begins by itself, and what
has to wait anyway goes with the next that begins (as databases commit several transactions by one write).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
#: Queries beyond which a scan gains no more.
_MOST = 16


@dataclass(eq=False)
class _Asked(Generic[T, R]):
    """What one thread asks for; ``taken`` once a thread does it."""

    kind: object
    items: Sequence[T]
    taken: bool = False
    done: Future[list[R]] = field(default_factory=Future)


class Sharing(Generic[T, R]):
    """Lets threads share work of the same kind.

    Args:
        at_once: how much is done at the same time; by default as much as this process has cores.
    """

    def __init__(self, at_once: int | None = None) -> None:
        self._at_once = self._free = at_once or _cores()
        self._changed = threading.Condition()
        self._waiting: list[_Asked[T, R]] = []

    def __reduce__(self) -> tuple[type[Sharing[T, R]], tuple[int]]:
        """What is copied or pickled shares with nobody yet."""
        return type(self), (self._at_once,)

    def run(self, kind: object, items: Sequence[T], work: Callable[[Sequence[T]], list[R]]) -> list[R]:
        """Do some work, perhaps together with what other threads wait for, or let one of them do it.

        Args:
            kind: what is equal for work that may be done together.
            items: what it is done on.
            work: items → a result for each, which does not depend on the other items.

        Raises:
            Exception: what ``work`` raises, in all threads whose items it was given.
        """
        own = _Asked[T, R](kind, items)
        with self._changed:
            self._waiting.append(own)
            self._changed.wait_for(lambda: own.taken or self._free > 0)
            shared = [] if own.taken else self._take(own)
        if shared:
            self._work(shared, work)
        return own.done.result()

    def _take(self, own: _Asked[T, R]) -> list[_Asked[T, R]]:
        self._free -= 1
        shared, size = [own], len(own.items)
        for each in self._waiting:
            if each is not own and each.kind == own.kind and size + len(each.items) <= _MOST:
                shared.append(each)
                size += len(each.items)
        for each in shared:
            each.taken = True
            self._waiting.remove(each)
        return shared

    def _work(self, shared: Sequence[_Asked[T, R]], work: Callable[[Sequence[T]], list[R]]) -> None:
        try:
            results = work([item for each in shared for item in each.items])
            at = 0
            for each in shared:
                each.done.set_result(results[at : at + len(each.items)])
                at += len(each.items)
        except BaseException as error:
            for each in shared:
                each.done.set_exception(error)
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
