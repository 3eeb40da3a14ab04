from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.codeswitch import induce
from kivuko.collections.collection import Document
from kivuko.errors import InputError
from kivuko.evaluation.measures import evaluate
from kivuko.languages import resolve
from kivuko.ranking import Run, ranked
from kivuko.retrieval.build import build_index
from kivuko.retrieval.fusion import SCALE_DEPTH, choose_weight, reciprocal_rank_fusion, score_fusion
from kivuko.retrieval.index import Index
from kivuko.retrieval.search import Method, Searcher
from tiny import ENGLISH, made_up_pairs

RUNS = st.dictionaries(
    st.sampled_from(["q1", "q2"]),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([0.0, 1.0, 2.0]), min_size=1),
)


def test_scores_by_hand() -> None:
    first = {"q": {"a": 9.0, "b": 8.0, "c": 4.0}}  # heights 5, 4 and 0, of mean 3
    second = {"q": {"b": 0.3, "a": 0.2}}  # c shares no word: heights from 0, of mean 0.25
    fused = score_fusion(first, second, weight=0.25)
    assert fused["q"] == pytest.approx(
        {"a": 0.25 * 5 / 3 + 0.75 * 0.8, "b": 0.25 * 4 / 3 + 0.75 * 1.2, "c": 0.0}
    )
    assert list(fused["q"]) == ["b", "a", "c"]


def test_documents_beyond_a_full_run_get_its_lowest_score() -> None:
    full = {"q": {f"d{number:03}": 500.0 - number for number in range(SCALE_DEPTH + 20)}}
    other = {"q": {"d000": 2.0, "new": 1.0}}
    fused = score_fusion(full, other, weight=0.5)["q"]
    first = {d: fused[d] - 0.5 * s / 1.5 for d, s in (("d000", 2.0), ("new", 1.0), ("d001", 0), ("d119", 0))}
    assert first["new"] == pytest.approx(first["d119"])
    mean = (SCALE_DEPTH - 1) / 2  # heights of the first hundred are 99 to 0
    assert first["d000"] == pytest.approx(0.5 * 99 / mean)
    assert first["d119"] == pytest.approx(0.5 * -20 / mean)


@given(RUNS, RUNS, st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_swapping_runs_and_weight_changes_no_score(a: Run, b: Run, weight: float) -> None:
    there, back = score_fusion(a, b, weight=weight), score_fusion(b, a, weight=1 - weight)
    assert there.keys() == back.keys()
    for query in there:
        assert there[query] == pytest.approx(back[query])


@given(RUNS, RUNS, st.sampled_from([0.5, 3.0, 100.0]))
def test_the_unit_of_a_run_s_scores_does_not_matter(a: Run, b: Run, unit: float) -> None:
    larger = {query: {document: unit * score for document, score in run.items()} for query, run in a.items()}
    plain, scaled = score_fusion(a, b), score_fusion(larger, b)
    for query in plain:
        assert scaled[query] == pytest.approx(plain[query])


@given(RUNS, RUNS)
def test_a_run_with_all_the_weight_keeps_its_order_by_scores(a: Run, b: Run) -> None:
    fused = score_fusion(a, b, weight=1.0)
    for query in a:
        assert list(fused[query]) == ranked(a[query])


def test_scores_of_one_run_only_and_depth() -> None:
    fused = score_fusion({"q1": {"a": 1.0, "b": 0.5}}, {"q2": {"c": 1.0}}, depth=1)
    assert {query: list(found) for query, found in fused.items()} == {"q1": ["a"], "q2": ["c"]}


@pytest.mark.parametrize("weight", [1.5, -0.1])
def test_senseless_weights_are_refused(weight: float) -> None:
    with pytest.raises(InputError):
        score_fusion({}, {}, weight=weight)


def test_search_fuses_a_hundred_of_each_side_however_few_are_asked_for(
    tiny_teacher: Path, tmp_path: Path
) -> None:
    texts = [[ENGLISH[(n * 5 + i) % len(ENGLISH)] for i in range(1 + n % 9)] for n in range(150)]
    documents = [Document(f"d{n:03}", "", " ".join(words)) for n, words in enumerate(texts)]
    index = Index.open(build_index(documents, tiny_teacher, tmp_path / "index"))
    lexicon = tmp_path / "lexicon"
    induce(made_up_pairs(200), resolve("om")).save(lexicon)
    queries = {"q": made_up_pairs(1)[0].foreign}

    def found(method: Method, depth: int) -> Run:
        return Searcher(index, method=method, model=tiny_teacher, lexicon=lexicon).rank(queries, depth=depth)

    by_model, by_lexicon = found("late-interaction", 100), found("lexicon-bm25", 100)
    assert len(by_model["q"]) == len(by_lexicon["q"]) == 100
    assert by_model["q"].keys() != by_lexicon["q"].keys()
    expected = score_fusion(by_model, by_lexicon)["q"]
    for depth in (3, 100):
        fused = found("fusion", depth)["q"]
        assert list(fused) == list(expected)[:depth]
        assert fused == pytest.approx({name: expected[name] for name in fused})


def test_ranks_by_hand() -> None:
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

    for fusion in (score_fusion, reciprocal_rank_fusion):
        for first, second in ((good, bad), (bad, good)):

            def fuse(weight: float, fusion=fusion, runs=(first, second)) -> Run:  # type: ignore[no-untyped-def]
                return fusion(*runs, weight=weight)  # type: ignore[no-any-return]

            choice = choose_weight(fuse, score)
            assert choice.score == score(fuse(choice.weight)) == 1.0


def test_choice_among_equals_is_the_middle_weight() -> None:
    run: Run = {"q": {"r": 1.0}}
    choice = choose_weight(lambda weight: score_fusion(run, run, weight=weight), lambda fused: 1.0)
    assert choice.weight == 0.5
