"""Large compressed indexes look into cells near the query: what that finds, loses and leaves alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kivuko.collections.document import Document
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval import cells
from kivuko.retrieval.bounds import Effort
from kivuko.retrieval.cells import CellMembers, Cells
from kivuko.retrieval.changes import build
from kivuko.retrieval.filters import parse_filter
from kivuko.retrieval.index import Index
from kivuko.retrieval.kinds import Kind
from kivuko.retrieval.segment import EncodedDocuments

DIM = 32
TOPICS = np.random.default_rng(7).standard_normal((50, DIM))


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def about(topic: int, random: np.random.Generator, tokens: int) -> np.ndarray:
    return unit(TOPICS[topic] + 0.7 * random.standard_normal((tokens, DIM)))


def encoded(numbers: range, passages: int = 1) -> EncodedDocuments:
    """Documents of one topic each, of 50."""
    documents, table, vectors = [], [], []
    for row, number in enumerate(numbers):
        random = np.random.default_rng(number)
        documents.append(Document(f"d{number}", "", "some words", {"topic": number % 50, "number": number}))
        for part in range(passages):
            table.append((row, part, part + 4))
            vectors.append(about(number % 50, random, 3 + number % 5).astype(np.float16))
    return EncodedDocuments(documents, np.array(table, dtype=np.int32), TokenVectors.stack(vectors, DIM))


def made(path: Path, kind: Kind = "compressed", passages: int = 1, count: int = 2000) -> Index:
    half = count // 2
    shards = [encoded(range(half), passages), encoded(range(half, count), passages)]
    build(path, shards, kind=kind, space="space", parents={}, facts={"split": False})
    return Index.open(path)


def queries(count: int) -> list[np.ndarray]:
    return [
        about(number % 50, np.random.default_rng([1, number]), 6).astype(np.float32)
        for number in range(count)
    ]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred passages are a large index."""
    monkeypatch.setattr(cells, "FEWEST_PASSAGES", 500)


def has_cells(index: Index) -> bool:
    return any(name.endswith("codec/cells.npy") for name in index.manifest.files)


@pytest.mark.parametrize("passages", [1, 3])
@pytest.mark.parametrize("kind", ["compressed", "codes"])
def test_all_cells_find_what_looking_at_all_means_finds(
    kind: Kind, passages: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = made(tmp_path / "plain", kind, passages)
    monkeypatch.setattr(cells, "FEWEST_PASSAGES", 500)
    celled = made(tmp_path / "celled", kind, passages)
    assert has_cells(celled)
    assert not has_cells(plain)
    everything = Effort(least=40, factor=2, cells=1 << 16)
    assert celled.search(queries(20), depth=10, effort=everything) == plain.search(
        queries(20), depth=10, effort=everything
    )


@pytest.mark.usefixtures("large")
def test_a_few_cells_find_nearly_the_exact_ranking(tmp_path: Path) -> None:
    celled, exact = made(tmp_path / "celled"), made(tmp_path / "exact", "exact")
    effort = Effort(least=60, factor=4, cells=8)
    found = celled.search(queries(50), depth=10, effort=effort)
    wanted = exact.search(queries(50), depth=10)
    shares = [
        len({h.id for h in own} & {h.id for h in best}) / 10 for own, best in zip(found, wanted, strict=True)
    ]
    assert np.mean(shares) > 0.9
    learnt = Cells.open(next((tmp_path / "celled").glob("change-*/codec")))
    assert learnt is not None
    assert len(learnt.centroids) > 8 * 8


@pytest.mark.usefixtures("large")
def test_a_filter_finds_as_much_as_there_is(tmp_path: Path) -> None:
    index = made(tmp_path / "index", passages=2)
    effort = Effort(least=5, factor=1, cells=1)
    for query in queries(5):
        few = index.search([query], depth=60, where=parse_filter(["topic=3"]), effort=effort)[0]
        assert {hit.id for hit in few} == {f"d{number}" for number in range(3, 2000, 50)}
        one = index.search([query], depth=60, where=parse_filter(["number=77"]), effort=effort)[0]
        assert [hit.id for hit in one] == ["d77"]


@pytest.mark.usefixtures("large")
def test_documents_come_go_and_are_put_together(tmp_path: Path) -> None:
    index = made(tmp_path / "index")
    index.add([encoded(range(3000, 3100))])
    index.delete([f"d{number}" for number in range(0, 2000, 2)])
    effort = Effort(least=60, factor=4)

    def own(number: int) -> list[str]:
        query = about(number % 50, np.random.default_rng(number), 3 + number % 5).astype(np.float32)
        return [hit.id for hit in index.search([query], depth=5, effort=effort)[0]]

    for _ in range(2):
        assert own(3044)[0] == "d3044"
        assert own(777)[0] == "d777"
        assert "d778" not in own(778)
        index.compact()
    index.verify()


def test_members_are_those_of_the_nearest_cells() -> None:
    random = np.random.default_rng(0)
    learnt = Cells(unit(random.standard_normal((9, DIM))).astype(np.float32))
    means = random.standard_normal((300, DIM)).astype(np.float32)
    numbers = learnt.of(means)
    members = CellMembers(learnt, numbers)
    direction = random.standard_normal(DIM).astype(np.float32)
    order = sorted(range(9), key=lambda cell: -float(learnt.centroids[cell] @ direction))
    for count in (1, 4, 9):
        wanted = np.flatnonzero(np.isin(numbers, order[:count]))
        assert members.near(direction, None, count, 1).tolist() == wanted.tolist()
    allowed = random.random(300) < 0.1
    found = members.near(direction, allowed, 1, int(allowed.sum()))
    assert found.tolist() == np.flatnonzero(allowed).tolist()
    assert members.near(direction, np.zeros(300, dtype=bool), 1, 5).tolist() == []


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("kind", ["compressed", "codes"])
def test_an_index_that_grew_gets_cells_when_it_is_put_together(kind: Kind, tmp_path: Path) -> None:
    index = made(tmp_path / "index", kind, count=400)
    index.add([encoded(range(400, 2000))])
    assert not has_cells(index)
    everything = Effort(least=40, factor=2, cells=1 << 16)
    before = index.search(queries(20), depth=10, effort=everything)
    index.compact()
    assert has_cells(index)
    index.verify()
    assert index.search(queries(20), depth=10, effort=everything) == before
    learnt = {name: facts for name, facts in index.manifest.files.items() if "/codec/" in name}
    index.add([encoded(range(2000, 2100))])
    assert learnt.items() <= index.manifest.files.items()
    found = index.search(queries(1), depth=50, where=parse_filter(["number=2050"]))[0]
    assert [hit.id for hit in found] == ["d2050"]
