"""The experiment with a monolingual teacher runs through, with tiny models and a made-up collection."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from checkpoints import build_base
from kivuko.collections.document import Document
from tiny import made_up_pairs

PAIRS = made_up_pairs(64)
SCRIPT = Path(__file__).parents[1] / "experiments" / "monolingual_teacher.py"


class Collection:
    """English sides as documents; foreign sides and their originals as queries."""

    query_kinds = ("title", "english-title")
    documents = tuple(Document(pair.id, pair.english, "page") for pair in PAIRS)

    @classmethod
    def open(cls, _path: object) -> Collection:
        """The only one."""
        return cls()

    def queries(self, kind: str, _split: str) -> dict[str, str]:
        """Of six documents."""
        return {pair.id: pair.foreign if kind == "title" else pair.english for pair in PAIRS[:6]}

    def qrels(self, _kind: str, _split: str) -> dict[str, dict[str, int]]:
        """Each query finds its document."""
        return {pair.id: {pair.id: 1} for pair in PAIRS[:6]}


def test_it_runs_through(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kivuko.cli import resources
    from kivuko.collections import collection
    from kivuko.evaluation import results
    from kivuko.public import collections
    from kivuko.training import teacher

    base = build_base(tmp_path / "e5", "xlm-roberta", positions=192)
    english = [pair.english for pair in PAIRS]
    written: dict[str, Any] = {}
    folders = {"all-minilm-l6-v2": build_base(tmp_path / "minilm", "bert", positions=192)}
    folders["multilingual-e5-small"] = base
    for module in ("kivuko.training.teacher", "kivuko.models.encoder", "kivuko.models"):
        monkeypatch.setattr(f"{module}.get", lambda name: folders.get(str(name), Path(name)))
    monkeypatch.setattr(collection, "Collection", Collection)
    monkeypatch.setattr(teacher, "centring_texts", lambda: english)
    monkeypatch.setattr(teacher, "help_pairs", lambda: [(pair.english, pair.english) for pair in PAIRS[:32]])
    monkeypatch.setattr(resources, "chosen_pairs", lambda *_: PAIRS)
    monkeypatch.setattr(collections, "collections_for", lambda _: ["made-up"])
    monkeypatch.setattr(collections, "build_collection", lambda _, *, name: Path(name))
    monkeypatch.setattr(results, "write_results", lambda *a, **k: written.update(rows=a[2], **k))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "documents.tsv").write_text(
        "".join(f"{p.id}\t\t{p.english}\n" for p in PAIRS), encoding="utf-8"
    )
    (elsewhere / "queries.om.tsv").write_text(f"q\t{PAIRS[0].foreign}\n", encoding="utf-8")
    (elsewhere / "qrels.txt").write_text(f"q 0 {PAIRS[0].id} 1\n", encoding="utf-8")
    arguments = ["--languages", "om", "--steps", "2", "--teacher-steps", "2", "--queries", "4"]
    arguments += ["--collections", str(elsewhere)]
    monkeypatch.setattr(sys, "argv", ["monolingual_teacher.py", *arguments])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    rows = [row for row in written["rows"] if row["collection"] == "made-up"]
    other = [row for row in written["rows"] if row["collection"] == "elsewhere"]
    assert [(row["queries"], row["n"]) for row in other] == [("queries", 1)] * 5
    assert len(rows) == 5 * 2 * 2
    assert {row["split"] for row in rows} == {"development", "test"}
    assert {(row["collection"], row["language"], row["n"]) for row in rows} == {("made-up", "orm-Latn", 4)}
    ceilings = {row["system"]: row["mean"] for row in rows if row["queries"] == "english-title"}
    assert len(ceilings) == 5
    assert json.dumps(rows)
