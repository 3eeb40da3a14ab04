"""AfriQA as retrieval, on files of our own wording in the layout in which it is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kivuko.benchmarks.importing import import_collection
from kivuko.collections.collection import Collection
from kivuko.errors import InputError
from kivuko.languages import resolve

ENGLISH, SWAHILI = resolve("en"), resolve("sw")
LAKE = "Lake Ondo is a deep lake. It was dammed by the Ilo family in 1931, and again later."


def line(
    number: int, question: str, english: str, title: str | None, text: str | None, *answers: str
) -> dict[str, Any]:
    return {
        "answer_pivot": {"answer_start": [-1] * len(answers), "text": list(answers)},
        "context": text,
        "id": str(number),
        "question_lang": question,
        "question_translated": english,
        "title": title,
        "answer_lang": "…",
    }


def publish(folder: Path, language: str, split: str, *lines: dict[str, Any]) -> None:
    """As the publisher writes it: Python's JSON, with NaN where there is nothing."""
    path = folder / f"data/gold_passages/{language}/gold_span_passages.afriqa.{language}.en.{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{k: float("nan") if v is None else v for k, v in row.items()} for row in lines]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def ask(folder: Path, language: str, split: str, count: int) -> None:
    path = folder / f"data/queries/{language}/queries.afriqa.{language}.en.{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f'{{"id": {number}, "answers": "[]"}}\n' for number in range(count)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    publish(
        tmp_path / "afriqa",
        "swa",
        "test",
        line(0, "Nani alijenga?", "Who dammed it?", "Lake Ondo", LAKE, "The Ilo family"),
        line(1, "Wapi?", "Where is it?", "Lake Ondo", "It lies in the hills.\u2028 Few go there.", "hills"),
        line(2, "Nini?", "What is it?", None, "A book without a title is a book.", "a book"),
        line(3, "Lini?", "When?", None, None, "1931"),
        # Nothing but the text's place says which is which: too long for a title, or the answer is in the title.
        line(4, "Mji gani?", "Which town?", f"{'The town of Zumbe is old. ' * 12}", "Zumbe", "Zumbe"),
        line(
            5, "Mto gani?", "Which river?", "The river Ushi is in the north of Kale.", "Ushi", "in the north"
        ),
        line(6, "Fupi?", "Short?", "A long title for a short text", "It is 9.", "9"),
        line(7, "Mara mbili?", "Twice?", "All of it, twice.", "All of it, twice.", "twice"),
    )
    publish(
        tmp_path / "afriqa",
        "swa",
        "dev",
        line(0, "Tena?", "Again?", "Lake Ondo", f"{LAKE} ".replace(" deep", "  deep"), "the ilo FAMILY"),
    )
    publish(
        tmp_path / "afriqa",
        "hau",
        "train",
        line(0, "Wane?", "Who?", "Lake Ondo", "Nobody but the Ilo Family fishes there.", "Ilo"),
    )
    # Another pivot: neither its questions nor its passages are English.
    path = tmp_path / "afriqa/data/gold_passages/fon/gold_span_passages.afriqa.fon.fr.test.json"
    path.parent.mkdir()
    path.write_text("no JSON\n")
    ask(tmp_path / "afriqa", "swa", "test", 10)
    ask(tmp_path / "afriqa", "swa", "train", 3)
    return tmp_path


def read(folder: Path, output: Path, name: str = "afriqa/sw", split: str | None = None) -> Collection:
    return Collection.open(import_collection(name, output, folder=folder, split=split))


