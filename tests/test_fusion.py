from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.errors import InputError
from kivuko.evaluation.measures import evaluate
from kivuko.ranking import Run, ranked
from kivuko.retrieval.fusion import choose_weight, reciprocal_rank_fusion

RUNS = st.dictionaries(
    st.sampled_from(["q1", "q2"]),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([0.0, 1.0, 2.0]), min_size=1),
)


def test_by_hand() -> None:
    first = {"q": {"a": 9.0, "b": 8.0}}
    second = {"q": {"b": 0.3, "c": 0.2, "a": 0.1}}
    fused = reciprocal_rank_fusion(first, second, k=10, weight=0.25)
    assert fused["q"] == pytest.approx(
        {"a": 0.25 / 11 + 0.75 / 13, "b": 0.25 / 12 + 0.75 / 11, "c": 0.75 / 12}
    )
    assert list(fused["q"]) == ["b", "a", "c"]


def test_equal_weights_order_as_the_paper_does() -> None:
    first, second = {"q": {"a": 3.0, "b": 2.0, "c": 1.0}}, {"q": {"c": 3.0, "d": 2.0, "a": 1.0}}
    fused = reciprocal_rank_fusion(first, second)
    assert {name: 2 * score for name, score in fused["q"].items()} == pytest.approx(
        {"a": 1 / 61 + 1 / 63, "b": 1 / 62, "c": 1 / 63 + 1 / 61, "d": 1 / 62}
    )
    assert list(fused["q"]) == ["a", "c", "b", "d"]  # both ties by document id


@given(RUNS, RUNS, st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.sampled_from([0, 10, 60]))
def test_swapping_the_runs_and_the_weight_changes_nothing(a: Run, b: Run, weight: float, k: int) -> None:
    there = reciprocal_rank_fusion(a, b, k=k, weight=weight)
    back = reciprocal_rank_fusion(b, a, k=k, weight=1 - weight)
    assert there.keys() == back.keys()
    for query in there:
        assert there[query] == pytest.approx(back[query])


@given(RUNS, RUNS)
def test_a_run_with_all_the_weight_keeps_its_order(a: Run, b: Run) -> None:
    fused = reciprocal_rank_fusion(a, b, weight=1.0)
    for query in a:
        assert list(fused[query]) == ranked(a[query])


def test_query_of_one_run_only_and_depth() -> None:
    fused = reciprocal_rank_fusion({"q1": {"a": 1.0, "b": 0.5}}, {"q2": {"c": 1.0}}, depth=1)
    assert {query: list(found) for query, found in fused.items()} == {"q1": ["a"], "q2": ["c"]}


@pytest.mark.parametrize(("k", "weight"), [(-1, 0.5), (60, 1.5), (60, -0.1)])
def test_senseless_settings_are_refused(k: int, weight: float) -> None:
    with pytest.raises(InputError):
        reciprocal_rank_fusion({}, {}, k=k, weight=weight)


def test_choice_finds_the_better_run_and_beats_the_grid() -> None:
    qrels = {f"q{number}": {"r": 1} for number in range(6)}
    good: Run = {query: {"r": 3.0, "x": 2.0, "y": 1.0} for query in qrels}
    bad: Run = {query: {"y": 3.0, "x": 2.0, "z": 1.0} for query in qrels}

    def score(run: Run) -> float:
        return evaluate(run, qrels, ["nDCG@10"]).mean("nDCG@10")

    for first, second in ((good, bad), (bad, good)):
        choice = choose_weight(first, second, score)
        assert choice.score == 1.0
        assert score(reciprocal_rank_fusion(first, second, k=choice.k, weight=choice.weight)) == 1.0
        assert choice == choose_weight(first, second, score)


def test_choice_among_equals_is_the_middle_weight() -> None:
    run: Run = {"q": {"r": 1.0}}
    choice = choose_weight(run, run, lambda fused: 1.0)
    assert (choice.weight, choice.k) == (0.5, 60)
