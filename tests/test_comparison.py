from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from kivuko.errors import InputError, UnknownNameError
from kivuko.evaluation.comparison import POOLED, Difference, SystemComparison, compare_systems
from kivuko.evaluation.comparison_tables import (
    difference_tables,
    escape_latex,
    latex,
    markdown,
    power_note,
    score_tables,
)
from kivuko.evaluation.effects import Effect, Trials
from kivuko.evaluation.run import name_systems
from kivuko.evaluation.significance import compare, holm

TRIALS = Trials(permutations=2_000, resamples=500)
PerQuery = dict[str, dict[str, float]]


def per_query(values: Sequence[float], *measures: str) -> PerQuery:
    named = {f"q{number}": float(value) for number, value in enumerate(values)}
    return {measure: dict(named) for measure in measures or ("AP",)}


def noisy(name: str, mean: float, queries: int = 40) -> PerQuery:
    """AP and RR@10 that spread around a mean."""
    rng = np.random.default_rng(list(name.encode()))
    return per_query(rng.normal(mean, 0.1, size=queries)) | per_query(
        rng.normal(mean, 0.1, size=queries), "RR@10"
    )


def three_systems(languages: Sequence[str] = ("en", "om")) -> dict[str, dict[str, list[PerQuery]]]:
    return {
        system: {
            language: [noisy(f"{system} {language}", mean, 20 + 5 * len(language))] for language in languages
        }
        for system, mean in (("a", 0.5), ("b", 0.52), ("c", 0.7))
    }


def one(values: Mapping[str, Sequence[float]], **options: str) -> SystemComparison:
    """Systems of one language and one run each."""
    return compare_systems(
        {system: {"en": [per_query(found)]} for system, found in values.items()}, trials=TRIALS, **options
    )


# What is computed


def test_each_pair_gets_what_compare_gives_it_and_holm_spans_all_that_is_shown() -> None:
    values = three_systems()
    found = compare_systems(values, trials=TRIALS)
    assert len(found.differences) == 3 * 2 * 3  # pairs × measures × two languages and their pool
    for difference in found.differences:
        if difference.language == POOLED:
            continue
        first, second = (
            values[system][difference.language][0][difference.measure]
            for system in (difference.first, difference.second)
        )
        alone = compare(first, second, seed=0, permutations=2_000)
        effect = difference.effect
        assert (effect.p, effect.n, effect.exact) == (alone.p, alone.n, alone.exact)
        assert (effect.difference, effect.low, effect.high) == pytest.approx(
            (alone.difference, alone.low, alone.high), abs=1e-12
        )
        differences = np.array([first[query] - second[query] for query in first])
        assert effect.d_z == pytest.approx(differences.mean() / differences.std(ddof=1))
    raw = {str(number): difference.effect.p for number, difference in enumerate(found.differences)}
    assert [difference.p_holm for difference in found.differences] == list(holm(raw).values())


def test_languages_count_alike_when_pooled() -> None:
    values = {
        "a": {"en": [per_query([1.0] * 8)], "om": [per_query([0.0, 0.0])]},
        "b": {"en": [per_query([0.0] * 8)], "om": [per_query([0.0, 0.0])]},
    }
    found = compare_systems(values, trials=TRIALS)
    (pooled,) = found.difference_at["AP", POOLED]
    assert (pooled.effect.difference, pooled.effect.n) == (0.5, 10)
    assert pooled.effect.p == 2 / 2**8
    assert (found.score_at["a", "AP", POOLED].mean, found.score_at["a", "AP", POOLED].n) == (0.5, 10)


def test_a_baseline_is_what_all_others_are_compared_with() -> None:
    found = compare_systems(three_systems(), baseline="b", trials=TRIALS)
    pairs = {(difference.first, difference.second) for difference in found.differences}
    assert pairs == {("a", "b"), ("c", "b")}
    assert len(found.differences) == 2 * 2 * 3
    assert all(difference.verdict == "better" for difference in found.differences if difference.first == "c")


def test_seeds_are_averaged_by_query_and_their_spread_stays_apart() -> None:
    rng = np.random.default_rng(0)
    means, other, shift = rng.random(30), rng.random(30), rng.normal(0, 0.3, size=30)
    calm = {"en": [per_query(means)] * 2}
    # Two seeds that differ wildly, query by query and by .2 on average, but have the same mean.
    shift += 0.1 - shift.mean()
    wild = {"en": [per_query(means + shift), per_query(means - shift)]}
    found = [
        compare_systems({"a": seeds, "b": {"en": [per_query(other)]}}, trials=TRIALS)
        for seeds in (calm, wild)
    ]
    (first,), (second,) = (comparison.differences for comparison in found)
    assert first.effect.p == second.effect.p
    assert first.effect.standard_error == pytest.approx(second.effect.standard_error)
    deviations = [comparison.score_at["a", "AP", "en"].seed_deviation for comparison in found]
    assert deviations == pytest.approx([0.0, 0.2 / np.sqrt(2)])  # standard deviation of m + .1 and m − .1
    assert found[0].score_at["b", "AP", "en"].seed_deviation is None


