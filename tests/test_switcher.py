from __future__ import annotations

import functools
import random
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.codeswitch import EnglishTable, Lexicon, Switched, Switcher, SwitchReport, induce, invert
from kivuko.codeswitch.english_table import Senses
from kivuko.codeswitch.switcher import word_spans
from kivuko.collections.bitext import Bitext
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language, resolve
from kivuko.public.bitext import build_bitext
from kivuko.text import words

OROMO, SWAHILI, KHMER, THAI, TURKISH = map(resolve, ("om", "sw", "km", "th", "tr"))


def table(language: Language = OROMO, **senses: str | Senses) -> EnglishTable:
    """A table by keyword; ``_`` stands for the space of a phrase, a string for a certain translation."""
    return EnglishTable(
        language,
        {key.replace("_", " "): ((s, 1.0),) if isinstance(s, str) else s for key, s in senses.items()},
    )


def switch(text: str, only: EnglishTable, *, rate: float = 1.0, phrases: bool = False) -> str:
    return Switcher({only.language: only}, rate=rate, phrases=phrases).switch(text, seed=0, key="k").text


HOUSE = table(house="mana", big="guddaa", water="bishaan", art="aartii")


# The known faults of earlier public code


def test_never_replaces_inside_a_word() -> None:
    text = "artful start, smart_art, art2, ARTs, art's, cart.art, housé, house\u0301, ho\u00aduse"
    switched = switch(text, HOUSE)
    assert switched == "artful start, smart_art, art2, ARTs, art's, cart.art, housé, house\u0301, mana"
    assert switch("big_house", table(big_house="mana guddaa"), phrases=True) == "big_house"


def test_never_switches_switched_text_again() -> None:
    # Each translation is an English word that has a translation itself.
    chain = table(house="water", water="big", big="house", art="art house")
    assert switch("house water big art", chain) == "water big house art house"


def test_one_language_never_emits_a_word_of_another() -> None:
    tables = {
        OROMO: table(OROMO, house="om-a", water="om-b"),
        SWAHILI: table(SWAHILI, house="sw-a", water="sw-b", big="sw-c"),
    }
    switcher = Switcher(tables, rate=1.0)
    text = "house water big house big water"
    for number in range(50):
        document = switcher.switch(text, seed=0, key=f"{number} document", language=OROMO)
        assert document.text == "om-a om-b big om-a big om-b"
        assert document.by_language == {"orm-Latn": 4}
        drawn = switcher.switch(text, seed=0, key=f"{number} drawn")
        assert len(set(re.findall("om|sw", drawn.text))) == len(drawn.by_language) == 1
    with pytest.raises(InputError, match="under another language") as caught:
        Switcher({OROMO: tables[SWAHILI]}, rate=1.0)
    assert caught.value.where == "orm-Latn"


# What is kept


@given(st.text(), st.integers(0, 5))
def test_rate_0_is_the_identity(text: str, seed: int) -> None:
    text = f"{text} House-water {text}"
    for switcher in (
        Switcher({OROMO: HOUSE}, rate=0.0),
        Switcher({OROMO: HOUSE, KHMER: table(KHMER, house="ផ្ទះ")}, rate=0.0, multilingual=True, phrases=True),
    ):
        result = switcher.switch(text, seed=seed, key="k")
        assert result.text == text
        assert (result.switched, result.by_language) == (0, {})


BITS = st.sampled_from(
    [
        "house",
        "House",
        "HOUSE",
        "big house",
        " ",
        "  ",
        "\n",
        "-",
        ", ",
        "’s",
        "'",
        "%s",
        "$1",
        "7",
        "ክ",
        "é",
        "(",
        ".",
        "_",
    ]
)


