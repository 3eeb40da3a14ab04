"""Long reads that were killed at any record end as if they had not been: each reader, and the mechanism itself."""

from __future__ import annotations

import io
import itertools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
from kivuko.cleaning.chain import FilterChain, named_steps
from kivuko.cli.display import Done
from kivuko.cli.lexicon import imported
from kivuko.cli.main import app
from kivuko.data.sieve import Sieved, computed
from kivuko.errors import ArtifactError, InputError, StorageError
from kivuko.files import resumable as mechanism
from kivuko.files.resumable import STATE, Unfinished, unfinished
from kivuko.languages import resolve
from kivuko.readers import wiktextract
from kivuko.readers.cleaned_bitext import clean_file
from test_lexicon_formats import ENTRIES, jsonl, panlex_csv

OROMO, ENGLISH = resolve("om"), resolve("en")
Make = Callable[[Path], object]
NEVER = 10**9


@pytest.fixture(autouse=True)
def _hasty_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk a thousand times would take most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


class KilledError(Exception):
    """What stands for a kill."""


@contextmanager
def saving(every: int, *, killed_at: int = NEVER) -> Iterator[list[int]]:
    """Save after every so many records, and die at one; yields how many there were."""
    calls = [0]

    def due(_: Unfinished) -> bool:
        calls[0] += 1
        if calls[0] == killed_at:
            raise KilledError
        return calls[0] % every == 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Unfinished, "is_due", property(due))
        yield calls


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


def check_every_kill(tmp_path: Path, make: Make, *, records: int) -> None:
    """Kill at every record, with savings often, seldom and never, and at every saving; the result is the same."""
    (tmp_path / "whole").mkdir()
    with saving(NEVER) as calls:
        make(tmp_path / "whole")
    assert calls[0] == records
    whole = tree(tmp_path / "whole")
    for every in (1, 3, NEVER):
        for killed_at in range(1, records + 1):
            folder = tmp_path / f"{every}-{killed_at}"
            folder.mkdir()
            with saving(every, killed_at=killed_at), pytest.raises(KilledError):
                make(folder)
            with saving(NEVER) as calls:
                make(folder)
            # Of the records that were saved, or whose part had ended, none was looked at again.
            left = records - (killed_at - 1) // every * every
            assert calls[0] == left if every == 1 else calls[0] <= left
            assert tree(folder) == whole
    for call in itertools.count(1):
        folder = tmp_path / f"saving-{call}"
        folder.mkdir()
        with saving(2), dying_at_call(mechanism, "write_atomically", call) as savings, suppress(KilledError):
            make(folder)
        if savings[0] < call:
            break
        make(folder)
        assert tree(folder) == whole


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

    check_every_kill(tmp_path, make, records=9)
    with saving(1, killed_at=4), pytest.raises(KilledError):
        make(tmp_path)
    # Files that changed between the two runs would give a mixture.
    os.utime(source / "corpus.jsonl", ns=(1, 1))
    with pytest.raises(ArtifactError, match=r"changed: sources[\s\S]*remove .*\.out\.importing"):
        make(tmp_path)


def test_cleaned_bitext(tmp_path: Path) -> None:
    pairs = [(f"Open file number {number}", f"Faayilii lakkoofsa {number} bani") for number in range(5)]
    pairs += [("Open  the file", "Faayilii bani"), ("Open the file!", "faayilii bani"), ("Open", "open")]
    pairs += [("Save", f"Olkaa'i {word}") for word in ("kana", "sana", "hunda")] + [("Page 24", "Fuula 25")]
    source = tmp_path / "mined.tsv"
    source.write_text("".join(f"{1 + n % 2}\t{a}\t{b}\n" for n, (a, b) in enumerate(pairs)), encoding="utf-8")

    def make(folder: Path) -> object:
        steps = named_steps("empty,identical,placeholders,numbers,near-duplicate,repeated-english=2", OROMO)
        report, _ = clean_file(source, OROMO, folder / "out.tsv", steps, samples=1, lowest_score=1)
        # The report names its own path, which is another one here.
        path = folder / "out.report.json"
        path.write_text(path.read_text(encoding="utf-8").replace(str(folder), ""), encoding="utf-8")
        return report

    check_every_kill(tmp_path, make, records=12)


