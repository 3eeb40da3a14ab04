"""The index folder and exact search in it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from kivuko.artifact import read_manifest
from kivuko.collections.document import Document
from kivuko.errors import ArtifactError, InputError, StorageError
from kivuko.languages import resolve
from kivuko.models import encoding
from kivuko.retrieval import segment as segment_module
from kivuko.retrieval.build import build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import explain, search_late_interaction
from kivuko.training.optical import OpticalSettings, train_optical
from kivuko.training.teacher import untrained_teacher
from tiny import made_up_pairs

DOCUMENTS = [
    Document("b-copy", "Open", "the file in a window"),
    Document("empty", "", " \t"),
    Document("a-copy", "Open", "the file in a window"),
    Document("long", "Print", "page " * 300),
    Document("colour", "Red and green", "tables"),
]


@pytest.fixture
def index(tiny_teacher: Path, tmp_path: Path) -> Index:
    return Index.open(build_index(DOCUMENTS, tiny_teacher, tmp_path / "index"))


def test_index_counts_what_it_holds_and_leaves_out(index: Index, tiny_teacher: Path) -> None:
    facts = index.manifest.meta
    assert (facts["documents_without_content"], facts["documents_truncated"]) == (1, 1)
    held = index.info()
    assert (held["documents"], held["passages"], held["segments"]) == (4, 4, 1)
    assert facts["max_length"] == 160
    assert [document.id for document in index.documents] == ["b-copy", "a-copy", "long", "colour"]
    assert index.documents[2] == DOCUMENTS[3]
    lengths = {d.id: [len(vectors) for _, vectors in index.vectors_of(d.id)] for d in index.documents}
    assert lengths["long"] == [158]
    assert held["tokens"] == sum(sum(each) for each in lengths.values())
    direct = encoding.encode(encoding.open_encoder(tiny_teacher), [DOCUMENTS[4].full_text], task="document")
    np.testing.assert_allclose(index.vectors_of("colour")[0][1], direct[0].astype(float), atol=0.02)


def test_search_ranks_by_maxsim_with_ties_by_id(index: Index, tiny_teacher: Path) -> None:
    queries = {"q1": "open the file", "q2": "red tables"}
    run = search_late_interaction(index, tiny_teacher, queries)
    assert list(run) == ["q1", "q2"]
    assert list(run["q1"])[:2] == ["a-copy", "b-copy"]
    assert run["q1"]["a-copy"] == run["q1"]["b-copy"]
    assert next(iter(run["q2"])) == "colour"
    assert "empty" not in run["q1"]
    assert list(run["q1"].values()) == sorted(run["q1"].values(), reverse=True)
    encoder = encoding.open_encoder(tiny_teacher)
    vectors = encoding.encode(encoder, ["red tables"], task="query").vectors.astype(float)
    similarity = vectors @ index.vectors_of("colour")[0][1].T
    assert run["q2"]["colour"] == pytest.approx(similarity.max(axis=1).sum(), abs=0.02)
    # A tie that straddles the depth is cut by id too.
    assert list(search_late_interaction(index, tiny_teacher, queries, depth=1)["q1"]) == ["a-copy"]


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ("", False),
        (" \t\u3000", False),
        ("?!", True),
        ("ភាសាខ្មែរ", True),
        ("𞤀𞤣𞤤𞤢𞤥", True),
        ("the of and", True),
    ],
)
def test_odd_queries_do_not_break_search(query: str, finds: bool, index: Index, tiny_teacher: Path) -> None:
    run = search_late_interaction(index, tiny_teacher, {"odd": query, "plain": "open"})
    assert bool(run["odd"]) == finds
    assert len(run["plain"]) == 4
    matches = explain(index, tiny_teacher, query, "colour")
    assert bool(matches) == finds
    assert all(np.isfinite(match.similarity) for match in matches)


def test_explain_tells_each_token_s_match(index: Index, tiny_teacher: Path) -> None:
    query = "Open (xyz) ក page"
    encoder = encoding.open_encoder(tiny_teacher)
    tokens = encoding.encode(encoder, [query], task="query").lengths[0]
    for document in index.documents:
        matches = explain(index, tiny_teacher, query, document.id)
        assert len(matches) == tokens
        assert matches[0].query_word == "Open"
        assert {match.query_word for match in matches} == set(query.split())
        assert {match.document_word for match in matches} <= set(document.full_text.split())
        score = search_late_interaction(index, tiny_teacher, {"q": query})["q"][document.id]
        assert sum(match.similarity for match in matches) == pytest.approx(score, abs=1e-3)
    with pytest.raises(KeyError):
        explain(index, tiny_teacher, query, "empty")


def test_student_of_the_same_teacher_searches_and_a_stranger_is_refused(
    index: Index, tiny_teacher: Path, other_tiny_encoder: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    settings = OpticalSettings(steps=2, batch_size=8)
    student = train_optical(
        made_up_pairs(20), resolve("om"), tiny_teacher, tmp_path / "om", settings=settings
    )
    assert search_late_interaction(index, student, {"q": "bani"})["q"]
    stranger = untrained_teacher(str(other_tiny_encoder), ["open the file"])
    for work in (
        lambda: search_late_interaction(index, stranger, {"q": "open"}),
        lambda: explain(index, stranger, "open", "colour"),
    ):
        with pytest.raises(ArtifactError, match="another model's vector space") as refused:
            work()
        assert str(index.path) in str(refused.value)
        assert str(stranger) in str(refused.value)
        assert "kivuko index build" in str(refused.value)
    with pytest.raises(InputError, match="not a late-interaction model"):
        search_late_interaction(index, tiny_encoder, {"q": "open"})


def test_same_inputs_keep_the_index_and_others_replace_it(index: Index, tiny_teacher: Path) -> None:
    stamp = (index.path / "manifest.json").stat().st_mtime_ns
    build_index(DOCUMENTS, tiny_teacher, index.path)
    assert (index.path / "manifest.json").stat().st_mtime_ns == stamp
    build_index(DOCUMENTS[:1], tiny_teacher, index.path)
    assert [document.id for document in Index.open(index.path).documents] == ["b-copy"]


def test_bad_documents_are_refused(tiny_teacher: Path, tmp_path: Path) -> None:
    output = tmp_path / "index"
    with pytest.raises(InputError, match=r"same id[\s\S]*documents 1 and 3[\s\S]*'b-copy'"):
        build_index([*DOCUMENTS[:2], DOCUMENTS[0]], tiny_teacher, output)
    with pytest.raises(InputError, match="nothing to index"):
        build_index([], tiny_teacher, output)
    with pytest.raises(InputError, match=r"no document has any content[\s\S]*1 empty"):
        build_index([DOCUMENTS[1]], tiny_teacher, output)
    assert not output.exists()


def test_folder_of_somebody_else_is_refused_before_encoding(
    tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    monkeypatch.setattr(encoding, "encode", lambda *_, **__: pytest.fail("encoded"))
    with pytest.raises(ArtifactError, match="will not replace"):
        build_index(DOCUMENTS, tiny_teacher, tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


def test_interrupted_build_leaves_no_index(
    tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for target, name in ((encoding, "encode"), (segment_module, "asdict")):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                build_index(DOCUMENTS, tiny_teacher, tmp_path / "indexes" / "mine")
        with pytest.raises(ArtifactError, match="no complete index"):
            Index.open(tmp_path / "indexes" / "mine")
    # What was encoded stays for the next attempt, and is gone after it.
    assert [path.name for path in (tmp_path / "indexes").iterdir()] == [".mine.encoding"]
    with monkeypatch.context() as patch:
        patch.setattr(encoding, "encode", interrupted)
        build_index(DOCUMENTS, tiny_teacher, tmp_path / "indexes" / "mine")
    assert len(Index.open(tmp_path / "indexes" / "mine").documents) == 4
    assert [path.name for path in (tmp_path / "indexes").iterdir()] == ["mine"]


def test_full_disk_leaves_the_former_index(
    index: Index, tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_manifest(index.path, "index", verify=True)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for target, name in ((np, "save"), (os, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, full)
            with pytest.raises(StorageError, match="No space left"):
                build_index(DOCUMENTS[:1], tiny_teacher, index.path)
        assert read_manifest(index.path, "index", verify=True) == before
    assert len(Index.open(index.path).documents) == 4


def test_damaged_or_missing_index_is_told(index: Index, tmp_path: Path) -> None:
    next(index.path.rglob("token-float16.npy")).write_bytes(b"short")
    with pytest.raises(ArtifactError, match=r"damaged[\s\S]*token-float16\.npy"):
        Index.open(index.path)
    with pytest.raises(ArtifactError, match="no complete index"):
        Index.open(tmp_path / "nowhere")
