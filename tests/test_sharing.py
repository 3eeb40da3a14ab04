"""Work that threads share: everyone gets the own results, by nobody's waiting for others to come."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from kivuko.errors import UnknownNameError
from kivuko.retrieval import sharing
from kivuko.retrieval.kinds import Kind
from kivuko.retrieval.sharing import Sharing
from test_search_index import VECTOR_KINDS, encoded, made, unit


class Work:
    """Squares numbers, and remembers what it was given at once; the first time it waits until it may go on."""

    def __init__(self) -> None:
        self.given: list[list[int]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, several: Sequence[int]) -> list[int]:
        self.given.append(list(several))
        self.begun.set()
        self.go.wait(30)
        if 13 in several:
            raise ValueError("13")
        return [each * each for each in several]


def waiting(shared: Sharing[int, int], number: int) -> None:
    latest = time.monotonic() + 30
    while len(shared._waiting) < number:
        assert time.monotonic() < latest
        time.sleep(0.001)


def asked_while_one_works(
    work: Work, later: Sequence[tuple[object, list[int]]]
) -> tuple[Future[list[int]], list[Future[list[int]]]]:
    shared: Sharing[int, int] = Sharing(at_once=1)
    with ThreadPoolExecutor(1 + len(later)) as threads:
        first = threads.submit(shared.run, "a", [0], work)
        work.begun.wait(30)
        others = []
        for number, (kind, items) in enumerate(later, start=1):
            others.append(threads.submit(shared.run, kind, items, work))
            waiting(shared, number)
        work.go.set()
    assert shared._free == 1
    assert not shared._waiting
    return first, others


def test_what_waits_anyway_is_done_at_once_and_everyone_gets_the_own() -> None:
    work = Work()
    first, others = asked_while_one_works(
        work, [("a", [1]), ("b", [2]), ("a", [3, 4]), ("b", []), ("a", [5])]
    )
    assert first.result() == [0]
    assert [each.result() for each in others] == [[1], [4], [9, 16], [], [25]]
    assert work.given[0] == [0]
    assert sorted(sorted(each) for each in work.given[1:]) == [[1, 3, 4, 5], [2]]


def test_no_more_at_once_than_a_scan_gains_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_MOST", 3)
    work = Work()
    _, others = asked_while_one_works(work, [("a", [number]) for number in range(1, 8)])
    assert [each.result() for each in others] == [[number * number] for number in range(1, 8)]
    assert max(map(len, work.given)) == 3


def test_a_failure_reaches_those_who_shared_it_and_the_next_goes_on() -> None:
    work = Work()
    first, others = asked_while_one_works(work, [("a", [13]), ("a", [2]), ("b", [3])])
    assert first.result() == [0]
    for each in others[:2]:
        with pytest.raises(ValueError, match="13"):
            each.result()
    assert others[2].result() == [9]


def test_as_much_runs_at_once_as_there_are_cores_and_by_itself() -> None:
    work, shared = Work(), Sharing[int, int](at_once=3)
    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(shared.run, "a", [number], work) for number in range(3)]
        latest = time.monotonic() + 30
        while len(work.given) < 3:
            assert time.monotonic() < latest
        work.go.set()
        assert [each.result() for each in running] == [[0], [1], [4]]
    assert sorted(work.given) == [[0], [1], [2]]


@pytest.mark.parametrize("kind", VECTOR_KINDS)
def test_searches_that_share_a_scan_find_what_they_find_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    index = made(tmp_path / "index", [encoded([f"d{n}" for n in range(60)], passages=2)], kind)
    random = np.random.default_rng(3)
    queries = [unit(random, tokens).astype(np.float32) for tokens in (3, 1, 7, 0, 4, 12, 2, 5)]
    depths = [5, 5, 9, 5, 9, 5, 5, 9]
    alone = [index.search([query], depth=depth)[0] for query, depth in zip(queries, depths, strict=True)]
    assert pickle.loads(pickle.dumps(index)).search([queries[0]], depth=5) == [alone[0]]
    index._sharing = Sharing(at_once=1)
    sizes: list[int] = []
    real: Callable[..., object] = index._search

    def slow(several: Sequence[np.ndarray], *rest: object) -> object:
        sizes.append(len(several))
        time.sleep(0.05)
        return real(several, *rest)

    monkeypatch.setattr(index, "_search", slow)
    with ThreadPoolExecutor(len(queries)) as threads:
        search = lambda query, depth: index.search([query], depth=depth)[0]  # noqa: E731
        assert list(threads.map(search, queries, depths)) == alone  # to the last digit
    assert sum(sizes) == len(queries)
    assert max(sizes) > 1
    with pytest.raises(UnknownNameError):
        index.search(queries[:1], depth=5, where={"colour": ["red"]})
