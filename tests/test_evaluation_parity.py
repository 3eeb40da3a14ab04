"""Every measure against trec_eval where no scores are tied, and against definitions written out here in any case."""

from __future__ import annotations

import re

import ir_measures
import numpy as np
import pytest
import pytrec_eval
from hypothesis import assume, given
from hypothesis import strategies as st

from kivuko.evaluation.measures import evaluate
from kivuko.ranking import Qrels, Run

# Cutoffs within, at and beyond what the small runs hold; trec_eval's own names where it has the measure.
TREC_EVAL = {
    "nDCG": "ndcg", "nDCG@1": "ndcg_cut_1", "nDCG@3": "ndcg_cut_3", "nDCG@10": "ndcg_cut_10", "RR": "recip_rank",
    "AP": "map", "AP@3": "map_cut_3", "R@1": "recall_1", "R@4": "recall_4", "R@1000": "recall_1000",
    "P@3": "P_3", "P@10": "P_10", "Success@1": "success_1", "Success@4": "success_4",
}  # fmt: skip
BY_HAND = ("RR@1", "RR@3", "RR@10", "Judged@2", "Judged@10", "RBP", "RBP@3", "RBP(p=0.5)", "RBP(p=0.95)@4")
LEVELS = (
    *("AP(rel=2)", "AP(rel=2)@3", "RR(rel=2)", "RR(rel=2)@3", "R(rel=2)@4", "P(rel=2)@3", "Success(rel=2)@4"),
    *("AP(rel=3)", "RR(rel=3)@10", "R(rel=3)@1000", "P(rel=3)@10"),
)
MEASURES = (*TREC_EVAL, *BY_HAND)

# Ids whose order differs between alphabets, between numbers and their spelling, and between upper and lower case.
DOCUMENTS = st.sampled_from(["d1", "d10", "d2", "D2", "d", "1", "10", "9", "é", "ሀ", "语", "zz", "not", "-1"])
QUERIES = st.sampled_from(["1", "10", "2", "q", "Q", "ቅ"])
GRADES = st.sampled_from([-2, -1, 0, 0, 1, 1, 2, 3])
QRELS = st.dictionaries(QUERIES, st.dictionaries(DOCUMENTS, GRADES), min_size=1)
TIED = st.sampled_from([-1.0, 0.0, -0.0, 0.5, 0.5 + 1e-12, 1e30])
TIED_RUNS = st.dictionaries(QUERIES, st.dictionaries(DOCUMENTS, TIED))
FREE_RUNS = st.dictionaries(
    QUERIES,
    st.lists(
        st.tuples(DOCUMENTS, st.integers(-1000, 1000)), unique_by=(lambda pair: pair[0], lambda pair: pair[1])
    ),
).map(lambda run: {query: {d: score / 8 for d, score in pairs} for query, pairs in run.items()})


def judged_queries(qrels: Qrels) -> Qrels:
    return {query: grades for query, grades in qrels.items() if grades}


def accepted(run: Run, qrels: Qrels) -> bool:
    """Whether there is something to score: a judged query, and one of the run's, if it has any, among them."""
    judged, answered = judged_queries(qrels), [query for query, documents in run.items() if documents]
    return bool(judged) and (not answered or any(query in judged for query in answered))


def by_hand(measure: str, documents: dict[str, float], grades: dict[str, int]) -> float:
    """The measure of one query by its definition, on arrays in rank order."""
    name, _, cutoff = measure.partition("@")
    k = int(cutoff) if cutoff else len(documents)
    ids, scores = np.array(list(documents), dtype=str), np.array(list(documents.values()), dtype=float)
    order = np.lexsort((ids, -scores))[:k]  # the tie rule: score descending, then id ascending
    found = np.array([grades.get(str(document), 0) for document in ids[order]], dtype=int)
    positions = np.flatnonzero(found > 0) + 1
    relevant = sum(grade > 0 for grade in grades.values())
    if name == "Judged":
        return float(np.mean([str(document) in grades for document in ids[order]])) if len(order) else 0.0
    if name.startswith("RBP"):
        p = float(name[6:-1]) if "(" in name else 0.8
        return float((1 - p) * np.sum(p ** (positions - 1.0)))
    if not relevant or not len(positions):
        return 0.0
    gains = np.sort(np.maximum(list(grades.values()), 0))[::-1][: k if cutoff else None]
    ideal = (gains / np.log2(np.arange(len(gains)) + 2)).sum()
    return float({
        "nDCG": (np.maximum(found, 0) / np.log2(np.arange(len(found)) + 2)).sum() / ideal,
        "RR": 1 / positions[0],
        "AP": (np.arange(1, len(positions) + 1) / positions).sum() / relevant,
        "R": len(positions) / relevant,
        "P": len(positions) / k,
        "Success": 1.0,
    }[name])  # fmt: skip


