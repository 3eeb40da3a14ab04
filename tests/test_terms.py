"""Terms of dictionaries: one normal form, and pieces by which they are found in scripts that do without spaces."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kivuko.artifact import write_artifact
from kivuko.codeswitch import Lexicon, Switcher, from_translations, invert, merge
from kivuko.codeswitch.entries import in_normal_form
from kivuko.codeswitch.lexicon import read_lexicon_tsv
from kivuko.codeswitch.lexicon_quality import coverage, info
from kivuko.engine.guess import guess
from kivuko.errors import ArtifactError
from kivuko.languages import Language, resolve
from kivuko.readers.dictionaries import Translation
from kivuko.text import words
from kivuko.text.segmentation import is_plain_run, lowered
from kivuko.text.terms import piece_spans, pieces, spelling, term_key, word_count

OROMO, SWAHILI, THAI, KHMER, CHINESE = map(resolve, ("om", "sw", "th", "km", "zh-Hans"))
ANY_TEXT = st.text() | st.text(alphabet="abİ'’ʻ ្កន\u200bตลาด日本ごལཡ་・- .1")


def lexicon(language: Language, **entries: str) -> Lexicon:
    return Lexicon(language, {key.replace("_", " "): {english: 1.0} for key, english in entries.items()})


def looked_up(one: Lexicon, text: str) -> list[tuple[str, list[str]]]:
    return [(each.text, list(each.senses)) for each in one.look_up(text)]


@given(ANY_TEXT)
def test_every_piece_stands_somewhere_in_the_text(text: str) -> None:
    spans = piece_spans(text)
    assert len(spans) == len(pieces(text))
    assert all(0 <= begin < end <= len(text) for begin, end in spans)


@given(ANY_TEXT)
def test_what_is_looked_up_is_in_order_and_leaves_no_piece_out(text: str) -> None:
    for one in (lexicon(KHMER, កន="a", ន="b"), lexicon(SWAHILI, a_b="c")):
        found = one.look_up(text)
        covered = {place for each in found for place in range(each.begin, each.end)}
        assert covered == set(range(len(pieces(text))))
        assert [each.begin for each in found] == sorted(each.begin for each in found)


@given(ANY_TEXT)
def test_a_spelling_is_the_same_term_and_stays_as_it_is(text: str) -> None:
    assume(lowered(lowered(text)) == lowered(text))  # U+0130 with further marks is not
    found = pieces(text)
    assert bool(found) == bool(words(text))
    if found:
        once = spelling(found)
        assert term_key(pieces(once)) == term_key(found)
        assert spelling(pieces(once)) == once


@given(ANY_TEXT)
def test_what_is_told_to_be_a_plain_run_is_its_own_spelling(text: str) -> None:
    if is_plain_run(text):
        assert spelling(pieces(text)) == term_key(pieces(text)) == text


# What each script writes between or inside words: The Unicode Standard, chapters 16 (Thai, Lao, Khmer, Burmese) and
# 18 (Han, kana), 13.4 (the tsheg ends a syllable, not a word).
@pytest.mark.parametrize(
    ("text", "written", "count"),
    [
        ("Barua-Pepe", "barua pepe", 2),
        ("Ta’ee", "ta'ee", 1),
        ("ตลาด", "ตลาด", 1),
        ("โรงเรียน", "โรงเรียน", 1),  # six bigrams, one word
        ("ສາທາລະນະລັດ", "ສາທາລະນະລັດ", 1),
        ("ကွန်ပျူတာ", "ကွန်ပျူတာ", 1),
        ("សាកលវិទ្យាល័យ", "សាកលវិទ្យាល័យ", 1),
        ("សំណុំ\u200bឯកសារ", "សំណុំ\u200bឯកសារ", 1),
        ("中华人民共和国", "中华人民共和国", 2),
        ("アイス・クリーム", "アイス・クリーム", 1),
        ("སློབ་གྲྭ་ཆེན་མོ་", "སློབ་གྲྭ་ཆེན་མོ", 1),  # four syllables, one word
        ("ตลาด นัด", "ตลาด นัด", 2),
        ("LINEアプリ", "lineアプリ", 2),
        ("ก ข ค ง", "ก ข ค ง", 4),
        ("the market of the town", "the market of the town", 5),
    ],
)
def test_spelling_and_words_of_a_term(text: str, written: str, count: int) -> None:
    assert spelling(pieces(text)) == written
    assert word_count(pieces(text)) == count


def test_explanations_in_scripts_without_spaces_are_still_longer_than_terms() -> None:
    rows = [
        Translation("market", "ตลาด"),
        Translation("market", "สถานที่ซึ่งผู้คนมาพบกันเพื่อซื้อและขายสินค้าต่างๆ ทุกวันในเมือง"),
    ]
    built = from_translations(rows, THAI)
    assert list(built.entries) == ["ตลาด"]
    assert built.meta["unused"] == {"over 3 words": 1}


def test_a_dictionary_keeps_its_spelling_and_the_switcher_writes_it() -> None:
    rows = [
        Translation("school", "โรงเรียน"),
        Translation("market", "ตลาด"),
        Translation("ice cream", "ไอศกรีม"),
    ]
    built = from_translations(rows, THAI)
    assert built.entries == {
        "ตลาด": {"market": 1.0},
        "โรงเรียน": {"school": 1.0},
        "ไอศกรีม": {"ice cream": 1.0},
    }
    assert info(built).words == 3
    switcher = Switcher({THAI: invert(built)}, rate=1.0, phrases=True)
    assert switcher.switch("ice cream, school market", seed=0, key="k").text == "ไอศกรีม, โรงเรียนตลาด"
    tibetan = resolve("bo")
    university = from_translations([Translation("university", "སློབ་གྲྭ་ཆེན་མོ་")], tibetan)
    switched = Switcher({tibetan: invert(university)}, rate=1.0).switch("university", seed=0, key="k")
    assert switched.text == "སློབ་གྲྭ་ཆེན་མོ"


@pytest.mark.parametrize(
    ("language", "term", "text"),
    [
        ("th", "ตลาด", "ไปตลาดใหม่"),
        ("lo", "ຕະຫຼາດ", "ໄປຕະຫຼາດ"),
        ("my", "ဈေး", "ဈေးသစ်"),
        ("km", "ឯកសារ", "សំណុំឯកសារថ្មី"),
        ("km", "សំណុំឯកសារ", "សំណុំ\u200bឯកសារ"),  # borders that the dictionary does not write
        ("km", "សំណុំ\u200bឯកសារ", "សំណុំឯកសារ"),  # and borders that only the dictionary writes
        ("zh-Hans", "水", "我喝水"),  # a word of one character, inside a run
        ("zh-Hant", "電腦", "新電腦嗎"),
        ("ja", "アイスクリーム", "アイス・クリーム"),
        ("ja", "日本語", "私の日本語"),
        ("bo", "ཡིག་ཆ", "ཡིག་ཆ་གསར་པ"),
        ("th", "ตลาด นัด", "ตลาดนัด"),
    ],
)
def test_terms_are_found_inside_text_that_shows_no_words(language: str, term: str, text: str) -> None:
    one = from_translations([Translation("this", term)], resolve(language))
    assert [each.senses for each in one.look_up(text) if each.own] == [{"this": 1.0}]


def test_the_longest_run_is_taken_from_left_to_right() -> None:
    chinese = lexicon(
        CHINESE, 中国="china", 国人="compatriot", 人民="people", 中国人="chinese", 水="water", 水果="fruit"
    )
    assert looked_up(chinese, "中国人民") == [("中国人", ["chinese"]), ("民", [])]
    assert looked_up(chinese, "水果水") == [("水果", ["fruit"]), ("水", ["water"])]
    # What somebody keeps apart is apart.
    assert looked_up(chinese, "水 果") == [("水", ["water"]), ("果", [])]
    # Nothing known: the words of lexical search, as ever.
    assert [each.text for each in chinese.look_up("日本語")] == words("日本語")


def test_phrases_are_found_longest_first_however_they_are_typed() -> None:
    one = lexicon(SWAHILI, barua="letter", barua_pepe="e mail", barua_pepe_taka="spam")
    assert looked_up(one, "Barua pepe taka, BARUA-PEPE barua pepeni") == [
        ("barua pepe taka", ["spam"]), ("barua pepe", ["e mail"]), ("barua", ["letter"]), ("pepeni", []),
    ]  # fmt: skip
    # A phrase that is of no use gives way to its words.
    given_way = one.look_up("barua pepe taka", serves=lambda senses: "spam" not in senses)
    assert [each.text for each in given_way] == ["barua pepe", "taka"]


def test_every_route_gives_entries_one_form(tmp_path: Path) -> None:
    typed = {
        "Mana": {"House": 0.5, "home": 0.5},
        "HA’AA": {"E-mail": 1.0},
        "Barua-Pepe": {"E-mail": 1.0},
        "Bisha*": {"Water": 1.0},
    }
    expected = {
        "mana": {"house": 0.5, "home": 0.5},
        "ha'aa": {"e mail": 1.0},
        "barua pepe": {"e mail": 1.0},
        "bisha*": {"water": 1.0},
    }
    own = Lexicon(OROMO, typed)
    own.save(tmp_path / "saved")
    assert Lexicon.open(tmp_path / "saved").entries == expected
    table = tmp_path / "own.tsv"
    table.write_text(
        "".join(f"{f}\t{e}\t{p}\n" for f, of in typed.items() for e, p in of.items()), encoding="utf-8"
    )
    assert read_lexicon_tsv(table, OROMO).entries == expected
    assert merge([own]).entries == expected
    # One that was never saved is looked up all the same.
    assert own.translations("ha'aa") == {"E-mail": 1.0}
    assert [each.own for each in own.look_up("mana ha’aa barua pepe")] == [True] * 3


def test_entries_that_become_the_same_are_added_up_and_stay_probabilities() -> None:
    entries, left_out = in_normal_form({
        "Mana": {"house": 0.6, "home": 0.4}, "mana": {"House": 1.0}, "laga": {"river": 0.9, "brook": 0.9},
        "?": {"what": 1.0}, "muka": {"tree": 0.5, "!": 0.5}, "Mukaa": {"x": 0.2}, "mukaa": {"y": 0.3},
    })  # fmt: skip
    assert entries["mana"] == pytest.approx({"house": 0.8, "home": 0.2})
    assert entries["laga"] == {"river": 0.9, "brook": 0.9}, "as the person gave it"
    assert entries["mukaa"] == {"x": 0.2, "y": 0.3}
    assert entries["muka"] == {"tree": 0.5}
    assert left_out == {"a side without words": 2}


def test_spellings_that_differ_in_borders_alone_are_merged() -> None:
    parts = [Lexicon(KHMER, {"សំណុំ\u200bឯកសារ": {"file": 1.0}}), Lexicon(KHMER, {"សំណុំឯកសារ": {"folder": 1.0}})]
    assert merge(parts).entries == {"សំណុំឯកសារ": {"file": 0.5, "folder": 0.5}}
    rows = [Translation("file", "សំណុំ\u200bឯកសារ"), Translation("folder", "សំណុំឯកសារ")]
    assert from_translations(rows, KHMER).entries == merge(parts).entries


def test_lexicons_of_an_earlier_version(tmp_path: Path) -> None:
    def written(name: str, language: Language, line: str) -> Lexicon:
        with write_artifact(tmp_path / name, "lexicon", meta={"language": language.tag}) as folder:
            (folder / "lexicon.tsv").write_text(line, encoding="utf-8")
        return Lexicon.open(tmp_path / name)

    assert written("oromo", OROMO, "Barua pepe\tE-mail\t1\n").entries == {"barua pepe": {"e mail": 1.0}}
    assert written("short", THAI, "นัด\tdate\t1\n").entries == {"นัด": {"date": 1.0}}
    with pytest.raises(ArtifactError, match="cut the words of this lexicon apart") as caught:
        written("thai", THAI, "ตล ลา าด\tmarket\t1\n")
    assert "kivuko lexicon import" in str(caught.value)


def test_coverage_counts_words_where_the_script_shows_none() -> None:
    # ไป is not known; ตลาด twice and โรงเรียน are.
    found = coverage(lexicon(THAI, ตลาด="market", โรงเรียน="school"), ["ไปตลาด", "โรงเรียนตลาด"])
    assert (found.tokens, found.types) == (4, 3)
    assert (found.known_tokens, found.known_types) == pytest.approx((3 / 4, 2 / 3))


def test_a_phrase_tells_the_language_of_a_query() -> None:
    lexicons = {SWAHILI: lexicon(SWAHILI, barua_pepe="e mail"), OROMO: lexicon(OROMO, barua="x y")}
    assert guess("barua pepe", lexicons, resolve("en"), {"mail"}) == SWAHILI
