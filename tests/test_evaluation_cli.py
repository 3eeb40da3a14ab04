from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from kivuko.cli.evaluate import evaluate
from kivuko.errors import InputError
from kivuko.evaluation.run import write_qrels, write_run

APP = typer.Typer()
APP.command()(evaluate)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    queries = [f"q{number}" for number in range(6)]
    write_qrels(tmp_path / "qrels.txt", {query: {"right": 1} for query in queries})
    write_run(tmp_path / "good.txt", {query: {"right": 2.0, "wrong": 1.0} for query in queries}, tag="good")
    write_run(tmp_path / "bad.txt", {query: {"right": 1.0, "wrong": 2.0} for query in queries[:4]}, tag="bad")
    return tmp_path


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(APP, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_table_shows_mean_interval_and_counts(files: Path) -> None:
    shown = invoke(files / "bad.txt", files / "qrels.txt", "--measure", "RR@10")
    assert "RR@10" in shown
    assert "AP" not in shown
    line = next(line for line in shown.splitlines() if "bad.txt" in line)
    assert "0.333 [" in line  # four queries at rank 2, two missing ones at 0
    assert re.split(r" {2,}", line)[2:] == ["6", "2", "0"]
    assert "│" not in shown  # plain text: nobody looks at a screen


def test_comparison_files_and_results(files: Path) -> None:
    shown = invoke(
        files / "good.txt", files / "qrels.txt", "--measure", "RR@10", "--against", files / "bad.txt",
        "--per-query", files / "values.tsv", "--output", files / "results",
    )  # fmt: skip
    assert "+0.667" in shown
    assert "0.03125" in shown  # 2 of 2⁶ sign assignments
    lines = (files / "values.tsv").read_text().splitlines()
    assert lines[0] == "query\tsystem\tmeasure\tvalue"
    assert "q5\tbad.txt\tRR@10\t0.0" in lines
    assert len(lines) == 1 + 2 * 6
    recorded = json.loads((files / "results" / "results.json").read_text())
    assert [(row["system"], row["mean"], row["n"]) for row in recorded["rows"]] == [
        ("good.txt", 1.0, 6),
        ("bad.txt", pytest.approx(1 / 3), 6),
    ]
    assert recorded["extra"]["Comparisons"][0]["p_holm"] == 0.03125


def test_queries_that_count_as_zero_or_nowhere_are_named(files: Path) -> None:
    run = {f"q{number}": {"right": 1.0} for number in range(1, 5)} | {"x": {"right": 1.0}}
    write_run(files / "run.txt", run, tag="t")
    with (files / "qrels.txt").open("a") as stream:
        stream.write("barren 0 wrong 0\n")
    shown = invoke(files / "run.txt", files / "qrels.txt", "--output", files / "results")
    assert "judged queries without a document in run.txt, scored 0: 3 of 7 (barren, q0, q5)" in shown
    assert "queries of run.txt without judgments, counted nowhere: 1 of 5 (x)" in shown
    assert "judged queries without a relevant document, 0 for any run: 1 of 7 (barren)" in shown
    assert "another collection" not in shown
    notes = json.loads((files / "results" / "results.json").read_text())["extra"]["Notes"]
    assert all(f"note: {note}" in shown for note in notes)
    assert len(notes) == 3


def test_qrels_of_another_collection_are_noticed(files: Path) -> None:
    write_run(files / "run.txt", {f"q{number}": {"b": 1.0, "a": 2.0} for number in range(6)}, tag="t")
    shown = invoke(files / "run.txt", files / "qrels.txt", "--measure", "RR@10")
    assert "no document of run.txt is judged: are these the qrels of another collection?" in shown
    assert "For query q0, found: a, b; judged: right" in shown
    assert "note:" not in invoke(files / "good.txt", files / "qrels.txt", "--measure", "RR@10")


def test_qrels_of_other_queries_are_an_error(files: Path) -> None:
    write_run(files / "run.txt", {"1": {"right": 1.0}}, tag="t")
    result = CliRunner().invoke(APP, [str(files / "run.txt"), str(files / "qrels.txt")])
    assert isinstance(result.exception, InputError)
    assert "1 queries in the run, such as 1; 6 in the qrels, such as q0, q1, q2" in str(result.exception)


def test_json_holds_scores_and_comparisons_and_nothing_beside(files: Path) -> None:
    words = (
        files / "good.txt",
        files / "qrels.txt",
        "--measure",
        "RR@10",
        "--against",
        files / "bad.txt",
        "--json",
    )
    found = json.loads(invoke(*words))
    assert [(row["system"], row["measure"]) for row in found["scores"]] == [
        ("good.txt", "RR@10"), ("bad.txt", "RR@10"),
    ]  # fmt: skip
    assert found["comparisons"][0]["p"] == pytest.approx(2 / 2**6)
    assert any("without a document in bad.txt" in note for note in found["notes"])


def test_a_relevance_level_is_scored_compared_and_what_cannot_be_reached_is_said(files: Path) -> None:
    write_qrels(files / "graded.txt", {f"q{number}": {"right": 1 + number % 2} for number in range(6)})
    measures = ["--measure", "RR(rel=2)@10", "--measure", "nDCG(dcg='exp-log2')@10"]
    shown = invoke(files / "good.txt", files / "graded.txt", *measures, "--against", files / "bad.txt")
    line = next(line for line in shown.splitlines() if line.startswith("good.txt"))
    assert re.split(r" {2,}", line)[1][:5] == "0.500"  # three of six queries have a document of grade 2
    assert "without a document of grade 2 or above, 0 for any run by rel=2: 3 of 6 (q0, q2, q4)" in shown
    assert re.search(r"^RR\(rel=2\)@10 +\+0\.333 ", shown, re.MULTILINE)
    given = [
        str(argument) for argument in (files / "good.txt", files / "graded.txt", "--measure", "AP(grade=2)")
    ]
    refused = CliRunner().invoke(APP, given)
    assert "rel=2 (relevant from grade 2 on" in str(refused.exception)
