"""Belebele, XQuAD and XNLI as retrieval, on small files of our own wording in their layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kivuko.benchmarks.catalogue import benchmarks
from kivuko.benchmarks.importing import import_collection
from kivuko.benchmarks.layouts import Parts, Record
from kivuko.benchmarks.probes import (
    flores_code,
    hub_pairs,
    read_belebele,
    read_xnli,
    read_xquad,
    squad_records,
    xnli_pairs,
)
from kivuko.collections.collection import Collection
from kivuko.errors import InputError
from kivuko.languages import resolve
from one_set import only_qrels, only_queries

ENGLISH, OROMO = resolve("en"), resolve("om")


def row(link: str, number: int, passage: str, question: str, **further: Any) -> Record:
    record = {"link": link, "question_number": number, "flores_passage": passage, "question": question}
    return f"line of {question}", record | further


def found(parts: Parts) -> dict[str, set[str]]:
    """Question → texts of its relevant documents."""
    texts = {document.id: document.text for document in parts.documents}
    return {
        parts.queries[query]: {texts[document] for document, grade in grades.items() if grade > 0}
        for query, grades in parts.qrels.items()
        if query in parts.queries
    }


def test_codes_of_flores() -> None:
    names = ("om", "sw", "am", "zh", "zh-Hant", "ko", "fa", "my", "yo")
    assert [flores_code(resolve(name)) for name in names] == [
        "gaz_Latn", "swh_Latn", "amh_Ethi", "zho_Hans", "zho_Hant", "kor_Hang", "pes_Arab", "mya_Mymr", "yor_Latn",
    ]  # fmt: skip
    (belebele,) = [entry for entry in benchmarks() if entry.name == "belebele"]
    codes = [flores_code(resolve(name)) for name in belebele.languages]
    assert len(codes) == len(set(codes)) == 104


ENGLISH_ROWS = [
    row("u", 1, "Lakes", "Where?"),
    row("u", 2, "Lakes", "How deep?"),
    row("v", 1, "Rivers", "How long?"),
    row("v", 1, "Boats", "Who rows?"),
    row("v", 2, "Boats", "When?"),
]
OROMO_ROWS = [
    row("v", 2, "Bidiruu", "Yoom?"),
    row("v", 1, "Bidiruu", "Eenyu?"),
    row("v", 1, "Laga", "Hangam dheerata?"),
    row("u", 2, "Haroo", "Hangam gadi fagaata?"),
    row("u", 1, "Haroo", "Eessa?"),
]


def test_questions_find_their_passage_in_another_language() -> None:
    parts = read_belebele(OROMO_ROWS, ENGLISH_ROWS, ENGLISH)
    assert found(parts) == {
        "Eessa?": {"Lakes"},
        "Hangam gadi fagaata?": {"Lakes"},
        "Yoom?": {"Boats"},
    }
    assert sorted(document.text for document in parts.documents) == ["Boats", "Lakes", "Rivers"]
    assert parts.report.reasons == {"question with the link and number of another": 2}


def test_the_split_tells_questions_apart() -> None:
    def split(rows: list[Record]) -> list[Record]:
        names = {"Rivers": "devtest", "Laga": "devtest"}
        return [(where, {**row, "split": names.get(row["flores_passage"], "dev")}) for where, row in rows]

    parts = read_belebele(split(OROMO_ROWS), split(ENGLISH_ROWS), ENGLISH)
    assert found(parts)["Hangam dheerata?"] == {"Rivers"}
    assert len(found(parts)) == 5
    assert not parts.report.dropped
    in_oromo = read_belebele(split(OROMO_ROWS), split(OROMO_ROWS), OROMO)
    assert {d.id for d in parts.documents} == {d.id for d in in_oromo.documents}, "an id means one passage"
    assert parts.qrels == in_oromo.qrels


def test_belebele_from_its_files(tmp_path: Path) -> None:
    (tmp_path / "Belebele").mkdir()
    for code, rows in (("gaz_Latn", OROMO_ROWS), ("eng_Latn", ENGLISH_ROWS)):
        text = "".join(json.dumps(body | {"dialect": code, "mc_answer1": "x"}) + "\n" for _, body in rows)
        (tmp_path / "Belebele" / f"{code}.jsonl").write_text(text, encoding="utf-8")
    opened = Collection.open(import_collection("belebele/om-en", tmp_path / "c", folder=tmp_path))
    assert sorted(only_queries(opened).values()) == ["Eessa?", "Hangam gadi fagaata?", "Yoom?"]
    assert opened.language == OROMO
    assert opened.manifest.meta["document_languages"] == {"eng-Latn": 3}
    assert opened.manifest.meta["licence"] == "CC-BY-SA-4.0"
    with pytest.raises(InputError, match="is not there") as told:
        import_collection("belebele/sw-en", tmp_path / "d", folder=tmp_path)
    assert "swh_Latn.jsonl" in str(told.value.expected)


# XQuAD


def squad(path: Path, *paragraphs: tuple[str, dict[str, str]]) -> Path:
    body = [
        {
            "context": context,
            "qas": [
                {"id": name, "question": text, "answers": [{"text": "x", "answer_start": 0}]}
                for name, text in questions.items()
            ],
        }
        for context, questions in paragraphs
    ]
    data = {"data": [{"title": "t", "paragraphs": body}], "version": "1.1"}
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return path


def test_questions_find_their_paragraph_in_another_language(tmp_path: Path) -> None:
    squad(tmp_path / "xquad.hi.json", ("नदी", {"5a": "कहाँ?"}), ("झील", {"3b": "कब?", "7c": "कौन?"}))
    squad(tmp_path / "xquad.en.json", ("Lake", {"7c": "Who?", "3b": "When?"}), ("River", {"5a": "Where?"}))
    asked, held = (squad_records(tmp_path / f"xquad.{code}.json") for code in ("hi", "en"))
    parts = read_xquad(asked, held, ENGLISH)
    assert {document.id: document.text for document in parts.documents} == {"3b": "Lake", "5a": "River"}
    assert found(parts) == {"कहाँ?": {"River"}, "कब?": {"Lake"}, "कौन?": {"Lake"}}
    opened = Collection.open(import_collection("xquad/hi-en", tmp_path / "c", folder=tmp_path))
    assert only_qrels(opened) == {"3b": {"3b": 1}, "5a": {"5a": 1}, "7c": {"3b": 1}}
    with_ceiling = Collection.open(import_collection("xquad/hi", tmp_path / "d", folder=tmp_path))
    assert with_ceiling.queries("query", "validation") == only_queries(opened)
    assert with_ceiling.queries("english-query", "validation") == {
        "3b": "When?",
        "5a": "Where?",
        "7c": "Who?",
    }
    assert with_ceiling.qrels("english-query", "validation") == only_qrels(opened)


@pytest.mark.parametrize(
    "body", [b"[]", b'{"data": [{}]}', b'{"data": [', '{"data": "\xe9"}'.encode("latin-1")]
)
def test_files_in_another_layout_are_refused(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "xquad.en.json").write_bytes(body)
    with pytest.raises(InputError, match="SQuAD's layout"):
        list(squad_records(tmp_path / "xquad.en.json"))


# XNLI

HEADER = (
    "language\tgold_label\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse\t"
    "sentence1\tsentence2\tpromptID\tpairID\tgenre"
)
PAIRS = [
    ("en", "entailment", "It rains", "There is water", "1"),
    ("en", "contradiction", "It rains", 'The sun "shines"', "2"),
    ("en", "entailment", "He sings", "There is water", "3"),
    ("sw", "entailment", "Mvua inanyesha", "Kuna maji", "1"),
    ("sw", "contradiction", "Mvua inanyesha", "Jua linawaka", "2"),
    ("sw", "entailment", "Anaimba", "Kuna maji", "3"),
]


@pytest.fixture
def xnli(tmp_path: Path) -> Path:
    rows = (f"{code}\t{label}\t\t\t\t\t{a}\t{b}\t1\t{pair}\tfiction" for code, label, a, b, pair in PAIRS)
    (tmp_path / "xnli.test.tsv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return tmp_path / "xnli.test.tsv"


def test_premises_find_what_they_entail(xnli: Path) -> None:
    parts = read_xnli(xnli_pairs(xnli, "sw"), xnli_pairs(xnli, "en"), ENGLISH)
    assert found(parts) == {"Mvua inanyesha": {"There is water"}, "Anaimba": {"There is water"}}
    assert {document.id: document.text for document in parts.documents} == {
        "1": "There is water",
        "2": 'The sun "shines"',
    }
    assert parts.qrels == {"1": {"1": 1, "2": 0}, "3": {"1": 1}}
    opened = Collection.open(import_collection("xnli/sw-en", xnli.parent / "c", folder=xnli.parent))
    assert opened.manifest.meta["judgments_by_grade"] == {"0": 1, "1": 2}


def test_xnli_as_json_lines_and_from_the_hub_is_the_same(xnli: Path) -> None:
    columns = ("language", "gold_label", "sentence1", "sentence2", "pairID")
    lines = (json.dumps(dict(zip(columns, pair, strict=True))) for pair in PAIRS)
    other = xnli.with_suffix(".jsonl")
    other.write_text("\n".join(lines), encoding="utf-8")
    labels = ("entailment", "neutral", "contradiction")
    hub = [
        ("", {"premise": a, "hypothesis": b, "label": labels.index(label)})
        for code, label, a, b, _ in PAIRS
        if code == "sw"
    ]
    facts = [
        [(pair.premise, pair.hypothesis, pair.entailed) for pair in pairs]
        for pairs in (xnli_pairs(xnli, "sw"), xnli_pairs(other, "sw"), hub_pairs(hub))
    ]
    assert facts[0] == facts[1] == facts[2]
    assert len(facts[0]) == 3


def test_odd_files_of_xnli_are_refused(xnli: Path) -> None:
    with pytest.raises(InputError, match="no pair in the language"):
        list(xnli_pairs(xnli, "yo"))
    text = xnli.read_text(encoding="utf-8")
    xnli.write_text(text.replace("sw\tentailment", "sw\tneutral"), encoding="utf-8")
    with pytest.raises(InputError, match="not parallel"):
        read_xnli(xnli_pairs(xnli, "sw"), xnli_pairs(xnli, "en"), ENGLISH)
    xnli.write_text(text.replace("\tfiction", "", 1), encoding="utf-8")
    with pytest.raises(InputError, match="wrong number of fields") as told:
        list(xnli_pairs(xnli, "sw"))
    assert told.value.where == f"{xnli}:2"
    xnli.write_text(text.replace("pairID", "pair"), encoding="utf-8")
    with pytest.raises(InputError, match="no file of XNLI"):
        list(xnli_pairs(xnli, "sw"))
    with pytest.raises(InputError, match="no label"):
        list(hub_pairs([("here", {"premise": "a", "hypothesis": "b", "label": -1})]))