def test_the_pooled_spread_of_seeds_is_that_of_their_means_over_languages() -> None:
    seeds = {"en": [per_query([0.2, 0.4]), per_query([0.6, 0.6])], "om": [per_query([0.5]), per_query([0.1])]}
    other = {"en": [per_query([0.2, 0.4])], "om": [per_query([0.5])]}
    score = compare_systems({"a": seeds, "b": other}, trials=TRIALS).score_at["a", "AP", POOLED]
    # Seeds' means over languages: (.3 + .5) / 2 = .4 and (.6 + .1) / 2 = .35.
    assert (score.mean, score.seeds) == (pytest.approx(0.375), 2)
    assert score.seed_deviation == pytest.approx(0.05 / np.sqrt(2))


# What may be concluded


def difference(low: float, seen: float, high: float, shown: float | None, *, p: float = 0.5) -> Difference:
    return Difference(
        "a", "b", "AP", "en", Effect(seen, low, high, p, 0.1, 150, 0.01), p, shown, shown, 900, p < 0.05
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (difference(0.01, 0.02, 0.03, 0.01, p=0.01), "better"),
        (difference(-0.03, -0.02, -0.01, 0.01, p=0.01), "worse"),
        (difference(-0.01, 0.012, 0.036, 0.034), "inconclusive"),
        (difference(-0.004, 0.002, 0.008, 0.009), "no difference worth claiming"),
        (difference(-0.004, 0.002, 0.011, 0.009), "inconclusive"),  # the interval holds .01
        (difference(-0.004, 0.002, 0.008, 0.011), "inconclusive"),  # the queries could not have shown .01
        (difference(-0.004, 0.002, 0.008, None), "inconclusive"),
    ],
)
def test_verdicts(found: Difference, verdict: str) -> None:
    assert found.verdict == verdict


def test_too_few_queries_are_called_inconclusive_in_words() -> None:
    # 150 differences of mean .012 and standard deviation .15: (1.976 + .844) · .15 / √150 = .0345, and to show .012
    # takes about ((1.96 + .842) · .15 / .012)² = 1,227 queries.
    offsets = np.array([-1.0, 1.0] * 75) * 0.15 * np.sqrt(149 / 150)
    found = one({"a": 0.5 + 0.012 + offsets, "b": [0.5] * 150})
    assert power_note(found.differences[0], found) == (
        "a − b, AP: 150 queries can show 0.035; 0.012 was seen: inconclusive, not equal; it would take 1,229 queries"
    )
    third = one({"a": 0.5 + 0.012 + offsets, "b": [0.5] * 150, "c": [0.1] * 150})
    note = power_note(third.differences[0], third)
    assert note is not None
    assert "can show 0.035 (0.040 when corrected for 3 comparisons)" in note
    assert power_note(third.differences[1], third) is None  # significant


def test_no_spread_is_no_evidence_of_equality() -> None:
    found = one({"a": [0.6, 0.6, 0.6], "b": [0.5, 0.5, 0.5], "c": [0.5, 0.5, 0.5]})
    shifted, _, same = found.differences
    assert (shifted.verdict, shifted.detectable, shifted.needed) == ("inconclusive", None, None)
    assert (same.verdict, same.effect.p) == ("same values", 1.0)
    assert power_note(same, found) == "b − c, AP: the same value on each of 3 queries"
    single = one({"a": [0.6], "b": [0.5]})
    assert "too few queries (1 query)" in (power_note(single.differences[0], single) or "")


def test_too_few_permutations_for_the_family_are_noticed() -> None:
    rng = np.random.default_rng(0)
    systems = {f"s{number}": rng.random(30) for number in range(4)}
    values = {system: {"en": [per_query(found)]} for system, found in systems.items()}
    # Six comparisons at .05 need p below 1/120: 1 / (119 + 1) is not, 1 / (120 + 1) is.
    for permutations, lost in ((119, True), (120, False)):
        assert compare_systems(values, trials=Trials(permutations=permutations)).too_few_permutations == lost


# Refusals


def test_only_the_same_queries_are_compared() -> None:
    with pytest.raises(InputError, match="at least two systems"):
        one({"a": [0.1]})
    with pytest.raises(InputError, match=r"queries of b and a, en, AP[\s\S]*q1"):
        one({"a": [0.1, 0.2], "b": [0.1]})
    with pytest.raises(UnknownNameError, match="baseline"):
        one({"a": [0.1], "b": [0.1]}, baseline="bm25")
    values = three_systems()
    del values["c"]["om"]
    with pytest.raises(InputError, match="languages of c and a"):
        compare_systems(values, trials=TRIALS)
    values = three_systems()
    values["c"]["om"] *= 2
    with pytest.raises(InputError, match="same seeds"):
        compare_systems(values, trials=TRIALS)


