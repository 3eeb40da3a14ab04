from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

from kivuko.cli import display
from kivuko.cli.compare import command
from kivuko.errors import InputError, KivukoError, UnknownNameError
from kivuko.evaluation.run import write_qrels, write_run

APP = typer.Typer()
APP.command()(command)
QUERIES = 40


def make_run(name: str, language: str, quality: float) -> dict[str, dict[str, float]]:
    """Ten documents a query, the relevant one first with this probability."""
    generator = random.Random(f"{name} {language}")
    run = {}
    for number in range(QUERIES):
        documents = [f"d{number}-{rank}" for rank in range(1, 10)]
        documents.insert(0 if generator.random() < quality else generator.randint(1, 9), f"d{number}-0")
        run[f"q{number}"] = {document: -float(rank) for rank, document in enumerate(documents)}
    return run


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Runs as files (``bm25.run``) and as folders (``many/bm25``), with qrels of both kinds."""
    qualities = {"bm25": 0.2, "student.seed1": 0.7, "student.seed2": 0.8, "twin": 0.22}
    for name, quality in qualities.items():
        write_run(tmp_path / f"{name}.run", make_run(name, "om", quality), tag=name)
        (tmp_path / "many" / name).mkdir(parents=True)
        for language in ("om", "eus"):
            write_run(tmp_path / f"many/{name}/{language}.run", make_run(name, language, quality), tag=name)
    qrels = {f"q{number}": {f"d{number}-0": 1} for number in range(QUERIES)}
    (tmp_path / "qrels").mkdir()
    for path in ("qrels.txt", "qrels/orm-Latn.qrels", "qrels/eu.qrels"):
        write_qrels(tmp_path / path, qrels)
    return tmp_path


def call(*arguments: object) -> Result:
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(
        APP, [*words, "--permutations", "2000", "--resamples", "200"], env={"COLUMNS": "200"}
    )


def error(*arguments: object) -> KivukoError:
    found = call(*arguments).exception
    assert isinstance(found, KivukoError), found
    return found


def line(shown: str, start: str, number: int = 0) -> list[str]:
    """The cells of the table row whose first cell is ``start``."""
    rows = [re.split(r" {2,}", row.strip()) for row in shown.splitlines()]
    return [row for row in rows if row[0] == start][number]


def test_a_narrow_screen_goes_without_columns_and_says_so(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "console", Console(force_terminal=True, color_system=None, width=80))
    arguments = [*map(str, sorted(files.glob("*.run"))), "--qrels", str(files / "qrels.txt")]
    shown = CliRunner().invoke(APP, [*arguments, "--permutations", "2000"]).output
    assert "(too narrow for needs, can show" in shown
    assert "p (Holm)" in shown
    assert "…" not in shown.split("Two-sided")[0]


def test_json_holds_every_difference_and_nothing_beside(files: Path) -> None:
    words = [*map(str, sorted(files.glob("*.run"))), "--qrels", str(files / "qrels.txt"), "--json"]
    found = json.loads(CliRunner().invoke(APP, [*words, "--permutations", "50"]).stdout)
    assert {row["kind"] for row in found["rows"]} == {"score", "difference"}
    assert found["settings"]["permutations"] == 50
    assert any("too few for 12 comparisons" in note for note in found["notes"])


def test_runs_of_one_language(files: Path) -> None:
    runs = sorted(files.glob("*.run"))
    result = call(*runs, "--qrels", files / "qrels.txt", "--measure", "RR@10", "--output", files / "out")
    assert result.exit_code == 0, result.output
    assert line(result.output, "student b")[1].endswith("ac")
    assert "±" in line(result.output, "student b")[1]
    assert line(result.output, "bm25 − student")[-1] == "worse"
    assert line(result.output, "bm25 − twin")[-1] == "inconclusive"
    assert "bm25 − twin, RR@10: 40 queries can show" in result.output
    assert "all 3 comparisons (3 pairs × 1 measure)" in result.output
    rows = json.loads((files / "out/results.json").read_text())["rows"]
    scores = {row["system"]: row for row in rows if row["kind"] == "score"}
    assert (scores["student"]["seeds"], scores["bm25"]["seed_deviation"]) == (2, None)
    assert [row["n"] for row in rows if row["kind"] == "difference"] == [QUERIES] * 3
    for name, part in (
        ("README.md", "## Differences"),
        ("comparison.md", "| bm25 − twin |"),
        ("comparison.tex", "toprule"),
    ):
        assert part in (files / "out" / name).read_text(encoding="utf-8")


def test_languages_in_folders_with_a_baseline_that_is_not_among_the_runs(files: Path) -> None:
    runs = [files / "many" / name for name in ("student.seed1", "student.seed2", "twin")]
    result = call(*runs, "--qrels", files / "qrels", "--baseline", files / "many/bm25", "--measure", "RR@10")
    assert result.exit_code == 0, result.output
    assert "2 pairs × 1 measure × 2 languages and all of them" in result.output
    assert [line(result.output, "student − bm25", number)[-1] for number in range(3)] == ["better"] * 3
    assert line(result.output, "student − bm25")[4] == str(2 * QUERIES)  # pooled stands first
    assert re.search("eus-Latn +orm-Latn +all languages", result.output)


def test_a_baseline_may_be_named(files: Path) -> None:
    runs = sorted(files.glob("*.run"))
    for name in ("bm25", files / "bm25.run"):
        result = call(*runs, "--qrels", files / "qrels.txt", "--measure", "RR@10", "--baseline", name)
        assert result.exit_code == 0, result.output
        assert line(result.output, "student − bm25")[-1] == "better"
    assert isinstance(error(*runs, "--qrels", files / "qrels.txt", "--baseline", "bm52"), UnknownNameError)


def test_what_counts_as_0_or_nowhere_is_said(files: Path) -> None:
    run = make_run("bm25", "om", 0.2)
    write_run(files / "short.run", {"q0": run["q0"], "stray": {"d": 1.0}}, tag="t")
    write_run(files / "strange.run", {"q1": {"x": 1.0}}, tag="t")
    result = call(
        files / "short.run", files / "strange.run", "--qrels", files / "qrels.txt", "--measure", "AP"
    )
    assert (
        "short: judged queries without a document, scored 0: 39 (short.run: q1, q10, q11, …)" in result.output
    )
    assert "short: queries without judgments, counted nowhere: 1 (short.run: stray)" in result.output
    assert "strange: no document found is judged; qrels of another collection?" in result.output


def test_a_language_that_a_run_lacks_is_refused_until_it_is_left_out(files: Path) -> None:
    runs = [files / "many/bm25", files / "many/twin"]
    (files / "many/twin/eus.run").unlink()
    found = error(*runs, "--qrels", files / "qrels")
    assert (found.where, found.got) == (runs[1], "none for eus-Latn")
    result = call(*runs, "--qrels", files / "qrels", "--language", "Oromo", "--measure", "AP")
    assert result.exit_code == 0, result.output
    assert "all 1 comparison (1 pair × 1 measure)" in result.output
    assert isinstance(error(*runs, "--qrels", files / "qrels", "--language", "sw"), UnknownNameError)
    assert isinstance(error(*runs, "--qrels", files / "bm25.run", "--language", "om"), InputError)


def test_a_run_in_a_language_without_qrels_is_left_out_aloud(files: Path) -> None:
    (files / "qrels/eu.qrels").unlink()
    result = call(files / "many/bm25", files / "many/twin", "--qrels", files / "qrels", "--measure", "AP")
    assert "note: languages of twin without qrels, not compared: eus-Latn" in result.output


def test_files_and_folders_do_not_mix(files: Path) -> None:
    assert "both be folders" in error(files / "bm25.run", files / "twin.run", "--qrels", files / "qrels").what
    assert (
        "both be folders"
        in error(files / "many/bm25", files / "twin.run", "--qrels", files / "qrels.txt").what
    )
    (files / "qrels/notes.qrels").write_text("q 0 d 1\n")
    assert "not named after a language" in error(files / "many/bm25", "--qrels", files / "qrels").what
    (files / "qrels/notes.qrels").rename(files / "qrels/om.qrels")
    assert "two files are one language's" in error(files / "many/bm25", "--qrels", files / "qrels").what
    (files / "empty").mkdir()
    assert "without languages" in error(files / "many/bm25", "--qrels", files / "empty").what


def test_permutations_too_few_for_the_family_are_said(files: Path) -> None:
    words = [*map(str, sorted(files.glob("*.run"))), "--qrels", str(files / "qrels.txt"), "--permutations"]
    shown = {count: CliRunner().invoke(APP, [*words, count]).output for count in ("50", "240")}
    assert "50 permutations are too few for 12 comparisons" in shown["50"]
    assert "1/51, is not below 0.05 / 12; give --permutations 240 or more" in shown["50"]
    assert "too few for" not in shown["240"]