def test_questions_of_all_splits_find_passages_of_all_languages(folder: Path, tmp_path: Path) -> None:
    opened = read(folder, tmp_path / "out")
    assert {tuple(each) for each in opened.query_sets} == {
        (kind, split, language)
        for kind, language in (("query", SWAHILI), ("english-query", ENGLISH))
        for split in ("test", "dev")
    }
    assert opened.language == SWAHILI
    assert opened.queries("query", "dev") == {"sw-dev-0": "Tena?"}
    assert opened.queries("english-query", "test")["sw-test-1"] == "Where is it?"
    assert set(opened.queries("query", "test")) == {f"sw-test-{n}" for n in (0, 1, 2, 4, 5, 6, 7)}
    assert opened.manifest.meta["document_languages"] == {"eng-Latn": 8}
    assert opened.manifest.meta["left_out"] == {
        "passage like an earlier one, which stands for both": 1,
        "passage without text": 1,
        "question whose passage has no text": 1,
        "question without an annotated passage": 2 + 3,
    }


def test_grades(folder: Path, tmp_path: Path) -> None:
    """2 for the annotated passage, 1 for those with its title and the answer, in any case."""
    opened = read(folder, tmp_path / "out")
    texts = {each.id: (each.title, each.text) for each in opened.documents}
    grades = {
        query: {texts[document]: grade for document, grade in found.items()}
        for split in ("test", "dev")
        for query, found in opened.qrels("query", split).items()
    }
    fishes = ("Lake Ondo", "Nobody but the Ilo Family fishes there.")
    assert grades["sw-test-0"] == {("Lake Ondo", LAKE): 2, fishes: 1}
    assert grades["sw-dev-0"] == grades["sw-test-0"]
    assert grades["sw-test-1"] == {("Lake Ondo", "It lies in the hills. Few go there."): 2}
    assert grades["sw-test-2"] == {("", "A book without a title is a book."): 2}


def test_swapped_titles_are_put_right(folder: Path, tmp_path: Path) -> None:
    opened = read(folder, tmp_path / "out")
    texts = {each.title: each.text for each in opened.documents if each.title != "Lake Ondo"}
    assert texts["Zumbe"].startswith("The town of Zumbe is old.")
    assert texts["Ushi"] == "The river Ushi is in the north of Kale."
    assert texts["A long title for a short text"] == "It is 9."
    assert "All of it, twice." not in texts
    assert opened.manifest.meta["changed"] == {
        "passage whose title and text were swapped, which was put right": 2,
        "passage whose title was its text once more, which was taken off": 1,
    }


def test_ids_do_not_depend_on_what_else_lies_there(folder: Path, tmp_path: Path) -> None:
    every = read(folder, tmp_path / "every")
    test = read(folder / "afriqa" / "data", tmp_path / "test", split="test")
    assert test.splits == ("test",)
    assert test.queries("query", "test") == every.queries("query", "test")
    assert [each.id for each in test.documents] == [each.id for each in every.documents]
    assert test.qrels("query", "test") == every.qrels("query", "test")
    (folder / "afriqa/data/gold_passages/hau/gold_span_passages.afriqa.hau.en.train.json").unlink()
    fewer = read(folder, tmp_path / "fewer")
    assert {each.id for each in fewer.documents} < {each.id for each in every.documents}
    assert fewer.qrels("query", "test")["sw-test-1"] == every.qrels("query", "test")["sw-test-1"]


def test_what_is_not_there_or_not_so_is_refused(folder: Path, tmp_path: Path) -> None:
    for name, split, pattern in (("afriqa/yo", None, "yor.en.*"), ("afriqa/sw", "train", "swa.en.train")):
        with pytest.raises(InputError, match="is not there") as told:
            read(folder, tmp_path / "out", name, split)
        assert pattern in str(told.value.expected)
    row = line(0, "a", "b", "c", "d")
    for odd in (row | {"answer_pivot": "Ilo"}, row | {"answer_pivot": {"text": [1]}}, row | {"context": 3}):
        publish(folder / "afriqa", "swa", "train", odd)
        with pytest.raises(InputError, match=r"AfriQA|no text") as told:
            read(folder, tmp_path / "out")
        assert str(told.value.where).endswith("swa.en.train.json:1")
