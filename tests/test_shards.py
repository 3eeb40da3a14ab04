"""Documents encoded in shards by many workers, and indexes of them."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from kivuko.artifact import hash_file, read_manifest
from kivuko.cli.main import app
from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.errors import ArtifactError, InputError
from kivuko.models.encoder import Encoder
from kivuko.models.token_vectors import TokenVectors
from kivuko.readers.documents import read_documents, stream_documents
from kivuko.retrieval import shards as module
from kivuko.retrieval.build import add_shards, build_index, index_shards, sync_documents
from kivuko.retrieval.index import Index
from kivuko.retrieval.shards import Shards, encode_shards
from kivuko.training.teacher import untrained_teacher
from kivuko.workers import Workers
from tiny import made_up_pairs

DOCUMENTS = [
    *(
        Document(f"d{i}", pair.english, f"{pair.english}. " * (1 + i % 9))
        for i, pair in enumerate(made_up_pairs(50))
    ),
    Document("nothing", "", " \t"),
    Document("year", "red table", "the table of a year", {"year": 2020}),
]


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DOCUMENTS_A_SHARD", 7)


def files(folder: Path) -> dict[str, str]:
    """Name of every file that is no lock → hash of its content."""
    found = (file for file in folder.rglob("*") if file.is_file() and not file.name.endswith(".lock"))
    return {file.relative_to(folder).as_posix(): hash_file(file) for file in found}


@pytest.fixture(scope="module")
def teacher(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIVUKO_CACHE", str(tmp_path_factory.mktemp("cache")))
        return untrained_teacher(str(tiny_encoder), [pair.english for pair in made_up_pairs(40)])


@pytest.fixture(scope="module")
def by_two(teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents encoded by two processes; starting these takes most of the time."""
    folder = tmp_path_factory.mktemp("by-two") / "shards"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DOCUMENTS_A_SHARD", 7)
        encode_shards(iter(DOCUMENTS), teacher, folder, workers=Workers(count=2))
    return folder


@pytest.fixture
def encoded(by_two: Path, tmp_path: Path) -> Shards:
    """A copy of them."""
    return Shards.open(shutil.copytree(by_two, tmp_path / "shards"))


@pytest.mark.parametrize("kind", ["exact", "compressed"])
def test_the_index_is_that_of_the_documents_themselves(
    encoded: Shards, teacher: Path, tmp_path: Path, kind: str
) -> None:
    assert len(encoded) == len(DOCUMENTS)
    assert len(encoded.names) == 8
    index_shards(encoded, tmp_path / "index", kind=kind)  # type: ignore[arg-type]
    build_index(DOCUMENTS, teacher, tmp_path / "direct", kind=kind, passages=True)  # type: ignore[arg-type]
    assert files(tmp_path / "index") == files(tmp_path / "direct")
    assert Index.open(tmp_path / "index").manifest.meta["documents_without_content"] == 1
    before = read_manifest(tmp_path / "index", "index").hash
    index_shards(encoded, tmp_path / "index", kind=kind)  # type: ignore[arg-type]
    assert read_manifest(tmp_path / "index", "index").hash == before


def test_any_number_of_workers_writes_the_same_bytes(encoded: Shards, teacher: Path, tmp_path: Path) -> None:
    encode_shards(DOCUMENTS, teacher, tmp_path / "one", workers=Workers(count=1))
    assert files(tmp_path / "one") == files(encoded.path)