def test_filters_that_do_not_remember_are_not_asked_again() -> None:
    from kivuko.collections.bitext import Pair
    from kivuko.collections.counts import DropReport

    pairs = [
        Pair(str(n), *texts, "x")
        for n, texts in enumerate([("a b", "c d"), ("Open", "open"), ("a b", "c d!")])
    ]

    def judged(known: list[int] | None) -> tuple[list[Any], dict[str, object], list[object]]:
        chain = FilterChain(named_steps("identical,near-duplicate", OROMO))
        if known is not None:
            chain.counts[1].step.drops = None  # type: ignore[union-attr, method-assign, assignment]
        report = DropReport()
        found = [
            chain.judge(pair, report, None if known is None else known[number])
            for number, pair in enumerate(pairs)
        ]
        return found, report.as_json(), [count.as_json() for count in chain.counts]

    plain = judged(None)
    assert [place for place, _ in plain[0]] == [255, 1, 2]
    assert judged([place for place, _ in plain[0]]) == plain


def test_panlex(tmp_path: Path) -> None:
    source = panlex_csv(tmp_path / "panlex")
    tables = {name: len((source / f"{name}.csv").read_bytes().splitlines()) - 1 for name in
              ("expr", "denotation", "meaning")}  # fmt: skip

    def make(folder: Path) -> object:
        return imported(str(source), OROMO, None, folder / "out")

    check_every_kill(
        tmp_path, make, records=2 * tables["expr"] + 2 * tables["denotation"] + tables["meaning"]
    )


def test_wiktextract(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "kaikki.jsonl", *ENTRIES, {"word": "x", "lang_code": "la"}, *ENTRIES[:2])

    def make(folder: Path) -> object:
        return imported(str(source), OROMO, None, folder / "out")

    check_every_kill(tmp_path, make, records=len(ENTRIES) + 3)


def test_an_entry_without_the_language_is_not_parsed(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "kaikki.jsonl", *ENTRIES)
    with source.open("a") as stream:
        stream.write('{"lang_code": "la", no JSON at all}\n')
    found = wiktextract.read_wiktextract(source, OROMO)
    assert found.drops.reasons[wiktextract.ELSEWHERE] == 3