@given(st.lists(BITS | st.text(max_size=3)).map("".join), st.sampled_from([0.3, 1.0]), st.booleans())
def test_everything_between_words_stays_byte_for_byte(text: str, rate: float, phrases: bool) -> None:
    # Translations that lead back to the English: undoing them must give the text, whatever was switched.
    back = {"zzhouse": "house", "zzbig": "big", "zzphrase": "big house"}
    senses = table(house="zzhouse", big="zzbig", big_house="zzphrase")
    result = Switcher({OROMO: senses}, rate=rate, phrases=phrases).switch(text, seed=1, key=text)

    def undone(found: re.Match[str]) -> str:
        return back[found[0].casefold()]

    # A soft hyphen belongs to the word it stands in or after, and goes with it.
    restored = re.sub("zz(house|big|phrase)", undone, result.text, flags=re.IGNORECASE).replace("\xad", "")
    text = text.replace("\xad", "")
    spaced = re.compile(r"big(?:[^\S\r\n]+|[-‐‑])house", re.IGNORECASE)
    assert spaced.sub("big house", restored).casefold() == spaced.sub("big house", text).casefold()
    assert result.switched <= result.switchable <= result.words


@pytest.mark.parametrize(
    "kept", ["%s", "%1$s", "%PRODUCTNAME", "$1", "$[officename]", "$(house)", "${house}", "{house}",
             "{{house|water}}", "<house big>", "</house>", "&house;", "\\big", "house@water.big", "https://house.big/water",
             "www.house.big", "house.big", "big&house", "hou~se", "big=house", "12", "3.5", "house_7"],
)  # fmt: skip
def test_placeholders_markup_and_numbers_are_left(kept: str) -> None:
    senses = table(house="mana", big="guddaa", water="bishaan", s="kan", b="b2", se="x", hou="y", ig="z")
    result = Switcher({OROMO: senses}, rate=1.0).switch(f"house ({kept}) house", seed=0, key="k")
    assert result.text == f"mana ({kept}) mana"
    assert result.words == 2


@pytest.mark.parametrize(
    ("english", "expected"),
    [("house", "mana"), ("House", "Mana"), ("HOUSE", "MANA"), ("hOuse", "mana"), ("“House!”", "“Mana!”"),
     ("house/water-big", "mana/bishaan-guddaa"), ("A", "Tokko"), ("the House’s", "the Mana’s")],
)  # fmt: skip
def test_case_and_punctuation_follow_the_english(english: str, expected: str) -> None:
    # "house’s" has no entry as a word: it is one word and stays, but for this test it gets one.
    assert (
        switch(
            english, table(house="mana", water="bishaan", big="guddaa", a="tokko", **{"house's": "mana’s"})
        )
        == expected
    )


def test_case_where_the_script_has_none_or_another() -> None:
    assert switch("House HOUSE", table(KHMER, house="ផ្ទះ")) == "ផ្ទះ\u200bផ្ទះ"
    assert switch("House HOUSE", table(resolve("Georgian"), house="სახლი")) == "სახლი სახლი"
    assert switch("Work WORK", table(TURKISH, work="işi")) == "İşi İŞİ"
    assert switch("Work", table(work="'dalagaa")) == "'Dalagaa"


def test_scripts_without_spaces_write_none_between_switched_words() -> None:
    text = "The big house, big  house and big house."
    assert switch(text, table(THAI, big="ใหญ่", house="บ้าน")) == "The ใหญ่บ้าน, ใหญ่  บ้าน and ใหญ่บ้าน."
    assert switch(text, table(KHMER, big="ធំ", house="ផ្ទះ")) == "The ធំ\u200bផ្ទះ, ធំ  ផ្ទះ and ធំ\u200bផ្ទះ."
    assert switch("big house", table(resolve("dz"), big="ཆེན", house="ཁང")) == "ཆེན་ཁང"
    both = {THAI: table(THAI, big="ใหญ่"), KHMER: table(KHMER, house="ផ្ទះ")}
    mixed = Switcher(both, rate=1.0, multilingual=True).switch("big house", seed=0, key="k")
    assert mixed.text == "ใหญ่ ផ្ទះ"


# Phrases


