from __future__ import annotations

import gzip
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
    qrels = {"q1": {"d1": 1, "d2": 2}, "q2": {"d3": 1}, "q3": {"d4": 1}}
    squeezed = {q: {d: math.atan(value) for d, value in found.items()} for q, found in run.items()}
    assert evaluate(run, qrels).per_query == evaluate(squeezed, qrels).per_query


@pytest.mark.parametrize(
    "name",
    [
        "ndcg@10",
        "MRR@10",
        "nDCG@0",
        "R",
        "Success",
        "Judged",
        "RBP(p=1)",
        "RBP(p=0.50)",
        "RBP(p=.5)",
        "nDCG(p=0.5)",
        "nDCG(rel=2)@10",
        "nDCG(dcg=exp-log2)@10",
        "nDCG(dcg='log3')@10",
        "Judged(rel=2)@10",
        "AP(rel=0)",
        "AP(rel=-1)",
        "AP(rel=1001)",
        "AP(rel=2.5)",
        "AP(rel=two)",
        "AP(rel)",
        "AP()",
        "AP(rel=2",
        "AP@10(rel=2)",
        "AP(rel=2,rel=2)",
        "AP(p=0.5)",
        "R(rel=2)",
        "RBP(p=0.5,rel=2,)",
        "AP@1000000",
        "AP@٣",
        "R@5\n",
        "__import__('os')",
        "",
    ],
)
def test_unknown_measures_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown measure(.|\n)*spell it nDCG"):
        evaluate({}, {"q": {"a": 1}}, [name])


def test_success_judged_and_rbp_by_hand() -> None:
    run = {"q": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}, "short": {"a": 1.0}}
    # Ranks 2 and 4 are relevant, rank 3 is judged and not relevant, rank 1 has no judgment.
    qrels = {"q": {"b": 1, "c": 0, "d": 3}, "short": {"a": -1}}
    asked = [
        "Success@1",
        "Success@2",
        "Judged@1",
        "Judged@3",
        "Judged@10",
        "RBP",
        "RBP(p=0.8)",
        "RBP@3",
        "RBP(p=0.5)",
    ]
    assert evaluate(run, qrels, asked).per_query == {
        "Success@1": {"q": 0.0, "short": 0.0},
        "Success@2": {"q": 1.0, "short": 0.0},
        "Judged@1": {"q": 0.0, "short": 1.0},  # judged, although its grade is below 0
        "Judged@3": {"q": pytest.approx(2 / 3), "short": 1.0},
        "Judged@10": {"q": 0.75, "short": 1.0},  # of the documents there are
        "RBP": {"q": pytest.approx(0.2 * (0.8 + 0.8**3)), "short": 0.0},  # grade 3 counts as grade 1 does
        "RBP(p=0.8)": {"q": pytest.approx(0.2 * (0.8 + 0.8**3)), "short": 0.0},
        "RBP@3": {"q": pytest.approx(0.2 * 0.8), "short": 0.0},
        "RBP(p=0.5)": {"q": pytest.approx(0.5 * (0.5 + 0.125)), "short": 0.0},
    }


def test_relevance_levels_and_exponential_gains_by_hand() -> None:
    run = {"q": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}, "low": {"a": 1.0}}
    qrels = {"q": {"a": 1, "b": 3, "c": 0, "d": 2, "e": 2}, "low": {"a": 1, "z": -1}}
    ideal = 7 + 3 / math.log2(3) + 3 / 2 + 1 / math.log2(5)  # grades 3, 2, 2, 1 gain 7, 3, 3, 1
    gained = 1 + 7 / math.log2(3) + 3 / math.log2(5)
    expected = {
        "AP(rel=2)": (1 / 2 + 2 / 4) / 3,
        "AP(rel=2)@2": 1 / 2 / 3,
        "RR(rel=2)": 1 / 2,
        "RR(rel=2)@1": 0.0,
        "RR(rel=3)@10": 1 / 2,
        "R(rel=2)@100": 2 / 3,
        "P(rel=2)@4": 2 / 4,
        "Success(rel=2)@1": 0.0,
        "Success(rel=2)@2": 1.0,
        "RBP(rel=2)": 0.2 * (0.8 + 0.8**3),
        "RBP(p=0.5,rel=3)": 0.5 * 0.5,
        "RBP(rel=3, p=0.5)@1": 0.0,
        "nDCG(dcg='exp-log2')@10": gained / ideal,
    }
    scores = evaluate(run, qrels, list(expected))
    assert {name: of["q"] for name, of in scores.per_query.items()} == pytest.approx(expected)
    # Nothing of "low" is of grade 2; its only relevant document stands first.
    assert {of["low"] for name, of in scores.per_query.items() if "rel=" in name} == {0.0}
    assert scores.per_query["nDCG(dcg='exp-log2')@10"]["low"] == 1.0
    assert (scores.hopeless, scores.hopeless_from) == ((), {2: ("low",), 3: ("low",)})


