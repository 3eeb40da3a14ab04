"""Long reads that were killed at any part end as if they had not been: each verb, and the mechanism itself."""

from __future__ import annotations

import io
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Progress
from typer.testing import CliRunner

from kivuko.artifact import try_exclusive
from kivuko.benchmarks.importing import import_collection
from kivuko.cli.display import Done
from kivuko.cli.main import app
from kivuko.collections import writing
from kivuko.errors import ArtifactError, InputError, StorageError
from kivuko.files.resumable import INPUTS, Unfinished, unfinished
from kivuko.languages import resolve
from kivuko.readers import wiktextract
from kivuko.readers.running_text import TextFilter
from test_lexicon_formats import ENTRIES, jsonl

OROMO, SWAHILI, ENGLISH = resolve("om"), resolve("sw"), resolve("en")
Make = Callable[[Path], object]
NEVER = 10**9


@pytest.fixture(autouse=True)
def _hasty_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk a thousand times would take most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


class KilledError(Exception):
    """What stands for a kill."""


@contextmanager
def dying_at_call(owner: Any, name: str, number: int) -> Iterator[list[int]]:
    real, calls = getattr(owner, name), [0]

    def dying(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            raise KilledError
        return real(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, dying)
        yield calls


def tree(folder: Path) -> dict[str, bytes]:
    """All files, but for the locks of folders that exist."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def check_every_kill(tmp_path: Path, make: Make, *, parts: int) -> None:
    """Kill before every move of a file to its place; the result is the same, and no finished part is made again."""
    made: list[str] = []
    real = Unfinished.part

    def noted(work: Unfinished, name: str, make: Callable[[], Iterable[Any]]) -> Iterator[Any]:
        def noting() -> Iterator[Any]:
            made.append(name)
            yield from make()

        return real(work, name, noting)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Unfinished, "part", noted)
        (tmp_path / "whole").mkdir()
        make(tmp_path / "whole")
        in_all, whole = list(made), tree(tmp_path / "whole")
        assert len(in_all) == parts
        for call in itertools.count(1):
            folder = tmp_path / f"killed-{call}"
            folder.mkdir()
            with dying_at_call(os, "replace", call) as calls, suppress(KilledError):
                make(folder)
            if calls[0] < call:
                break
            left = list(folder.glob(".*.importing/parts/[!.]*"))
            made.clear()
            make(folder)
            assert tree(folder) == whole
            assert sorted(made) == sorted(set(in_all) - {file.name for file in left})
        # A move for each part, one for what they were made from, and the output's own.
        assert call > parts + 2


# ---- readers ------------------------------------------------------------------------------------------------------


def test_a_test_collection(tmp_path: Path) -> None:
    source = tmp_path / "beir"
    (source / "qrels").mkdir(parents=True)
    documents = [{"_id": f"d{number}", "title": "T", "text": f"tekstii {number}"} for number in range(9)]
    documents[2]["text"] = documents[2]["title"] = " "
    documents[6]["text"] = "\ud83d"
    (source / "corpus.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
    jsonl(source / "queries.jsonl", {"_id": "q", "text": "gaaffii"}, {"_id": "r", "text": ""})
    rows = "query-id\tcorpus-id\tscore\nq\td0\t1\nq\td2\t2\nq\td8\t2\nq\tghost\t1\n"
    (source / "qrels" / "test.tsv").write_text(rows)

    def make(folder: Path) -> object:
        return import_collection(str(source), folder / "out", query_language=OROMO, document_language=ENGLISH)

    check_every_kill(tmp_path, make, parts=1)
    with dying_at_call(writing, "_usable_queries", 1), pytest.raises(KilledError):
        make(tmp_path)
    # Files that changed between the two runs would give a mixture.
    os.utime(source / "corpus.jsonl", ns=(1, 1))
    with pytest.raises(ArtifactError, match=r"changed: sources[\s\S]*remove .*\.out\.importing"):
        make(tmp_path)


def test_an_entry_without_the_language_is_not_parsed(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "kaikki.jsonl", *ENTRIES)
    with source.open("a") as stream:
        stream.write('{"lang_code": "la", no JSON at all}\n')
    found = wiktextract.read_wiktextract(source, OROMO)
    assert found.drops.reasons[wiktextract.ELSEWHERE] == 3


# ---- the mechanism ------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    sources=st.lists(st.lists(st.text(max_size=3), max_size=4), max_size=4),
    kills=st.lists(st.integers(1, 9), max_size=4),
)
def test_any_items_survive_any_kills(
    tmp_path_factory: pytest.TempPathFactory, sources: list[list[str]], kills: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    left = 0

    def made(texts: list[str]) -> Iterator[tuple[str, int]]:
        nonlocal left
        for text in texts:
            left -= 1
            if left == 0:
                raise KilledError
            yield text, len(text)

    def run() -> list[Any]:
        with unfinished(folder / "out", {}, []) as work:
            return [
                list(work.part(str(number), partial(made, texts))) for number, texts in enumerate(sources)
            ]

    for killed_at in kills:
        left = killed_at
        with suppress(KilledError):
            run()
    left = 0
    assert run() == [[[text, len(text)] for text in texts] for texts in sources]
    assert not (folder / ".out.importing").exists()


def test_a_finished_part_is_not_made_again_and_a_begun_one_is(tmp_path: Path) -> None:
    made: list[str] = []

    def make(name: str) -> Iterator[int]:
        made.append(name)
        yield from range(3)

    with unfinished(tmp_path / "out", {}, []) as work:
        begun = work.part("a", lambda: make("a"))
        assert next(begun) == 0
        assert list(work.part("a", lambda: make("a"))) == list(work.part("a", lambda: make("a"))) == [0, 1, 2]
        begun.close()
        assert work.finished == ["a"]
        assert next(work.part("b", lambda: make("b"))) == 0
        assert work.finished == ["a"]
    assert made == ["a", "a", "b"]


def interrupted(tmp_path: Path, recipe: dict[str, Any]) -> Path:
    with suppress(KilledError), unfinished(tmp_path / "out", recipe, []) as work:
        assert list(work.part("rows", lambda: range(9))) == list(range(9))
        raise KilledError
    return tmp_path / ".out.importing"


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    folder = interrupted(tmp_path, {"language": "om", "seed": 1})
    with (
        pytest.raises(ArtifactError, match=r"changed: language[\s\S]*remove "),
        unfinished(tmp_path / "out", {"language": "sw", "seed": 1}, []),
    ):
        pass
    assert (folder / INPUTS).exists()


def test_it_says_what_it_goes_on_with_and_removes_what_was_begun(tmp_path: Path) -> None:
    folder = interrupted(tmp_path, {})
    (folder / "parts" / ".columns.x1y2").write_text("half")
    shown = io.StringIO()
    progress = Progress(console=Console(file=shown))
    with unfinished(tmp_path / "out", {}, [], progress) as work:
        assert [file.name for file in (folder / "parts").iterdir()] == ["rows"]
        for _ in range(2):
            assert list(work.part("rows", lambda: [])) == list(range(9))
        for _ in range(2):
            assert list(work.part("columns", lambda: [1])) == [1]
    assert shown.getvalue() == "going on with rows of an interrupted run\n"


def test_the_folder_goes_with_an_error_in_the_source_and_stays_with_others(tmp_path: Path) -> None:
    folder = interrupted(tmp_path, {})
    with pytest.raises(StorageError), unfinished(tmp_path / "out", {}, []):
        raise StorageError("full")
    assert folder.exists()
    with pytest.raises(InputError), unfinished(tmp_path / "out", {}, []):
        raise InputError("damaged line")
    assert not folder.exists()
    with suppress(KilledError), unfinished(tmp_path / "out", {}, []) as work:
        next(work.part("rows", lambda: range(9)))
        raise KilledError  # before a part was finished
    assert not folder.exists()


def test_two_processes_do_not_write_one_output(tmp_path: Path) -> None:
    with (
        try_exclusive(tmp_path / ".out.importing" / "run"),
        pytest.raises(ArtifactError, match="another process"),
        unfinished(tmp_path / "out", {}, []),
    ):
        pass


def test_the_verbs_go_on(tmp_path: Path) -> None:
    source = tmp_path / "corpus"
    source.mkdir()
    for name in ("a", "b"):
        text = f"aduun barii keessa ifa guddaa {name} qabdi\n"
        (source / f"{name}.txt").write_text(text)
    arguments = ["data", "import-text", str(source), "--language", "om", "--no-identify"]
    arguments += ["--output", str(tmp_path / "out")]
    with dying_at_call(TextFilter, "judge", 2):
        assert isinstance(CliRunner().invoke(app, arguments).exception, KilledError)
    with dying_at_call(TextFilter, "judge", NEVER) as judged:
        done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "going on with texts-of-file-00000" in done.stderr
    assert judged[0] == 1
    assert len((tmp_path / "out" / "texts-00000.jsonl").read_text().splitlines()) == 2


def test_bars_say_how_much_of_how_much() -> None:
    progress = Progress()
    progress.add_task("bytes", total=2_000_000, completed=1_000_000, unit="bytes")
    progress.add_task("documents", total=None, completed=1234)
    shown = [Done().render(task).plain for task in progress.tasks]
    assert shown == ["1.0 MB of 2.0 MB", "1,234"]
