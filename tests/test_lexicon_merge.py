from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from kivuko.cli.main import app
from kivuko.codeswitch import Lexicon, from_translations, merge
from kivuko.codeswitch.lexicon_quality import agreement, coverage, info
from kivuko.errors import InputError, KivukoError
from kivuko.languages import resolve
from kivuko.readers.dictionaries import Translation

OROMO = resolve("om")


def lexicon(entries: Mapping[str, Mapping[str, float]]) -> Lexicon:
    return Lexicon(OROMO, entries)


FIRST = lexicon({"mana": {"house": 0.6, "home": 0.4}, "muka": {"tree": 1.0}, "bisha*": {"water": 1.0}})
SECOND = lexicon({"mana": {"home": 0.5, "room": 0.5}, "bishaan": {"water": 0.9}, "bisha*": {"wet": 1.0}})


def test_merged_by_hand() -> None:
    merged = merge([FIRST, SECOND], [3.0, 1.0])
    assert merged.entries.keys() == {"mana", "muka", "bishaan", "bisha*"}
    # home: ¾ · 0.4 + ¼ · 0.5; the rest have one lexicon each.
    assert merged.entries["mana"] == pytest.approx({"house": 0.45, "home": 0.425, "room": 0.125})
    assert list(merged.entries["mana"]) == ["house", "home", "room"]
    assert merged.entries["muka"] == {"tree": 1.0}
    # Where one has the word, that one serves, whatever its weight, and its missing tenth stays missing.
    assert merged.entries["bishaan"] == {"water": 0.9}
    assert merged.entries["bisha*"] == {"water": 0.75, "wet": 0.25}
    assert merged.translations("bishaanii") == {"water": 0.75, "wet": 0.25}


def test_one_lexicon_or_the_same_one_twice_stays_as_it_is() -> None:
    assert merge([FIRST]).entries == FIRST.entries
    twice = merge([FIRST, FIRST], [0.2, 7.0]).entries
    assert {word: pytest.approx(of) for word, of in FIRST.entries.items()} == twice


_entries = st.dictionaries(
    st.sampled_from(["mana", "muka", "laga"]),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.floats(0.01, 0.33), min_size=1),
)


@given(st.lists(st.tuples(_entries, st.floats(0.01, 10.0)), min_size=1, max_size=4))
def test_merging_keeps_probabilities_and_does_not_mind_the_order(parts: list) -> None:
    lexicons, weights = [lexicon(entries) for entries, _ in parts], [weight for _, weight in parts]
    merged = merge(lexicons, weights)
    assert merged.entries.keys() == {word for each in lexicons for word in each.entries}
    for translations in merged.entries.values():
        assert 0 < sum(translations.values()) <= 1 + 1e-9
    for order in itertools.permutations(range(len(parts))):
        other = merge([lexicons[i] for i in order], [weights[i] for i in order])
        assert {word: pytest.approx(of) for word, of in merged.entries.items()} == other.entries


def test_what_cannot_be_merged_is_refused() -> None:
    with pytest.raises(InputError, match="one language"):
        merge([])
    with pytest.raises(InputError, match="amh-Ethi, orm-Latn"):
        merge([FIRST, Lexicon(resolve("am"), {"ቤት": {"house": 1.0}})])
    for weights in ([1.0], [1.0, 0.0], [1.0, float("nan")], [1.0, -1.0]):
        with pytest.raises(InputError, match="weight above 0"):
            merge([FIRST, SECOND], weights)


def test_built_by_hand() -> None:
    rows = [
        Translation("House", "Mana", 1.0),
        Translation("home", "mana", 0.5),
        Translation("house", "mana", 0.5),
        Translation("Good morning!", "akkam  bulte"),
        Translation("a very long explanation", "ibsa"),
        Translation("?", "gaaffii"),
    ]
    built = from_translations(rows, OROMO, meta={"source": "own"})
    assert built.entries == {"mana": {"house": 0.75, "home": 0.25}, "akkam bulte": {"good morning": 1.0}}
    assert built.meta == {
        "source": "own", "rows": 6, "used": 4, "unused": {"over 3 words": 1, "a side without words": 1},
    }  # fmt: skip
    assert from_translations(reversed(rows), OROMO).entries == built.entries


def test_nothing_to_build_from_is_refused() -> None:
    with pytest.raises(InputError, match="1 a side without words"):
        from_translations([Translation("?", "gaaffii")], OROMO)
    with pytest.raises(InputError, match="weight"):
        from_translations([Translation("house", "mana", 0.0)], OROMO)


