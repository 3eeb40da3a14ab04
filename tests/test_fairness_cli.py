from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from kivuko.cli.evaluate import fairness
from kivuko.errors import InputError
from kivuko.evaluation.document_languages import read_document_languages
from kivuko.evaluation.run import write_qrels, write_run

APP = typer.Typer()
APP.command()(fairness)
TABLE = "".join(f"{letter}{n}\t{tag}\n" for letter, tag in (("e", "en"), ("s", "swa")) for n in range(4))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Segregated, judged at two levels, and one query that the run does not have."""
    write_run(
        tmp_path / "mlir.run",
        {"q1": {"e0": 6.0, "e1": 5.0, "e2": 4.0, "s0": 3.0, "s1": 2.0, "s2": 1.0}, "extra": {"e0": 1.0}},
        tag="t",
    )
    grades = dict.fromkeys(["e0", "e1", "e2", "s0", "s1", "s2"], 1)
    write_qrels(tmp_path / "qrels.txt", {"q1": grades, "q2": {"e3": 3, "s3": 3}})
    (tmp_path / "languages.tsv").write_text(TABLE)
    return tmp_path


def call(files: Path, *options: object) -> Result:
    arguments = [
        files / "mlir.run",
        files / "qrels.txt",
        "--document-languages",
        files / "languages.tsv",
        *options,
    ]
    return CliRunner().invoke(APP, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def line(shown: str, start: str) -> list[str]:
    """The cells of the table row whose first cell is ``start``."""
    rows = [re.split(r" {2,}", row.strip()) for row in shown.splitlines()]
    return next(row for row in rows if row[0] == start)


def test_tables_show_peer_shares_shifts_and_what_was_not_counted(files: Path) -> None:
    result = call(files)
    assert result.exit_code == 0, result.output
    shown = result.output
    assert "PEER@20 of mlir.run" in shown
    assert line(shown, "all") == ["all", "1.000", "0.525", "2"]  # (.0495 + 1) / 2
    assert line(shown, "all, tested queries") == ["all, tested queries", "–", "0.050", "1"]
    assert line(shown, "1") == ["1", "0.500", "0.050", "1"]
    assert line(shown, "3") == ["3", "0.500", "1.000", "1"]
    # q2 has no list: its shift is 0 and halves the −1.5 of q1.
    assert line(shown, "eng-Latn") == ["eng-Latn", "0.500", "0.500", "+0.000", "1.000", "-0.750", "2"]
    assert line(shown, "swa-Latn") == ["swa-Latn", "0.500", "0.500", "+0.000", "1.000", "+0.750", "2"]
    assert line(shown, "without documents") == ["without documents", "1"]
    assert line(shown, "not judged") == ["not judged", "1"]


def test_a_relevance_level_leaves_lower_grades_out(files: Path) -> None:
    result = call(files, "--rel", 2)
    assert result.exit_code == 0, result.output
    assert "PEER(rel=2)@20 of mlir.run" in result.output
    assert line(result.output, "3") == ["3", "1.000", "1.000", "1"]
    # Of q1 nothing is of grade 3; of q2, without a list, all tie.
    assert line(result.output, "swa-Latn")[-2:] == ["+0.000", "1"]


def test_cutoff_and_levels_are_used_and_results_written(files: Path) -> None:
    result = call(files, "--k", 3, "--levels", "1=1", "--output", files / "results")
    assert result.exit_code == 0, result.output
    assert line(result.output, "eng-Latn")[1:4] == ["1.000", "0.500", "+0.500"]
    recorded = json.loads((files / "results" / "results.json").read_text())
    assert [(row["measure"], row["level"], row["queries"]) for row in recorded["rows"]] == [
        ("PEER@3", "all", 1),
        ("PEER@3", "all, tested queries", 1),
        ("PEER@3", 1, 1),
    ]
    english = recorded["extra"]["By language"][0]
    assert (english["language"], english["share of top 3"], english["ratio"]) == ("eng-Latn", 1.0, 2.0)
    assert recorded["extra"]["Queries"]["without a judged document of a weighted level (no PEER)"] == 1
    assert "## By language" in (files / "results" / "README.md").read_text()


def test_an_empty_run_is_shown_as_untested(files: Path) -> None:
    (files / "mlir.run").write_text("")
    result = call(files, "--output", files / "results")
    assert result.exit_code == 0, result.output
    assert line(result.output, "all, tested queries") == ["all, tested queries", "–", "–", "0"]
    assert line(result.output, "eng-Latn") == ["eng-Latn", "–", "–", "–", "–", "+0.000", "2"]


@pytest.mark.parametrize("levels", ["1", "1=a", "1=0.5,1=0.5", "x=1", "", "1=0.4", "2=1"])
def test_wrong_levels_are_refused(files: Path, levels: str) -> None:
    error = call(files, "--levels", levels).exception
    assert isinstance(error, InputError)
    assert "level" in str(error)


def test_documents_without_language_are_counted_with_the_remedy(files: Path) -> None:
    (files / "languages.tsv").write_text(TABLE.replace("s1\tswa\n", "").replace("s2\tswa\n", ""))
    error = call(files).exception
    assert isinstance(error, InputError)
    assert "none for 2 of 8, such as s1, s2" in str(error)
    assert "remedy" in str(error)


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("e0\ten\ne1 en\n", ":2", "wrong number of columns"),
        ("e0\ten\tx\n", ":1", "wrong number of columns"),
        ("e0\ten\n\ne1\ten\n", ":2", "wrong number of columns"),
        ("e0\ten\ns0\tsw\ne0\ten\n", ":3", "occurs twice"),
        ("e0\ten\ns0\tklingon\n", ":2", "unknown language 'klingon'"),
        ("e0\t\n", ":1", "unknown language ''"),
        ("\ten\n", ":1", "empty or holds white space"),
        ("e 0\ten\n", ":1", "empty or holds white space"),
        ("", "languages.tsv", "holds no document"),
        ("e0\ten\n\xff\xfe\n", ":2", "not in UTF-8"),
    ],
)
def test_tables_that_are_wrong_are_refused_by_line(
    tmp_path: Path, text: str, where: str, message: str
) -> None:
    path = tmp_path / "languages.tsv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message) as caught:
        read_document_languages(path)
    assert str(caught.value.where).endswith(where)


def test_one_language_has_one_tag_however_it_is_spelled(tmp_path: Path) -> None:
    path = tmp_path / "languages.tsv"
    path.write_bytes("\ufeffa\ten\r\nb\teng-Latn\r\nc\tEnglish\r\nd\tzh-TW\r\n".encode())
    assert read_document_languages(path) == {
        "a": "eng-Latn", "b": "eng-Latn", "c": "eng-Latn", "d": "zho-Hant",
    }  # fmt: skip
    with pytest.raises(InputError, match="no such file"):
        read_document_languages(tmp_path / "absent.tsv")


def test_json_holds_what_the_tables_show(files: Path) -> None:
    found = json.loads(call(files, "--json").stdout)
    assert [row["level"] for row in found["scores"]][:2] == ["all", "all, tested queries"]
    assert "eng-Latn" in {row["language"] for row in found["languages"]}
    assert found["queries"]["judged queries"] > 0
