"""Entries of several words in lexicon search: phrases of the query, and phrases of the index."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from kivuko.cli.main import app
from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine.engine import Engine
from kivuko.engine.languages import LanguageParts
from kivuko.languages import resolve
from kivuko.retrieval.build import add_documents, build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.retrieval.search import Searcher
from kivuko.retrieval.word_order import WordOrder

SWAHILI = resolve("sw")
DOCUMENTS = [
    Document("run", "", "a soft ice cream"),
    Document("hyphen", "", "the Ice-cream maker"),
    Document("apart", "", "a cream of ice"),
    Document("border", "melting ice", "cream and more"),
    Document("title", "Ice cream", "of all sorts"),
    Document("shortcut", "", "keyboard shortcuts, and a list"),
    Document("letter", "", "a letter"),
]


def lexicon(**entries: dict[str, float]) -> Lexicon:
    return Lexicon(SWAHILI, {key.replace("_", " "): senses for key, senses in entries.items()})


def translator(**entries: dict[str, float]) -> QueryTranslator:
    return QueryTranslator(lexicon(**entries), LexicalIndex(DOCUMENTS))


def test_an_english_phrase_is_found_as_a_run_and_not_over_the_end_of_a_title() -> None:
    assert list(translator(aisikrimu={"ice cream": 1.0}).search("aisikrimu")) == ["title", "hyphen", "run"]


@pytest.mark.parametrize("english", ["ice cream", "ice-cream", "Ice Cream", "ICE‐cream"])
def test_hyphens_and_capitals_of_the_dictionary_make_no_difference(english: str) -> None:
    assert set(translator(aisikrimu={english: 1.0}).search("aisikrimu")) == {"title", "run", "hyphen"}


def test_a_phrase_is_scored_as_one_word_by_hand() -> None:
    # tf 1 of 4 words (5 in "hyphen" is 4 words too); df 3 of 7; a title counts five times.
    index = LexicalIndex(DOCUMENTS, title_weight=5)
    lengths = [4, 4, 4, 2 * 5 + 3, 2 * 5 + 3, 5, 2]
    rarity = math.log(1 + (7 - 3 + 0.5) / (3 + 0.5))

    def score(frequency: float, length: float) -> float:
        return rarity * frequency / (frequency + 1.2 * (0.25 + 0.75 * length / (sum(lengths) / 7)))

    assert index.search_structured([{"ice cream": 1.0}]) == pytest.approx(
        {"title": score(5, 13), "run": score(1, 4), "hyphen": score(1, 4)}
    )


def test_phrases_bring_along_those_of_the_same_stems() -> None:
    found = translator(njia={"keyboard shortcut": 0.8, "ice creams": 0.2})
    assert found.translate("njia") == [{"keyboard shortcuts": 0.4, "ice cream": 0.1}]
    exact = QueryTranslator(
        lexicon(njia={"keyboard shortcut": 1.0}), LexicalIndex(DOCUMENTS), stem_weight=0.0
    )
    assert exact.translate("njia") == []


def test_what_a_dictionary_spells_as_two_words_is_found_written_as_one() -> None:
    index = LexicalIndex([Document("d", "", "an email list"), Document("e", "", "electronic mail")])
    assert list(QueryTranslator(lexicon(barua_pepe={"e-mail": 1.0}), index).search("barua pepe")) == ["d"]


def test_a_phrase_that_the_index_lacks_takes_no_share() -> None:
    shared = {"ice lolly": 0.5, "sherbet": 0.25, "letter": 0.25}
    # "sherbet" is a single word: it keeps its share, found or not, as ever.
    assert translator(x=shared).translate("x") == [{"sherbet": 0.5, "letter": 0.5}]
    assert translator(x={"ice lolly": 0.5, "ice cream": 0.5}).translate("x") == [{"ice cream": 1.0}]
    assert translator(x={"ice lolly": 0.4, "letter": 0.4}).translate("x") == [pytest.approx({"letter": 0.8})]
    assert translator(x={"ice lolly": 1.0}).translate("x") == []


def test_phrases_of_the_query_are_found_longest_first() -> None:
    entries = {
        "barua": {"letter": 1.0},
        "barua pepe": {"ice cream": 1.0},
        "barua pepe taka": {"spam mail": 1.0},
    }
    found = QueryTranslator(Lexicon(SWAHILI, entries), LexicalIndex(DOCUMENTS))
    assert found.look_up("Barua-pepe barua") == [
        ("barua pepe", {"ice cream": 1.0}),
        ("barua", {"letter": 1.0}),
    ]
    # What leads to nothing in the index gives way to a shorter one.
    assert found.look_up("barua pepe taka") == [("barua pepe", {"ice cream": 1.0})]


@given(
    st.lists(st.tuples(*[st.lists(st.sampled_from("abc"), max_size=6)] * 2), max_size=5),
    st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=2), min_size=2, max_size=3),
    st.integers(1, 3),
)
def test_phrases_are_counted_as_by_hand(
    texts: list[tuple[list[str], list[str]]], places: list[list[str]], title_weight: int
) -> None:
    documents = [Document(str(n), " ".join(title), " ".join(text)) for n, (title, text) in enumerate(texts)]
    index = LexicalIndex(documents, title_weight=title_weight)
    expected: dict[str, dict[int, float]] = {}
    for number, sides in enumerate(texts):
        for weight, side in zip((title_weight, 1), sides, strict=True):
            for start in range(len(side) - len(places) + 1):
                part = side[start : start + len(places)]
                if all(word in allowed for word, allowed in zip(part, places, strict=True)):
                    counts = expected.setdefault(" ".join(part), {})
                    counts[number] = counts.get(number, 0) + weight
    assert index.phrases(places) == sorted(expected)
    for phrase, counts in expected.items():
        found = index._phrase(phrase)
        assert dict(zip(found.documents.tolist(), found.counts.tolist(), strict=True)) == counts


def test_phrases_in_an_index_that_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(index: Index, phrase: str = "ice cream") -> set[str]:
        return {hit.id for hit in index.search_words([[{phrase: 1.0}]], depth=10)[0]}

    # An index of an earlier version keeps no order of words: its documents are read in its stead.
    with monkeypatch.context() as earlier:
        earlier.setattr(WordOrder, "save", lambda self, folder: None)
        index = Index.open(build_index(DOCUMENTS, None, tmp_path / "index", kind="lexical"))
        assert not list(index.path.rglob("word-order*"))
    assert found(index) == {"title", "run", "hyphen"}
    more = [Document(f"more-{n}", "", f"filler{n} {'ice cream' if n == 7 else 'nothing'}") for n in range(8)]
    add_documents(index, more, None)
    index.delete(["hyphen"])
    assert found(index) == {"title", "run", "more-7"}
    assert found(index, "soft ice") == {"run"}
    index.compact()
    assert list(index.path.rglob("word-order.npy"))
    assert found(index) == {"title", "run", "more-7"}
    assert found(Index.open(index.path), "soft ice") == {"run"}


def test_segments_are_read_alike_with_and_without_their_order(tmp_path: Path) -> None:
    index = Index.open(build_index(DOCUMENTS, None, tmp_path / "index", kind="lexical"))
    add_documents(index, [Document("new", "Ice", "ice cream ice cream")], None)
    with_order = index.lexical.search_structured([{"ice cream": 0.5, "ice": 0.5}])
    for segment in index.state.segments:
        object.__setattr__(segment.words, "order", None)
    index.state.__dict__.pop("lexical")
    assert index.lexical.search_structured([{"ice cream": 0.5, "ice": 0.5}]) == with_order
    assert index.lexical.search_structured([{"ice cream": 0.5, "ice": 0.5}]) == pytest.approx(
        LexicalIndex(index.documents).search_structured([{"ice cream": 0.5, "ice": 0.5}])
    )


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = LexicalIndex(DOCUMENTS).search_structured([{"ice cream": 1.0}])
    monkeypatch.setattr("kivuko.retrieval.word_order._BLOCK", 1)
    assert LexicalIndex(DOCUMENTS).search_structured([{"ice cream": 1.0}]) == whole


def test_explaining_names_the_phrases_that_met(tmp_path: Path) -> None:
    index = build_index(DOCUMENTS, None, tmp_path / "index", kind="lexical")
    searcher = Searcher(index, lexicon=lexicon(barua_pepe={"ice cream": 0.7, "letter": 0.3}))
    hits = {hit.id: hit for hit in searcher.search("Barua pepe", explain=True)}
    assert set(hits) == {"title", "run", "hyphen", "letter"}
    told = {(m.query_word, m.document_word, m.similarity) for m in hits["run"].matches}
    assert told == {("barua pepe", "ice cream", 0.7)}
    assert [m.document_word for m in hits["letter"].matches] == ["letter"]


def test_an_engine_searches_by_phrases(tmp_path: Path) -> None:
    engine = Engine.create(tmp_path / "engine", DOCUMENTS, kind="lexical")
    engine.add_language("sw", LanguageParts(lexicon=lexicon(Barua_Pepe={"Ice-Cream": 1.0})))
    assert {hit.id for hit in engine.search("barua pepe", language="sw")} == {"title", "run", "hyphen"}


def test_from_a_dictionary_to_a_search_by_the_command_line(tmp_path: Path) -> None:
    def kivuko(*arguments: object) -> str:
        done = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def searched(lex: str, query: str) -> list[str]:
        told = kivuko("search", tmp_path / "index", query, "--lexicon", tmp_path / lex, "--json")
        return [hit["id"] for hit in json.loads(told)["hits"]]

    (tmp_path / "docs.tsv").write_text(
        "1\t\tsoft ice cream\n2\t\tthe market\n3\t\tkeyboard shortcut list\n4\t\ta new school\n",
        encoding="utf-8",
    )
    kivuko("index", "build", tmp_path / "docs.tsv", "--output", tmp_path / "index", "--kind", "lexical")
    tables = {
        "sw": ("tsv", "ice cream\taisikrimu\nkeyboard shortcut\tqaxxaamura gabatee qubee\n"),
        "th": ("tsv", "market\tตลาด\nschool\tโรงเรียน\nnew\tใหม่\n"),
        "om": ("lexicon", "Mana Barumsaa\tSchool\t1\nGA’AA\tMarket\t1\n?\tnew\t1\n"),
    }
    for code, (layout, lines) in tables.items():
        (tmp_path / f"{code}.tsv").write_text(lines, encoding="utf-8")
        said = kivuko(
            "lexicon", "import", tmp_path / f"{code}.tsv", "--language", code, "--format", layout,
            "--output", tmp_path / code,
        )  # fmt: skip
        assert ("1 a side without words" in said) == (code == "om")
    assert searched("sw", "aisikrimu") == ["1"]
    assert searched("sw", "Qaxxaamura gabatee-qubee") == ["3"]
    assert searched("th", "โรงเรียน") == ["4"]
    assert searched("th", "ตลาดใหม่") == ["2", "4"]
    assert searched("om", "mana barumsaa") == ["4"]
    assert searched("om", "ga'aa") == ["2"]
    assert "ตลาด\tmarket\t1\n" in (tmp_path / "th" / "lexicon.tsv").read_text(encoding="utf-8")


def test_words_alone_are_scored_as_before_to_the_last_digit() -> None:
    """Probabilistic structured queries of single words, computed as before phrases were there."""
    index = LexicalIndex(DOCUMENTS)
    query = [{"ice": 0.7, "cream": 0.2, "unseen": 0.1}, {"letter": 1.0}]
    scores = np.zeros(len(DOCUMENTS))
    for alternatives in query:
        known = [
            (index.vocabulary[word], weight)
            for word, weight in alternatives.items()
            if word in index.vocabulary
        ]
        columns, weights = np.array([c for c, _ in known]), np.array([w for _, w in known])
        frequency = np.zeros(len(DOCUMENTS))
        for column, weight in known:
            postings = slice(index._begins[column], index._begins[column + 1])
            frequency[index._having_it[postings]] += weight * index._frequencies[postings]
        spread = min(float(index._document_frequency[columns] @ weights), 7.0)
        rarity = np.log1p((7 - spread + 0.5) / (spread + 0.5))
        scores += rarity * frequency / (frequency + index._saturation)
    expected = {
        document.id: score for document, score in zip(DOCUMENTS, scores.tolist(), strict=True) if score
    }
    assert index.search_structured(query) == expected


@pytest.mark.parametrize(
    ("language", "entries", "query", "expected"),
    [
        # Phrases, however they are typed, and their words by themselves beside them.
        ("sw", {"barua pepe": "ice cream", "barua": "letter"}, "Je, barua zangu za Barua-pepe? barua",
         ["barua", "Barua-pepe", "barua"]),
        ("om", {"mana barumsaa": "ice cream"}, "gara mana barumsaa deemi", ["mana barumsaa"]),
        ("yo", {"ọkọ̀ òfurufú": "ice cream"}, "tuntun oko ofurufu", ["oko ofurufu"]),  # typed without its marks
        ("am", {"የበረዶ ክሬም": "ice cream"}, "ሶፍት የበረዶ ክሬም ነው", ["የበረዶ ክሬም"]),
        ("ur", {"آئس کریم": "ice cream"}, "نرم آئس کریم", ["آئس کریم"]),
        # Scripts without spaces: within a run, over borders that are typed (U+200B), after words without entry.
        ("km", {"ការ៉េម": "ice cream", "សំបុត្រ": "letter"}, "ខ្ញុំចង់ញ៉ាំការ៉េមនិងសំបុត្រនេះ", ["ការ៉េម", "សំបុត្រ"]),
        ("km", {"ការ៉េម": "ice cream"}, "ញ៉ាំ\u200bការ៉េ\u200bម", ["ការ៉េ\u200bម"]),
        ("th", {"ไอศกรีม": "ice cream", "จดหมาย": "letter"}, "ฉันชอบไอศกรีมและจดหมาย", ["ไอศกรีม", "จดหมาย"]),
        ("lo", {"ກະແລ້ມ": "ice cream"}, "ຂ້ອຍມັກກະແລ້ມຫຼາຍ", ["ກະແລ້ມ"]),
        ("my", {"ရေခဲမုန့်": "ice cream"}, "ကျွန်တော်ရေခဲမုန့်ကြိုက်တယ်", ["ရေခဲမုန့်"]),
        ("zh-Hans", {"冰淇淋": "ice cream", "信": "letter"}, "我喜欢冰淇淋和信", ["冰淇淋", "信"]),
        ("ja", {"アイス・クリーム": "ice cream"}, "私はアイスクリームが好き", ["アイスクリーム"]),
        ("bo", {"འཁྱགས་ཞོ": "ice cream"}, "ངས་འཁྱགས་ཞོ་བཟས", ["འཁྱགས་ཞོ"]),
    ],
)  # fmt: skip
def test_what_met_a_word_is_lit_where_it_stands(
    tmp_path: Path, language: str, entries: dict[str, str], query: str, expected: list[str]
) -> None:
    meant = Lexicon(resolve(language), {foreign: {english: 1.0} for foreign, english in entries.items()})
    texts = [Document("all", "Ice cream", "A letter with ice-cream, and ice. Cream of ice, cream.")]
    searcher = Searcher(build_index(texts, None, tmp_path / "index", kind="lexical"), lexicon=meant)
    (hit,) = searcher.search(query, explain=True)
    assert [query[slice(*match.query_span)] for match in hit.matches] == expected
    full = hit.document.full_text
    lit = {
        match.document_word: [full[slice(*span)] for span in match.document_spans] for match in hit.matches
    }
    # A comma within a line is nothing that parts words, as in the search itself.
    assert lit["ice cream"] == ["Ice cream", "ice-cream", "ice. Cream", "ice, cream"]
    assert lit.get("letter", ["letter"]) == ["letter"]


def test_a_phrase_is_not_lit_over_the_end_of_a_title(tmp_path: Path) -> None:
    texts = [Document("border", "melting ice", "cream and more ice cream")]
    searcher = Searcher(
        build_index(texts, None, tmp_path / "index", kind="lexical"),
        lexicon=lexicon(aisikrimu={"ice cream": 1.0}),
    )
    ((match,),) = [hit.matches for hit in searcher.search("aisikrimu", explain=True)]
    assert match.document_spans == ((27, 36),)
