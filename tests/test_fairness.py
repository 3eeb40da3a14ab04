from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kruskal

from kivuko.errors import InputError
from kivuko.evaluation.fairness import Share, equal_weights, language_shares, peer, rank_shifts
from kivuko.ranking import Qrels, Run

# The first letter of a document's id is its language.
LANGUAGES = {f"{letter}{number}": letter for letter in "esf" for number in range(300)}


def listed(*documents: str) -> dict[str, float]:
    return {document: -float(place) for place, document in enumerate(documents)}


def one_query(order: str, *, judged: str | None = None, k: int = 1000) -> float:
    """PEER of one query whose list is ``order``, all relevant; ``judged`` adds relevant documents to it."""
    found = order.split()
    qrels = {"q": dict.fromkeys([*found, *(judged or "").split()], 1)}
    return peer({"q": listed(*found)}, qrels, LANGUAGES, k=k).per_query["q"]


def chi_square_one(statistic: float) -> float:
    """Upper tail with one degree of freedom: P(Z² > x)."""
    return math.erfc(math.sqrt(statistic / 2))


def test_peer_by_hand() -> None:
    # Ranks 1 3 5 and 2 4 6: H = 12 / (6·7) · (9² + 12²) / 3 − 3·7 = 3/7.
    assert one_query("e0 s0 e1 s1 e2 s2") == pytest.approx(chi_square_one(3 / 7))
    # Ranks 1 2 3 and 4 5 6: H = 12 / (6·7) · (6² + 15²) / 3 − 3·7 = 27/7.
    assert one_query("e0 e1 e2 s0 s1 s2") == pytest.approx(chi_square_one(27 / 7))
    assert one_query("e0 s0 s1 e1") == 1.0  # equal mean ranks: H = 0
    # One document in each of two languages is .317 in either order: H = 1.
    assert one_query("e0 s0") == one_query("s0 e0") == pytest.approx(chi_square_one(1))


def test_a_long_alternating_list_is_fair_and_a_segregated_one_is_not() -> None:
    english, swahili = [f"e{n}" for n in range(100)], [f"s{n}" for n in range(100)]
    alternating = [document for pair in zip(english, swahili, strict=True) for document in pair]
    assert one_query(" ".join(alternating)) > 0.9
    assert one_query(" ".join(english + swahili)) < 1e-30


def test_unretrieved_documents_tie_behind_the_list() -> None:
    # e 1 2, s 3 and two tied at 4.5: with the correction for ties, H = 3.15 / (1 − 6/120).
    statistic = (12 / 30 * (3**2 / 2 + 12**2 / 3) - 18) / (1 - 6 / 120)
    assert one_query("e0 e1 s0", judged="s1 s2") == pytest.approx(chi_square_one(statistic))
    # Below the cutoff is not retrieved, in whatever order.
    expected = one_query("e0 e1", judged="s0 s1")
    assert one_query("e0 e1 s0 s1", k=2) == one_query("e0 e1 s1 s0", k=2) == expected


def test_gaps_between_the_documents_of_a_level_do_not_matter() -> None:
    order = ["e0", "e1", "e2", "f0", "f1", "f2", "s0", "s1", *[f"f{n}" for n in range(3, 14)], "s2"]
    qrels = {"q": dict.fromkeys(["e0", "e1", "e2", "s0", "s1", "s2"], 1)}
    value = peer({"q": listed(*order)}, qrels, LANGUAGES, k=20).per_query["q"]
    assert value == pytest.approx(chi_square_one(27 / 7))
    assert value < 0.0919844  # what peer_measure 0.0.1 has for it, from ranks 1 2 3 and 7 8 20


def test_equals_the_authors_package_where_the_definitions_meet() -> None:
    run = {
        "q1": listed("e0", "s0", "f0", "s1", "e1", "s2", "s3", "e2", "f1", "e3"),
        "q2": listed("e0", "e1", "e2", "s0", "s1", "s2", "f0"),
    }
    qrels = {
        "q1": dict.fromkeys(["e0", "s0", "f0", "s1"], 3)
        | dict.fromkeys(["e1", "s2", "s3", "e2", "f1", "e3"], 1),
        "q2": dict.fromkeys(["e0", "e1", "e2", "s0", "s1", "s2"], 3) | {"f0": 1},
    }
    # Values of peer_measure 0.0.1 (PyPI), numpy 2.4, scipy 1.17, computed once.
    half = peer(run, qrels, LANGUAGES, k=20, weights={1: 0.5, 3: 0.5})
    assert half.per_query == pytest.approx({"q1": 0.4725133347071387, "q2": 0.5247673067178132})
    assert half.mean == pytest.approx(0.498640320712476)
    assert peer(run, qrels, LANGUAGES, k=20) == half
    quarter = peer(run, qrels, LANGUAGES, k=20, weights={1: 0.25, 3: 0.75})
    assert quarter.per_query == pytest.approx({"q1": 0.4395414972238689, "q2": 0.28715096007671986})
    assert quarter.per_level == half.per_level
    assert half.per_level[1]["q2"] == 1.0  # one language


