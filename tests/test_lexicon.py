from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from kivuko.codeswitch import Lexicon, induce
from kivuko.codeswitch.alignment import align
from kivuko.codeswitch.lexicon import read_lexicon_tsv
from kivuko.errors import ArtifactError, InputError
from kivuko.languages import resolve

OROMO = resolve("om")
#: A made-up language: each English word has one word, and the word order is reversed.
DICTIONARY = {
    "house": "mana",
    "big": "guddaa",
    "small": "xiqqaa",
    "water": "bishaan",
    "tree": "muka",
    "sees": "arga",
}


@dataclass(frozen=True)
class Text:
    english: str
    foreign: str


def toy_pairs(count: int = 200) -> list[Text]:
    rng = random.Random(7)
    sentences = [rng.sample(sorted(DICTIONARY), rng.randint(2, 4)) for _ in range(count)]
    return [Text(" ".join(s), " ".join(DICTIONARY[word] for word in reversed(s))) for s in sentences]


def test_toy_corpus_gives_its_dictionary_back() -> None:
    lexicon = induce(toy_pairs(), OROMO, iterations=10)
    for english, foreign in DICTIONARY.items():
        assert max(lexicon.translations(foreign).items(), key=lambda entry: entry[1])[0] == english
        assert lexicon.translations(foreign)[english] > 0.9


def test_one_round_of_model_1_by_hand() -> None:
    # One pair, two words a side, no null, no diagonal: each word links to both with ½, both ways; product ¼.
    alignment = align([["a", "b"]], [["x", "y"]], iterations=1, diagonal=0.0, null=0.0)
    assert alignment.count == pytest.approx(np.full(4, 0.25))
    # A second pair that ties a to x: P(a|x) = (½ + 1) / 2 and so on, see below.
    alignment = align([["a", "b"], ["a"]], [["x", "y"], ["x"]], iterations=2, diagonal=0.0, null=0.0)
    # Round 1: table P(a|x) = 3/4, P(b|x) = 1/4, P(a|y) = P(b|y) = 1/2.
    # Round 2, first pair: a→x 3/5, a→y 2/5, b→x 1/3, b→y 2/3; the other direction is the same by symmetry.
    found = {
        (alignment.english_words[e], alignment.foreign_words[f]): count
        for e, f, count in zip(alignment.english, alignment.foreign, alignment.count, strict=True)
    }
    expected = {
        ("a", "x"): 0.6 * 0.6 + 1.0,
        ("a", "y"): 0.4 * (1 / 3),
        ("b", "x"): (1 / 3) * 0.4,
        ("b", "y"): (2 / 3) * (2 / 3),
    }
    assert found == pytest.approx(expected)


def test_probabilities_are_probabilities() -> None:
    lexicon = induce(toy_pairs(), OROMO)
    for translations in lexicon.entries.values():
        assert sum(translations.values()) == pytest.approx(1.0)
        assert min(translations.values()) > 0
        assert list(translations.values()) == sorted(translations.values(), reverse=True)


def test_unseen_forms_back_off_to_their_beginning() -> None:
    lexicon = induce(toy_pairs(), OROMO, iterations=10, prefix=4)
    assert "bishaanota" not in lexicon.entries
    assert (
        max(lexicon.translations("bishaanota"), key=lexicon.translations("bishaanota").__getitem__) == "water"
    )
    assert lexicon.translations("bi") == {}
    assert lexicon.translations("wallaalamaa") == {}


def test_rare_forms_learn_from_frequent_ones() -> None:
    # "bishaanota" is seen once, beside one other word: alone it cannot tell which of the two it means.
    pairs = [*toy_pairs(), Text("water river", "bishaanota laga")]
    apart = induce(pairs, OROMO, prefix=50).translations("bishaanota")
    together = induce(pairs, OROMO, prefix=5).translations("bishaanota")
    assert together["water"] > apart["water"]


def test_saving_opening_and_saving_again_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        induce(toy_pairs(), OROMO).save(tmp_path / name, parents={"bitext": "0" * 64})
    opened = Lexicon.open(tmp_path / "one")
    opened.save(tmp_path / "three", parents={"bitext": "0" * 64})
    first = {file.name: file.read_bytes() for file in (tmp_path / "one").iterdir()}
    for name in ("two", "three"):
        assert {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} == first
    assert opened.language == OROMO
    assert opened.meta["aligned"] == 200


def test_pairs_left_out_are_counted() -> None:
    odd = [Text("?", "mana"), Text("house", "mana " * 60)]
    lexicon = induce([*toy_pairs(), *odd], OROMO)
    assert lexicon.meta["pairs"] == 202
    assert lexicon.meta["aligned"] == 200
    assert lexicon.meta["dropped"] == {"empty side": 1, "over 50 words": 1}


def test_no_pairs_are_refused() -> None:
    with pytest.raises(InputError, match="no lexicon without"):
        induce([Text("?", "!")], OROMO)


def test_people_bring_their_own(tmp_path: Path) -> None:
    (tmp_path / "own.tsv").write_text("mana\thouse\t0.9\r\nmana\thome\t0.1\n", encoding="utf-8-sig")
    assert read_lexicon_tsv(tmp_path / "own.tsv", OROMO).entries == {"mana": {"house": 0.9, "home": 0.1}}


@pytest.mark.parametrize(
    "line", [b"mana\thouse", b"mana\thouse\tmuch", b"mana\thouse\t0", b"mana\thouse\t1.5", b"\thouse\t1",
             b"mana\thouse\tnan", b"\xff\thouse\t1", b"", b"good\tgood\t1"],
)  # fmt: skip
def test_bad_lines_are_refused_with_their_place(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "own.tsv"
    path.write_bytes(b"good\tgood\t1\n" + line + b"\n")
    with pytest.raises(InputError) as caught:
        read_lexicon_tsv(path, OROMO)
    assert caught.value.where == f"{path}:2"


def test_missing_lexicons_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no complete lexicon"):
        Lexicon.open(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_lexicon_tsv(tmp_path / "none.tsv", OROMO)
