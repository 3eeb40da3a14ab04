"""What the commands print with: a table for people on a terminal, plain text in a pipe, JSON for programs."""

import io
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console
from rich.progress import Progress

from kivuko.cli import demo, display
from kivuko.experiment.main_job import SYSTEMS
from kivuko.languages import resolve

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


def test_a_table_without_headings_has_no_line_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    display.print_table(("", ""), [("words", "3"), ("phrases", "12")])

    assert capsys.readouterr().out == "words     3\nphrases  12\n"


@pytest.mark.parametrize("text", ["a/[b]/c.tsv", "press [/b]", "[red]x[/red] :smile: 1,234", "long " * 100])
@pytest.mark.parametrize("interactive", [True, False])
def test_what_is_said_stays_as_it_is(
    text: str, interactive: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display, "console", Console(force_terminal=interactive, width=44))
    display.say(text)

    assert capsys.readouterr().out == f"{text}\n"


#: What rich would take for a style, the end of one that never began, a picture, and an escaped bracket.
MARKUP = ["run[1].run", "[red]x[/red]", "press [/b]", ":smile: :+1:", "back\\", "\\[b]"]


@pytest.mark.parametrize("text", MARKUP)
@pytest.mark.parametrize("interactive", [True, False])
def test_a_table_shows_names_titles_and_headings_as_they_are(
    text: str, interactive: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display, "console", Console(force_terminal=interactive, width=80))
    display.print_table((text, "n"), [(text, 1)], title=text)

    assert capsys.readouterr().out.count(text) == 3


@pytest.mark.parametrize("text", MARKUP)
@pytest.mark.parametrize("interactive", [True, False])
def test_styled_text_and_work_in_progress_are_shown_as_they_are(
    text: str, interactive: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display, "console", Console(force_terminal=interactive, width=80))
    display.say_styled("1. ", (text, "bold"), f" {text}")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert plain == f"1. {text} {text}\n"

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR" if interactive else "NO_COLOR", "1")
    with display.working(text):
        pass
    assert (text in capsys.readouterr().err) == interactive


@pytest.mark.parametrize("make", [display.bars, display.reading_bars])
def test_a_bar_is_one_line_of_80_columns(
    make: Callable[[], AbstractContextManager[Progress]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    long = "reading a-very-long-name-of-a-dump-pages-articles-multistream.xml.bz2 [/b]"
    with make() as progress:
        progress.add_task(long, total=12_345_678_901, completed=9_345_678_901, unit="bytes")
        progress.add_task(long, total=12_345_678, completed=9_345_678)
        progress.add_task("[short]", total=160, completed=3)
        screen = Console(width=80, file=io.StringIO())
        screen.print(progress.get_renderable())
    lines = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]

    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    for line, start, count in zip(
        lines, ("reading", "reading", "[short]"), (r"9\S+", r"9\S+", "3"), strict=True
    ):
        assert re.match(re.escape(start), line)
        assert re.search(rf" {count}( GB)?( of |/)[0-9.,]+( GB)? +0:00:0\d +[-:0-9]+$", line.rstrip()), line


def test_a_log_gets_a_line_on_what_takes_long(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    with display.bars() as progress:
        progress.get_time = lambda: now
        short, long = progress.add_task("short", total=10), progress.add_task("long [x]", total=100)
        for step in range(100):
            now += 1.0
            progress.advance(long)
            progress.update(short, completed=min(10, step))
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r", \d+ s to go", "", line) for line in lines] == [
        "long [x]: 30 of 100, 30 s",
        "long [x]: 60 of 100, 60 s",
        "long [x]: 90 of 100, 90 s",
        "long [x]: 100 of 100, 100 s",
    ]
    assert "to go" in lines[0]


def test_the_demo_s_table_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display, "console", Console(force_terminal=True, width=80))
    queries = [f"q{number}" for number in range(200)]
    # Nearly all are found: the widest cells.
    found = {query: {"right" if number else "wrong": 1.0} for number, query in enumerate(queries)}
    job = SimpleNamespace(
        qrels=lambda: {query: {"right": 1} for query in queries},
        run=lambda system: found,
        systems=lambda: list(SYSTEMS),
        language=resolve("om"),
        collection=SimpleNamespace(documents=[None] * 2000),
    )
    demo._show_scores(cast(Any, job))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    # A row each: nothing is folded, and no column left out.
    for meaning in SYSTEMS.values():
        row = next(line for line in shown if line.strip().startswith(meaning + " "))
        assert row.count("0.995 [.98, 1.00]") == len(demo.MEASURES), row
    assert max(map(len, shown[: len(SYSTEMS) + 4])) <= 80


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "console", Console(force_terminal=True, width=40))


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
