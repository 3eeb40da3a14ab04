"""Several indexes searched as one give what one index of all their documents gives."""

from __future__ import annotations

import itertools
import json
import pickle
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kivuko.cli.main import app
from kivuko.codeswitch import Lexicon
from kivuko.collections.document import Document
from kivuko.engine import Engine
from kivuko.errors import ArtifactError, InputError, UnknownNameError
from kivuko.languages import resolve
from kivuko.retrieval import shards
from kivuko.retrieval.build import build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.search import Searcher
from kivuko.retrieval.together import SeveralIndexes
from tiny import ENGLISH, FOREIGN, made_up_pairs

DOCUMENTS = [
    Document(f"d{i}", pair.english, f"{pair.english} and a print out. " * (1 + i % 5), {"part": i % 3})
    for i, pair in enumerate(made_up_pairs(60))
]
QUERIES = {
    pair.id: " ".join((pair.foreign if number % 2 else pair.english).split()[:-1])
    for number, pair in enumerate(made_up_pairs(30))
}
CUTS = (0, 20, 40, 60)


@pytest.fixture
def lexicon() -> Lexicon:
    entries = {
        foreign: {english: 0.8, "print out": 0.2} for foreign, english in zip(FOREIGN, ENGLISH, strict=True)
    }
    return Lexicon(resolve("om"), entries)


def parts_of(folder: Path, teacher: Path | None, kind: str) -> list[Path]:
    return [
        build_index(DOCUMENTS[begin:end], teacher, folder / f"part-{begin}", kind=kind)  # type: ignore[arg-type]
        for begin, end in itertools.pairwise(CUTS)
    ]


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        *itertools.product(["exact", "exact-int8", "compressed"], ["late-interaction", "fusion"]),
        ("exact", "bm25"),
        ("exact", "lexicon-bm25"),
    ],
)
def test_scores_are_those_of_one_index(
    kind: str,
    method: str,
    tiny_teacher: Path,
    tmp_path: Path,
    lexicon: Lexicon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Texts that are encoded together with others have other vectors, by rounding.
    monkeypatch.setattr(shards, "DOCUMENTS_A_SHARD", 20)
    whole = build_index(DOCUMENTS, tiny_teacher, tmp_path / "whole", kind=kind)  # type: ignore[arg-type]
    Index.open(whole).delete(["d40"])
    parts = parts_of(tmp_path, tiny_teacher, kind)
    Index.open(parts[2]).delete(["d40"])
    of_one, of_all = (
        Searcher(index, model=tiny_teacher, lexicon=lexicon, method=method) for index in (whole, parts)
    )
    for where in ({}, {"part": ["1"]}):
        found, expected = (
            of_all.find(QUERIES, depth=20, where=where),
            of_one.find(QUERIES, depth=20, where=where),
        )
        assert found.run == expected.run
        assert found.spans == expected.spans
    assert any(expected.run.values())
    query = QUERIES["made-up:5"]
    assert of_all.search(query, explain=True) == of_one.search(query, explain=True)


def test_an_index_of_codes_keeps_its_own_codec(tiny_teacher: Path, tmp_path: Path) -> None:
    parts = parts_of(tmp_path, tiny_teacher, "codes")
    together = Searcher(parts, model=tiny_teacher).find(QUERIES, depth=60).run
    for part in parts:
        for query, scores in Searcher(part, model=tiny_teacher).find(QUERIES, depth=60).run.items():
            assert {name: together[query][name] for name in scores} == scores


def test_what_it_holds(tiny_teacher: Path, tmp_path: Path) -> None:
    parts = parts_of(tmp_path, tiny_teacher, "exact")
    index = SeveralIndexes.together(parts)
    assert index.info()["documents"] == len(DOCUMENTS)
    assert index.info()["bytes"]["vectors"] == sum(Index.open(p).info()["bytes"]["vectors"] for p in parts)
    assert [document.id for document in index.documents] == [document.id for document in DOCUMENTS]
    index.verify()
    for change in (lambda: index.delete(["d1"]), lambda: index.add([]), index.compact):
        with pytest.raises(InputError, match="each by itself"):
            change()
    with pytest.raises(UnknownNameError, match="metadata field"):
        Searcher(parts).search("red", where={"prt": ["1"]})


def test_what_does_not_fit_together_is_refused(tiny_teacher: Path, tmp_path: Path) -> None:
    part = build_index(DOCUMENTS[:5], tiny_teacher, tmp_path / "part")
    words = build_index(DOCUMENTS[5:9], None, tmp_path / "words", kind="lexical")
    with pytest.raises(ArtifactError, match=r"different vector spaces[\s\S]*space none"):
        Searcher([part, words])
    with pytest.raises(InputError, match=r"part and .*part[\s\S]*'d0'"):
        Searcher([part, part])
    with pytest.raises(InputError, match="no index"):
        Searcher([])


def test_an_engine_answers_for_others_and_sees_their_changes(tmp_path: Path) -> None:
    first, second = (
        Engine.create(tmp_path / name, documents, kind="lexical")
        for name, documents in (("first", DOCUMENTS[:30]), ("second", DOCUMENTS[30:]))
    )
    whole = Engine.create(tmp_path / "whole", DOCUMENTS, kind="lexical")

    def found(engine: Engine) -> list[tuple[str, float]]:
        return [(hit.id, hit.score) for hit in engine.search("window print", language="en", top=99)]

    together = pickle.loads(pickle.dumps(Engine.open(first.path, also=[second.path])))
    assert found(together) == found(whole)
    before = together.generation
    for engine in (second, whole):
        engine.delete(["d31"])
    assert found(together) == found(whole)
    assert together.generation != before
    together.add([Document("new", "window", "a window")])
    whole.add([Document("new", "window", "a window")])
    assert sorted(found(together)) == sorted(found(whole))
    assert first.index.has("new")
    with pytest.raises(InputError, match="no such document"):
        together.delete(["d40"])  # the other's own
    together.verify()


def test_on_the_command_line(tmp_path: Path) -> None:
    first = Engine.create(tmp_path / "first", DOCUMENTS[:30], kind="lexical").path
    second = Engine.create(tmp_path / "second", DOCUMENTS[30:59], kind="lexical").path
    third = build_index(DOCUMENTS[59:], None, tmp_path / "third", kind="lexical")
    command = [
        "search",
        str(first),
        "window",
        "--also",
        str(second),
        "--also",
        str(third),
        "--top",
        "60",
        "--json",
    ]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    whole = Engine.create(tmp_path / "whole", DOCUMENTS, kind="lexical")
    expected = [(hit.id, hit.score) for hit in whole.search("window", language="en", top=60)]
    assert len(expected) > 10
    assert [(hit["id"], hit["score"]) for hit in json.loads(done.stdout)["hits"]] == expected