def test_differs_from_the_authors_package_where_it_puts_unretrieved_documents_in_front() -> None:
    order = ["f0", "f1", "f2", "f3", "f4", "e0", "e1", "s0"]
    qrels = {"q": dict.fromkeys(["e0", "e1", "s0", "s1", "s2"], 1)}
    value = peer({"q": listed(*order)}, qrels, LANGUAGES, k=20).per_query["q"]
    # The package has the unretrieved s1 and s2 at rank 6.5, before e1 at 7 and s0 at 8: .470.
    assert value == pytest.approx(one_query("e0 e1 s0", judged="s1 s2"))
    assert value < 0.08


def test_what_the_ranking_cannot_change_is_not_tested() -> None:
    run = {
        "one language": listed("e0", "e1"),
        "unjudged list": listed("f0"),
        "real": listed("e0", "e1", "s0"),
        "one document in each": listed("e0", "s0"),
    }
    qrels = {
        "one language": {"e0": 1, "e1": 1},
        "unjudged list": {"e0": 1, "s0": 1},
        "missing": {"e0": 1, "s0": 1},
        "real": {"e0": 1, "s0": 1, "e1": 1},
        "one document in each": {"e0": 1, "s0": 1, "f0": 1},
        "nothing relevant": {"e0": 0},
    }
    found = peer(run, qrels, LANGUAGES, k=20)
    assert found.per_query == pytest.approx(
        {
            "missing": 1.0,
            "one document in each": math.exp(-1),  # P(χ² > 2) with two degrees of freedom, in every order
            "one language": 1.0,
            "real": chi_square_one(1.5),  # e 1 2, s 3: H = 12 / (3·4) · (3² / 2 + 3²) − 3·4
            "unjudged list": 1.0,
        }
    )
    assert found.tested == ("real",)
    assert found.without_level == ("nothing relevant",)
    assert found.mean_tested == pytest.approx(chi_square_one(1.5))
    assert found.mean == pytest.approx((3 + math.exp(-1) + chi_square_one(1.5)) / 5)
    empty = peer({}, qrels, LANGUAGES, k=20)
    assert (empty.mean, empty.mean_tested, empty.tested) == (1.0, None, ())


def test_levels_the_query_lacks_do_not_count_and_level_0_is_what_was_judged() -> None:
    run = {"a": listed("e0", "s0", "e1", "s1"), "b": listed("e0", "e1", "s0", "s1")}
    qrels = {"a": {"e0": 1, "s0": 1, "e1": 0, "s1": -2}, "b": {"e0": 3, "s0": 3}}
    found = peer(run, qrels, LANGUAGES, k=20, weights={0: 0.5, 1: 0.25, 3: 0.25})
    assert found.per_level == {
        0: {"a": pytest.approx(chi_square_one(1))},
        1: {"a": pytest.approx(chi_square_one(1))},
        3: {"b": pytest.approx(chi_square_one(1))},
    }
    assert found.per_query == pytest.approx(dict.fromkeys("ab", chi_square_one(1)))
    assert equal_weights(qrels) == {1: 0.5, 3: 0.5}


@pytest.mark.parametrize("weights", [{1: 0.6}, {1: 1.5, 0: -0.5}, {1: 0.5, 2: 0.5}, {-1: 1.0}, {1: math.nan}])
def test_weights_that_are_none_are_refused(weights: dict[int, float]) -> None:
    with pytest.raises(InputError, match="weights"):
        peer({}, {"q": {"e0": 1, "e1": 0}}, LANGUAGES, k=20, weights=weights)


