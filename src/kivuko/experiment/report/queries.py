"""Query by query: where one system finds what another does not, with the queries themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kivuko.artifact import hash_json
from kivuko.experiment.report.cells import Measurements, Values, Variant
from kivuko.experiment.report.winners import competitors, rank
from kivuko.experiment.test_bed import TestBed

SHOWN = 5


@dataclass(frozen=True)
class Query:
    """One query and what two systems made of it: its texts, and nDCG@10 of each system."""

    text: str
    english: str
    first: float
    second: float


@dataclass(frozen=True)
class WinLoss:
    """Two systems on one language's main test queries.

    Attributes:
        language: tag of the queries' language.
        first: the one system.
        second: the other.
        wins: queries on which the first has the higher nDCG@10.
        losses: those on which it has the lower one.
        ties: the others.
        differences: first − second, one a query, ascending.
        best: the queries won by most, with their texts.
        worst: the queries lost by most.
    """

    language: str
    first: Variant
    second: Variant
    wins: int
    losses: int
    ties: int
    differences: tuple[float, ...]
    best: tuple[Query, ...]
    worst: tuple[Query, ...]


def win_loss(cells: Measurements, bed: TestBed) -> list[WinLoss]:
    """The best student (chosen on development queries over all languages) against BM25 by a lexicon.

    Args:
        cells: the measurements.
        bed: the queries' texts; a language whose queries are not those that the cells scored is passed over.
    """
    students = [v for v in competitors(cells) if not cells.baseline(v.regime) and cells.trained_languages(v)]
    ranking = rank(cells, students, cells.languages(), "alone")
    if ranking is None or cells.lexicon is None:
        return []
    first = ranking.variants[0]
    sizes = cells.budgets(cells.lexicon)
    second = Variant(cells.lexicon, first.budget if first.budget in sizes else (sizes or ["all"])[-1])
    found = []
    for topics in bed.topics:
        language, asked = topics.language.tag, topics.queries["test"]
        scores = [cells.values(variant, language) for variant in (first, second)]
        if topics.collection != cells.main.collection or scores[0] is None or scores[1] is None:
            continue
        if cells.ids(language) == hash_json(sorted(asked))[:12]:
            found.append(
                _compared(language, first, second, scores[0], scores[1], asked, topics.english["test"])
            )
    return found


def _compared(
    language: str,
    first: Variant,
    second: Variant,
    ours: Values,
    theirs: Values,
    asked: Mapping[str, str],
    english: Mapping[str, str],
) -> WinLoss:
    queries = [
        Query(asked[name], english.get(name, ""), float(a), float(b))
        for name, a, b in zip(sorted(asked), ours, theirs, strict=True)
    ]
    ordered = sorted(queries, key=lambda query: (query.second - query.first, query.text))
    differences = sorted(query.first - query.second for query in queries)
    wins, losses = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    return WinLoss(
        language,
        first,
        second,
        wins,
        losses,
        len(queries) - wins - losses,
        tuple(differences),
        tuple(query for query in ordered[:SHOWN] if query.first > query.second),
        tuple(query for query in reversed(ordered[-SHOWN:]) if query.first < query.second),
    )