KNOWN = lexicon({
    "mana": {"house": 0.6, "home": 0.4},
    "radio": {"radio": 1.0},
    "akkam bulte": {"good morning": 1.0},
    "laga": {"river": 0.5, "brook": 0.5},
    "bisha*": {"water": 1.0},
})  # fmt: skip


def test_info_by_hand() -> None:
    size = info(KNOWN)
    assert (size.words, size.phrases, size.beginnings, size.translations) == (3, 1, 1, 6)
    assert size.senses == pytest.approx(6 / 4)
    assert size.identical == pytest.approx(1 / 4)


def test_coverage_by_hand() -> None:
    # mana ×2, laga, bishaan (by its beginning), akkam (only inside a phrase): 5 running words, 4 different.
    found = coverage(KNOWN, ["Mana, laga", "mana bishaan", "AKKAM?"])
    assert (found.tokens, found.types) == (5, 4)
    assert (found.known_tokens, found.known_types) == pytest.approx((3 / 5, 2 / 4))
    assert (found.reached_tokens, found.reached_types) == pytest.approx((4 / 5, 3 / 4))
    with pytest.raises(InputError, match="without words"):
        coverage(KNOWN, ["?", ""])


def test_agreement_by_hand() -> None:
    reference = lexicon({
        "mana": {"home": 0.9, "house": 0.1}, "laga": {"river": 1.0}, "akkam bulte": {"hello": 1.0},
        "muka": {"tree": 1.0}, "bisha*": {"water": 1.0},
    })  # fmt: skip
    # Shared: mana (house is listed), laga (brook comes first by spelling and is not), the phrase (no).
    found = agreement(KNOWN, reference)
    assert (found.shared, found.agreeing, found.precision) == (3, 1, pytest.approx(1 / 3))
    assert agreement(KNOWN, KNOWN).precision == 1.0
    assert agreement(KNOWN, lexicon({"muka": {"tree": 1.0}})).precision == 0.0
    with pytest.raises(InputError, match="one language"):
        agreement(KNOWN, Lexicon(resolve("am"), {"ቤት": {"house": 1.0}}))


def test_the_verbs_from_files_to_numbers(tmp_path: Path) -> None:
    def kivuko(*arguments: object) -> str:
        done = CliRunner().invoke(app, ["lexicon", *map(str, arguments)], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    muse, tsv = tmp_path / "en-om.txt", tmp_path / "own.tsv"
    muse.write_text("house mana\nhome mana\nodd line here\n", encoding="utf-8")
    tsv.write_text("house\tmana\t3\ntree\tmuka\n", encoding="utf-8")
    said = kivuko("import", muse, "--language", "om", "--format", "muse", "--output", tmp_path / "a")
    assert "1 lines without two words" in said
    kivuko("import", tsv, "--language", "om", "--format", "tsv", "--output", tmp_path / "b")
    kivuko("merge", tmp_path / "a", tmp_path / "b", "--weight", 1, "--weight", 3, "--output", tmp_path / "c")
    merged = Lexicon.open(tmp_path / "c")
    assert merged.entries == {"mana": {"house": 0.875, "home": 0.125}, "muka": {"tree": 1.0}}
    (tmp_path / "texts.txt").write_text("mana\nlaga\n", encoding="utf-8")
    told = kivuko("info", tmp_path / "c", "--against", tmp_path / "a", "--texts", tmp_path / "texts.txt")
    assert "50.0% of 2" in told
    assert "100.0% of 1 shared" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["wikitionary", "--language", "om"], "unknown dictionary"),
        (["{own}", "--language", "om"], "format has to be named"),
        (["{own}", "--language", "om", "--format", "mus"], "unknown format 'mus'"),
        (["{own}", "--language", "om", "--format", "freedict"], "is not for this"),
        (["{own}", "--language", "en", "--format", "tsv"], "English is the source"),
        (["freedict", "--language", "om"], "freedict has no Oromo"),
    ],
)
def test_imports_that_cannot_be_are_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    own = tmp_path / "own.tsv"
    own.write_text("house\tmana\n", encoding="utf-8")
    given = [argument.format(own=own) for argument in arguments]
    done = CliRunner().invoke(app, ["lexicon", "import", *given, "--output", str(tmp_path / "out")])
    assert isinstance(done.exception, KivukoError)
    assert message in str(done.exception)
    assert not (tmp_path / "out").exists()
