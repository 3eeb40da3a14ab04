"""What the commands print with: a table for people on a terminal, plain text in a pipe, JSON for programs."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from kivuko.cli import display

COLUMNS = ("system", "nDCG@10", "n")
ROWS = [("a system [new]", "0.512 [0.490, 0.533]", 150), ("b", None, 9)]


def test_a_piped_table_is_aligned_plain_text_of_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    display.print_table(COLUMNS, ROWS, title="scores")

    assert capsys.readouterr().out.splitlines() == [
        "scores",
        "system                       nDCG@10    n",
        "a system [new]  0.512 [0.490, 0.533]  150",
        "b                                  –    9",
    ]


def test_a_piped_table_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    display.print_table(("text",), [("long " * 100,)])

    assert ("long " * 100).strip() in capsys.readouterr().out


def test_wide_letters_keep_the_columns_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    display.print_table(("word", "means"), [("文件", "file"), ("abcd", "x")])

    assert capsys.readouterr().out.splitlines()[1:] == ["文件  file", "abcd  x"]


def test_an_empty_table_has_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    display.print_table(COLUMNS, [])

    assert capsys.readouterr().out == "system  nDCG@10  n\n"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "console", Console(force_terminal=True, width=44))


@pytest.mark.usefixtures("terminal")
def test_a_narrow_terminal_goes_without_spare_columns_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    display.print_table(COLUMNS, ROWS, spare=("n", "system"))

    shown = capsys.readouterr().out
    assert "─" in shown
    assert "a system [new]" in shown
    assert "150" not in shown
    assert "too narrow for n)" in shown


@dataclass(frozen=True)
class _Row:
    name: str
    where: Path


def test_json_holds_dataclasses_and_paths_and_nothing_beside(capsys: pytest.CaptureFixture[str]) -> None:
    display.print_json({"rows": [_Row("é", Path("a/b"))], "pair": (1, 0.5)})

    printed = capsys.readouterr().out
    assert json.loads(printed) == {"rows": [{"name": "é", "where": "a/b"}], "pair": [1, 0.5]}
    assert "é" in printed


@pytest.mark.parametrize(("value", "error"), [(float("nan"), ValueError), (object(), TypeError)])
def test_json_refuses_what_it_has_no_form_for(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        display.print_json([value])
