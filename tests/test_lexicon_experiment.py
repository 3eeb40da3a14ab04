"""The experiment with lexicons runs through on made-up bitext, help pages and collections of other domains."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from kivuko.collections.document import Document
from kivuko.experiment.other_domains import half_of
from tiny import made_up_pairs

PAIRS = made_up_pairs(40)
SCRIPT = Path(__file__).parents[1] / "experiments" / "lexicon.py"


class HelpPages:
    """English sides as documents, foreign sides as queries."""

    documents = tuple(Document(pair.id, pair.english, "page") for pair in PAIRS)

    @classmethod
    def open(cls, _path: object) -> HelpPages:
        """The only one."""
        return cls()

    def queries(self, _kind: str, _split: str) -> dict[str, str]:
        """Of six documents, without the numbers that are the same in every language."""
        return {pair.id: pair.foreign.rpartition(" ")[0] for pair in PAIRS[:6]}

    def qrels(self, _kind: str, _split: str) -> dict[str, dict[str, int]]:
        """Each query finds its document."""
        return {pair.id: {pair.id: 1} for pair in PAIRS[:6]}


def test_it_runs_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kivuko.cli import resources
    from kivuko.collections import collection
    from kivuko.evaluation import results
    from kivuko.public import collections

    written: dict[str, Any] = {}
    monkeypatch.setattr(collection, "Collection", HelpPages)
    monkeypatch.setattr(resources, "chosen_pairs", lambda *_: PAIRS)
    monkeypatch.setattr(collections, "build_collection", lambda *_: None)
    monkeypatch.setattr(results, "write_results", lambda *a, **k: written.update(rows=a[2], **k))
    for name in ("elsewhere", "afriqa", "without-om"):
        folder = tmp_path / name
        folder.mkdir()
        lines = "".join(f"p{i}-1\t\t{pair.english}\n" for i, pair in enumerate(PAIRS))
        (folder / "documents.tsv").write_text(lines, encoding="utf-8")
        language = "sw" if name == "without-om" else "om"
        lines = "".join(f"q{i}\t{pair.foreign}\n" for i, pair in enumerate(PAIRS[:8]))
        (folder / f"queries.{language}.tsv").write_text(lines, encoding="utf-8")
        (folder / "qrels.txt").write_text("".join(f"q{i} 0 p{i}-1 1\n" for i in range(8)), encoding="utf-8")
    published = tmp_path / "published"
    passages = published / "data" / "gold_passages" / "orm"
    passages.mkdir(parents=True)
    records = [
        {"context": f"{PAIRS[9].english} ", "question_lang": PAIRS[9].foreign},
        {"context": "of no document", "question_lang": PAIRS[1].foreign},
        {"context": None, "question_lang": PAIRS[1].foreign},
    ]
    lines = "".join(f"{json.dumps(record)}\n" for record in records)
    (passages / "gold_span_passages.afriqa.orm.en.train.json").write_text(lines, encoding="utf-8")
    bitext = "".join(f"{pair.english}\t{pair.foreign}\n" for pair in PAIRS)
    (tmp_path / "mafand.om.tsv").write_text(bitext, encoding="utf-8")
    arguments = ["--languages", "om", "--queries", "5", "--afriqa", str(published), "--bitext", str(tmp_path)]
    folders = [str(tmp_path / name) for name in ("elsewhere", "afriqa", "without-om")]
    monkeypatch.setattr(sys, "argv", ["lexicon.py", *arguments, "--collections", *folders])
    runpy.run_path(str(SCRIPT), run_name="__main__")

    rows = written["rows"]
    assert {row["collection"] for row in rows} == {"libreoffice-help", "elsewhere", "afriqa"}
    assert {(row["split"], row["n"]) for row in rows if row["collection"] == "afriqa"} == {
        ("development", 1),
        ("test", 5),
    }
    halves = [half_of(f"p{i}-1") for i in range(8)]
    assert {(row["split"], row["n"]) for row in rows if row["collection"] == "elsewhere"} == {
        (split, min(5, halves.count(split))) for split in ("development", "test")
    }
    tried = {
        split: {row["system"] for row in rows if row["split"] == split} for split in ("development", "test")
    }
    assert tried["test"] < tried["development"]
    assert "lexicon" in tried["test"]
    means = {(row["bitext"], row["system"]): row["mean"] for row in rows if row["queries"] == "title"}
    for bitext in ("software", "other"):
        assert means[bitext, "lexicon"] > means["none", "untranslated"]