def test_a_pool_is_no_language() -> None:
    with pytest.raises(InputError, match="cannot be compared"):
        compare_systems({name: {POOLED: [per_query([0.1])]} for name in "ab"}, trials=TRIALS)


def test_systems_are_named_after_files_and_folders(tmp_path: Path) -> None:
    names = ["x/om.run", "y/om.run", "y/s.seed10.run", "y/s.seed2.run", "y/v1.5.txt"]
    paths = [tmp_path / name for name in names]
    assert name_systems(paths) == {
        str(tmp_path / "x/om"): paths[:1],
        str(tmp_path / "y/om"): paths[1:2],
        "s": [paths[3], paths[2]],
        "v1.5": paths[4:],
    }
    with pytest.raises(InputError, match="two runs are one"):
        name_systems([paths[0], paths[0]])
    with pytest.raises(InputError, match="with a seed and one without"):
        name_systems([tmp_path / "s.run", tmp_path / "s.seed1.run"])


# Renderings


def test_letters_name_the_systems_that_are_worse() -> None:
    found = one({"a": [0.9] * 30, "b": [0.2] * 30, "c": [0.5] * 30})
    (table,) = score_tables(found)
    assert [(row[0].text, row[0].marks, row[1].marks) for row in table.rows] == [
        ("a", "a", "bc"), ("b", "b", ""), ("c", "c", "b"),
    ]  # fmt: skip
    (table,) = score_tables(one({"a": [0.9] * 30, "b": [0.2] * 30, "c": [0.5] * 30}, baseline="c"))
    assert [row[1].marks for row in table.rows] == ["†", "‡", ""]


def test_many_systems_are_numbered() -> None:
    found = one({f"s{number:02d}": [0.1 + number / 40] * 30 for number in range(27)})
    marks = {row[0].text: row[1].marks for row in score_tables(found)[0].rows}
    assert found.too_few_permutations  # 2,000 permutations, 351 comparisons
    assert set(marks.values()) == {""}
    found = compare_systems(
        {f"s{number:02d}": {"en": [per_query([0.1 + number / 40] * 30)]} for number in range(27)},
        trials=Trials(permutations=10_000),
    )
    marks = {row[0].text: row[1].marks for row in score_tables(found)[0].rows}
    assert (marks["s00"], marks["s11"]) == ("", "1,2,3,4,5,6,7,8,9,10,11")


def test_every_rendering_has_every_cell() -> None:
    values = three_systems()
    values = {"a|b_%": values["a"], "b & #{c}": values["b"], "c~^\\<d>": values["c"]}
    found = compare_systems(values, trials=TRIALS)
    page = markdown(found)
    tables = re.findall(r"(?:^\|.*\n)+", page, flags=re.MULTILINE)
    assert len(tables) == 2 + 2 * 3  # scores by measure, differences by measure and language and pooled
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert r"a\|b\_%" in page
    text = latex(found)
    tabulars = re.findall(r"\\begin\{tabular\}\{(l r*|lr*)\}(.*?)\\end\{tabular\}", text, flags=re.DOTALL)
    assert len(tabulars) == 2 + 2  # scores, and pooled differences
    for columns, body in tabulars:
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) == 4
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(columns) - 1}
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    captions = re.findall(r"\\caption\{(.*)\}\\label", text)
    for part in (
        "randomisation test",
        "2,000 sampled",
        "Holm",
        "18 comparisons",
        "n = 30 queries a language",
    ):
        assert all(part in caption for caption in captions), part


def test_latex_shows_what_was_written() -> None:
    assert escape_latex("50 % & a_b #1 {x} $y ~^\\") == (
        r"50 \% \& a\_b \#1 \{x\} \$y \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    assert escape_latex("+0.012 [-0.1, +0.2] ± 1 e5-base 1e-05") == (
        r"$+$0.012 {[}$-$0.1, $+$0.2{]} $\pm$ 1 e5-base 1e-05"
    )


def test_long_and_wide_tables_are_turned_and_broken() -> None:
    languages = [f"l{number:02d}" for number in range(11)]
    found = compare_systems(
        {name: {tag: [per_query([0.1, 0.5])] for tag in languages} for name in "ab"}, trials=TRIALS
    )
    (table,) = score_tables(found)
    assert table.columns == ("language", "a (a)", "b (b)")
    assert [row[0].text for row in table.rows] == [*languages, POOLED]
    many = one({f"s{number}": np.random.default_rng(number).random(20) for number in range(11)})
    assert len(difference_tables(many, ["en"])[0].rows) == 55
    assert r"\begin{longtable}" in latex(many)


def test_rows_are_flat_and_finite() -> None:
    found = compare_systems(three_systems(), trials=TRIALS)
    rows = json.loads(json.dumps(found.rows(), allow_nan=False))
    assert [row["kind"] for row in rows] == ["score"] * 18 + ["difference"] * 18
    assert {"first", "second", "p", "p_holm", "d_z", "n", "detectable", "needed", "verdict"} <= rows[
        -1
    ].keys()
