"""``kivuko data clean`` from a file of pairs to the cleaned one and its report."""

from __future__ import annotations

import bz2
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kivuko.cli.main import app
from kivuko.errors import InputError, KivukoError, UnknownNameError
from kivuko.readers.bitext import read_pairs

TEXTS = [
    ("Open the file", "Faayilii bani"),
    ("Close  the file", "Faayilii cufi"),
    ("Open the file!", "faayilii bani"),
    ("Open", "open"),
    ("Page 24", "Fuula 25"),
    ("Delete %s", "Haqi"),
    ("12", "12"),
]
NO_LANGUAGES = "empty,identical,placeholders,numbers,near-duplicate"


@pytest.fixture
def pairs_file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{english}\t{foreign}\n" for english, foreign in TEXTS), encoding="utf-8")
    return path


def clean(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", "clean", *map(str, arguments)], env={"COLUMNS": "200"})


def test_pairs_are_cleaned_counted_and_reported(pairs_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "clean.tsv"
    done = clean(pairs_file, "--language", "om", "--output", output, "--filters", NO_LANGUAGES)
    assert done.exit_code == 0, done.output
    assert (
        output.read_text(encoding="utf-8") == "Open the file\tFaayilii bani\nClose the file\tFaayilii cufi\n"
    )
    table = done.stdout.splitlines()[1:10]
    assert [re.split(r"\s{2,}", line.strip()) for line in table] == [
        ["step", "what for", "pairs", "not checked"],
        ["before", "7"],
        ["normalise", "changed", "1"],
        ["empty", "empty, or without words", "−1"],
        ["identical", "identical to the English", "−1"],
        ["placeholders", "placeholders disagree", "−1"],
        ["numbers", "numbers disagree", "−1"],
        ["near-duplicate", "near-duplicate", "−1"],
        ["after", "2"],
    ]
    assert "pairs.tsv:5  Page 24 ‖ Fuula 25" in done.stdout
    assert "pairs.tsv:2  Close  the file" not in done.stdout.replace("Close the file", "")
    report = json.loads((tmp_path / "new" / "clean.report.json").read_text(encoding="utf-8"))
    assert (report["language"], report["before"], report["after"]) == ("orm-Latn", 7, 2)
    assert sum(report["dropped"].values()) == 5
    numbers = next(step for step in report["steps"] if step["name"] == "numbers")
    assert numbers == {
        "name": "numbers",
        "seen": 4,
        "threshold": None,
        "reason": "numbers disagree",
        "dropped": 1,
        "sides_not_checked": 0,
        "samples": [{"id": "pairs.tsv:5", "before": ["Page 24", "Fuula 25"], "after": None}],
    }
    assert sorted(path.name for path in output.parent.iterdir()) == ["clean.report.json", "clean.tsv"]


def test_the_usual_filters_read_a_compressed_file_with_scores(tmp_path: Path) -> None:
    pytest.importorskip("pycld2")
    lines = [
        "1.2\tClick here to open all of your files\tFaayiloota hunda banuuf asitti cuqaasi\n",
        "1.1\tThe printer has no more paper\tClick here to open all of your files\n",
        "0.9\tClose the file\tFaayilii cufi\n",
    ]
    source = tmp_path / "mined.tsv.bz2"
    source.write_bytes(bz2.compress("".join(lines).encode()))
    output = tmp_path / "clean.tsv"
    done = clean(source, "--language", "Oromo", "--output", output, "--lowest-score", "1", "--samples", "0")
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "clean.report.json").read_text(encoding="utf-8"))
    assert report["dropped"] == {"not identified as Oromo": 1, "score below 1": 1}
    assert re.search(r"reading +score below 1 +−1", done.stdout)
    assert all(step["samples"] == [] for step in report["steps"])
    pairs, drops = read_pairs(output, "om")
    assert [pair.foreign for pair in pairs] == ["Faayiloota hunda banuuf asitti cuqaasi"]
    assert drops.dropped == 0


def test_what_is_written_is_read_back_the_right_way_round_whatever_the_name(
    pairs_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "clean.om-en.tsv"
    assert clean(pairs_file, "--language", "om", "--output", output, "--filters", NO_LANGUAGES).exit_code == 0
    assert output.read_text(encoding="utf-8").startswith("Faayilii bani\tOpen the file\n")
    assert read_pairs(output, "om")[0][0].english == "Open the file"


def failure(*arguments: object) -> KivukoError:
    done = clean(*arguments)
    assert isinstance(done.exception, KivukoError), done.output
    return done.exception


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("pairs.tsv", "replace themselves"),
        ("clean.txt", "ends in .tsv"),
        ("clean.tsv.gz", "ends in .tsv"),
        ("clean.en-sw.tsv", "English and Oromo"),
    ],
)
def test_an_output_that_cannot_be(pairs_file: Path, tmp_path: Path, output: str, said: str) -> None:
    error = failure(pairs_file, "--language", "om", "--output", tmp_path / output, "--filters", "empty")
    assert isinstance(error, InputError)
    assert said in str(error)
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.tsv"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Open\tBani\nClose\n", "pairs.tsv:2"),
        (b"Open\tBani\nCaf\xe9\tKaffee\n", "not in UTF-8"),
    ],
)
def test_a_damaged_file_leaves_the_former_output(tmp_path: Path, content: bytes, said: str) -> None:
    source, output = tmp_path / "pairs.tsv", tmp_path / "clean.tsv"
    source.write_bytes(content)
    output.write_text("as before\n", encoding="utf-8")
    assert said in str(failure(source, "--language", "om", "--output", output, "--filters", "empty"))
    assert output.read_text(encoding="utf-8") == "as before\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clean.tsv", "pairs.tsv"]


def test_unknown_names(pairs_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "clean.tsv"
    assert isinstance(failure(pairs_file, "--language", "Oromoo", "--output", output), UnknownNameError)
    error = failure(pairs_file, "--language", "om", "--output", output, "--filters", "numbrs")
    assert "did you mean" in str(error)
    assert not output.exists()
