"""A query read with its gloss: what it adds to the scores, whom its matches name, and where an engine uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.engine.languages import LanguageParts
from kivuko.engine.state import WEIGHT, Way
from kivuko.errors import InputError
from kivuko.languages import resolve
from kivuko.retrieval.build import build_index
from kivuko.retrieval.gloss import GLOSS_WEIGHT, gloss
from kivuko.retrieval.index import Index
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.retrieval.search import Searcher
from tiny import ENGLISH, FOREIGN, made_up_pairs

LEXICON = Lexicon(resolve("om"), {"bani": {"open": 0.7, "opened": 0.3}, "kuusa ol": {"save file": 1.0}})
DOCUMENTS = [
    Document("open", "", "open the window"),
    Document("save", "", "save a file"),
    Document("print", "", "print a page"),
]


@pytest.fixture
def index(tmp_path: Path, tiny_teacher: Path) -> Index:
    return Index.open(build_index(DOCUMENTS, tiny_teacher, tmp_path / "index"))


def test_a_gloss_has_the_likeliest_translations_and_says_what_each_stands_for() -> None:
    translator = QueryTranslator(LEXICON, LexicalIndex(DOCUMENTS))
    found = gloss("Bani Xyz kuusa ol!", translator)
    assert found.text == "open Xyz save file"
    assert [found.word_at(place)[0] for place in (0, 3, 5, 9)] == ["bani", "bani", "xyz", "kuusa ol"]
    assert found.word_at(9) == ("kuusa ol", (9, 17))
    assert gloss("Xyz", translator).text == ""


def test_where_words_begin_is_no_guess_in_a_gloss() -> None:
    khmer = Lexicon(resolve("km"), {"បើក": {"open": 1.0}, "ឯកសារ": {"file": 1.0}, "កា": {"kettle": 1.0}})
    translator = QueryTranslator(khmer, LexicalIndex(DOCUMENTS))
    found = gloss("បើកឯកសារ", translator)
    assert found.text == "open file"
    # What has no translation stays whole, and each part says what it stands for.
    found = gloss("បើកឯកសារថ្មីនេះ", translator)
    assert found.text == "open file ថ្មីនេះ"
    assert [word for word, _ in found.words] == ["បើក", "ឯកសារ", "ថ្មីនេះ"]
    assert [begin for _, (begin, _) in found.words] == [0, 3, 8]
    # A short word within much that the lexicon does not know may be none; what stands apart from that is one.
    assert gloss("ប្រកាសភាពអាសន្ន", translator).text == ""
    assert gloss("ប្រកាសភាពអាសន្ន បើក", translator).text == "ប្រកាសភាពអាសន្ន open"


def test_a_gloss_adds_its_share_of_what_it_finds(index: Index, tiny_teacher: Path) -> None:
    def scores(query: str, weight: float) -> dict[str, float]:
        searcher = Searcher(
            index, model=tiny_teacher, lexicon=LEXICON, method="late-interaction", gloss=weight
        )
        return searcher.rank({"q": query})["q"]

    alone, glossed, read = scores("Bani xyz", 0), scores("Bani xyz", 0.5), scores("open xyz", 0)
    assert glossed == pytest.approx({name: alone[name] + 0.5 * read[name] for name in alone}, abs=2e-3)
    assert scores("xyz", 0.5) == scores("xyz", 0)  # nothing to translate


def test_what_a_gloss_met_is_what_the_query_s_word_met(index: Index, tiny_teacher: Path) -> None:
    searcher = Searcher(index, model=tiny_teacher, lexicon=LEXICON, gloss=0.5)
    plain = Searcher(index, model=tiny_teacher, lexicon=LEXICON)
    query = "Bani kuusa ol"
    hit = next(hit for hit in searcher.search(query, explain=True) if hit.id == "save")
    without = next(hit for hit in plain.search(query, explain=True) if hit.id == "save")
    own, added = hit.matches[: len(without.matches)], hit.matches[len(without.matches) :]
    assert [match.query_span for match in own] == [match.query_span for match in without.matches]
    met = {(match.query_word, query[slice(*match.query_span)]) for match in added if match.query_span[1]}
    assert met == {("bani", "Bani"), ("kuusa ol", "kuusa ol")}
    read_as = {(match.query_word, match.read_as) for match in added}
    assert read_as == {("bani", "open"), ("kuusa ol", "save"), ("kuusa ol", "file")}
    assert {match.read_as for match in own} == {""}
    # The same word in another sentence is the most similar there is; its weight is no part of that.
    exact = max(match.similarity for match in added if match.document_word == "save")
    assert 0.5 < exact <= 1.01


def test_a_gloss_needs_a_lexicon_and_a_weight_from_0_to_1(index: Index, tiny_teacher: Path) -> None:
    with pytest.raises(InputError, match="gloss needs a lexicon"):
        Searcher(index, model=tiny_teacher, gloss=0.5)
    with pytest.raises(InputError, match="out of range"):
        Searcher(index, model=tiny_teacher, lexicon=LEXICON, gloss=1.5)


def test_an_engine_with_a_model_and_a_dictionary_reads_the_gloss(tmp_path: Path, tiny_teacher: Path) -> None:
    engine = Engine.create(tmp_path / "engine", DOCUMENTS, model=tiny_teacher)
    engine.add_language("om", LanguageParts(lexicon=LEXICON))
    found = engine.search("bani", language="om", explain=True)
    assert found.way == Way("fusion", "teacher", WEIGHT, GLOSS_WEIGHT)
    assert found[0].id == "open"
    assert str(found.way) == "document encoder with gloss (0.70) and words (0.30)"
    # Another method that somebody names is that method and no more.
    assert engine.way("om", "late-interaction").gloss == 0
    assert engine.way("om", "late-interaction", gloss=1).gloss == 1
    assert engine.way("om", "lexicon-bm25", gloss=1).gloss == 0
    assert engine.way("om", "fusion", reader="teacher").gloss == GLOSS_WEIGHT
    for way in engine.ways("om"):
        assert engine.way("om", way.method, reader=way.reader) == way


def test_an_engine_measures_models_with_and_without_the_gloss(tmp_path: Path, tiny_teacher: Path) -> None:
    pairs = made_up_pairs(240)
    titled = [
        Document(f"d{number}", text, f"{text} and more")
        for number, text in enumerate(sorted({pair.english for pair in pairs}))
    ]
    engine = Engine.create(tmp_path / "engine", titled, model=tiny_teacher)
    lexicon = Lexicon(resolve("om"), {f: {e: 1.0} for f, e in zip(FOREIGN, ENGLISH, strict=True)})
    quality = engine.add_language("om", LanguageParts(pairs=pairs, student=tiny_teacher, lexicon=lexicon))
    assert quality is not None
    means = {row.system: row.summary.mean for row in quality.rows if row.questions == "titles"}
    assert set(means) == {
        "student", "student with gloss", "student and lexicon, fused", "student, gloss and lexicon, fused",
        "document encoder, untrained in the language", "document encoder with gloss",
        "document encoder and lexicon, fused", "document encoder, gloss and lexicon, fused", "lexicon, BM25",
    }  # fmt: skip
    # Nobody taught the model the language, and the lexicon has all of its words.
    assert means["student with gloss"] > means["student"]
