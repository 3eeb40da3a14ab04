from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kivuko.errors import InputError
from kivuko.evaluation.bootstrap import bootstrap_interval, bootstrap_intervals, hierarchical_intervals
from kivuko.evaluation.effects import Trials, paired_effect, paired_effects
from kivuko.evaluation.significance import (
    compare,
    detectable_difference,
    holm,
    queries_needed,
    randomisation_test,
)


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


# Against scipy


@pytest.mark.parametrize(("queries", "permutations"), [(9, 1_000), (60, 20_000)])
def test_p_is_that_of_scipy(queries: int, permutations: int) -> None:
    rng = np.random.default_rng(queries)
    first, second = rng.random(queries).round(1) + 0.1, rng.random(queries).round(1)
    result = compare(by_query(first.tolist()), by_query(second.tolist()), seed=0, permutations=permutations)
    theirs = stats.permutation_test(
        (first - second,),
        lambda differences, axis: differences.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=permutations,
        rng=np.random.default_rng(1),
    )
    assert result.exact == (queries == 9)
    # Five standard errors of two samples; enumeration leaves no room.
    error = np.sqrt(2 * theirs.pvalue / permutations)
    assert result.p == pytest.approx(theirs.pvalue, abs=1e-12 if result.exact else 5 * error)
    assert 0.001 < result.p < 0.5


def test_interval_is_that_of_scipy() -> None:
    values = np.random.default_rng(4).beta(0.4, 0.6, size=80)  # skewed, as measures are
    ours = bootstrap_interval(values.tolist(), seed=0, resamples=40_000)
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=40_000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours == pytest.approx(tuple(theirs), abs=0.03 * (theirs.high - theirs.low))


# Many pairs at once

TABLE = st.lists(
    st.lists(st.sampled_from([0.0, 0.1, 0.3, 1 / 3, 0.5, 1.0]), min_size=4, max_size=4),
    min_size=1,
    max_size=30,
)


@given(TABLE)
def test_pairs_at_once_get_what_each_gets_alone(rows: list[list[float]]) -> None:
    table = np.array(rows)
    first, second = table[:, [0, 0, 1, 2]], table[:, [1, 2, 2, 2]]
    p, exact = randomisation_test(first, second, seed=3, permutations=200)
    low, high = bootstrap_intervals(first - second, seed=3)
    for pair in range(4):
        alone = compare(
            by_query(first[:, pair].tolist()), by_query(second[:, pair].tolist()), seed=3, permutations=200
        )
        if len(rows) <= 10:  # beyond, "q10" stands before "q2" and takes its signs
            assert (alone.p, alone.exact) == (p[pair], exact[pair])
            assert (alone.low, alone.high) == pytest.approx((low[pair], high[pair]), abs=1e-12)
    assert p[3] == 1.0


def test_rounding_makes_no_difference_and_no_ties_apart() -> None:
    # .1 + .2 is not .3 in floating point: the same mean over seeds, added in another order.
    same, other = by_query([0.1 + 0.2] * 30 + [0.5]), by_query([0.3] * 30 + [0.5])
    assert compare(same, other, seed=0).p == 1.0
    # Small equal differences on top of values of size 1: every sum ties with another one.
    base = np.random.default_rng(0).random(10)
    steps = np.array([1e-3] * 6 + [-1e-3] * 4)
    result = compare(by_query((base + steps).tolist()), by_query(base.tolist()), seed=0)
    assert result.p == enumerated_p(np.sign(steps).tolist())


def test_memory_steps_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    pairs = {name: (rng.random((n, 3)), rng.random((n, 3))) for name, n in (("a", 70), ("b", 5), ("c", 33))}
    trials = Trials(permutations=500, resamples=300)
    whole = paired_effects(pairs, trials)
    for module in ("bootstrap", "significance"):
        monkeypatch.setattr(f"kivuko.evaluation.{module}._CELLS", 211)
    for cut, effect in zip(paired_effects(pairs, trials), whole, strict=True):
        assert (cut.p, cut.n) == (effect.p, effect.n)
        assert (cut.low, cut.high) == pytest.approx((effect.low, effect.high), abs=1e-12)