def check_by_hand(run: Run, qrels: Qrels) -> None:
    judged = judged_queries(qrels)
    scores = evaluate(run, qrels, MEASURES)
    for measure in MEASURES:
        expected = {query: by_hand(measure, run.get(query, {}), grades) for query, grades in judged.items()}
        assert scores.per_query[measure] == pytest.approx(expected, abs=1e-12), measure
        assert scores.mean(measure) == pytest.approx(sum(expected.values()) / len(judged)), measure
    assert set(scores.missing) == {query for query in judged if not run.get(query)}
    assert set(scores.unjudged) == run.keys() - judged.keys()


def check_trec_eval(run: Run, qrels: Qrels) -> None:
    judged = judged_queries(qrels)
    scores = evaluate(run, qrels, MEASURES)
    answered = {query: documents for query, documents in run.items() if documents}
    # On negative grades pytrec_eval hangs or crashes; to trec_eval they are as 0.
    graded = {
        query: {document: max(grade, 0) for document, grade in g.items()} for query, g in judged.items()
    }
    asked = {re.sub(r"_(?=\d)", ".", name) for name in TREC_EVAL.values()}
    reached = pytrec_eval.RelevanceEvaluator(graded, asked).evaluate(answered)
    for measure, name in TREC_EVAL.items():
        expected = {query: reached.get(query, {}).get(name, 0.0) for query in judged}
        assert scores.per_query[measure] == expected, measure
    # trec_eval has no reciprocal rank with a cutoff and no Judged: ir_measures' own.
    for measure in ("RR@1", "RR@3", "RR@10", "Judged@2", "Judged@10"):
        parsed = ir_measures.parse_measure(measure)
        expected = dict.fromkeys(judged, 0.0)
        expected |= {
            found.query_id: found.value for found in ir_measures.iter_calc([parsed], judged, answered)
        }
        assert scores.per_query[measure] == expected, measure


@given(FREE_RUNS, QRELS)
def test_relevance_levels_are_those_of_ir_measures_without_ties(run: Run, qrels: Qrels) -> None:
    assume(accepted(run, qrels))
    judged = judged_queries(qrels)
    graded = {query: {name: max(grade, 0) for name, grade in of.items()} for query, of in judged.items()}
    answered = {query: documents for query, documents in run.items() if documents}
    scores = evaluate(run, qrels, LEVELS)
    for measure in LEVELS:
        expected = dict.fromkeys(judged, 0.0)
        parsed = ir_measures.parse_measure(measure)
        for found in ir_measures.iter_calc([parsed], graded, answered):
            expected[found.query_id] = found.value
        assert scores.per_query[measure] == expected, measure


@given(TIED_RUNS, QRELS)
def test_measures_are_their_definitions_with_our_tie_rule(run: Run, qrels: Qrels) -> None:
    assume(accepted(run, qrels))
    check_by_hand(run, qrels)


@given(FREE_RUNS, QRELS)
def test_measures_are_those_of_trec_eval_without_ties(run: Run, qrels: Qrels) -> None:
    assume(accepted(run, qrels))
    check_trec_eval(run, qrels)
    check_by_hand(run, qrels)


@pytest.mark.parametrize("tied", [False, True])
def test_thousands_of_documents(tied: bool) -> None:
    rng = np.random.default_rng(7)
    run: Run = {}
    qrels: Qrels = {}
    for query, length in {"full": 5000, "short": 1200, "other": 3000, "unjudged": 1000}.items():
        numbers = rng.permutation(6000)[:length]
        scores = rng.integers(0, 50, length) if tied else rng.permutation(length)
        run[query] = {f"d{n}": float(score) for n, score in zip(numbers, scores, strict=True)}
        if query != "unjudged":
            judged = rng.permutation(6000)[:800]
            qrels[query] = {
                f"d{n}": int(grade) for n, grade in zip(judged, rng.integers(-1, 4, 800), strict=True)
            }
    qrels["missing"] = {"d1": 1}
    check_by_hand(run, qrels)
    if not tied:
        check_trec_eval(run, qrels)


@pytest.mark.parametrize(
    ("measure", "provider"),
    [*((name, "pytrec_eval") for name in TREC_EVAL), ("RR@10", "msmarco"), ("Judged@10", "judged")],
)
def test_providers_are_those_the_module_names(measure: str, provider: str) -> None:
    parsed = ir_measures.parse_measure(measure)
    first = next(p for p in ir_measures.DefaultPipeline.providers if p.is_available() and p.supports(parsed))
    assert provider == first.NAME