def test_documents_without_language_and_foreign_qrels_are_refused() -> None:
    qrels = {"q": {"e0": 1, "x1": 1, "x2": 1, "x3": 0}}
    with pytest.raises(InputError, match="none for 2 of 3, such as x1, x2"):
        peer({}, qrels, LANGUAGES, k=20)
    with pytest.raises(InputError, match="none for 2 of 3, such as x1, x2"):
        rank_shifts({}, qrels, LANGUAGES, k=20)
    with pytest.raises(
        InputError, match="none for 1 of 2, such as x9"
    ):  # e0 relevant, x9 on top, x8 below the cutoff
        language_shares({"q": listed("x9", "x8")}, {"q": {"e0": 1}}, LANGUAGES, k=1)
    with pytest.raises(InputError, match="share no query"):
        peer({"other": listed("e0")}, {"q": {"e0": 1}}, LANGUAGES, k=20)
    with pytest.raises(InputError, match="cutoff"):
        rank_shifts({}, {"q": {"e0": 1}}, LANGUAGES, k=0)
    with pytest.raises(InputError, match="no document is relevant"):
        peer({}, {"q": {"e0": 0}}, LANGUAGES, k=20)


def test_shares_by_hand() -> None:
    run = {
        "q1": listed("e0", "e1", "e2", "s0", "s1"),
        "q2": listed("e0"),
        "q4": listed("e0"),
        "x": listed("s0"),
    }
    qrels: Qrels = {
        "q1": {"e0": 1, "s1": 2, "s2": 1, "s3": 1, "f0": 0},
        "q2": {"f1": 1},
        "q3": {"s0": 1},  # nothing retrieved
        "q4": {"e0": 0},  # nothing relevant
    }
    found = language_shares(run, qrels, LANGUAGES, k=4)
    assert found.per_query == {
        "q1": {"e": Share(0.75, 0.25), "s": Share(0.25, 0.75)},
        "q2": {"e": Share(1.0, 0.0), "f": Share(0.0, 1.0)},
    }
    assert found.mean == {"e": Share(0.875, 0.125), "f": Share(0.0, 0.5), "s": Share(0.125, 0.375)}
    assert found.left_out == ("q3", "q4")
    assert (found.mean["e"].difference, found.mean["e"].ratio) == (0.75, 7.0)
    assert found.per_query["q2"]["e"].ratio is None


def test_only_documents_from_the_relevance_level_on_are_relevant() -> None:
    run = {"q": listed("e0", "e1", "s0", "s1")}
    qrels: Qrels = {"q": {"e0": 1, "e1": 2, "s0": 3}}
    only = {"q": {name: grade for name, grade in qrels["q"].items() if grade >= 2}}
    assert equal_weights(qrels, rel=2) == equal_weights(only) == {2: 0.5, 3: 0.5}
    for measured in (language_shares, rank_shifts):
        assert measured(run, qrels, LANGUAGES, k=4, rel=2) == measured(run, only, LANGUAGES, k=4)
        assert measured(run, qrels, LANGUAGES, k=4, rel=2) != measured(run, qrels, LANGUAGES, k=4)
    with pytest.raises(InputError, match=r"no document is relevant\n.*a grade of 4 or above"):
        equal_weights(qrels, rel=4)


def test_shifts_by_hand() -> None:
    run = {"q1": listed("e0", "s9", "s0", "f9", "f0", "e1"), "q2": listed("f0", "s0")}
    qrels: Qrels = {
        # k = 3 lists e0 at 1 and s0 at 3; e1, s1 and s2 tie at (4 + 5 + 6) / 3 = 5; all: (1 + 3 + 5·3) / 5 = 3.8.
        "q1": {"e0": 1, "e1": 1, "s0": 2, "s1": 1, "s2": 1, "f0": 0},
        "q2": {"s0": 1},  # one language: no shift
        "q3": {"e0": 1, "s0": 1},  # nothing retrieved: all tie
        "q4": {"f0": 0},  # nothing relevant
    }
    found = rank_shifts(run, qrels, LANGUAGES, k=3)
    assert found.per_query == {
        "q1": pytest.approx({"e": 3 - 3.8, "s": 13 / 3 - 3.8}),
        "q2": {"s": 0.0},
        "q3": {"e": 0.0, "s": 0.0},
    }
    assert found.mean == pytest.approx({"e": -0.8 / 2, "s": (13 / 3 - 3.8) / 3})
    assert found.queries == {"e": 2, "s": 3}


SHORT = [f"{letter}{number}" for letter in "esf" for number in range(5)]
LISTS = st.lists(st.sampled_from(SHORT), unique=True).map(lambda documents: listed(*documents))
GRADES = st.dictionaries(st.sampled_from(SHORT), st.sampled_from([0, 1, 3]), min_size=1)
QUERIES = st.dictionaries(st.sampled_from("abcd"), st.tuples(LISTS, GRADES), min_size=1)


