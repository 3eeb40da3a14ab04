from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.errors import InputError
from kivuko.evaluation.significance import compare, holm


def by_query(values: list[float]) -> dict[str, float]:
    return {f"q{number}": value for number, value in enumerate(values)}


def enumerated_p(differences: list[float]) -> float:
    """The definition, term by term."""
    observed = abs(sum(differences))
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    return sum(value >= observed - 1e-9 for value in sums) / len(sums)


VALUES = st.lists(st.tuples(*[st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0])] * 2), min_size=1, max_size=9)


@given(VALUES)
def test_few_queries_are_enumerated(pairs: list[tuple[float, float]]) -> None:
    first, second = by_query([a for a, _ in pairs]), by_query([b for _, b in pairs])
    result = compare(first, second, seed=0, permutations=1000)
    assert result.exact
    assert result.p == pytest.approx(enumerated_p([a - b for a, b in pairs]))
    assert compare(second, first, seed=0, permutations=1000).p == result.p


def test_sampling_agrees_with_enumeration() -> None:
    rng = np.random.default_rng(5)
    first, second = by_query((rng.random(14) + 0.1).tolist()), by_query(rng.random(14).tolist())
    exact = compare(first, second, seed=0, permutations=2**14)
    sampled = compare(first, second, seed=0, permutations=2**14 - 1)
    assert (exact.exact, sampled.exact) == (True, False)
    assert sampled.p == pytest.approx(exact.p, abs=0.02)
    assert sampled == compare(first, second, seed=0, permutations=2**14 - 1)


def test_a_large_difference_never_gets_p_zero() -> None:
    result = compare(by_query([1.0] * 60), by_query([0.0] * 60), seed=0, permutations=10_000)
    assert result.p == 1 / 10_001
    assert (result.difference, result.low, result.high, result.n) == (1.0, 1.0, 1.0, 60)


def test_same_values_give_p_one() -> None:
    result = compare(by_query([0.3] * 80), by_query([0.3] * 80), seed=0)
    assert (result.p, result.difference) == (1.0, 0.0)


def test_chance_is_significant_as_often_as_it_should() -> None:
    rng = np.random.default_rng(0)
    p = [
        compare(
            by_query(rng.random(40).tolist()), by_query(rng.random(40).tolist()), seed=1, permutations=500
        ).p
        for _ in range(300)
    ]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09


def test_different_queries_are_refused() -> None:
    with pytest.raises(InputError, match="same queries"):
        compare({"a": 1.0}, {"b": 1.0}, seed=0)
    with pytest.raises(InputError, match="same queries"):
        compare({}, {}, seed=0)


def test_holm_by_hand() -> None:
    # .01·4, then .02·3, .03·2 = .06 held up by the .06 before it, .2·1; order of the names is kept.
    adjusted = holm({"a": 0.2, "b": 0.01, "c": 0.03, "d": 0.02})
    assert list(adjusted) == ["a", "b", "c", "d"]
    assert adjusted == pytest.approx({"a": 0.2, "b": 0.04, "c": 0.06, "d": 0.06})


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_lies_between_raw_and_bonferroni(values: list[float]) -> None:
    raw = by_query(values)
    for name, adjusted in holm(raw).items():
        assert raw[name] <= adjusted <= min(1.0, raw[name] * len(raw)) + 1e-12


def test_holm_refuses_what_is_no_p() -> None:
    with pytest.raises(InputError):
        holm({"a": float("nan")})
