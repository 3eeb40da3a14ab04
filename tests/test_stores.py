"""An index whose vectors a store keeps gives what one that keeps them itself does: Qdrant's engine, and its client.

The engine is the real one, in this process; the client is that of a server, in its local mode. With
``KIVUKO_QDRANT=qdrant://HOST:PORT/COLLECTION`` the same tests ask a server; they remove what they make there.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from typer.testing import CliRunner

from kivuko.cli.main import app
from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.errors import ArtifactError, InputError, StoreError, UnknownNameError
from kivuko.languages import resolve
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval import changes, stored
from kivuko.retrieval.bounds import Effort
from kivuko.retrieval.build import build_index
from kivuko.retrieval.filters import Among, parse_filter
from kivuko.retrieval.index import Index, PassageHit
from kivuko.retrieval.search import Searcher
from kivuko.retrieval.segment import EncodedDocuments
from kivuko.retrieval.stores import Asked, Point, open_store, qdrant
from kivuko.retrieval.together import SeveralIndexes
from kivuko.service.app import create_app
from kivuko.service.settings import Settings
from service import ask
from tiny import ENGLISH, FOREIGN, made_up_pairs

#: What the client says where a server would make indexes.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning"),
]

DIM = 24
NEAR = 1e-3
NAMES = [f"d{number}" for number in range(60)]
SERVER = os.environ.get("KIVUKO_QDRANT")


@pytest.fixture(params=["edge", "client", *(["server"] if SERVER else [])])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "edge":
        yield f"qdrant-edge:{tmp_path / 'edge'}"
    elif request.param == "client":
        client = QdrantClient(":memory:")
        monkeypatch.setattr(qdrant, "connected", lambda server: client)
        yield "qdrant://localhost/pages"
    else:
        assert SERVER is not None
        yield SERVER
        server = qdrant.connected("http://" + SERVER.removeprefix("qdrant://").partition("/")[0])
        for each in server.get_collections().collections:
            if each.name.startswith(SERVER.rpartition("/")[2] + "-"):
                server.delete_collection(each.name)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> QdrantClient:
    made = QdrantClient(":memory:")
    monkeypatch.setattr(qdrant, "connected", lambda server: made)
    monkeypatch.setattr(qdrant.time, "sleep", lambda seconds: None)
    return made


def encoded(names: list[str], seed: int = 0, passages: int = 2) -> EncodedDocuments:
    """Documents with random vectors that depend on id and seed only; two of every ten are alike."""
    documents, table, vectors = [], [], []
    for number, name in enumerate(names):
        metadata = {
            "year": 2000 + number % 3,
            "open": number % 2 == 0,
            "kind": "näws" if number % 4 else "help",
        }
        documents.append(Document(name, f"title {name}", f"word{name} {seed} " * 6, metadata))
        for part in range(passages):
            alike = f"{name[:-1]}0" if name[-1] == "7" else name
            random = np.random.default_rng([seed, part, *alike.encode()])
            table.append((number, part * 5, part * 5 + 5))
            rows = random.standard_normal((int(random.integers(1, 9)), DIM))
            vectors.append((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16))
    return EncodedDocuments(documents, np.array(table, dtype=np.int32), TokenVectors.stack(vectors, DIM))


def made(path: Path, store: str | None, names: list[str] = NAMES) -> Index:
    kind: Any = "stored" if store else "exact"
    facts = {"split": True}
    parents = {"documents": "-".join(names)}
    changes.build(path, [encoded(names)], kind=kind, space="s", parents=parents, facts=facts, store=store)
    return Index.open(path)


QUERIES = [
    (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    for rows in (np.random.default_rng([9, number]).standard_normal((1 + number, DIM)) for number in range(6))
]


def assert_alike(found: list[list[PassageHit]], expected: list[list[PassageHit]]) -> None:
    """Qdrant reads a query, too, at half precision: what is nearer than that may change places."""
    assert any(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in theirs], abs=NEAR)
        scores = {hit.id: (hit.score, hit.span) for hit in theirs}
        for hit in ours:
            score, span = scores.get(hit.id, (theirs[-1].score, hit.span))
            assert (hit.score, hit.span) == (pytest.approx(score, abs=NEAR), span)
        assert ours == sorted(ours, key=lambda hit: (-hit.score, hit.id))


def assert_same(ours: Index, theirs: Index) -> None:
    conditions = [
        [],
        ["year=2001"],
        ["year=2001.0", "open=TRUE"],
        ["kind=na\u0308ws"],
        ["year=2002", "kind=help"],
    ]
    for depth, where in itertools.product((1, 7, 200), conditions):
        ways = {"depth": depth, "where": parse_filter(where)}
        assert_alike(ours.search(QUERIES, **ways), theirs.search(QUERIES, **ways))
    some = Among(frozenset(list(theirs.ids)[::5]))
    assert_alike(ours.search(QUERIES, depth=9, where=some), theirs.search(QUERIES, depth=9, where=some))
    for name in theirs.ids:
        for (ours_at, own), (theirs_at, other) in zip(
            ours.vectors_of(name), theirs.vectors_of(name), strict=True
        ):
            assert ours_at == theirs_at
            assert np.allclose(own, other, atol=1e-3)


def points_of(path: Path) -> set[str]:
    state = Index.open(path).state
    assert isinstance(state.storage, stored.StoredVectors)
    return set(state.storage.store.ids())


def test_same_as_the_folder_through_every_change(store: str, tmp_path: Path) -> None:
    ours, theirs = made(tmp_path / "ours", store), made(tmp_path / "theirs", None)
    assert_same(ours, theirs)
    new = [f"n{number}" for number in range(30)]
    for index in (ours, theirs):
        index.add([encoded(new)])
    assert_same(ours, theirs)
    for index in (ours, theirs):
        index.delete([*NAMES[10:20], "n3"])
    assert_same(ours, theirs)
    for index in (ours, theirs):
        index.add([encoded([*NAMES[:5], "n3"], seed=4)], replace=True)
        index.add([encoded(NAMES[5:8])], replace=True)  # as they were
    assert_same(ours, theirs)
    ours.verify()
    assert len(points_of(ours.path)) == 2 * len(theirs.ids)
    for index in (ours, theirs):
        index.compact()
    assert_same(ours, theirs)
    ours.verify()


def test_points_of_a_killed_change_are_not_found(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = made(tmp_path / "ours", store), made(tmp_path / "theirs", None)
    with monkeypatch.context() as patched:
        # After the points were written and before the folder said so.
        patched.setattr(changes, "_commit", killed)
        with pytest.raises(KeyboardInterrupt):
            ours.add([encoded([f"x{number}" for number in range(100)])])
    assert len(points_of(ours.path)) == 320
    ours = Index.open(ours.path)
    assert_same(ours, theirs)  # though the best points may be nobody's
    ours.verify()
    ours.compact()
    assert len(points_of(ours.path)) == 120
    assert_same(ours, theirs)


def killed(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


def test_means_propose_where_there_are_many(store: str, tmp_path: Path) -> None:
    ours, theirs = made(tmp_path / "ours", store), made(tmp_path / "theirs", None)
    few = Effort(least=30, factor=1)
    found = ours.search(QUERIES, depth=10, effort=few)
    expected = theirs.search(QUERIES, depth=10)
    shared = [
        len({hit.id for hit in own} & {hit.id for hit in other})
        for own, other in zip(found, expected, strict=True)
    ]
    assert all(len(own) == 10 for own in found)
    assert 30 < sum(shared) < 60  # means of random vectors propose some of the best, and not all
    scores = {hit.id: hit.score for hit in theirs.search(QUERIES, depth=200)[3]}
    assert [hit.score for hit in found[3]] == pytest.approx([scores[hit.id] for hit in found[3]], abs=1e-3)
    enough = Effort(least=200)
    assert_alike(ours.search(QUERIES, depth=10, effort=enough), expected)


def test_unknown_fields_are_refused(store: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        made(tmp_path / "ours", store).search(QUERIES, depth=3, where={"colour": ["red"]})


def test_killed_load_goes_on(client: QdrantClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qdrant, "_NUMBERS_AT_ONCE", 2000)
    sent: list[int] = []
    upsert = client.upsert

    def counted(name: str, points: list[Any], **options: Any) -> Any:
        sent.append(len(points))
        if len(sent) == 5:
            raise KeyboardInterrupt
        return upsert(name, points, **options)

    monkeypatch.setattr(client, "upsert", counted)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "ours", "qdrant://localhost/pages")
    assert not (tmp_path / "ours").exists()
    before = sum(sent[:4])
    assert 0 < before < 120
    again = made(tmp_path / "ours", "qdrant://localhost/pages")
    assert sum(sent[5:]) == 120 - before
    assert len(client.get_collections().collections) == 1
    assert_same(again, made(tmp_path / "theirs", None))


def test_busy_server_is_asked_again(
    client: QdrantClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert, failures = client.upsert, iter([True, True, False] * 50)

    def busy(*arguments: Any, **options: Any) -> Any:
        if next(failures):
            raise ResponseHandlingException(OSError("connection refused"))
        return upsert(*arguments, **options)

    monkeypatch.setattr(client, "upsert", busy)
    assert len(made(tmp_path / "ours", "qdrant://localhost/pages").ids) == 60


def test_server_that_stays_away(
    client: QdrantClient, tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = made(tmp_path / "ours", "qdrant://localhost/pages")
    engine = Engine.create(tmp_path / "engine", PAGES, model=tiny_teacher, store="qdrant://localhost/engine")

    def away(*arguments: Any, **options: Any) -> Any:
        raise ResponseHandlingException(OSError("connection refused"))

    def refused(*arguments: Any, **options: Any) -> Any:
        raise UnexpectedResponse(403, "Forbidden", b"wrong key", {})  # type: ignore[arg-type]

    for answer, said in ((away, "connection refused"), (refused, "wrong key")):
        with monkeypatch.context() as patched:
            patched.setattr(client, "query_batch_points", answer)
            patched.setattr(client, "retrieve", answer)
            with pytest.raises(StoreError, match=said):
                index.search(QUERIES, depth=3)
            with pytest.raises(StoreError, match=said):
                index.add([encoded(["new"])])
            answered = ask(create_app(engine, Settings()), "GET", "/v1/search?query=red+file")
            assert (answered.status, answered.json["type"]) == (503, "/problems/store-unavailable")
            assert "localhost" not in str(answered.json)
    assert len(Index.open(tmp_path / "ours").ids) == 60


def test_a_search_does_not_wait_as_long_as_a_load(
    client: QdrantClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = made(tmp_path / "ours", "qdrant://localhost/pages")
    waited: list[float] = []

    def away(*arguments: Any, **options: Any) -> Any:
        raise ResponseHandlingException(OSError("connection refused"))

    monkeypatch.setattr("kivuko.retrieval.stores.qdrant.time.sleep", waited.append)
    for name in ("query_batch_points", "retrieve"):
        monkeypatch.setattr(client, name, away)
    with pytest.raises(StoreError):
        index.search(QUERIES, depth=3)
    assert sum(waited) < 1
    with pytest.raises(StoreError):
        index.add([encoded(["new"])])
    assert sum(waited) > 10


def test_rebuild_switches_the_name_and_removes_the_former(client: QdrantClient, tmp_path: Path) -> None:
    address = "qdrant://localhost/pages"
    made(tmp_path / "ours", address)
    (first,) = client.get_aliases().aliases
    made(tmp_path / "ours", address, NAMES[:30])
    (second,) = client.get_aliases().aliases
    assert first.alias_name == second.alias_name == "pages"
    assert [each.name for each in client.get_collections().collections] == [second.collection_name]
    assert client.count("pages").count == 60
    # Another folder has a collection of its own.
    made(tmp_path / "other", address, NAMES[:30])
    assert len(client.get_collections().collections) == 2
    Index.open(tmp_path / "other").delete(["d1"])
    Index.open(tmp_path / "ours").verify()


def test_collection_of_somebody_else_is_not_touched(client: QdrantClient, tmp_path: Path) -> None:
    from qdrant_client import models

    client.create_collection(
        "pages", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT)
    )
    with pytest.raises(InputError, match="did not make"):
        made(tmp_path / "ours", "qdrant://localhost/pages")


def test_lost_points_are_told(store: str, tmp_path: Path) -> None:
    index = made(tmp_path / "ours", store)
    assert isinstance(index.state.storage, stored.StoredVectors)
    kept_as = index.state.storage.store
    kept_as.remove(sorted(kept_as.ids())[:3])
    with pytest.raises(ArtifactError, match="3 of them"):
        index.verify()


@pytest.mark.parametrize(
    "address",
    [
        "qdrant://localhost",
        "qdrant://localhost/a/b",
        "qdrant://h:port/a",
        "qdrant://h:99999/a",
        "postgres://x/y",
        "pages",
    ],
)
def test_addresses_that_are_none(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no store"):
        made(tmp_path / "ours", address)
    assert not (tmp_path / "ours").exists()


def test_several_are_refused(store: str, tmp_path: Path) -> None:
    paths = [made(tmp_path / name, store, names).path for name, names in (("a", NAMES[:9]), ("b", NAMES[9:]))]
    with pytest.raises(InputError, match="by itself"):
        SeveralIndexes.together(paths)


# ---- with models, as people use it ---------------------------------------------------------------------------------

PAGES = [
    Document(f"d{i}", pair.english, f"{pair.english} and a print out. " * (1 + i % 5), {"part": i % 3})
    for i, pair in enumerate(made_up_pairs(60))
]
ASKED = {
    pair.id: pair.foreign if number % 2 else pair.english for number, pair in enumerate(made_up_pairs(30))
}


@pytest.fixture
def lexicon() -> Lexicon:
    pairs = zip(FOREIGN, ENGLISH, strict=True)
    return Lexicon(resolve("om"), {foreign: {english: 0.8, "print out": 0.2} for foreign, english in pairs})


@pytest.mark.parametrize("method", ["late-interaction", "fusion", "lexicon-bm25"])
def test_every_method(method: str, store: str, tiny_teacher: Path, tmp_path: Path, lexicon: Lexicon) -> None:
    ours = build_index(PAGES, tiny_teacher, tmp_path / "ours", store=store, passages=True)
    theirs = build_index(PAGES, tiny_teacher, tmp_path / "theirs", passages=True)
    by_us, by_them = (Searcher(i, model=tiny_teacher, lexicon=lexicon, method=method) for i in (ours, theirs))
    for where in ({}, {"part": ["1"]}):
        found, expected = (s.find(ASKED, depth=20, where=where) for s in (by_us, by_them))
        for query in ASKED:
            assert found.run[query] == pytest.approx(expected.run[query], abs=1e-3)
            assert {k: found.spans.get(query, {}).get(k) for k in expected.run[query]} == {
                k: expected.spans.get(query, {}).get(k) for k in expected.run[query]
            }
    ((hit, *_), (other, *_)) = (s.search("red green file", top=1, explain=True) for s in (by_us, by_them))
    assert [(m.query_word, m.document_word) for m in hit.matches] == [
        (m.query_word, m.document_word) for m in other.matches
    ]
    few = {query: ["d3", "d5", "d8"] for query in ASKED}
    for query, scores in by_them.rerank(ASKED, few).items():
        assert by_us.rerank(ASKED, few)[query] == pytest.approx(scores, abs=1e-3)


def test_engine_of_a_store_from_documents_to_service(store: str, tiny_teacher: Path, tmp_path: Path) -> None:
    pages = tmp_path / "pages.jsonl"
    pages.write_text(
        "".join(json.dumps({"id": d.id, "title": d.title, "text": d.text}) + "\n" for d in PAGES)
    )
    engine = tmp_path / "engine"
    runner = CliRunner()

    def run(*arguments: str) -> str:
        done = runner.invoke(app, ["engine", *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    run("create", str(engine), "--documents", str(pages), "--store", store, "--model", str(tiny_teacher))
    run("create", str(engine), "--documents", str(pages), "--store", store, "--model", str(tiny_teacher))
    run("delete", str(engine), "d7")
    assert "59 documents" in run("info", str(engine))
    run("verify", str(engine))
    run("compact", str(engine))
    plain = Engine.create(tmp_path / "plain", [d for d in PAGES if d.id != "d7"], model=tiny_teacher)
    expected = [hit.id for hit in plain.search("red green file")]
    assert [hit.id for hit in Engine.open(engine).search("red green file")] == expected
    answer = ask(create_app(Engine.open(engine), Settings()), "GET", "/v1/search?query=red+green+file")
    assert [hit["id"] for hit in answer.json["hits"]] == expected


def test_kind_and_store_go_together(tmp_path: Path, tiny_teacher: Path) -> None:
    with pytest.raises(InputError, match="no use for a store"):
        build_index(PAGES, tiny_teacher, tmp_path / "x", kind="codes", store="qdrant://localhost/pages")
    with pytest.raises(InputError, match="needs a store"):
        build_index(PAGES, tiny_teacher, tmp_path / "x", kind="stored")


def test_payload_says_which_passage_it_is() -> None:
    point = Point("id", np.ones((2, 3), np.float16), np.ones(3, np.float32), "d1", (4, 9), ["a"])
    assert point.payload == {"document": "d1", "begin": 4, "end": 9, "fields": ["a"]}
    assert np.linalg.norm(Asked(np.ones((2, 3), np.float32), 3, None).mean) == pytest.approx(1)


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("qdrant://search-host/pages", "http://search-host:6333"),
        ("qdrant+https://search-host:443/pages", "https://search-host:443"),
        ("qdrant://[::1]:7000/pages", "http://[::1]:7000"),
    ],
)
def test_addresses_of_servers(address: str, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(qdrant, "connected", asked.append)
    open_store(address, "0123")
    assert asked == [server]
