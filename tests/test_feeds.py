"""Feeds of changes, and documents of data sets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kivuko.cli.main import app
from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.errors import FetchError, InputError
from kivuko.readers.documents import read_documents, stream_documents
from kivuko.readers.feeds import read_changes
from kivuko.retrieval.index import Index


def written(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def page(name: str, text: str, **more: object) -> dict[str, object]:
    return {"id": name, "title": f"page {name}", "text": text, **more}


FEED = [
    page("a", "one", changed="2026-11-30T10:00:00Z", year=2026),
    page("b", "two", changed="2026-11-30T11:00:00Z"),
    {"id": "a", "deleted": True, "changed": "2026-11-30T12:00:00+00:00"},
    page("b", "three", changed="2026-11-30T15:30:00+02:00"),
    {"id": "c", "deleted": True, "changed": "2026-11-30T13:15:00"},
    page("c", "four", changed="2026-11-30T13:20:00", deleted=False),
]


def test_the_last_change_of_each_counts(tmp_path: Path) -> None:
    found = read_changes(written(tmp_path / "feed.jsonl", FEED))
    assert found.documents == [Document("b", "page b", "three"), Document("c", "page c", "four")]
    assert (found.deleted, found.before) == (["a"], 0)
    assert found.latest == datetime(2026, 11, 30, 13, 30, tzinfo=UTC)


def test_since(tmp_path: Path) -> None:
    feed = written(tmp_path / "feed.jsonl", FEED)
    found = read_changes(feed, since=datetime(2026, 11, 30, 13, 15, tzinfo=UTC))
    assert [document.id for document in found.documents] == ["b", "c"]
    assert (found.deleted, found.before) == ([], 3)


def test_a_change_in_the_second_of_the_last_one_seen_is_not_missed(tmp_path: Path) -> None:
    feed = written(tmp_path / "feed.jsonl", FEED)
    seen = read_changes(feed).latest
    late = page("e", "five", changed="2026-11-30T13:30:00Z")
    found = read_changes(written(feed, [*FEED, late]), since=seen)
    assert [document.id for document in found.documents] == ["b", "e"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (page("a", "x"), "does not say when"),
        (page("a", "x", changed=1764511200), "does not say when"),
        (page("a", "x", changed="yesterday"), "no time"),
        ({"id": "a", "deleted": "yes", "changed": "2026-11-30"}, "true or false"),
        ({"deleted": True, "changed": "2026-11-30"}, "field is missing"),
        ({"id": "a", "title": "", "text": "", "changed": "2026-11-30"}, "neither title nor text"),
    ],
)
def test_what_is_no_change(row: dict[str, object], said: str, tmp_path: Path) -> None:
    feed = written(tmp_path / "feed.jsonl", [FEED[0], row])
    with pytest.raises(InputError, match=said) as error:
        read_changes(feed, since=datetime(2020, 1, 1, tzinfo=UTC))
    assert "feed.jsonl:2" in str(error.value)


def test_engine_follows_a_feed(tmp_path: Path) -> None:
    documents = [Document(name, f"page {name}", "as it was") for name in "acd"]
    Engine.create(tmp_path / "engine", documents, kind="lexical")
    feed = written(tmp_path / "feed.jsonl", FEED)

    def run(*options: str) -> str:
        done = CliRunner().invoke(app, ["engine", "apply", str(tmp_path / "engine"), str(feed), *options])
        assert done.exit_code == 0, done.output
        return " ".join(done.output.split())

    said = run()
    assert "1 documents added, 1 replaced, 1 deleted, 0 unchanged" in said
    assert "--since 2026-11-30T13:30:00+00:00" in said
    opened = Engine.open(tmp_path / "engine")
    assert {name: opened.index.document(name).text for name in opened.index.ids} == {
        "d": "as it was",
        "b": "three",
        "c": "four",
    }
    before = Index.open(tmp_path / "engine" / "index").manifest.hash
    assert "0 documents added, 0 replaced, 0 deleted, 2 unchanged" in run()
    said = run("--since", "2026-11-30T13:30:00Z")
    assert "0 replaced, 0 deleted, 1 unchanged; 5 earlier changes left out" in said
    assert Index.open(tmp_path / "engine" / "index").manifest.hash == before


def test_documents_of_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas

    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    for split, names in (("train", "ab"), ("held", "cde")):
        rows = [page(name, f"text {name}", year=2026, links=["x", "y"]) for name in names]
        (tmp_path / "set" / "data").mkdir(parents=True, exist_ok=True)
        pandas.DataFrame(rows).to_parquet(tmp_path / "set" / "data" / f"{split}-00000-of-00001.parquet")
    name = f"hf:{tmp_path / 'set'}"
    expected = [Document(each, f"page {each}", f"text {each}", {"year": 2026}) for each in "ab"]
    assert read_documents(name) == expected
    assert [document.id for document in stream_documents(f"{name}::held")] == ["c", "d", "e"]
    with pytest.raises(FetchError):
        read_documents(f"{name}:other")
    made = CliRunner().invoke(
        app, ["engine", "create", str(tmp_path / "engine"), "--documents", name, "--kind", "lexical"]
    )
    assert made.exit_code == 0, made.output
    assert list(Engine.open(tmp_path / "engine").index.ids) == ["a", "b"]
