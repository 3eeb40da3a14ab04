"""One process at a time makes a thing: others wait or go on, and a dead one holds nothing."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kivuko.artifact import exclusive, try_exclusive
from kivuko.errors import StorageError

# Holds the lock until a line comes in, and says in the log when it lets go.
HOLDS = """
import sys
from pathlib import Path
from kivuko.artifact import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
    Path(sys.argv[2]).write_text("the first is done")
"""
WAITS = """
import sys
from pathlib import Path
from kivuko.artifact import exclusive
print("waiting", flush=True)
with exclusive(Path(sys.argv[1])):
    log = Path(sys.argv[2])
    print(log.read_text() if log.exists() else "did not wait", flush=True)
"""


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(processes: ExitStack, script: str, *arguments: Path) -> subprocess.Popen[str]:
    process = processes.enter_context(
        subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    processes.callback(process.kill)
    return process


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_process_waits_and_one_that_asks_is_told(tmp_path: Path, processes: ExitStack) -> None:
    wanted, log = tmp_path / "folder" / "wanted", tmp_path / "log"
    first = start(processes, HOLDS, wanted, log)
    assert line(first) == "held"
    second = start(processes, WAITS, wanted, log)
    assert line(second) == "waiting"
    with try_exclusive(wanted) as free:
        assert not free
    with try_exclusive(tmp_path / "folder" / "another") as free:
        assert free
    assert second.stdout is not None
    assert select.select([second.stdout], [], [], 0.3)[0] == []
    assert not wanted.exists()
    first.communicate("go on\n")
    assert line(second) == "the first is done"
    assert (first.wait(), second.wait()) == (0, 0)
    with try_exclusive(wanted) as free:
        assert free


def test_a_dead_process_holds_nothing(tmp_path: Path, processes: ExitStack) -> None:
    wanted = tmp_path / "wanted"
    first = start(processes, HOLDS, wanted, tmp_path / "log")
    assert line(first) == "held"
    first.kill()
    first.wait()
    with try_exclusive(wanted) as free:
        assert free
    with exclusive(wanted):
        pass
    assert not (tmp_path / "log").exists()


def test_who_asked_in_vain_takes_nothing_away(tmp_path: Path) -> None:
    wanted = tmp_path / "wanted"
    for _ in range(2):
        with try_exclusive(wanted) as free:
            assert free
            with try_exclusive(wanted) as again:
                assert not again
            with try_exclusive(wanted) as again:
                assert not again


def test_a_block_that_fails_lets_go(tmp_path: Path) -> None:
    with pytest.raises(KeyError), exclusive(tmp_path / "wanted"):
        raise KeyError
    with try_exclusive(tmp_path / "wanted") as free:
        assert free


def test_a_place_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StorageError, match="Permission denied"), exclusive(tmp_path / "new" / "wanted"):
        pass
