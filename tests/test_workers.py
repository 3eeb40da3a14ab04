"""Work by many workers of which any may die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kivuko.errors import UnknownNameError, WorkerError
from kivuko.workers import Workers


def double(number: int) -> int:
    return 2 * number


def double_and_die_once(piece: tuple[int, Path]) -> int:
    number, log = piece
    if number == 3 and not log.exists():
        log.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return double(number)


def die(_: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def refuse(number: int) -> int:
    if number == 2:
        raise UnknownNameError("language", "oromoo", ["Oromo", "Khmer"])
    return number


def threads(_: int) -> str | None:
    return os.environ.get("OMP_NUM_THREADS")


def test_every_piece_is_done_once_and_says_which_it_is() -> None:
    found = list(Workers(count=2).done(double, range(20)))
    assert sorted(found) == [(number, 2 * number) for number in range(20)]
    assert list(Workers(count=2).done(double, [])) == []


def test_pieces_are_drawn_as_workers_come_free() -> None:
    drawn: list[int] = []

    def pieces() -> Iterator[int]:
        for number in range(50):
            drawn.append(number)
            yield number

    for done, _ in enumerate(Workers(count=2).done(double, pieces()), start=1):
        assert len(drawn) <= done + 4
    assert len(drawn) == 50


def test_what_a_dead_worker_was_at_is_done_again(tmp_path: Path) -> None:
    pieces = [(number, tmp_path / "died") for number in range(8)]
    found = dict(Workers(count=2).done(double_and_die_once, pieces))
    assert (tmp_path / "died").exists()
    assert found == {number: 2 * number for number in range(8)}


def test_work_that_kills_all_its_workers_is_told() -> None:
    with pytest.raises(WorkerError, match=r"again and again\n  where: piece 1[\s\S]*memory"):
        list(Workers(count=1).done(die, [0]))


def test_what_work_raises_arrives_as_it_was() -> None:
    with pytest.raises(UnknownNameError, match="did you mean Oromo") as caught:
        list(Workers(count=2).done(refuse, range(4)))
    assert caught.value.nearest == ["Oromo"]


def alive(process: Path) -> bool:
    try:
        return "\nState:\tZ" not in (process / "status").read_text(encoding="ascii")
    except OSError:
        return False


def say_and_wait(log: Path) -> None:
    log.write_text(str(os.getpid()), encoding="utf-8")
    time.sleep(600)


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"import sys\nfrom pathlib import Path\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from kivuko.workers import Workers\nfrom test_workers import say_and_wait\n"
        "if __name__ == '__main__':\n    list(Workers(count=1).done(say_and_wait, [Path(sys.argv[1])]))\n",
        encoding="utf-8",
    )
    parent = subprocess.Popen([sys.executable, str(program), str(tmp_path / "log")])
    until = time.monotonic() + 60
    while not (tmp_path / "log").exists() or not (tmp_path / "log").read_text(encoding="utf-8"):
        assert time.monotonic() < until
        time.sleep(0.05)
    worker = Path("/proc") / (tmp_path / "log").read_text(encoding="utf-8")
    parent.kill()
    parent.wait()
    while alive(worker):
        assert time.monotonic() < until, "the worker lives on"
        time.sleep(0.05)


def test_a_worker_has_one_thread() -> None:
    assert list(Workers(count=1).done(threads, [0])) == [(0, "1")]
