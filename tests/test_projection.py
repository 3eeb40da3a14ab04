"""The experiment on the length of token vectors runs through, with a tiny model and a made-up collection."""

from __future__ import annotations

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kivuko.collections.document import Document
from tiny import made_up_pairs

PAIRS = made_up_pairs(64)
SCRIPT = Path(__file__).parents[1] / "experiments" / "projection.py"


class Collection:
    """English sides as documents; foreign sides are the queries, or the words of one turned round."""

    documents = tuple(Document(pair.id, pair.english, "page") for pair in PAIRS)

    @classmethod
    def open(cls, _path: object) -> Collection:
        """The only one."""
        return cls()

    def queries(self, kind: str, _split: str) -> dict[str, str]:
        """Of six documents."""
        order = 1 if kind == "title" else -1
        return {pair.id: " ".join(pair.foreign.split()[::order]) for pair in PAIRS[:6]}

    def qrels(self, _kind: str, _split: str) -> dict[str, dict[str, int]]:
        """Each query finds its document."""
        return {pair.id: {pair.id: 1} for pair in PAIRS[:6]}


def test_it_runs_through_and_goes_on(
    own_cache: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kivuko.collections import bitext, collection
    from kivuko.evaluation import results
    from kivuko.public import bitext as public_bitext
    from kivuko.public import collections
    from kivuko.training import optical, teacher

    english = [pair.english for pair in PAIRS]
    written: dict[str, Any] = {}
    monkeypatch.setattr(teacher, "BASE", str(tiny_encoder))
    monkeypatch.setattr(teacher, "centring_texts", lambda: english)
    monkeypatch.setattr(teacher, "help_pairs", lambda: [(text, text) for text in english[:32]])
    monkeypatch.setattr(teacher, "QUICK_SETTINGS", replace(teacher.QUICK_SETTINGS, steps=1, batch_size=8))
    monkeypatch.setattr(optical, "QUICK_SETTINGS", replace(optical.QUICK_SETTINGS, steps=1, batch_size=8))
    monkeypatch.setattr(collection, "Collection", Collection)
    monkeypatch.setattr(bitext.Bitext, "open", lambda _: SimpleNamespace(pairs=PAIRS))
    monkeypatch.setattr(public_bitext, "build_bitext", lambda _: Path("bitext"))
    monkeypatch.setattr(collections, "build_collection", lambda _: Path("collection"))
    monkeypatch.setattr(results, "write_results", lambda *a, **k: written.update(rows=a[2], **k))

    def run(*dimensions: str) -> dict[str, Any]:
        arguments = ["--teacher", "quick", "--languages", "om", "--dimensions", *dimensions]
        monkeypatch.setattr(sys, "argv", ["projection.py", *arguments])
        # The tiny model has 32 numbers; that many are "the whole".
        source = SCRIPT.read_text(encoding="utf-8")
        assert "WHOLE = 384" in source
        script = tmp_path / "projection.py"
        script.write_text(source.replace("WHOLE = 384", "WHOLE = 32"), encoding="utf-8")
        runpy.run_path(str(script), run_name="__main__")
        return dict(written)

    first = run("32", "8")
    rows = first["rows"]
    assert len(rows) == 2 * 4 * 2 * 2  # lengths, kinds, kinds of query, splits
    assert {row["system"] for row in rows} == {
        f"{length}, {kind}"
        for length in (32, 8)
        for kind in ("exact", "compressed", "codes", "codes, pooled")
    }
    sizes = {row["system"]: row["B/token"] for row in first["extra"]["What an index takes"]}
    assert sizes["8, exact"] < sizes["32, exact"]
    # Half as many codes, each twice as long: the tokens of the text cost alike.
    assert sizes["8, codes, pooled"] == pytest.approx(sizes["8, codes"], rel=0.2)
    (tests,) = (rows for name, rows in first["extra"].items() if name.startswith("Tests"))
    assert {row["system"] for row in tests} == set(sizes) - {"32, exact"}
    assert json.dumps(first["extra"])
    indexes = {path: path.stat().st_mtime_ns for path in own_cache.glob("projection/*/*/manifest.json")}
    assert len(indexes) == 8
    assert run("32", "8") == first
    assert {path: path.stat().st_mtime_ns for path in indexes} == indexes
