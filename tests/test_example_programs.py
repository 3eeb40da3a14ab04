"""The programs in examples/ run, without a network and without trained models, and find what they ask for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from offline import offline

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(program: str, *arguments: object, cache: Path) -> str:
    """What a program of examples/ prints."""
    command = [
        "bash" if program.endswith(".sh") else sys.executable,
        str(EXAMPLES / program),
        *map(str, arguments),
    ]
    done = subprocess.run(command, env=offline(cache), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_program_is_tested_and_listed() -> None:
    programs = {file.name for file in EXAMPLES.iterdir() if file.suffix in (".py", ".sh")}
    tests = Path(__file__).read_text(encoding="utf-8")
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert len(programs) >= 5
    assert all(f'run("{name}"' in tests and f"({name})" in table for name in programs)


def test_own_documents(tmp_path: Path, own_cache: Path) -> None:
    printed = run("own_documents.sh", tmp_path, cache=own_cache)
    assert "Opening a file" in printed
    assert "Printing a page" in printed
    assert "Saving a file" in printed
    assert (tmp_path / "help").is_dir()


def test_engine_from_python(tmp_path: Path, own_cache: Path) -> None:
    lines = run("engine_from_python.py", tmp_path, cache=own_cache).splitlines()
    asked = lines.index("faayilii banuu"), lines.index("fuula maxxansuu")
    assert "Opening a file" in lines[asked[0] + 1]
    assert "Printing a page" in lines[asked[1] + 1]
    assert lines[-1] == "only of 2021: ['print']"


def test_evaluate_and_compare(tmp_path: Path, own_cache: Path) -> None:
    printed = run("evaluate_and_compare.py", cache=own_cache)
    assert printed.count("n = 60") == 4
    assert "first - second, nDCG@10: -0." in printed
    (tmp_path / "qrels.txt").write_text("q1 0 d1 1\nq2 0 d2 1\n", encoding="utf-8")
    for system, rest in (("best", "q2 Q0 d2 1 1.0 best\n"), ("worse", "")):
        text = f"q1 Q0 d1 1 1.0 {system}\n{rest}"
        (tmp_path / f"{system}.run").write_text(text, encoding="utf-8")
    files = [tmp_path / name for name in ("qrels.txt", "best.run", "worse.run")]
    printed = run("evaluate_and_compare.py", *files, cache=own_cache)
    assert "best: nDCG@10 1.000 [1.000, 1.000], n = 2" in printed
    assert "worse: RR@10 0.500" in printed


def test_code_switching(own_cache: Path) -> None:
    printed = run("code_switching.py", cache=own_cache)
    assert "rate 1.0: 9 of 22 words replaced" in printed
    assert "Banuu the faayilii and maxxansuu every fuula." in printed


def test_searcher_by_words(own_cache: Path, tmp_path: Path) -> None:
    scores = scores_of(run("searcher.py", cache=own_cache))
    assert scores["bm25"] == 0
    assert scores["lexicon-bm25"] > 0.9


@pytest.mark.slow
def test_searcher_with_a_model(tiny_teacher: Path, own_cache: Path, tmp_path: Path) -> None:
    scores = scores_of(run("searcher.py", tiny_teacher, tmp_path / "written", cache=own_cache))
    assert set(scores) == {"bm25", "lexicon-bm25", "model", "fusion"}
    assert scores["model"] > 0
    assert len(list((tmp_path / "written").glob("*.run"))) == 4


def scores_of(printed: str) -> dict[str, float]:
    """System → nDCG@10."""
    return {line.split(":")[0]: float(line.split()[-1]) for line in printed.splitlines()}