# ---- the mechanism ------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    records=st.lists(st.text(max_size=3), max_size=8),
    kills=st.lists(st.integers(1, 9), max_size=4),
    every=st.integers(1, 4),
)
def test_any_items_survive_any_kills(
    tmp_path_factory: pytest.TempPathFactory, records: list[str], kills: list[int], every: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    expected = [[text, 1] for text in records if len(text) != 1]

    def run() -> tuple[list[Any], int, list[Any]]:
        with unfinished(folder / "out", {}, []) as work:
            sieve = Sieved(work, "sieve", iter(records), lambda text: [text, 1] if len(text) != 1 else None)
            return list(sieve), sieve.read, list(computed(work, "lengths", records, len))

    for killed_at in kills:
        with saving(every, killed_at=killed_at):
            try:
                run()
            except KilledError:
                continue
            break
    assert run() == (expected, len(records), [(text, len(text)) for text in records])
    assert not (folder / ".out.importing").exists()


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    sieve = Sieved(None, "x", range(5), lambda number: number if number % 2 else None)
    assert (list(sieve), sieve.read, sieve.kept) == ([1, 3], 5, 2)
    assert list(computed(None, "x", "ab", str.upper)) == [("a", "A"), ("b", "B")]
    assert list(tmp_path.iterdir()) == []


def interrupted(tmp_path: Path, recipe: dict[str, Any]) -> Path:
    with saving(1, killed_at=4), pytest.raises(KilledError), unfinished(tmp_path / "out", recipe, []) as work:
        list(Sieved(work, "part", range(9), lambda number: number))
    return tmp_path / ".out.importing"


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    folder = interrupted(tmp_path, {"language": "om", "seed": 1})
    with (
        pytest.raises(ArtifactError, match=r"changed: language[\s\S]*remove "),
        unfinished(tmp_path / "out", {"language": "sw", "seed": 1}, []),
    ):
        pass
    assert (folder / STATE).exists()


def test_it_says_where_it_goes_on(tmp_path: Path) -> None:
    interrupted(tmp_path, {})
    shown = io.StringIO()
    progress = Progress(console=Console(file=shown))
    with unfinished(tmp_path / "out", {}, [], progress) as work:
        assert list(Sieved(work, "part", range(9), lambda number: number, "rows")) == list(range(9))
    assert "going on after 3 rows" in shown.getvalue()


def test_a_file_that_lost_bytes_is_an_error(tmp_path: Path) -> None:
    folder = interrupted(tmp_path, {})
    (folder / "part").write_bytes(b"0\n")
    with pytest.raises(ArtifactError, match="damaged"), unfinished(tmp_path / "out", {}, []) as work:
        list(Sieved(work, "part", range(9), lambda number: number))


def test_the_folder_goes_with_an_error_in_the_source_and_stays_with_others(tmp_path: Path) -> None:
    folder = interrupted(tmp_path, {})
    with pytest.raises(StorageError), unfinished(tmp_path / "out", {}, []):
        raise StorageError("full")
    assert folder.exists()
    with pytest.raises(InputError), unfinished(tmp_path / "out", {}, []):
        raise InputError("damaged line")
    assert not folder.exists()
    with pytest.raises(KilledError), unfinished(tmp_path / "out", {}, []):
        raise KilledError  # before anything was saved
    assert not folder.exists()


def test_two_processes_do_not_write_one_output(tmp_path: Path) -> None:
    with (
        try_exclusive(tmp_path / ".out.importing" / "run"),
        pytest.raises(ArtifactError, match="another process"),
        unfinished(tmp_path / "out", {}, []),
    ):
        pass


def test_other_documents_than_those_of_the_interrupted_run_are_refused(tmp_path: Path) -> None:
    from kivuko.collections.judged import Description, JudgedDocument, Parts
    from kivuko.collections.judged_writing import write_judged

    about = Description("x", OROMO, "by hand", "CC0-1.0", "none", "a library without files")

    def write(prefix: str) -> None:
        documents = [JudgedDocument(f"{prefix}{n}", "", "x", "eng-Latn") for n in range(5)]
        parts = Parts(documents, {"q": "x"}, {"q": {f"{prefix}0": 1}})
        with unfinished(tmp_path / "out", {}, []) as work:
            write_judged(tmp_path / "out", about, parts, work=work)

    with saving(1, killed_at=4), pytest.raises(KilledError):
        write("a")
    with pytest.raises(ArtifactError, match=r"not those of the interrupted run[\s\S]*a2[\s\S]*b2"):
        write("b")


def test_the_verbs_go_on(tmp_path: Path) -> None:
    source = tmp_path / "pairs.tsv"
    source.write_text("".join(f"Open file {n} now\tFaayilii {n} amma bani\n" for n in range(6)))
    arguments = ["data", "clean", str(source), "--language", "om", "--filters", "empty,numbers"]
    arguments += ["--output", str(tmp_path / "out.tsv")]
    with saving(2, killed_at=5):
        assert isinstance(CliRunner().invoke(app, arguments).exception, KilledError)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "going on after 4 pairs" in done.stderr
    assert json.loads((tmp_path / "out.report.json").read_text())["after"] == 6


def test_bars_say_how_much_of_how_much() -> None:
    progress = Progress()
    progress.add_task("bytes", total=2_000_000, completed=1_000_000, unit="bytes")
    progress.add_task("documents", total=None, completed=1234)
    shown = [Done().render(task).plain for task in progress.tasks]
    assert shown == ["1.0 MB of 2.0 MB", "1,234"]