def test_level_1_and_gains_by_grade_are_what_measures_have_anyway() -> None:
    run = {"q": {"a": 2.0, "b": 1.0}}
    qrels = {"q": {"a": 0, "b": 2}}
    same = {"AP(rel=1)": "AP", "R(rel=1)@1": "R@1", "RBP(rel=1)": "RBP", "nDCG(dcg='log2')@10": "nDCG@10"}
    found = evaluate(run, qrels, [*same, *same.values()]).per_query
    assert [found[name] for name in same] == [found[name] for name in same.values()]


def test_a_grade_whose_gain_would_not_fit_is_refused() -> None:
    measure = 'nDCG(dcg="exp-log2")@10'
    assert evaluate({"q": {"a": 1.0}}, {"q": {"a": 20}}, [measure]).mean(measure) == 1.0
    with pytest.raises(InputError, match=r"too great for gains(.|\n)*query q, document a(.|\n)*at most 20"):
        evaluate({"q": {"a": 1.0}}, {"q": {"a": 21}}, [measure])


def test_what_the_scores_say_about_the_judgments() -> None:
    qrels = {"q1": {"a": 1, "b": 0}, "q2": {"a": 0, "c": -1}, "q3": {}}
    scores = evaluate(
        {"q1": {"a": 2.0, "b": 1.0, "x": 3.0}, "q2": {"x": 1.0}, "q3": {"a": 1.0}}, qrels, ["AP"]
    )
    assert scores.per_query == {"AP": {"q1": 0.5, "q2": 0.0}}
    assert (scores.missing, scores.unjudged, scores.hopeless) == ((), ("q3",), ("q2",))
    assert scores.judged_documents == 2


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_scores_that_are_no_numbers_are_refused(score: float) -> None:
    with pytest.raises(InputError, match="not a finite number") as caught:
        evaluate({"q": {"a": 1.0, "b": score}}, {"q": {"a": 1}})
    assert caught.value.where == "query q, document b"
    assert (
        evaluate({"q": {"a": 1e308, "b": 1.7e308}}, {"q": {"b": 1}}).mean("AP") == 1.0
    )  # their sum is infinite


def test_negative_grades_do_not_end_the_process() -> None:
    # Told as they are, they make pytrec_eval write outside its memory: a hang or a crash after a few rounds.
    qrels = {f"q{number}": {"a": -2, "b": -1, "c": 1} for number in range(50)}
    run = {query: {"a": 3.0, "b": 2.0, "c": 1.0} for query in qrels}
    for _ in range(20):
        assert evaluate(run, qrels, ["AP", "nDCG@10"]).mean("nDCG@10") == 0.5


@pytest.mark.parametrize("grade", [1001, -1001, 10**9, 2**31])
def test_grades_that_would_end_trec_eval_are_refused(grade: int) -> None:
    with pytest.raises(InputError, match="out of range") as caught:
        evaluate({"q": {"a": 1.0}}, {"q": {"a": 1, "b": grade}})
    assert (caught.value.where, caught.value.got) == ("query q, document b", grade)
    assert evaluate({"q": {"a": 1.0}}, {"q": {"a": 1000, "b": -1000}}).mean("AP") == 1.0


def test_qrels_of_other_queries_are_refused() -> None:
    with pytest.raises(InputError, match="no query of the run is judged") as caught:
        evaluate({"q2": {"a": 1.0}, "q1": {"a": 1.0}, "t1": {}}, {"t1": {"a": 1}})
    assert caught.value.got == "2 queries in the run, such as q1, q2; 1 in the qrels, such as t1"


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


