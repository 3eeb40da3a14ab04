"""Effectiveness measures through ir_measures, one spelling each: per query, and mean with interval.

Three of ir_measures' providers are used, all of which come with it: trec_eval itself (``pytrec_eval``) for nDCG, RR,
AP, R, P and Success, ``msmarco`` for RR with a cutoff, and ``judged`` for Judged. The providers of RBP (``cwl_eval``,
``trectools``) do not come with it, so RBP, a sum of one line, is computed here.

A document is relevant from grade 1 on, or from the grade that ``rel`` names: ``AP(rel=2)``, as ir_measures spells it.
Only nDCG looks further: there the grade g is the gain, and a negative one gains nothing, as in trec_eval;
``nDCG(dcg='exp-log2')`` takes 2^g − 1 instead (Burges et al., ICML 2005, doi 10.1145/1102351.1102363). RBP is the
binary one of Moffat and Zobel (TOIS 2008, doi 10.1145/1416950.1416952), which ir_measures calls ``RBP(rel=1)``:
summing grades instead would leave [0, 1], and scaling them into it is a choice that each collection would make
differently. Judged counts every judgment, whatever its grade, among the documents retrieved down to the cutoff, which
may be fewer than k; it says how far to trust the rest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from kivuko.errors import InputError, UnknownNameError
from kivuko.evaluation.bootstrap import bootstrap_interval
from kivuko.ranking import MAX_GRADE, Qrels, Run, ranked

#: The measures that every table shows.
MEASURES = ("nDCG@10", "RR@10", "AP", "R@100")
#: The persistence p of ``RBP``, the probability of looking at the next document.
PERSISTENCE = 0.8
#: A gain of 2^g − 1 beyond this grade is more than trec_eval can hold.
_MAX_EXPONENTIAL_GRADE = 20
#: Which settings a measure takes.
_TAKES = {
    "nDCG": {"dcg"}, "RR": {"rel"}, "AP": {"rel"}, "RBP": {"p", "rel"},
    "R": {"rel"}, "P": {"rel"}, "Success": {"rel"}, "Judged": set[str](),
}  # fmt: skip
_NEED_CUTOFF = {"R", "P", "Success", "Judged"}
#: How a setting is written, which field of :class:`_Measure` it is, and how it is read.
_SETTINGS: dict[str, tuple[re.Pattern[str], str, Callable[[str], Any]]] = {
    "rel": (re.compile(rf"[1-9][0-9]{{0,2}}|{MAX_GRADE}"), "level", int),
    "p": (re.compile(r"0\.[0-9]*[1-9]"), "persistence", float),
    "dcg": (re.compile(r"(['\"])(exp-)?log2\1"), "exponential", lambda value: "exp" in value),
}
_SPELLING = re.compile(r"(?P<name>[A-Za-z]+)(?:\((?P<settings>[^()]+)\))?(?:@(?P<cutoff>[1-9][0-9]{0,5}))?")
_SPELLINGS = (
    "nDCG, RR, AP or RBP, each with or without @k, or R@k, P@k, Success@k or Judged@k; k from 1 to 999999. "
    f"In brackets stand rel=2 (relevant from grade 2 on; 1 to {MAX_GRADE}) of all but nDCG and Judged, "
    "p=0.5 (between 0 and 1) of RBP, dcg='exp-log2' of nDCG: AP(rel=2), R(rel=2)@100, RBP(p=0.5,rel=2), "
    "nDCG(dcg='exp-log2')@10"
)
_EXAMPLES = (*MEASURES, "RBP", "P@10", "Success@10", "Judged@10", "AP(rel=2)", "R(rel=2)@100")


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
        hopeless: judged queries without a relevant document, on which every run scores 0 (but for Judged).
        hopeless_from: the same for measures of a higher relevance level: level → judged queries without a document
            of this grade or above, for every level that was asked for.
        judged_documents: documents of the run that are judged for their query. 0 of many is a sign that the qrels
            are those of another collection.
    """

    per_query: dict[str, dict[str, float]]
    missing: tuple[str, ...]
    unjudged: tuple[str, ...]
    hopeless: tuple[str, ...]
    judged_documents: int
    hopeless_from: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

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


@dataclass(frozen=True)
class _Measure:
    """A parsed spelling: ``nDCG@10`` is named nDCG.

    Attributes:
        spelling: as it was given.
        name: without settings and cutoff.
        cutoff: ranks looked at; None for all.
        level: the grade from which a document is relevant.
        persistence: of RBP.
        exponential: whether the gain of nDCG is 2^g − 1.
    """

    spelling: str
    name: str
    cutoff: int | None
    level: int = 1
    persistence: float = PERSISTENCE
    exponential: bool = False


