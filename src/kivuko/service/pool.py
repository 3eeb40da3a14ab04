"""A bounded pool: so much runs at once, so much waits, and what comes beyond that is told when to come again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from kivuko.service.problems import busy

T = TypeVar("T")
#: How much the latest piece of work counts in the mean that Retry-After is reckoned from.
_LATEST = 0.1
_LONGEST_WAIT = 60.0


class Pool:
    """Threads that work for an event loop.

    Threads share one open engine, and scans of it (:mod:`kivuko.retrieval.sharing`); the libraries that encode and
    scan let go of Python's lock while they do.

    Args:
        name: of the threads.
        workers: what runs at once.
        queue: what waits for that.
    """

    def __init__(self, name: str, workers: int, queue: int) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._workers, self._places = workers, workers + queue
        self._mean = 0.0
        #: What runs or waits.
        self.admitted = 0

    async def run(self, work: Callable[[], T], *, seconds: float) -> T:
        """Let a thread do some work.

        Args:
            work: to be done.
            seconds: to wait for it at most. What has begun by then goes on, and keeps its place.

        Raises:
            ProblemError: too many wait already, or it took too long.
        """
        if self.admitted >= self._places:
            raise busy("busy", f"{self.admitted} requests run or wait already", self._wait())
        self.admitted += 1
        loop = asyncio.get_running_loop()
        future = self._executor.submit(self._timed, work)
        future.add_done_callback(lambda _: _in_loop(loop, self._leave))
        try:
            async with asyncio.timeout(seconds) as deadline:
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise busy("timed-out", f"there was no answer within {seconds:g} seconds", self._wait()) from None

    def close(self) -> None:
        """Wait for what runs; what waits is not begun any more."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _timed(self, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return work()
        finally:
            self._mean += _LATEST * (time.perf_counter() - started - self._mean)

    def _leave(self) -> None:
        self.admitted -= 1

    def _wait(self) -> float:
        """Seconds until half of what waits now will be done."""
        return min(_LONGEST_WAIT, self._mean * self.admitted / self._workers / 2)


def _in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
