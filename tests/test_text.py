from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.text import comparison_key, normalise, script_of, script_share, words
from kivuko.text.normal import unescaped
from kivuko.text.segmentation import is_unspaced, whole_characters, words_with_spans

ANY_TEXT = st.text() | st.text(alphabet="ab ក្ន\u200b\u00ad\ufeffไทยལ་日本ごé'’\u0301 \t\n-.")


@given(ANY_TEXT)
def test_normalise_is_idempotent_and_nfc(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "  " not in once
    assert once == once.strip()


def test_normalise_keeps_khmer_word_borders_inside() -> None:
    assert normalise("\u200bក\u200bខ \n គ\u200b") == "ក\u200bខ គ"
    assert normalise("\ufeffso\u00adft\t x") == "soft x"


@given(ANY_TEXT)
def test_words_are_never_empty_and_stay_when_taken_again(text: str) -> None:
    found = words(text)
    assert all(word and not any(character.isspace() for character in word) for word in found)
    assert bool(found) == any(
        (unicodedata.category(c)[0] == "L" or c.isalnum()) and c not in "ʼʻʽʾʿʹꞌ"  # apostrophes by themselves
        for c in normalise(text).lower()
    )


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("fish &amp;amp; chips", "fish & chips"),
        ("fish &amp;amp;amp;amp; chips", "fish & chips"),
        ("&amp;lt;b&amp;gt; &#39;a&#x27; &#xE9;&eacute;", "<b> 'a' éé"),
        # Only what HTML knows, and with its semicolon.
        ("AT&T &File; &copy &copyright; a=1&para=2 & ;", "AT&T &File; &copy &copyright; a=1&para=2 & ;"),
        ("", ""),
    ],
)
def test_character_references_are_resolved_however_often_they_were_escaped(escaped: str, text: str) -> None:
    assert unescaped(escaped) == text
    assert unescaped(text) == text


@given(ANY_TEXT)
def test_words_with_spans_are_the_words_and_stand_where_they_are(text: str) -> None:
    found = words_with_spans(text)
    assert [word for word, _ in found] == words(text)
    assert all(0 <= begin < end <= len(text) for _, (begin, end) in found)


def test_where_words_stand_in_text_as_it_was_written() -> None:
    text = "Cafe\u0301 so\u00adft,  HUDHAA’N ខ្មែរភាសាដែលវែង"
    cut = {word: text[slice(*span)] for word, span in words_with_spans(text)}
    assert cut["café"] == "Cafe\u0301"
    assert cut["soft"] == "so\u00adft"
    assert cut["hudhaa'n"] == "HUDHAA’N"
    assert all(cut[word] == word for word in words("ខ្មែរភាសាដែលវែង"))
    assert [is_unspaced(each) for each in ("ខ្មែរ", "ไทย", "བོད", "(日本)", "om", "ኣማ", "12", "")] == [
        *[True] * 4, *[False] * 4,
    ]  # fmt: skip


def test_a_part_of_a_written_character_is_all_of_it() -> None:
    text = "ក្មេងភាសា"
    assert [text[slice(*whole_characters(text, *part))] for part in ((1, 2), (3, 4), (5, 6), (0, 9))] == [
        "ក្មេ", "ក្មេ", "ភា", text,
    ]  # fmt: skip
    assert whole_characters("", 0, 0) == (0, 0)


@given(ANY_TEXT)
def test_comparison_key_ignores_case_space_zero_width_and_trailing_punctuation(text: str) -> None:
    key = comparison_key(text)
    assert comparison_key(key) == key
    assert comparison_key(f"  {text} ... ") == key


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Find & Replace 7.4", ["find", "replace", "7", "4"]),
        ("Ta’ee ta'e", ["ta'ee", "ta'e"]),
        ("ab\u200bcd", ["ab", "cd"]),
        ("कंप्यूटर हिन्दी", ["कंप्यूटर", "हिन्दी"]),  # vowel signs belong to the word
        ("ཡིག་ཆ", ["ཡིག", "ཆ"]),
        ("日本語", ["日本", "本語"]),
        ("ABC日本", ["abc", "日本"]),
        ("日", ["日"]),
        ("", []),
        ("… — !", []),
    ],
)
def test_words_by_script(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        (f"{before}{apostrophe}{after}", f"{before}'{after}")
        for apostrophe in "'’‘‛`´′‵＇｀ʼʻʽʾʿʹꞌꞋ՚׳᾽᾿"
        # hudhaa (Oromo), o and g with the turned comma (Uzbek), ng' (Swahili), 'y (Hausa), okina (Hawaiian),
        # puso (Guarani), elision (Igbo), soft sign (Ukrainian)
        for before, after in [
            ("danda", "a"), ("o", "zbek"), ("ng", "ombe"), ("ya", "ya"), ("hawai", "i"), ("ñe", "ẽ"), ("n", "ụlọ"),
            ("п", "ять"),
        ]
    ],
)  # fmt: skip
def test_apostrophe_letters_are_one_letter_however_they_are_typed(typed: str, word: str) -> None:
    assert words(typed) == words(f"so {typed}, so")[1:2] == [word]


@pytest.mark.parametrize("marks", ["‘’", "''", "`'", "``", "´´", "‚‘", "‛’", "′′", "＇＇", "‘‘", "ʻʼ"])
def test_quotation_marks_around_a_word_are_no_letters(marks: str) -> None:
    assert words(f"a {marks[0]}danda’a{marks[1]} b") == ["a", "danda'a", "b"]
    assert words(f"{marks[0]}two words{marks[1]}.") == ["two", "words"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("他说‘你好’了", ["他说", "你好", "了"]),  # Chinese sets no space beside a quotation mark
        ("‘단어’는", ["단어", "는"]),  # nor does Korean before a particle
        ("ខ្មែរ’ខ្មែរ", ["ខ្មែរ", "ខ្មែរ"]),
        ("5′10″ 6`5", ["5", "10", "6", "5"]),  # minutes and feet
        ("1’000", ["1'000"]),
    ],
)
def test_what_is_no_apostrophe_between_two_letters(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_khmer_without_borders_becomes_bigrams_of_whole_characters() -> None:
    word = "ក្ខ" * 3  # three stacked consonants: one written character each
    assert words(f"{word}\u200b{word}") == [word, word]
    unspaced = "ក្ខ" * 10
    assert words(unspaced) == ["ក្ខក្ខ"] * 9


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Oromo", "Latn"), ("ភាសា", "Khmr"), ("हिन्दी", "Deva"), ("አማርኛ", "Ethi"), ("русский", "Cyrl"),
        ("漢字", "Hani"), ("日本のこと", "Jpan"), ("한국어", "Hang"), ("123 …", "Zyyy"), ("", "Zyyy"),
        ("LibreOffice ភាសាខ្មែរអក្សរ", "Khmr"),
    ],
)  # fmt: skip
def test_script_of(text: str, script: str) -> None:
    assert script_of(text) == script


def test_script_share() -> None:
    assert script_share("ab ខគ", "Khmr") == 0.5
    assert script_share("漢字", "Hans") == script_share("漢字かな", "Jpan") == 1.0
    assert script_share("12", "Latn") == 0.0
