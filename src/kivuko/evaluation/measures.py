"""Effectiveness measures through ir_measures, one spelling each: per query, and mean with interval."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kivuko.errors import InputError, UnknownNameError
from kivuko.evaluation.bootstrap import bootstrap_interval
from kivuko.ranking import Qrels, Run, ranked

#: The measures that every table shows.
MEASURES = ("nDCG@10", "RR@10", "AP", "R@100")
_SPELLING = re.compile(r"(?:(?:nDCG|RR|AP)(?:@[1-9]\d*)?|(?:R|P)@[1-9]\d*)")


@dataclass(frozen=True)
class Summary:
    """A measure over queries: mean, 95 % bootstrap interval, and how many queries."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Scores:
    """What a run reached on qrels.

    Attributes:
        per_query: measure → query id → value in [0, 1], for every judged query, by id.
        missing: judged queries for which the run has no document; each scores 0.
        unjudged: queries of the run without judgment, which count nowhere.
    """

    per_query: dict[str, dict[str, float]]
    missing: tuple[str, ...]
    unjudged: tuple[str, ...]

    def mean(self, measure: str) -> float:
        """The mean over all judged queries."""
        values = self._values(measure)
        return sum(values) / len(values)

    def summary(self, measure: str, *, seed: int = 0, resamples: int = 10_000) -> Summary:
        """Mean, percentile bootstrap interval over queries (95 %) and number of queries."""
        values = self._values(measure)
        low, high = bootstrap_interval(values, seed=seed, resamples=resamples)
        return Summary(self.mean(measure), low, high, len(values))

    def _values(self, measure: str) -> list[float]:
        if measure not in self.per_query:
            raise UnknownNameError("measure of these scores", measure, self.per_query)
        return list(self.per_query[measure].values())


def evaluate(run: Run, qrels: Qrels, measures: Sequence[str] = MEASURES) -> Scores:
    """Score a run.

    Ties are broken by the project's one rule (score descending, then document id ascending). The providers
    behind ir_measures each have their own, so they are given ranks instead of scores.

    Args:
        run: the documents found.
        qrels: the judgments; a document without one is not relevant.
        measures: ``nDCG``, ``RR``, ``AP`` (each with an optional cutoff, ``nDCG@10``), ``R@k`` or ``P@k``.

    Raises:
        InputError: there is no judged query, or no measure.
        UnknownNameError: a measure is not spelled as above.
    """
    if not qrels or not measures:
        missing = "judged query" if not qrels else "measure"
        raise InputError(f"nothing to score: no {missing}", expected=f"at least one {missing}")
    asked = {name: _parse(name) for name in measures}

    import ir_measures

    by_rank = {
        query: {document: -float(rank) for rank, document in enumerate(ranked(run[query]))}
        for query in sorted(qrels)
        if run.get(query)
    }
    found: dict[tuple[str, str], float] = {}
    for result in ir_measures.iter_calc(list(asked.values()), qrels, by_rank):
        found[str(result.measure), result.query_id] = float(result.value)
    return Scores(
        per_query={
            name: {query: found.get((str(measure), query), 0.0) for query in sorted(qrels)}
            for name, measure in asked.items()
        },
        missing=tuple(query for query in sorted(qrels) if query not in by_rank),
        unjudged=tuple(query for query in sorted(run) if query not in qrels),
    )


def _parse(name: str) -> Any:
    if not _SPELLING.fullmatch(name):
        raise UnknownNameError(
            "measure", name, MEASURES, remedy="spell it nDCG@k, RR@k, AP, R@k or P@k, with a cutoff k from 1"
        )
    import ir_measures

    return ir_measures.parse_measure(name)