GOOD = "q Q0 d 1 2.0 t\n"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (GOOD + "q Q0 e 1 2.0\n", 2, "got: 5 columns"),
        (GOOD + "\n", 2, "blank line"),
        (GOOD + "   \t\n" + GOOD, 2, "blank line"),
        (GOOD + "q Q0 e 1 high t\n", 2, "finite(.|\n)*got: 'high'"),
        ("query Q0 document rank score tag\n" + GOOD, 1, "remove the header line"),
        ("q Q0 d 1 nan t\n", 1, "finite(.|\n)*leave out"),
        (GOOD + "q Q0 e 2 -inf t\n", 2, "finite"),
        ("q Q0 d 1 1_0 t\n", 1, "finite"),
        ("q Q0 d 1 ٣ t\n", 1, "finite"),
        ("q Q0 d 1 2,5 t\n", 1, "decimal point"),
        (GOOD + "q2 Q0 d 1 1 t\nq Q0 d 2 1.0 t\n", 3, "twice(.|\n)*query q, document d again"),
        (GOOD + "q,Q0,e,2,1.0,t\n", 2, "separated by ','(.|\n)*spaces or tabs"),
        ("q;Q0;d;1;2.0;t\n", 1, "separated by ';'"),
        ("query_id,Q0,document_id,rank,score,tag\n", 1, "separated by ','(.|\n)*no header"),
        (GOOD + "q Q0 e 2,1.0,t\n", 2, "got: 4 columns"),
        ("q\tQ0\ta title\t1\t2.0\tt\n", 1, "7 columns, 6 if only tabs counted"),
        (GOOD + "q\xa0Q0 e 2 1.0 t\n", 2, r"U\+00A0 \(no-break space\) at column 2"),
        (GOOD + "q Q0 e\u3000e 2 1.0 t\n", 2, r"U\+3000"),
        (GOOD + "q Q0 e\u200b 2 1.0 t\n", 2, r"U\+200B \(zero width space\)"),
        (GOOD + "q Q0 e\x00 2 1.0 t\n", 2, r"U\+0000 \(a control character\)"),
        (GOOD + "\ufeff" + GOOD, 2, "files were joined"),
        ("q 0 d 1\n", 1, "4 columns, as in qrels(.|\n)*give the run here; this is the qrels"),
        (GOOD + "q Q0 e 2 1", 2, "last line is cut off"),
        (GOOD.replace(" t", " tag") + "q Q0 e 2 1.0 ta", 2, "cut off(.|\n)*the tag tag(.|\n)*got: ta"),
        (GOOD.encode() + b"q Q0 \xe9 2 1.0 t\n", 2, "UTF-8"),
        (GOOD.encode("utf-16"), 1, "got: UTF-16"),
        (GOOD.encode("utf-16-le"), 1, "got: UTF-16LE(.|\n)*iconv -f UTF-16LE"),
        (gzip.compress(GOOD.encode(), mtime=0), 1, "got: a gzip archive"),
    ],
)
def test_bad_runs_are_refused_with_their_line(
    tmp_path: Path, content: str | bytes, line: int, message: str
) -> None:
    (tmp_path / "r").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match=message) as caught:
        read_run(tmp_path / "r")
    assert caught.value.where == f"{tmp_path / 'r'}:{line}"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("q 0 d 1\nq 0 e one\n", 2, "not an integer"),
        ("q 0 d 1\nq 0 e 1.0\n", 2, "not an integer"),
        ("q 0 d 1\nq 0 e ١\n", 2, "not an integer"),
        ("query iteration document grade\nq 0 d 1\n", 1, "remove the header line"),
        ("q 0 d 1\nq 0 e 20261122\n", 2, "out of range"),
        (f"q 0 d {'9' * 5000}\n", 1, "out of range"),
        ("q 0 d\n", 1, "got: 3 columns"),
        ("q 0 d 1\nq 0 d 1\n", 2, "twice"),
        (GOOD, 1, "6 columns, as in a run(.|\n)*give the qrels here; this is the run"),
        ("q 0 d 1\nq 0 e", 2, "cut off"),
        ("q,0,d,1\n", 1, "separated by ','"),
    ],
)
def test_bad_qrels_are_refused_with_their_line(tmp_path: Path, content: str, line: int, message: str) -> None:
    (tmp_path / "q").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_qrels(tmp_path / "q")
    assert caught.value.where == f"{tmp_path / 'q'}:{line}"


def test_qrels_without_a_line_are_refused(tmp_path: Path) -> None:
    (tmp_path / "q").touch()
    with pytest.raises(InputError, match="hold no judgment"):
        read_qrels(tmp_path / "q")


@pytest.mark.parametrize(
    "content",
    [
        "q Q0 d 1 2.0 t\nq Q0 é 2 -1e-3 t\n",
        "q\tQ0\td\t1\t2.0\tt\nq Q0  é \t2 -1e-3 t \n",  # tabs and spaces, several and trailing
        "q Q0 d 1 2.0 t\r\nq Q0 é 2 -1e-3 t\r\n",
        "\ufeffq Q0 d 1 2.0 t\nq Q0 é 2 -1e-3 t\n",
        "q Q0 d 1 2.0 t\nq Q0 é 2 -1e-3 t",  # complete but for the end of the last line
        "q Q0 é 1 -1e-3 t\nq Q0 d 2 +2 other",  # ranks that contradict the scores, two tags
    ],
)
def test_harmless_differences_are_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "r").write_bytes(content.encode())
    assert read_run(tmp_path / "r") == {"q": {"d": 2.0, "é": -0.001}}


def test_what_cannot_be_read_back_is_not_written(tmp_path: Path) -> None:
    for run in ({"q 1": {"d": 1.0}}, {"q": {"": 1.0}}, {"q": {"d": math.inf}}, {"q": {"d\ufeff": 1.0}}):
        with pytest.raises(InputError):
            write_run(tmp_path / "r", run, tag="t")
    with pytest.raises(InputError, match="out of range"):
        write_qrels(tmp_path / "r", {"q": {"d": 1001}})
    assert not (tmp_path / "r").exists()
    with pytest.raises(InputError, match="no such file"):
        read_run(tmp_path / "r")