def test_one_language_is_compare_and_the_order_of_languages_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.random(10), rng.random(10)
    effect = paired_effect({"a": (first, second)}, Trials(permutations=100))
    alone = compare(by_query(first.tolist()), by_query(second.tolist()), seed=0, permutations=100)
    assert (effect.p, effect.low, effect.high) == (alone.p, alone.low, alone.high)
    two = {"a": (first, second), "b": (rng.random(12), rng.random(12))}
    assert paired_effect(two, Trials()) == paired_effect(dict(reversed(two.items())), Trials())


def test_an_effect_without_queries_is_refused() -> None:
    nothing = np.zeros(0)
    for pairs in ({}, {"a": (nothing, nothing)}, {"a": (np.zeros(2), np.zeros(3))}):
        with pytest.raises(InputError):
            paired_effect(pairs, Trials())


# Bootstrap over languages and queries


def test_hierarchical_interval_by_hand() -> None:
    # Two languages without spread, 0 and 1: drawn as 00, 01, 10, 11, their mean is 0, .5, .5, 1.
    groups = [np.zeros((5, 1)), np.ones((2, 1))]
    for level, expected in ((0.95, (0.0, 1.0)), (0.45, (0.5, 0.5))):
        low, high = hierarchical_intervals(groups, seed=0, level=level)
        assert (low[0], high[0]) == expected
    # One language leaves the queries: two of them, 0 and 1, are drawn in the same four ways.
    low, high = hierarchical_intervals([np.array([[0.0], [1.0]])], seed=0, level=0.45)
    assert (low[0], high[0]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("between", "within", "least", "most"), [(0.2, 0.2, 0.89, 0.98), (0.0, 0.3, 0.95, 1.0)]
)
def test_hierarchical_interval_covers_the_mean_of_the_population(
    between: float, within: float, least: float, most: float
) -> None:
    # Columns are independent samples of 15 languages × 20 queries from a population of mean 0. Where languages do not
    # differ the interval is too wide, as its docstring says: no coverage below 95 %.
    rng = np.random.default_rng(0)
    groups = [rng.normal(0, between, size=400) + rng.normal(0, within, size=(20, 400)) for _ in range(15)]
    low, high = hierarchical_intervals(groups, seed=1, resamples=1_000)
    assert least <= np.mean((low <= 0) & (high >= 0)) <= most


def test_queries_alone_would_be_too_sure_of_other_languages() -> None:
    rng = np.random.default_rng(0)
    columns = np.concatenate(
        [rng.normal(0, 0.2, size=400) + rng.normal(0, 0.2, size=(20, 400)) for _ in range(15)]
    )
    low, high = bootstrap_intervals(columns, seed=1, resamples=1_000)
    assert np.mean((low <= 0) & (high >= 0)) < 0.7


# Power


@pytest.mark.parametrize(("n", "alpha"), [(10, 0.05), (150, 0.05), (150, 0.05 / 57)])
def test_the_detectable_difference_has_the_power_of_the_t_test(n: int, alpha: float) -> None:
    effect = detectable_difference(1 / np.sqrt(n), n, alpha=alpha)  # in standard deviations
    critical = stats.t.ppf(1 - alpha / 2, n - 1)
    assert stats.nct.sf(critical, n - 1, effect * np.sqrt(n)) == pytest.approx(0.8, abs=0.005)


def test_the_randomisation_test_finds_the_detectable_difference_four_times_in_five() -> None:
    queries, samples = 40, 600
    rng = np.random.default_rng(0)
    true = detectable_difference(0.2 / np.sqrt(queries), queries, alpha=0.05)
    first = 0.5 + true + rng.normal(0, 0.2, size=(queries, samples))
    p, _ = randomisation_test(first, np.full_like(first, 0.5), seed=0, permutations=1_000)
    assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.05)


@given(st.floats(0.002, 0.5), st.floats(0.01, 0.5), st.integers(1, 5))
def test_the_queries_needed_are_the_fewest_that_can_show_it(
    difference: float, spread: float, languages: int
) -> None:
    error = spread / np.sqrt(60)
    needed = queries_needed(-difference, error, 60, alpha=0.01, languages=languages)
    assert needed is not None

    def shown(queries: int) -> float:
        return detectable_difference(spread / np.sqrt(queries), queries, alpha=0.01, languages=languages)

    assert shown(needed) <= difference * (1 + 1e-12)
    assert needed == languages + 1 or shown(needed - 1) > difference * (1 - 1e-12)


def test_no_number_of_queries_shows_next_to_nothing() -> None:
    assert queries_needed(1e-9, 0.1, 100, alpha=0.05) is None