def test_the_longest_phrase_wins() -> None:
    senses = table(a="1x", b="2x", a_b="ab", a_b_c="abc", c_d="cd", b_c="bc")
    assert switch("a b c d a b d c d a", senses, phrases=True) == "abc d ab d cd 1x"
    assert switch("a b c d", senses) == "1x 2x c d"
    assert switch("A-B, c\td A\nb", senses, phrases=True) == "AB, cd 1X\n2x"
    counted = Switcher({OROMO: senses}, rate=1.0, phrases=True).switch("a b c e", seed=0, key="k")
    assert counted == Switched("abc e", 4, 3, 3, {"orm-Latn": 3})


def test_phrases_keep_the_rate() -> None:
    # A phrase that stays is not tried again by its parts.
    senses = table(big="guddaa", house="mana", big_house="mana guddaa")
    switcher = Switcher({OROMO: senses}, rate=0.4, phrases=True)
    result = switcher.switch("big house, " * 5000, seed=3, key="k")
    assert result.switched / result.words == pytest.approx(0.4, abs=0.03)
    assert "big mana" not in result.text


# Rate, senses and languages are drawn as asked


def test_same_key_same_text_whatever_the_order_and_batch() -> None:
    tables = {OROMO: HOUSE, SWAHILI: table(SWAHILI, house="nyumba", big="kubwa")}
    switcher = Switcher(tables, rate=0.5, multilingual=True)
    text = "big house water " * 5
    keys = [f"{epoch} pair-{number}" for epoch in range(2) for number in range(40)]
    first = {key: switcher.switch(text, seed=0, key=key) for key in keys}
    shuffled = random.Random(1).sample(keys, len(keys))
    reordered = dict(reversed(tables.items()))
    again = Switcher(reordered, rate=0.5, multilingual=True)
    assert {key: again.switch(text, seed=0, key=key) for key in shuffled} == first
    assert len({result.text for result in first.values()}) > 75
    assert first[keys[0]] != switcher.switch(text, seed=1, key=keys[0])


def test_realised_rate_is_the_requested_times_the_coverage() -> None:
    text = "The big house has water for me and art. " * 1000
    report = SwitchReport()
    for rate in (0.25, 0.5, 0.75, 1.0):
        result = Switcher({OROMO: HOUSE}, rate=rate).switch(text, seed=0, key="k")
        assert (result.words, result.switchable) == (9000, 4000)
        assert result.switched / result.words == pytest.approx(rate * 4 / 9, abs=0.015)
        assert result.switched == sum(
            len(re.findall(word, result.text)) for word in ("mana", "guddaa", "bishaan", "aartii")
        )
        report.add(result)
    assert report.texts == 4
    assert report.coverage == pytest.approx(4 / 9)
    assert report.realised_rate == pytest.approx(0.625 * 4 / 9, abs=0.01)
    assert report.by_language == {"orm-Latn": report.switched}
    assert report.as_json()["words"] == 36_000
    assert (SwitchReport().coverage, SwitchReport().realised_rate) == (0.0, 0.0)


def test_a_higher_rate_switches_more_of_the_same() -> None:
    senses = table(house=(("mana", 0.5), ("maatii", 0.5)), big=(("guddaa", 0.5), ("bal'aa", 0.5)))
    text = " ".join(["house big"] * 200)
    low, high = (
        Switcher({OROMO: senses}, rate=rate).switch(text, seed=0, key="k").text.split() for rate in (0.3, 0.6)
    )
    assert sum(a != b for a, b in zip(low, high, strict=True)) > 50
    assert all(a in (b, "house", "big") for a, b in zip(low, high, strict=True))


def test_senses_are_drawn_by_their_probability() -> None:
    probabilities = {"mana": 0.6, "maatii": 0.3, "gamoo": 0.1}
    senses = table(house=tuple(probabilities.items()))
    text = "house " * 6000
    drawn = Counter(switch(text, senses).split())
    chi_square = sum((drawn[s] - 6000 * p) ** 2 / (6000 * p) for s, p in probabilities.items())
    assert set(drawn) == set(probabilities)
    assert chi_square < 13.8, "p = .001 with two degrees of freedom"
    best = Switcher({OROMO: senses}, rate=1.0, senses="best").switch(text, seed=0, key="k")
    assert best.text == "mana " * 6000


