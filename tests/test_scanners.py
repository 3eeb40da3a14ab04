"""Actors of a Ray cluster scan several indexes, and die while they do; the answers are those of one index."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine import Engine, scanners_of
from kivuko.engine.languages import LanguageParts
from kivuko.errors import UnknownNameError
from kivuko.languages import resolve
from kivuko.retrieval import scanners as module
from kivuko.retrieval import shards
from kivuko.retrieval.scanners import Scanners
from kivuko.retrieval.search import Searcher
from kivuko.training.teacher import untrained_teacher
from tiny import ENGLISH, FOREIGN, made_up_pairs

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow

DOCUMENTS = [
    Document(f"d{i}", pair.english, f"{pair.english} and a print out. " * (1 + i % 5), {"part": i // 20})
    for i, pair in enumerate(made_up_pairs(60))
]
QUERIES = {pair.id: " ".join(pair.english.split()[:-1]) for pair in made_up_pairs(12)}


@pytest.fixture(scope="module")
def folder(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One engine of all documents, ``whole``, and three of a part each."""
    path = tmp_path_factory.mktemp("engines")
    lexicon = Lexicon(resolve("om"), dict(zip(FOREIGN, ({word: 1.0} for word in ENGLISH), strict=True)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIVUKO_CACHE", str(path / "cache"))
        # Texts that are encoded together with others have other vectors, by rounding.
        patch.setattr(shards, "DOCUMENTS_A_SHARD", 20)
        teacher = untrained_teacher(str(tiny_encoder), [pair.english for pair in made_up_pairs(40)])
        Engine.create(path / "whole", DOCUMENTS, model=teacher)
        for part in range(3):
            Engine.create(path / f"part-{part}", DOCUMENTS[20 * part : 20 * part + 20], model=teacher)
        for name in ("whole", "part-0"):
            Engine.open(path / name).add_language("om", LanguageParts(lexicon=lexicon))
    return path


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init(num_cpus=8, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def scanners(folder: Path, cluster: None) -> Iterator[Scanners]:
    found = scanners_of(folder / "part-0", [folder / "part-1", folder / "part-2"], replicas=2)
    yield found
    found.close()


@pytest.fixture
def engine(folder: Path, scanners: Scanners) -> Engine:
    return Engine.open(folder / "part-0", also=[folder / "part-1", folder / "part-2"], scanners=scanners)


def answers(engine: Engine, **options: Any) -> dict[tuple[str, str], Any]:
    """(query, document) → score, to be compared but for the rounding of float32."""
    way = engine.way("en", "late-interaction")
    return {
        (query, hit.id): pytest.approx(hit.score, abs=1e-5)
        for query, text in QUERIES.items()
        for hit in engine.search(text, language="en", way=way, top=15, **options)
    }


def scores(engine: Engine, **options: Any) -> dict[tuple[str, str], float]:
    return {place: found.expected for place, found in answers(engine, **options).items()}


def test_scores_are_those_of_one_index(folder: Path, engine: Engine) -> None:
    whole = Engine.open(folder / "whole")
    assert len(scores(engine)) == 15 * len(QUERIES)
    assert scores(engine) == answers(whole)
    assert scores(engine, where={"part": [1, 2]}) == answers(whole, where={"part": [1, 2]})
    assert scores(engine, where={"part": 7}) == {}
    with pytest.raises(UnknownNameError, match="metadata field"):
        answers(engine, where={"prt": 1})
    for method in ("fusion", "lexicon-bm25"):
        fused, of_one = (
            each.search("bani kuusa", language="om", way=each.way("om", method), explain=True)
            for each in (engine, whole)
        )
        assert len(fused) == 10
        assert [hit.id for hit in fused] == [hit.id for hit in of_one]
        assert [hit.matches for hit in fused] == [hit.matches for hit in of_one]
    candidates = {query: ["d3", "d33", "d58"] for query in QUERIES}
    of_all, of_one = (
        Searcher(each.index, model=folder / "whole/teacher").rerank(QUERIES, candidates)
        for each in (engine, whole)
    )
    assert of_all == {query: pytest.approx(found, abs=1e-5) for query, found in of_one.items()}


def test_dead_actors_are_replaced_and_no_query_fails(
    engine: Engine, scanners: Scanners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    expected = answers(engine)
    dead = [ray.get(actors[0].process.remote()) for actors in scanners.actors.values()]
    killer = threading.Thread(target=lambda: [os.kill(number, signal.SIGKILL) for number in dead])
    killer.start()
    for _ in range(4):
        assert scores(engine) == expected
    killer.join()
    again = [actors[0].process.remote() for actors in scanners.actors.values()]
    assert not set(ray.get(again, timeout=120)) & set(dead)
    assert scores(engine) == expected


def test_a_change_of_a_part_is_seen(folder: Path, engine: Engine) -> None:
    part, whole = (Engine.open(folder / name) for name in ("part-1", "whole"))
    for each in (part, whole):
        each.delete(["d25"])
    assert scores(engine) == answers(whole)
