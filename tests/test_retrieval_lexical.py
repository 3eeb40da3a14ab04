from __future__ import annotations

import math

import bm25s
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.languages import resolve
from kivuko.ranking import ranked
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.text import words

DOCUMENTS = [
    Document("d3", "Frames", "insert a frame around text"),
    Document("d1", "Tables", "insert rows and a table"),
    Document("d2", "Tables", "insert rows and a table"),
    Document("d4", "", ""),
]
WORDS = st.lists(st.sampled_from(["frames", "frame", "text", "tables", "insert", "a", "unseen"]), max_size=6)


def lexicon(**entries: dict[str, float]) -> Lexicon:
    return Lexicon(resolve("om"), {word.replace("_", "*"): found for word, found in entries.items()})


def test_scores_by_hand() -> None:
    lengths, average = 6, (6 + 6 + 6 + 0) / 4
    rarity = math.log(1 + (4 - 1 + 0.5) / (1 + 0.5))
    expected = rarity * 1 / (1 + 1.2 * (1 - 0.75 + 0.75 * lengths / average))
    assert LexicalIndex(DOCUMENTS, title_weight=1).search("frame") == pytest.approx({"d3": expected})


@given(WORDS)
def test_scores_are_those_of_bm25s(query: list[str]) -> None:
    peer = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    peer.index([words(document.full_text) for document in DOCUMENTS], show_progress=False)
    known = [word for word in query if word in peer.vocab_dict]
    scores = peer.get_scores(known) if known else [0.0] * len(DOCUMENTS)
    expected = {
        document.id: float(score) for document, score in zip(DOCUMENTS, scores, strict=True) if score > 0
    }
    assert LexicalIndex(DOCUMENTS, title_weight=1).search(" ".join(query)) == pytest.approx(expected)


def test_word_given_twice_counts_twice() -> None:
    index = LexicalIndex(DOCUMENTS)
    once, twice = index.search("frame"), index.search("frame frame")
    assert twice["d3"] == pytest.approx(2 * once["d3"])


def test_ties_go_by_document_id_and_depth_cuts_them() -> None:
    index = LexicalIndex(DOCUMENTS)
    assert list(index.search("table insert")) == ["d1", "d2", "d3"]
    assert list(index.search("table", depth=1)) == ["d1"]


@pytest.mark.parametrize("query", ["", "?!", "ሰላም", "zzz qqq"])
def test_query_without_a_known_word_finds_nothing(query: str) -> None:
    index = LexicalIndex(DOCUMENTS)
    assert index.search(query) == {}
    assert QueryTranslator(lexicon(), index).run({"q": query}) == {"q": {}}


@given(WORDS)
def test_structured_query_of_single_words_is_plain_bm25(query: list[str]) -> None:
    index = LexicalIndex(DOCUMENTS)
    plain = index.search(" ".join(query))
    structured = index.search_structured([{word: 1.0} for word in query])
    assert structured == pytest.approx(plain)
    assert ranked(plain) == list(plain)


def test_structured_query_by_hand() -> None:
    # tf and df of {frames: .75, tables: .25}: d3 .75, d1 and d2 .25 each; df = .75·1 + .25·2.
    scores = LexicalIndex(DOCUMENTS, title_weight=1).search_structured(
        [{"frames": 0.75, "tables": 0.25, "unseen": 0.9}]
    )
    rarity, saturation = math.log(1 + (4 - 1.25 + 0.5) / (1.25 + 0.5)), 1.2 * (0.25 + 0.75 * 6 / 4.5)
    expected = {
        name: rarity * tf / (tf + saturation) for name, tf in (("d3", 0.75), ("d1", 0.25), ("d2", 0.25))
    }
    assert scores == pytest.approx(expected)
    assert list(scores) == ["d3", "d1", "d2"]


def test_title_weight_lifts_titles() -> None:
    documents = [Document("body", "x", "frame one two"), Document("title", "frame", "one two three")]
    assert list(LexicalIndex(documents, title_weight=1).search("frame")) == [
        "body",
        "title",
    ]  # equal but for the length
    lifted = LexicalIndex(documents, title_weight=3).search("frame")
    assert list(lifted) == ["title", "body"]


@pytest.mark.parametrize(
    ("documents", "title_weight"),
    [([DOCUMENTS[0], DOCUMENTS[0]], 1), (DOCUMENTS, 0)],
)
def test_what_cannot_be_indexed_is_refused(documents: list[Document], title_weight: int) -> None:
    with pytest.raises(InputError, match="cannot be indexed"):
        LexicalIndex(documents, title_weight=title_weight)


@pytest.mark.parametrize("documents", [[], [Document("d", "", "?")]])
def test_documents_without_words_are_found_by_none(documents: list[Document]) -> None:
    index = LexicalIndex(documents)
    assert index.search("frame") == {}
    assert QueryTranslator(lexicon(gabatee={"tables": 1.0}), index).search("gabatee") == {}


def test_query_is_translated_with_relatives_and_passes_names_through() -> None:
    entries = lexicon(gabatee={"tables": 0.8, "rows": 0.2}, gabat_={"rows": 1.0})
    translator = QueryTranslator(entries, LexicalIndex(DOCUMENTS), stem_weight=0.5)
    assert translator.translate("gabatee") == [{"tables": 0.8, "table": 0.4, "rows": 0.2}]
    assert translator.translate("Gabatoota") == [{"rows": 1.0}]  # by its beginning
    assert translator.translate("frame") == [{"frame": 1.0, "frames": 0.5}]  # stands for itself
    assert translator.translate("wallaalamaa") == []
    assert list(translator.search("gabatee wallaalamaa")) == ["d1", "d2"]


def test_without_stem_weight_only_the_translations_count() -> None:
    translator = QueryTranslator(lexicon(gabatee={"tables": 0.8}), LexicalIndex(DOCUMENTS), stem_weight=0.0)
    assert translator.translate("gabatee") == [{"tables": 0.8}]
