"""What answers: the open engine, the pools that bound what is asked of it, and the counters."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from kivuko.engine import Engine
from kivuko.errors import KivukoError
from kivuko.service import searching
from kivuko.service.answers import SearchBody
from kivuko.service.metrics import Metrics
from kivuko.service.pool import Pool
from kivuko.service.problems import of_error
from kivuko.service.settings import Settings

T = TypeVar("T")
log = logging.getLogger("kivuko.service")


class Service:
    """What answers requests: the open engine, its pools and its counters.

    Args:
        engine: open. Changes are made by an engine of their own, so that they never keep a search from a model.
        settings: how it is run.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine, self.settings, self.metrics = engine, settings, Metrics()
        self.searches = Pool("search", settings.workers, settings.queue)
        self.changes = Pool("change", 1, settings.writers)
        # Whether it is ready has to be known however many searches wait.
        self._asides = Pool("aside", 1, settings.connections)
        self._writer: Engine | None = None
        self.metrics.searching.set_function(lambda: self.searches.admitted)
        self.metrics.changing.set_function(lambda: self.changes.admitted)

    async def search(self, asked: SearchBody) -> dict[str, Any]:
        """Answer a search, and count it."""
        seconds = self.settings.timeouts.search
        found = await self._run(self.searches, lambda: searching.search(self.engine, asked), seconds)
        self.metrics.searches.labels(found["language"], found["method"]).inc()
        if not found["hits"]:
            self.metrics.found_nothing.labels(found["language"]).inc()
        return found

    async def ask(self, work: Callable[[Engine], T]) -> T:
        """Ask the engine for something small."""
        return await self._run(self._asides, lambda: work(self.engine), self.settings.timeouts.search)

    async def change(self, work: Callable[[Engine], T]) -> T:
        """Change the engine."""
        return await self._run(self.changes, lambda: work(self._writing()), self.settings.timeouts.change)

    def close(self) -> None:
        """Wait for what runs."""
        for pool in (self.changes, self.searches, self._asides):
            pool.close()

    def _writing(self) -> Engine:
        if self._writer is None:
            self._writer = Engine.open(self.engine.path)
        return self._writer

    async def _run(self, pool: Pool, work: Callable[[], T], seconds: float) -> T:
        try:
            return await pool.run(work, seconds=seconds)
        except KivukoError as error:
            problem = of_error(error, self.engine.path)
            if problem.type.status >= 500:
                log.error("%s", error)
            raise problem from error
