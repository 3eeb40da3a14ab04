"""Words that are spelled alike, and what a query's unknown words become by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.languages import resolve
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.text.near_words import LEAST_ALIKE, MOST, SHORTEST, NearWords

SWAHILI = resolve("sw")


def runs(word: str) -> set[str]:
    whole = f"<{word}>"
    return {whole[place : place + 3] for place in range(len(whole) - 2)}


def test_likeness_by_hand() -> None:
    # tanzaniya: <ta tan anz nza zan ani niy iya ya>; tanzania has six of these nine and eight of its own.
    found = NearWords(["tanzania", "tanganyika", "zan"]).find("tanzaniya")
    assert found == pytest.approx({"tanzania": 2 * 6 / (9 + 8)})
    both = NearWords(["tanzanian", "tanzania"]).find("tanzaniya")
    assert list(both) == ["tanzania", "tanzanian"]
    assert both["tanzanian"] == pytest.approx(2 * 6 / (9 + 9))


@given(
    st.lists(st.text("abcኣ𐐨", min_size=1, max_size=8), max_size=30, unique=True),
    st.text("abcኣ𐐨", min_size=SHORTEST, max_size=8),
)
def test_it_is_what_a_look_at_every_word_finds(several: list[str], word: str) -> None:
    alike = {
        other: 2 * len(runs(word) & runs(other)) / (len(runs(word)) + len(runs(other))) for other in several
    }
    near = sorted(
        (other for other in several if alike[other] >= LEAST_ALIKE), key=lambda other: (-alike[other], other)
    )[:MOST]
    found = NearWords(reversed(several)).find(word)
    assert list(found) == near
    assert found == pytest.approx({other: alike[other] for other in near})


def test_short_words_and_numbers_are_no_others() -> None:
    assert NearWords(["nenes", "nene"]).find("nene") == {}
    assert NearWords(["20195", "20196"]).find("20196x") == {}
    assert NearWords([]).find("wallaalamaa") == {}


def test_a_name_that_the_documents_have_is_itself_though_its_beginning_means_something() -> None:
    index = LexicalIndex([Document("name", "", "musikari kombo"), Document("art", "", "music music")])
    lexicon = Lexicon(SWAHILI, {"musik*": {"music": 1.0}})
    translator = QueryTranslator(lexicon, index, stem_weight=0.0)
    assert translator.look_up("Musikari") == [("musikari", {"musikari": 1.0})]
    assert translator.look_up("musiki") == [("musiki", {"music": 1.0})]
    own = QueryTranslator(Lexicon(SWAHILI, {"musikari": {"music": 1.0}}), index, stem_weight=0.0)
    assert own.look_up("musikari") == [("musikari", {"music": 1.0})]


def test_a_name_in_another_spelling_is_the_documents_word_that_is_most_like_it() -> None:
    index = LexicalIndex([Document("tz", "", "Tanzania"), Document("et", "", "Macedonia café")])
    translator = QueryTranslator(Lexicon(SWAHILI, {"nchi": {"country": 1.0}}), index, stem_weight=0.0)
    assert translator.look_up("Tanzaniya") == [("tanzaniya", {"tanzania": 1.0})]
    # What is spelled the same as people type it is nearer than anything that is only alike.
    assert translator.look_up("Tánzania") == [("tánzania", {"tanzania": 1.0})]
    assert translator.look_up("zzzzzzz") == []


def test_an_inflected_word_is_what_the_lexicons_words_mean_that_are_most_like_it() -> None:
    index = LexicalIndex([Document("d", "", "teacher smith")])
    entries = {"umfundisi": {"teacher": 1.0}, "mwalimu mkuu": {"head": 1.0}, "fundi*": {"smith": 1.0}}
    translator = QueryTranslator(Lexicon(SWAHILI, entries), index, stem_weight=0.0)
    assert translator.look_up("ufundisho") == []
    assert translator.look_up("fundishwa") == [("fundishwa", {"smith": 1.0})]  # nothing is like it
    assert translator.look_up("fundisi") == [("fundisi", {"teacher": 1.0})]
    assert translator.look_up("ngumfundisi") == [("ngumfundisi", {"teacher": 1.0})]
    # The dictionary's words and the documents' together, each by the square of its likeness.
    both = QueryTranslator(
        Lexicon(SWAHILI, {"kompyutas": {"machine": 1.0}}),
        LexicalIndex([Document("d", "", "kompyutar machine")]),
        stem_weight=0.0,
    )
    ((_, searched),) = both.look_up("kompyuta")
    assert searched == pytest.approx({"machine": 0.5, "kompyutar": 0.5})


def test_the_words_most_like_one_are_taken_from_both_together_and_are_few() -> None:
    names = [f"kompyutar{letter}" for letter in "abcdefg"]
    index = LexicalIndex([Document("d", "", " ".join(names))])
    translator = QueryTranslator(
        Lexicon(SWAHILI, {"kompyutarx": {"kompyutarg": 1.0}}), index, stem_weight=0.0
    )
    ((_, searched),) = translator.look_up("kompyutar")
    assert searched == pytest.approx({"kompyutarg": 0.2} | dict.fromkeys(names[:4], 0.2))
