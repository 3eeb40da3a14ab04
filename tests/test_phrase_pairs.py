"""Short pairs cut out of bitext, and students that are trained on them too."""

from __future__ import annotations

from pathlib import Path

from kivuko.artifact import read_manifest
from kivuko.codeswitch.phrase_pairs import phrase_pairs
from kivuko.collections.bitext import Pair
from kivuko.languages import resolve
from kivuko.training.optical import OpticalSettings, train_optical
from tiny import ENGLISH, FOREIGN, made_up_pairs

WORDS = dict(zip(ENGLISH, FOREIGN, strict=True))


def test_phrases_are_runs_of_words_that_translate_each_other() -> None:
    pairs = made_up_pairs(240)
    found = phrase_pairs(pairs)
    right = [sides for sides in found if sides[1].split() == [WORDS.get(w, w) for w in sides[0].split()]]
    assert len(right) >= 0.95 * len(found) > 50
    assert {len(english.split()) for english, _ in found} == {1, 2, 3, 4}
    assert {english for english, _ in found} >= set(ENGLISH)
    texts = [f" {pair.english} " for pair in pairs]
    for english, _ in right:
        assert sum(f" {english} " in text for text in texts) >= 2  # one text alone may be chance
    assert max(len(foreign.split()) for _, foreign in phrase_pairs(pairs, longest=2)) == 2
    assert len(phrase_pairs(pairs, fewest=5)) < len(found)
    assert phrase_pairs(pairs) == found


def test_words_change_places_and_keep_how_they_are_written() -> None:
    # The adjective follows its noun, and "the" has no counterpart.
    nouns = {"file": "Faayilii", "page": "Fuula", "table": "Gabatee", "window": "Foddaa"}
    adjectives = {"red": "diimaa", "big": "guddaa", "new": "haaraa", "open": "banaa"}
    pairs = [
        Pair(f"{n} {a} {again}", f"The {a} {n}, {again}", f"{nouns[n]} {adjectives[a]}, {again}", "made-up")
        for n in nouns
        for a in adjectives
        for again in ("one", "two")
    ]
    found = phrase_pairs(pairs)
    assert ("red file", "Faayilii diimaa") in found
    assert ("page", "Fuula") in found
    assert not {"red", "file"} & {english for english, foreign in found if foreign == "Faayilii diimaa"}


def test_texts_without_words_and_whole_texts_are_no_phrases() -> None:
    short = [Pair(str(n), "red", "dima", "made-up") for n in range(5)]
    assert phrase_pairs(short) == []
    assert phrase_pairs([]) == []
    assert phrase_pairs([Pair("0", "…", "—", "made-up"), Pair("1", "red", "", "made-up")]) == []


def test_scripts_without_spaces_keep_their_writing() -> None:
    words = {"open": "បើក", "file": "ឯកសារ", "print": "បោះពុម្ព", "page": "ទំព័រ"}
    pairs = [
        Pair(f"{a} {b}", f"{a} {b}", f"{words[a]}\u200b{words[b]}", "made-up")
        for a in words
        for b in words
        if a != b
    ] * 2
    assert set(words.items()) <= set(phrase_pairs(pairs))


def test_a_student_is_trained_on_phrases_beside_the_pairs(
    tiny_teacher: Path, own_cache: Path, tmp_path: Path
) -> None:
    pairs = made_up_pairs(60)
    facts = {}
    for phrases in (False, True):
        settings = OpticalSettings(steps=20, batch_size=8, phrases=phrases)
        model = train_optical(pairs, resolve("om"), tiny_teacher, tmp_path / str(phrases), settings=settings)
        facts[phrases] = read_manifest(model, "model").meta
    assert facts[True]["phrases"] == {"orm-Latn": len(phrase_pairs(pairs))}
    assert facts[True]["pairs"] == facts[False]["pairs"] == {"orm-Latn": 60}
    # More to go through: the same steps are fewer rounds.
    assert facts[True]["epochs"]["orm-Latn"] < facts[False]["epochs"]["orm-Latn"]
    assert "phrases" not in facts[False]
