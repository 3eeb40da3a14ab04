"""An index folder while its writer is killed, or the disk refuses, at every file operation that changes something."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import contextmanager
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kivuko.errors import StorageError
from kivuko.retrieval.changes import build
from kivuko.retrieval.index import Index
from test_search_index import encoded, made, unit

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
#: A server that never had a thread: a fork of a test process, in which others may hold locks, would wait for ever.
FORKS = multiprocessing.get_context("forkserver") if sys.platform != "win32" else None

#: What changes a folder, beside opening a file to write: a kill in between leaves what the next of these would find.
CHANGING_EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
QUERY = unit(np.random.default_rng(3), 4).astype(np.float32)
#: What the running test does at a file operation below the index folder; an audit hook cannot be taken away.
_on_event: Callable[[], None] | None = None
_below: str = ""


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if (
        _on_event is not None
        and (event in CHANGING_EVENTS or (event == "open" and arguments[2] & WRITING))
        and any(_below in str(value) for value in arguments[:2])
    ):
        _on_event()


sys.addaudithook(_hook)


@contextmanager
def at_file_operation(number: int, folder: Path, action: Callable[[], None]):  # type: ignore[no-untyped-def]
    """Do something at the ``number``-th file operation below a folder, and at every later one."""
    global _on_event, _below
    count = 0

    def counted() -> None:
        nonlocal count
        count += 1
        if count >= number:
            action()

    _on_event, _below = counted, folder.name
    try:
        yield
    finally:
        _on_event = None


CHANGES: dict[str, Callable[[Path], None]] = {
    "add": lambda path: Index.open(path).add([encoded(["n", "m"])]),
    "replace": lambda path: Index.open(path).add([encoded(["a"], seed=5)], replace=True),
    "delete": lambda path: Index.open(path).delete(["b"]),
    "compact": lambda path: Index.open(path).compact(),
    "build": lambda path: build(
        path, [encoded(["x", "y"])], kind="exact", space="space", parents={}, facts={"split": False}
    ),
}


def state(path: Path) -> dict[str, float]:
    return {hit.id: hit.score for hit in Index.open(path).search([QUERY], depth=99)[0]}


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def full_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed process wrote stays with the system: only a power failure would need the disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(scope="module", autouse=True)
def server() -> None:
    """Starts with this module loaded, so that a fork takes milliseconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        FORKS.set_forkserver_preload([__name__])
        forkserver.ensure_running()


def change(name: str, path: Path, number: int) -> None:
    """Make a change, and be killed at its ``number``-th file operation."""
    os.fsync = lambda descriptor: None  # type: ignore[assignment]
    with at_file_operation(number, path, kill):
        CHANGES[name](path)


def is_acknowledged(name: str, path: Path, number: int) -> bool:
    """Whether another process made the change before it was killed."""
    child = FORKS.Process(target=change, args=(name, path, number), daemon=True)
    child.start()
    child.join(120)
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode == 0


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Two segments, one of them with a deleted document."""
    index = made(tmp_path / "base", [encoded(["a", "b", "c", "d"])])
    index.add([encoded(["e"])])
    index.delete(["c"])
    return index.path


@pytest.mark.parametrize("name", ["replace", "delete"])
def test_a_writer_killed_at_any_file_operation_loses_nothing(name: str, base: Path, tmp_path: Path) -> None:
    path = tmp_path / "worked-on"
    before = state(base)
    shutil.copytree(base, path)
    CHANGES[name](path)
    after = state(path)
    assert after != before
    outcomes = set()
    for number in range(1, 2000):
        shutil.rmtree(path)
        shutil.copytree(base, path)
        acknowledged = is_acknowledged(name, path, number)
        found = state(path)
        assert found == after if acknowledged else found in (before, after)
        outcomes.add("after" if found == after else "before")
        # And the next writer is not hindered by what was left, and removes it.
        Index.open(path).add([encoded(["z"])])
        assert "z" in state(path)
        named = {path / file for file in Index.open(path).manifest.files} | {
            path / "manifest.json",
            path / ".change.lock",
        }
        assert {file for file in path.rglob("*") if file.is_file()} == named
        if acknowledged:
            break
    assert acknowledged
    assert number > 10
    assert "after" in outcomes


def test_a_first_build_killed_anywhere_leaves_an_index_or_none(tmp_path: Path) -> None:
    path = tmp_path / "worked-on"
    for number in range(1, 2000):
        shutil.rmtree(path, ignore_errors=True)
        acknowledged = is_acknowledged("build", path, number)
        if (path / "manifest.json").exists():
            assert state(path).keys() == {"x", "y"}
        CHANGES["build"](path)
        assert state(path).keys() == {"x", "y"}
        if acknowledged:
            break
    assert number > 20


@pytest.mark.parametrize("name", ["add", "compact", "build"])
def test_a_disk_that_is_full_at_any_file_operation_changes_nothing(
    name: str, base: Path, tmp_path: Path
) -> None:
    path = tmp_path / "worked-on"
    before = state(base)
    shutil.copytree(base, path)
    CHANGES[name](path)
    after = state(path)
    for number in range(1, 2000):
        shutil.rmtree(path)
        shutil.copytree(base, path)
        succeeded = False
        with at_file_operation(number, path, full_disk):
            try:
                CHANGES[name](path)
                succeeded = True
            except (StorageError, OSError) as error:
                refused = error
        if succeeded and state(path) == after:
            with at_file_operation(10**9, path, full_disk):
                pass
            if number > 20:
                break
            continue
        assert not succeeded
        assert "No space left" in str(refused)
        # The state is whole; it is the new one only where the disk failed after the change was made.
        assert state(path) in (before, after)
        Index.open(path).add([encoded(["z"])])
        assert "z" in state(path)
    assert succeeded
