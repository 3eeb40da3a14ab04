"""What a service counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of one service; no label holds anything that a client made up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "kivuko_requests", "Answered requests.", ["route", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "kivuko_request_seconds",
            "From headers to answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.searches = Counter(
            "kivuko_searches", "Searches by language and way.", ["language", "method"], registry=self.registry
        )
        self.found_nothing = Counter(
            "kivuko_searches_without_hits",
            "Searches that found nothing.",
            ["language"],
            registry=self.registry,
        )
        self.problems = Counter("kivuko_problems", "Problems by type.", ["type"], registry=self.registry)
        self.searching = Gauge("kivuko_searching", "Searches that run or wait.", registry=self.registry)
        self.changing = Gauge("kivuko_changing", "Changes that run or wait.", registry=self.registry)

    def page(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)
