"""The experiment on new subwords for a language runs through, with a tiny model and made-up pairs."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from tiny import made_up_pairs

SCRIPT = Path(__file__).parents[1] / "experiments" / "unknown_language.py"


def test_it_runs_through(
    tiny_teacher: Path, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kivuko.evaluation import results
    from kivuko.training import extend_vocabulary, teacher
    from kivuko.training.regimes import Trained

    pairs = tmp_path / "travis.ti.tsv"
    pairs.write_text(
        "".join(f"{pair.english}\t{pair.foreign}\n" for pair in made_up_pairs(80)), encoding="utf-8"
    )
    (tmp_path / "documents.tsv").write_text("other\t\tnothing of this\n", encoding="utf-8")
    written: dict[str, Any] = {}

    def as_it_was(start: Any, *_: object) -> Trained:
        """The tiny tokenizer is no unigram model; that new subwords work is tests/test_vocabulary.py's."""
        from kivuko.models import late_interaction

        return Trained(late_interaction.load(start.student), {})

    monkeypatch.setattr(teacher, "default_teacher", lambda _: tiny_teacher)
    monkeypatch.setattr(teacher, "centring_texts", lambda: ["open a file"])
    stand_in = extend_vocabulary.REGIME.__class__(**{**vars(extend_vocabulary.REGIME), "train": as_it_was})
    monkeypatch.setattr(extend_vocabulary, "REGIME", stand_in)
    monkeypatch.setattr(results, "write_results", lambda *a, **k: written.update(rows=a[2], **k))
    monkeypatch.setattr(
        sys,
        "argv",
        [
            *("unknown_language.py", str(pairs), "--language", "om", "--documents", str(tmp_path)),
            *("--held-out", "16", "--steps", "1"),
        ],
    )
    runpy.run_path(str(SCRIPT), run_name="__main__")
    rows = written["rows"]
    assert {row["n"] for row in rows} == {8}
    means = {row["system"]: row["mean"] for row in rows if row["split"] == "test"}
    assert len(means) == 2 + 3 * 3
    assert means["document encoder"] < means["document encoder, gloss"]
    assert {row["system"] for row in written["extra"]["Tests"]} < set(means)
    cut = written["extra"]["How the held-out sentences are cut"]
    assert [row["model"] for row in cut] == ["document encoder", "student", "student, new subwords"]
