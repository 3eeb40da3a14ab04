"""One reader of JSON lines: what is odd in a line is one of our errors, whoever reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kivuko.benchmarks.layouts import records
from kivuko.collections.counts import DropReport
from kivuko.collections.stored_texts import stored_texts
from kivuko.errors import InputError
from kivuko.files.json_lines import id_field, json_objects, text_field
from kivuko.languages import resolve
from kivuko.readers.bitext import read_pairs
from kivuko.readers.documents import read_documents, read_queries
from kivuko.readers.linked_documents import read_linked
from kivuko.readers.msmarco import read_msmarco_examples
from kivuko.readers.running_text import read_monolingual
from kivuko.readers.wiktextract import read_wiktextract


def _mined(path: Path) -> object:
    folder = path.parent
    (folder / "collection.tsv").write_text("1\ta passage\n")
    (folder / "queries.train.tsv").write_text("1\ta query\n")
    path.rename(folder / "msmarco-hard-negatives.jsonl")
    return list(read_msmarco_examples(folder, 1, report=DropReport()))


READERS: dict[str, Callable[[Path], object]] = {
    "documents": read_documents,
    "queries": read_queries,
    "collections": lambda path: list(records(path)),
    "pairs": lambda path: read_pairs(path, "om"),
    "running text": lambda path: list(read_monolingual(path, "om", DropReport())),
    "linked texts": lambda path: list(read_linked(path, DropReport())),
    "wiktextract": lambda path: read_wiktextract(path, resolve("om")),
    "mined negatives": _mined,
}
ODD = [
    '{"id": "1", "title": "a", "text": "x", "om": "om"',
    '{"id": "1", "id": "1", "title": "a", "text": "x", "om": "om"}',  # RFC 8259, section 4: names should be unique
    '{"id": "1", "title": "a", "text": "x", "om": NaN}',  # section 6: Infinity and NaN are not permitted
    '{"id": "1", "title": "a", "text": "x", "om": -Infinity}',
    '{"id": "1", "title": "a", "text": "x", "om": "tab\tinside"}',
    f'{{"id": {"9" * 5000}, "title": "a", "text": "x", "om": "om"}}',
    f'{{"id": "1", "title": "a", "text": "x", "om": {"[" * 100_000}{"]" * 100_000}}}',
    '["om"]',
    '"om"',
    "null",
    "7",
    "{'id': '1', 'om': 1}",
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("line", ODD, ids=range(len(ODD)))
def test_odd_lines_are_refused_by_every_reader(tmp_path: Path, reader: str, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(InputError) as caught:
        READERS[reader](path)
    assert str(caught.value.where).endswith(".jsonl:1")


def test_counting_takes_any_json_but_nothing_odd(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('["one", {"a": "two"}]\n"three"\n')
    assert list(stored_texts(path, DropReport())) == ["one\ntwo", "three"]
    path.write_text('{"a": "x", "a": "y"}\n')
    with pytest.raises(InputError, match="'a' twice"):
        list(stored_texts(path, DropReport()))


def test_a_list_over_the_whole_file_is_told_how_to_become_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text, remedy in [
        ('[{"id": "1", "title": "a", "text": "x"}]\n', "jq -c '.[]'"),
        ('[\n {"id": "1", "title": "a", "text": "x"}\n]\n', "jq -c '.[]'"),
        ('{\n "id": "1", "title": "a", "text": "x"\n}\n', "jq -c . "),
    ]:
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            read_documents(path)
        assert remedy in (caught.value.remedy or "")


def test_half_a_character_anywhere_in_a_document_is_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    whole = {"id": "1", "title": "whole \U0001f600", "text": "x", "shelf": "y"}
    for field in whole:
        body = json.dumps(whole | {"id": "2", field: "bad \ud83d half"[: 5 if field == "id" else None]})
        path.write_text(f"{json.dumps(whole)}\n{body}\n")
        with pytest.raises(InputError) as caught:
            read_documents(path)
        assert caught.value.where == f"{path}:2"
        str(caught.value).encode()  # a terminal can show it
    path.write_text(json.dumps(whole | {"na\udc00me": "x"}) + "\n")
    with pytest.raises(InputError, match="half"):
        read_documents(path)
    path.write_text(json.dumps(whole) + "\n")
    assert read_documents(path)[0].title == "whole 😀"  # both halves as escapes


def test_whole_numbers_as_ids_are_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    rows: list[dict[str, Any]] = [
        {"id": number, "title": "", "text": "x", "year": 2020} for number in (0, -7, 10**20)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert [document.id for document in read_documents(path)] == ["0", "-7", str(10**20)]
    assert read_documents(path)[0].metadata == {"year": 2020}
    assert read_queries(tmp_path / "a.ndjson")["-7"] == "x"
    path.write_text('{"id": 7, "title": "", "text": "x"}\n{"id": "7", "title": "", "text": "y"}\n')
    with pytest.raises(InputError, match="same document id"):
        read_documents(path)


@pytest.mark.parametrize("value", [True, 1.0, 1e300, [1], {"a": 1}, None, ""])
def test_other_things_are_no_ids(tmp_path: Path, value: object) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": value, "title": "a", "text": "x"}) + "\n")
    with pytest.raises(InputError) as caught:
        read_documents(path)
    assert caught.value.where == f"{path}:1"


@pytest.mark.parametrize("value", [5, 1.5, True, None, ["x"]])
def test_numbers_are_no_text(tmp_path: Path, value: object) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": "1", "title": "a", "text": value}) + "\n")
    for read in (read_documents, read_queries, lambda path: list(read_monolingual(path, "om", DropReport()))):
        with pytest.raises(InputError, match="field text is no text"):
            read(path)


def test_metadata_that_no_json_can_hold_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "title": "a", "text": "x", "size": 1e999}\n')
    with pytest.raises(InputError, match="too large"):
        read_documents(path)


def test_the_first_field_that_is_there_counts() -> None:
    record = {"id": None, "docid": 7, "text": None, "contents": "x"}
    assert (id_field(record, ("id", "docid"), "here"), text_field(record, ("text", "contents"), "here")) == (
        "7",
        "x",
    )
    with pytest.raises(InputError, match="missing"):
        text_field(record, ("body",), "here")
    with pytest.raises(InputError, match="no text"):
        text_field(record, ("text",), "here")


def test_blank_lines_are_the_callers(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('\ufeff{"a": 1}\r\n \n{}\n', "utf-8")
    assert list(json_objects(path)) == [(1, {"a": 1}), (2, None), (3, {})]


def test_nan_is_null_only_where_a_publisher_means_that(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"title": NaN, "text": "NaN"}\n')
    assert list(json_objects(path, nan_is_null=True)) == [(1, {"title": None, "text": "NaN"})]
    for text in (
        '{"title": Infinity}',
        '{"title": -Infinity}',
        '{"title": NaN, "title": 1}',
        '{"title": nan}',
    ):
        path.write_text(f"{text}\n")
        with pytest.raises(InputError, match="not JSON"):
            list(json_objects(path, nan_is_null=True))