def test_a_run_goes_on_and_mends_what_is_damaged(
    encoded: Shards, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = files(encoded.path)
    (encoded.path / "manifest.json").unlink()
    shutil.rmtree(encoded.path / encoded.names[0])
    (encoded.path / encoded.names[1] / "vectors.npy").write_bytes(b"short")
    kept = (encoded.path / encoded.names[2] / "manifest.json").stat().st_mtime_ns
    with pytest.raises(ArtifactError, match="no complete encoded-shards"):
        Shards.open(encoded.path)
    again = encode_shards(DOCUMENTS, teacher, encoded.path, workers=Workers(count=1))
    assert files(encoded.path) == whole
    assert again == encoded
    assert (encoded.path / encoded.names[2] / "manifest.json").stat().st_mtime_ns == kept


def test_a_damaged_shard_makes_no_index(encoded: Shards, tmp_path: Path) -> None:
    (encoded.path / encoded.names[1] / "vectors.npy").write_bytes(b"short")
    with pytest.raises(ArtifactError, match=r"damaged[\s\S]*vectors\.npy"):
        index_shards(encoded, tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_folders_of_others_are_left_alone(teacher: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtifactError, match="will not replace"):
        encode_shards(DOCUMENTS, teacher, tmp_path)
    with pytest.raises(InputError, match="nothing to encode"):
        encode_shards([], teacher, tmp_path / "none", workers=Workers(count=1))
    assert not Shards.are_at(tmp_path)


def test_shards_are_added_to_the_index_of_their_model_alone(
    encoded: Shards, teacher: Path, tmp_path: Path
) -> None:
    first = [Document("first", "blue sky", "a sky that is blue")]
    index = Index.open(build_index(first, teacher, tmp_path / "index", passages=True))
    assert add_shards(index, encoded) == {"documents_without_content": 1, "documents_truncated": 0}
    assert len(index.documents) == len(DOCUMENTS)
    with pytest.raises(InputError, match="has a document of this id"):
        add_shards(index, encoded)
    add_shards(index, encoded, replace=True)
    pooled = encode_shards(DOCUMENTS, teacher, tmp_path / "pooled", pooling=2, workers=Workers(count=1))
    with pytest.raises(ArtifactError, match=r"another way[\s\S]*pooling 1\.0[\s\S]*pooling 2\.0"):
        add_shards(index, pooled)


def test_an_index_follows_encoded_documents(encoded: Shards, teacher: Path, tmp_path: Path) -> None:
    kept = [document for document in DOCUMENTS if document.id != "nothing"]
    former = [
        replace(kept[0], title="what it was"),
        *kept[1:-10],
        Document("gone", "gone", "no longer there"),
    ]
    index = Index.open(build_index(former, teacher, tmp_path / "index", passages=True))
    facts = sync_documents(index, encoded, None, delete=True)
    # The one without content is new every time, and never there.
    assert facts == {
        "added": 11, "replaced": 1, "unchanged": len(kept) - 11, "missing": 1,
        "documents_without_content": 1, "documents_truncated": 0,
    }  # fmt: skip
    assert sorted(index.ids) == sorted(document.id for document in kept)
    assert index.document("d0") == kept[0]
    anew = Index.open(build_index(kept, teacher, tmp_path / "anew", passages=True))
    asked = [TokenVectors.open(encoded.path / encoded.names[0])[number] for number in range(5)]
    for ours, theirs in zip(index.search(asked, depth=5), anew.search(asked, depth=5), strict=True):
        assert {hit.id: hit.score for hit in ours} == pytest.approx({hit.id: hit.score for hit in theirs})
    before = index.manifest.hash
    assert sync_documents(index, encoded, None, delete=True)["unchanged"] == len(kept)
    assert index.manifest.hash == before
    pooled = encode_shards(DOCUMENTS, teacher, tmp_path / "pooled", pooling=2, workers=Workers(count=1))
    with pytest.raises(ArtifactError, match="another way"):
        sync_documents(index, pooled, None)


def test_an_engine_is_made_of_shards(
    encoded: Shards, teacher: Path, other_tiny_encoder: Path, own_cache: Path, tmp_path: Path
) -> None:
    engine = Engine.create(tmp_path / "engine", encoded, model=teacher)
    assert engine.search("red table of a year", way=engine.way("en", "late-interaction"))[0].id == "year"
    assert Engine.create(tmp_path / "engine", DOCUMENTS, model=teacher).path == engine.path  # it stands there
    other = untrained_teacher(str(other_tiny_encoder), ["open a file", "print a page"])
    with pytest.raises(ArtifactError, match="encoded by another model"):
        Engine.create(tmp_path / "other", encoded, model=other)
    with pytest.raises(InputError, match="words alone"):
        Engine.create(tmp_path / "words", encoded, kind="lexical")


def test_files_are_read_as_streams(tmp_path: Path) -> None:
    rows = [{"id": 7, "title": "Open", "text": "a file", "year": 2020}, {"id": "b", "title": "", "text": "x"}]
    lines, table = tmp_path / "documents.jsonl", tmp_path / "documents.parquet"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    columns = {"id": ["7", "b"], "title": ["Open", ""], "text": ["a file", "x"], "year": [2020, None]}
    parquet.write_table(pyarrow.table(columns), table)
    expected = [Document("7", "Open", "a file", {"year": 2020}), Document("b", "", "x")]
    for path in (lines, table):
        assert list(stream_documents(path)) == read_documents(path) == expected
    table.write_bytes(b"PAR1 no more")
    with pytest.raises(InputError, match="no Parquet file"):
        read_documents(table)
    with pytest.raises(InputError, match="no Parquet file"):
        read_documents(tmp_path / "none.parquet")
    parquet.write_table(pyarrow.table({"id": ["a"], "title": [[1, 2]], "text": ["x"]}), table)
    with pytest.raises(InputError, match=r"documents\.parquet:1"):
        read_documents(table)


def test_parquet_is_held_a_group_of_rows_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "documents.parquet"
    texts = [os.urandom(500).hex() for _ in range(4000)]
    table = pyarrow.table({"id": [f"d{i}" for i in range(4000)], "title": texts, "text": texts})
    parquet.write_table(table, path, row_group_size=200, use_dictionary=False)
    del table
    before, most = pyarrow.total_allocated_bytes(), 0
    for _ in stream_documents(path):
        most = max(most, pyarrow.total_allocated_bytes() - before)
    assert 0 < most < path.stat().st_size / 4


def test_on_the_command_line(teacher: Path, tmp_path: Path) -> None:
    def run(*command: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, [str(word) for word in command])
        assert done.exit_code == code, done.output
        return done.output + str(done.exception or "")

    documents, shards = tmp_path / "documents.jsonl", str(tmp_path / "shards")
    rows = [{"id": d.id, "title": d.title, "text": d.text, **d.metadata} for d in DOCUMENTS if d.text.strip()]
    documents.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = ["index", "encode", str(documents), "--shards", shards, "--model", str(teacher)]
    said = run(*command, "--workers", "1")
    assert "51 documents in 8 shards" in said
    assert f"kivuko index build {shards}" in said
    assert "51 documents" in run("index", "build", shards, "--output", str(tmp_path / "index"))
    said = run("index", "build", shards, "--output", str(tmp_path / "other"), "--pooling", "2", code=1)
    assert "encoded already" in said
    assert "--pooling" in said
    said = run("index", "add", str(tmp_path / "index"), shards, "--replace")
    assert "51 documents added, 0 without content" in said
    engine = str(tmp_path / "engine")
    run("engine", "create", engine, "--documents", shards, "--model", str(teacher))
    assert "51 documents added" in run("engine", "add", engine, shards, "--replace")
    assert "--driver ray" in run(*command, "--gpus", "1", code=1)
    assert "unknown driver" in run(*command, "--driver", "spark", code=1)


@pytest.mark.slow
def test_a_node_of_a_ray_cluster_dies_and_the_bytes_are_the_same(
    encoded: Shards, teacher: Path, tmp_path: Path
) -> None:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    dies = cluster.add_node(num_cpus=1)
    folder = tmp_path / "by-ray"
    found: list[Shards] = []

    def encode() -> None:
        workers = Workers("ray", address=cluster.address)
        found.append(encode_shards(DOCUMENTS, teacher, folder, workers=workers))

    try:
        at_work = threading.Thread(target=encode)
        at_work.start()
        until = time.monotonic() + 300
        while time.monotonic() < until and at_work.is_alive() and not list(folder.glob("*/manifest.json")):
            time.sleep(0.01)
        cluster.remove_node(dies, allow_graceful=False)
        at_work.join(300)
        assert found == [Shards(folder, *list(vars(encoded).values())[1:])]
        assert files(folder) == files(encoded.path)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert Encoder.open(teacher).space == encoded.space