def split(queries: dict[str, tuple[dict[str, float], dict[str, int]]]) -> tuple[Run, Qrels]:
    run = {query: found for query, (found, _) in queries.items()}
    qrels = {query: grades for query, (_, grades) in queries.items()}
    qrels["with both levels"] = {"e0": 1, "s0": 3}
    return run, qrels


@given(QUERIES, st.permutations("esf"), st.integers(1, 20))
def test_names_of_languages_and_scores_that_keep_the_order_change_nothing(
    queries: dict[str, tuple[dict[str, float], dict[str, int]]], names: list[str], k: int
) -> None:
    run, qrels = split(queries)
    renamed = dict(zip("esf", names, strict=True))
    other = {document: renamed[language] for document, language in LANGUAGES.items()}
    scaled = {query: {d: math.atan(score) for d, score in found.items()} for query, found in run.items()}
    first, second = peer(run, qrels, LANGUAGES, k=k), peer(scaled, qrels, other, k=k)
    assert first.per_query == pytest.approx(second.per_query)
    assert first.tested == second.tested
    assert all(0 <= value <= 1 for value in [*first.per_query.values(), first.mean])
    # What was not tested has the same value when the list is turned round.
    turned = {query: {document: -score for document, score in found.items()} for query, found in run.items()}
    complete, backwards = (peer(lists, qrels, LANGUAGES, k=len(SHORT)) for lists in (run, turned))
    for query in complete.per_query.keys() - set(complete.tested):
        assert backwards.per_query[query] == pytest.approx(complete.per_query[query])

    shifts, moved = rank_shifts(run, qrels, LANGUAGES, k=k), rank_shifts(scaled, qrels, other, k=k)
    assert {renamed[language]: mean for language, mean in shifts.mean.items()} == pytest.approx(moved.mean)
    shares, seen = language_shares(run, qrels, LANGUAGES, k=k), language_shares(scaled, qrels, other, k=k)
    assert {renamed[language] for language in shares.mean} == set(seen.mean)


@given(QUERIES, st.integers(1, 20))
def test_asking_every_query_twice_keeps_the_means(
    queries: dict[str, tuple[dict[str, float], dict[str, int]]], k: int
) -> None:
    run, qrels = split(queries)
    twice = [
        {f"{query}{copy}": value for query, value in table.items() for copy in "12"} for table in (run, qrels)
    ]
    first, second = peer(run, qrels, LANGUAGES, k=k), peer(*twice, LANGUAGES, k=k)  # type: ignore[arg-type]
    assert first.mean == pytest.approx(second.mean)
    assert len(second.tested) == 2 * len(first.tested)


@given(QUERIES, st.integers(1, 20))
def test_shares_sum_to_one_and_weighted_shifts_to_zero(
    queries: dict[str, tuple[dict[str, float], dict[str, int]]], k: int
) -> None:
    run, qrels = split(queries)
    shares = language_shares(run, qrels, LANGUAGES, k=k)
    for table in [*shares.per_query.values(), *([shares.mean] if shares.mean else [])]:
        assert math.fsum(share.in_top for share in table.values()) == pytest.approx(1)
        assert math.fsum(share.in_relevant for share in table.values()) == pytest.approx(1)
    for query, shifts in rank_shifts(run, qrels, LANGUAGES, k=k).per_query.items():
        relevant = [LANGUAGES[document] for document, grade in qrels[query].items() if grade > 0]
        assert math.fsum(shifts[language] for language in relevant) == pytest.approx(0, abs=1e-9)


@given(st.permutations(SHORT))
def test_a_complete_list_is_the_plain_test_and_as_fair_backwards(order: list[str]) -> None:
    qrels = {"q": dict.fromkeys(SHORT, 1)}
    groups = [[place for place, document in enumerate(order) if document[0] == letter] for letter in "esf"]
    value = peer({"q": listed(*order)}, qrels, LANGUAGES, k=20).mean
    assert value == pytest.approx(kruskal(*groups).pvalue)
    assert value == pytest.approx(peer({"q": listed(*reversed(order))}, qrels, LANGUAGES, k=20).mean)


def test_equal_scores_are_ranked_by_document_id() -> None:
    tied = {"q": dict.fromkeys(["s0", "s1", "e0", "e1"], 1.0)}
    qrels = {"q": dict.fromkeys(["s0", "s1", "e0", "e1"], 1)}
    in_order = peer({"q": listed("e0", "e1", "s0", "s1")}, qrels, LANGUAGES, k=20)
    assert peer(tied, qrels, LANGUAGES, k=20) == in_order