def test_multilingual_draws_each_language_that_has_the_word_alike() -> None:
    tables = {
        language: table(language, house=language.iso639_3, **({"big": "guddaa"} if language == OROMO else {}))
        for language in (OROMO, SWAHILI, TURKISH)
    }
    result = Switcher(tables, rate=1.0, multilingual=True).switch(
        "house " * 6000 + "big " * 50, seed=0, key="k"
    )
    drawn = Counter(result.text.split())
    assert drawn.pop("guddaa") == 50, "the rate holds for words that one language alone has"
    assert sum((count - 2000) ** 2 / 2000 for count in drawn.values()) < 13.8
    assert set(drawn) == {"orm", "swa", "tur"}
    assert result.by_language == {
        "orm-Latn": drawn["orm"] + 50,
        "swa-Latn": drawn["swa"],
        "tur-Latn": drawn["tur"],
    }


def test_bilingual_draws_a_language_for_each_text() -> None:
    tables = {language: table(language, house=language.iso639_3) for language in (OROMO, SWAHILI)}
    switcher = Switcher(tables, rate=1.0)
    drawn = Counter(switcher.switch("house house", seed=0, key=str(number)).text for number in range(400))
    assert set(drawn) == {"orm orm", "swa swa"}
    assert 150 < drawn["orm orm"] < 250


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_rates_that_are_no_probability_are_refused(rate: float) -> None:
    with pytest.raises(InputError, match="is a probability"):
        Switcher({OROMO: HOUSE}, rate=rate)


def test_what_cannot_be_switched_by_is_refused() -> None:
    with pytest.raises(InputError, match="without translations"):
        Switcher({}, rate=0.5)
    with pytest.raises(InputError, match="without translations") as caught:
        Switcher({OROMO: HOUSE, SWAHILI: table(SWAHILI)}, rate=0.5)
    assert caught.value.where == "swa-Latn"
    with pytest.raises(UnknownNameError, match="sampled"):
        Switcher({OROMO: HOUSE}, rate=0.5, senses="sample")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="language of this switcher"):
        Switcher({OROMO: HOUSE}, rate=0.5).switch("house", seed=0, key="k", language=SWAHILI)
    with pytest.raises(InputError, match="draws the languages itself"):
        Switcher({OROMO: HOUSE}, rate=0.5, multilingual=True).switch("house", seed=0, key="k", language=OROMO)


# A lexicon the other way round


def test_inverting_by_hand() -> None:
    lexicon = Lexicon(
        OROMO,
        {"mana": {"house": 0.8, "home": 0.2}, "maatii": {"family": 0.7, "house": 0.3}, "haphax": {"house": 1.0},
         "mana*": {"house": 1.0}},
    )  # fmt: skip
    counts = {"mana": 10, "maatii": 4}  # and "haphax" counts as seen once
    inverted = invert(lexicon, counts=counts)
    # house: mana .8·10 = 8, maatii .3·4 = 1.2, haphax 1·1 = 1; of 10.2
    assert dict(inverted.senses["house"]) == pytest.approx(
        {"mana": 8 / 10.2, "maatii": 1.2 / 10.2, "haphax": 1 / 10.2}
    )
    assert inverted.senses["home"] == (("mana", 1.0),)
    assert set(inverted.senses) == {"house", "home", "family"}
    alike = invert(lexicon)
    assert [foreign for foreign, _ in alike.senses["house"]] == ["haphax", "mana", "maatii"]
    fewer = invert(lexicon, counts=counts, least=0.14, most=1)
    assert fewer.senses["house"] == (("mana", 1.0),)
    assert fewer.dropped == {"beyond 1 senses": 1, "improbable": 1}


def test_inverting_drops_what_would_switch_nothing_and_says_so() -> None:
    lexicon = Lexicon(
        KHMER,
        {
            "html": {"html": 1.0},
            "ខ្មែរ": {"html": 0.01, "khmer": 0.9},
            "office": {"khmer": 0.5},
            "ខ្មែរ១": {"khmer": 0.5},
            "មួយ": {"1": 0.9, "១": 0.1},
        },
    )
    inverted = invert(lexicon)
    assert inverted.senses == {"khmer": (("ខ្មែរ", 1.0),)}
    assert inverted.dropped == {
        "English side with digits or other scripts, or without letters": 2,
        "improbable": 1,
        "not in the language's script": 1,
        "with digits": 1,
        "the English itself": 1,
    }