def evaluate(run: Run, qrels: Qrels, measures: Sequence[str] = MEASURES) -> Scores:
    """Score a run.

    Ties are broken by the project's one rule (score descending, then document id ascending). The providers behind
    ir_measures each have their own, so they are not told scores and ids but ranks: to them, each document is called
    by the rank it has here. That is also cheaper, since all rankings of one length are then the same.

    Args:
        run: the documents found; a query without documents is one that the run does not have.
        qrels: the judgments; a document without one is not relevant, a query without any is not judged.
        measures: ``nDCG``, ``RR``, ``AP`` (each with an optional cutoff, ``nDCG@10``), ``R@k``, ``P@k``,
            ``Success@k``, ``Judged@k``, or ``RBP`` with an optional persistence and cutoff (``RBP(p=0.5)@10``;
            ``RBP`` alone has p = 0.8). All but nDCG and Judged take the grade from which a document is relevant
            (``AP(rel=2)``, ``R(rel=2)@100``), nDCG takes ``nDCG(dcg='exp-log2')@10``.

    Raises:
        InputError: there is no judged query, no measure, no query that is both in the run and judged, a score that
            is not finite, or a grade beyond ``MAX_GRADE`` (or beyond 20, for gains of 2^g − 1).
        UnknownNameError: a measure is not spelled as above.
    """
    asked = [_parse(name) for name in dict.fromkeys(measures)]
    judged = {query: qrels[query] for query in sorted(qrels) if qrels[query]}
    if not judged or not asked:
        missing = "judged query" if not judged else "measure"
        raise InputError(f"nothing to score: no {missing}", expected=f"at least one {missing}")
    _check(run, judged)
    exponential = [measure for measure in asked if measure.exponential]
    if exponential:
        _check_exponential(judged)

    found = {measure.spelling: dict.fromkeys(judged, 0.0) for measure in asked}
    lengths = {query: len(run[query]) for query in judged if run.get(query)}
    ranks = {query: _judged_ranks(ranked(run[query]), judged[query]) for query in lengths}
    told = {query: _told(ranks[query], judged[query]) for query in lengths}
    for measure in (m for m in asked if m.name == "RBP"):
        for query in lengths:
            found[measure.spelling][query] = _rbp(ranks[query], judged[query], measure)
    # These two measures' providers sort in Python: give them no more than their cutoff.
    scanned = [m for m in asked if m.name == "Judged" or (m.name == "RR" and m.cutoff)]
    depth = max((measure.cutoff or 0 for measure in scanned), default=0)
    _provide(found, scanned, told, {query: min(length, depth) for query, length in lengths.items()})
    _provide(
        found, [m for m in asked if m.name != "RBP" and m not in [*scanned, *exponential]], told, lengths
    )
    # trec_eval takes the grade for the gain.
    gains = {query: {name: 2**grade - 1 for name, grade in of.items()} for query, of in told.items()}
    _provide(found, exponential, gains if exponential else {}, lengths)
    greatest = {query: max(grades.values()) for query, grades in judged.items()}
    return Scores(
        per_query=found,
        missing=tuple(query for query in judged if query not in lengths),
        unjudged=tuple(query for query in sorted(run) if query not in judged),
        hopeless=tuple(query for query, grade in greatest.items() if grade < 1),
        judged_documents=sum(map(len, ranks.values())),
        hopeless_from={
            level: tuple(query for query, grade in greatest.items() if grade < level)
            for level in sorted({measure.level for measure in asked} - {1})
        },
    )


def check_measures(names: Iterable[str]) -> None:
    """Refuse names that :func:`evaluate` would not know.

    Raises:
        UnknownNameError: a measure is not spelled as there.
    """
    for name in names:
        _parse(name)


def _judged_ranks(documents: Sequence[str], grades: Mapping[str, int]) -> dict[str, int]:
    """The rank, from 0, of each document that is retrieved and judged."""
    return {document: rank for rank, document in enumerate(documents) if document in grades}


def _told(ranks: Mapping[str, int], grades: Mapping[str, int]) -> dict[str, int]:
    """The grades of documents called by their rank; those not retrieved get names that no rank has.

    A grade below 0 is told as 0, which it equals in all these measures: on negative grades pytrec_eval 0.5 writes
    outside its memory, and then hangs or crashes.
    """
    return {
        str(ranks[document]) if document in ranks else f"not retrieved {number}": max(grade, 0)
        for number, (document, grade) in enumerate(grades.items())
    }


