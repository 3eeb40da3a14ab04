from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.errors import InputError, UnknownNameError
from kivuko.evaluation.bootstrap import bootstrap_interval
from kivuko.evaluation.measures import MEASURES, evaluate
from kivuko.evaluation.run import read_qrels, read_run, write_qrels, write_run
from kivuko.ranking import Run, best, ranked

IDS = st.sampled_from([f"d{number}" for number in range(12)])
SCORES = st.sampled_from([0.0, 0.5, 1.0, 2.0])  # few values, so that ties are common
RUNS = st.dictionaries(st.sampled_from(["q1", "q2", "q3"]), st.dictionaries(IDS, SCORES, min_size=1))


def test_measures_by_hand() -> None:
    qrels = {"q": {"a": 1, "c": 1, "x": 1}}
    run = {"q": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}}  # relevant at ranks 1 and 3, a third never found
    scores = evaluate(run, qrels)
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert scores.mean("nDCG@10") == pytest.approx((1 + 1 / math.log2(4)) / ideal)
    assert scores.mean("RR@10") == 1.0
    assert scores.mean("AP") == pytest.approx((1 / 1 + 2 / 3) / 3)
    assert scores.mean("R@100") == pytest.approx(2 / 3)
    assert evaluate(run, {"q": {"d": 1}}, ["RR@10", "RR@3"]).per_query == {
        "RR@10": {"q": 0.25},
        "RR@3": {"q": 0.0},
    }


def test_judged_query_missing_from_the_run_scores_zero() -> None:
    qrels = {"q1": {"a": 1}, "q2": {"a": 1}, "q3": {"a": 1}, "q4": {"a": 0}}
    scores = evaluate({"q1": {"a": 1.0}, "q2": {}, "extra": {"a": 1.0}}, qrels)
    assert scores.missing == ("q2", "q3", "q4")
    assert scores.unjudged == ("extra",)
    for measure in MEASURES:
        assert scores.per_query[measure] == {"q1": 1.0, "q2": 0.0, "q3": 0.0, "q4": 0.0}
        assert scores.mean(measure) == 0.25


def test_empty_run_scores_zero() -> None:
    assert evaluate({}, {"q": {"a": 1}}).mean("AP") == 0.0


@pytest.mark.parametrize(("relevant", "rank"), [("a", 1), ("b", 2), ("c", 3)])
def test_ties_are_broken_by_document_id_in_every_measure(relevant: str, rank: int) -> None:
    scores = evaluate({"q": {"c": 1.0, "a": 1.0, "b": 1.0}}, {"q": {relevant: 1}})
    assert scores.mean("RR@10") == pytest.approx(1 / rank)
    assert scores.mean("AP") == pytest.approx(1 / rank)
    assert scores.mean("nDCG@10") == pytest.approx(1 / math.log2(rank + 1))


def test_scores_too_close_for_single_precision_still_decide() -> None:
    assert evaluate({"q": {"a": 1.0, "b": 1.0 + 1e-12}}, {"q": {"b": 1}}).mean("RR@10") == 1.0


@given(RUNS)
def test_scores_depend_on_the_order_only(run: Run) -> None:
    qrels = {"q1": {"d1": 1, "d2": 2}, "q2": {"d3": 1}}
    squeezed = {q: {d: math.atan(value) for d, value in found.items()} for q, found in run.items()}
    assert evaluate(run, qrels).per_query == evaluate(squeezed, qrels).per_query


@pytest.mark.parametrize("name", ["ndcg@10", "MRR@10", "nDCG@0", "R", "__import__('os')", ""])
def test_unknown_measures_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown measure"):
        evaluate({}, {"q": {"a": 1}}, [name])


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(InputError, match="judged query"):
        evaluate({"q": {"a": 1.0}}, {})


def test_bootstrap_covers_the_mean_and_is_seeded() -> None:
    values = np.random.default_rng(3).random(200)
    low, high = bootstrap_interval(values.tolist(), seed=1)
    assert low < values.mean() < high
    # 1.96 standard errors either side is what the bootstrap of a mean must come close to.
    assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(200), rel=0.05)
    assert bootstrap_interval(values.tolist(), seed=1) == (low, high)
    assert bootstrap_interval(values.tolist(), seed=2) != (low, high)
    assert bootstrap_interval([0.4], seed=1) == (0.4, 0.4)


@given(st.dictionaries(IDS, SCORES), st.integers(1, 15))
def test_best_cuts_as_ranked_does(scores: dict[str, float], depth: int) -> None:
    ids = list(scores)
    assert list(best(np.array([scores[i] for i in ids]), ids, depth)) == ranked(scores)[:depth]


@given(RUNS)
def test_run_survives_writing_and_reading(tmp_path_factory: pytest.TempPathFactory, run: Run) -> None:
    path = tmp_path_factory.mktemp("run") / "run.txt"
    write_run(path, run, tag="t")
    assert read_run(path) == run


def test_run_is_written_in_rank_order_with_ties_by_id(tmp_path: Path) -> None:
    write_run(tmp_path / "r", {"q2": {"a": 1.0}, "q1": {"b": 0.5, "c": 2.0, "a": 0.5}}, tag="bm25")
    assert (tmp_path / "r").read_text().splitlines() == [
        "q1 Q0 c 1 2.0 bm25",
        "q1 Q0 a 2 0.5 bm25",
        "q1 Q0 b 3 0.5 bm25",
        "q2 Q0 a 1 1.0 bm25",
    ]


def test_qrels_survive_writing_and_reading(tmp_path: Path) -> None:
    qrels = {"q2": {"b": 0, "a": 2}, "q1": {"c": 1}}
    write_qrels(tmp_path / "qrels", qrels)
    assert read_qrels(tmp_path / "qrels") == qrels


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"q Q0 d 1 2.0 t\nq Q0 d 1 2.0\n", 2, "columns"),
        (b"q Q0 d 1 2.0 t\n\n", 2, "columns"),
        (b"q Q0 d 1 high t\n", 1, "finite"),
        (b"q Q0 d 1 nan t\n", 1, "finite"),
        (b"q Q0 d 1 2.0 t\nq Q0 d 2 1.0 t\n", 2, "twice"),
        (b"q Q0 \xff 1 2.0 t\n", 1, "UTF-8"),
    ],
)
def test_bad_runs_are_refused_with_their_line(
    tmp_path: Path, content: bytes, line: int, message: str
) -> None:
    (tmp_path / "r").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_run(tmp_path / "r")
    assert caught.value.where == f"{tmp_path / 'r'}:{line}"


@pytest.mark.parametrize("content", [b"", b"q 0 d one\n", b"q 0 d\n", b"q 0 d 1\nq 0 d 1\n"])
def test_bad_qrels_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "q").write_bytes(content)
    with pytest.raises(InputError):
        read_qrels(tmp_path / "q")


def test_what_cannot_be_read_back_is_not_written(tmp_path: Path) -> None:
    for run in ({"q 1": {"d": 1.0}}, {"q": {"": 1.0}}, {"q": {"d": math.inf}}):
        with pytest.raises(InputError):
            write_run(tmp_path / "r", run, tag="t")
    assert not (tmp_path / "r").exists()
    with pytest.raises(InputError, match="no such file"):
        read_run(tmp_path / "r")