def test_pieces_of_words_are_no_translations_in_scripts_without_spaces() -> None:
    entries = {"ឯកសារ": {"file": 0.9}, "ឯក": {"file": 0.5}, "សំណុំ": {"file": 0.4}}
    inverted = invert(Lexicon(KHMER, entries))
    assert [foreign for foreign, _ in inverted.senses["file"]] == ["ឯកសារ", "សំណុំ"]
    assert inverted.dropped == {"a piece of a better sense": 1}
    latin = invert(Lexicon(OROMO, {"barruulee": {"text": 0.9}, "barruu": {"text": 0.5}}))
    assert [foreign for foreign, _ in latin.senses["text"]] == ["barruulee", "barruu"]


def test_phrases_of_a_lexicon_become_phrases_of_the_table() -> None:
    lexicon = Lexicon(
        SWAHILI,
        {"Jamhuri ya Afrika ya Kati": {"Central African Republic": 1.0}, "barua pepe": {"e-mail": 0.9, "email": 0.1},
         "mbali": {"far away from here": 1.0}},
    )  # fmt: skip
    inverted = invert(lexicon)
    assert set(inverted.senses) == {"central african republic", "e mail", "email"}
    assert inverted.dropped == {"English side of more than 3 words": 1}
    text = "E-mail the Central African Republic"
    assert switch(text, inverted, phrases=True) == "Barua pepe the Jamhuri ya Afrika ya Kati"
    assert switch(text, inverted) == text


@pytest.mark.parametrize("setting", [{"least": -0.1}, {"least": 1.1}, {"most": 0}])
def test_inverting_with_impossible_settings_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(InputError, match="no senses"):
        invert(Lexicon(OROMO, {"mana": {"house": 1.0}}), **setting)  # type: ignore[arg-type]


# Real text: the public Oromo bitext, through the user's cache


@functools.cache
def oromo() -> tuple[EnglishTable, list[str]]:
    pairs = Bitext.open(build_bitext("om")).pairs
    counts = Counter(word for pair in pairs for word in words(pair.foreign))
    return invert(induce(pairs, OROMO), counts=counts), [pair.english for pair in pairs]


@pytest.mark.network
def test_real_lexicon_has_the_everyday_words() -> None:
    senses = oromo()[0].senses
    best = {english: senses[english][0][0] for english in ("file", "table", "text", "page", "open")}
    assert best == {"file": "faayilii", "table": "gabatee", "text": "barruu", "page": "fuula", "open": "bani"}
    assert "html" not in senses, "its translation is itself"
    assert 4000 < len(senses) < 9000
    for found in senses.values():
        assert sum(probability for _, probability in found) == pytest.approx(1.0)
        assert 1 <= len(found) <= 5


@pytest.mark.network
def test_real_bitext_is_switched_at_the_rate_asked_for() -> None:
    senses, texts = oromo()
    switcher, report = Switcher({OROMO: senses}, rate=0.5), SwitchReport()
    known = {word for found in senses.senses.values() for foreign, _ in found for word in words(foreign)}
    for number, text in enumerate(texts[::5]):
        result = switcher.switch(text, seed=0, key=f"0 {number}")
        report.add(result)
        before, after = Counter(words(text)), Counter(words(result.text))
        assert (before - after).total() <= result.switched
        assert set(after - before) <= known
        assert re.findall(r"\d", result.text) == re.findall(r"\d", text)
    assert report.coverage > 0.9
    assert report.realised_rate == pytest.approx(0.5 * report.coverage, abs=0.01)


@pytest.mark.network
def test_word_spans_are_words_of_the_text() -> None:
    for text in oromo()[1][::5]:
        found = word_spans(text)
        assert all(words(text[span.start : span.stop]) == [span.key] for span in found)
        assert not Counter(span.key for span in found) - Counter(words(text))