def _provide(
    found: dict[str, dict[str, float]],
    measures: Sequence[_Measure],
    qrels: Qrels,
    lengths: Mapping[str, int],
) -> None:
    """Fill ``found``, measure → query id → value, through ir_measures for rankings of these lengths."""
    import ir_measures

    if not measures:
        return
    ranking = cache(lambda length: {str(rank): -float(rank) for rank in range(length)})
    run = {query: ranking(length) for query, length in lengths.items()}
    spellings: dict[Any, list[str]] = {}  # one measure may be spelled in two ways: AP and AP(rel=1)
    for measure in measures:
        spellings.setdefault(_provided(measure), []).append(measure.spelling)
    for result in ir_measures.iter_calc(list(spellings), qrels, run):
        for spelling in spellings[result.measure]:
            found[spelling][result.query_id] = float(result.value)


def _provided(measure: _Measure) -> Any:
    """What a measure is to ir_measures; gains are told, so that its providers need not know of them."""
    import ir_measures

    kind = getattr(ir_measures, measure.name)
    if measure.level > 1:
        kind = kind(rel=measure.level)
    return kind if measure.cutoff is None else kind @ measure.cutoff


def _rbp(ranks: Mapping[str, int], grades: Mapping[str, int], measure: _Measure) -> float:
    """Rank-biased precision: (1 - p) · Σ p^rank over the relevant documents, ranks from 0."""
    relevant = (rank for document, rank in ranks.items() if grades[document] >= measure.level)
    weights = (
        measure.persistence**rank for rank in relevant if measure.cutoff is None or rank < measure.cutoff
    )
    return (1 - measure.persistence) * math.fsum(weights)


def _check(run: Run, qrels: Qrels) -> None:
    for query, grades in qrels.items():
        if max(grades.values()) > MAX_GRADE or min(grades.values()) < -MAX_GRADE:
            document = max(grades, key=lambda document: abs(grades[document]))
            raise InputError(
                "a grade is out of range",
                where=f"query {query}, document {document}",
                expected=f"a whole number from -{MAX_GRADE} to {MAX_GRADE}",
                got=grades[document],
                remedy="map the grades to a small scale, 0 for not relevant",
            )
        # A sum is finite only if all of it is, and almost always when all of it is.
        scores = run.get(query, {}).values()
        if not math.isfinite(sum(scores)) and not all(map(math.isfinite, scores)):
            document = next(document for document, score in run[query].items() if not math.isfinite(score))
            raise InputError(
                "a score is not a finite number",
                where=f"query {query}, document {document}",
                got=run[query][document],
                remedy="leave out of the run what has no score",
            )
    retrieved = sorted(query for query, documents in run.items() if documents)
    if retrieved and not any(query in qrels for query in retrieved):
        raise InputError(
            "no query of the run is judged",
            expected="the same query ids in the run and in the qrels",
            got=f"{len(retrieved)} queries in the run, such as {', '.join(retrieved[:3])}; "
            f"{len(qrels)} in the qrels, such as {', '.join(sorted(qrels)[:3])}",
            remedy="use the qrels of the collection that was searched",
        )


def _check_exponential(qrels: Qrels) -> None:
    for query, grades in qrels.items():
        if max(grades.values()) > _MAX_EXPONENTIAL_GRADE:
            document = max(grades, key=lambda document: grades[document])
            raise InputError(
                "a grade is too great for gains of 2^g − 1",
                where=f"query {query}, document {document}",
                expected=f"at most {_MAX_EXPONENTIAL_GRADE}",
                got=grades[document],
                remedy="measure nDCG, whose gain is the grade, or map the grades to a small scale",
            )


def _parse(name: str) -> _Measure:
    match = _SPELLING.fullmatch(name)
    if match is not None and match["name"] in _TAKES:
        kind, cutoff = match["name"], match["cutoff"]
        settings = _parse_settings(match["settings"], _TAKES[kind])
        if settings is not None and (cutoff or kind not in _NEED_CUTOFF):
            return _Measure(name, kind, int(cutoff) if cutoff else None, **settings)
    raise UnknownNameError("measure", name, _EXAMPLES, remedy=f"spell it {_SPELLINGS}")


def _parse_settings(text: str | None, takes: Collection[str]) -> dict[str, Any] | None:
    """What brackets hold, as fields of :class:`_Measure`; None where a measure that takes these cannot have it."""
    found: dict[str, Any] = {}
    for setting in text.split(",") if text else ():
        name, _, value = setting.strip().partition("=")
        if name not in takes:
            return None
        pattern, own, read = _SETTINGS[name]
        if own in found or not pattern.fullmatch(value):
            return None
        found[own] = read(value)
    return found
