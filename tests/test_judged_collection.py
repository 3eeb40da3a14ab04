"""The test-collection artefact: what is left out and counted, and what is refused."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.collections.judged import Description, JudgedCollection, JudgedDocument, Parts
from kivuko.collections.judged_writing import write_judged
from kivuko.errors import ArtifactError, InputError
from kivuko.evaluation.run import read_qrels
from kivuko.languages import resolve
from kivuko.readers.documents import read_documents, read_queries

OROMO = resolve("om")
ABOUT = Description("test", OROMO, "by hand", "CC0-1.0", "none", "this file")


def document(name: str, text: str = "x", title: str = "") -> JudgedDocument:
    return JudgedDocument(name, title, text, "eng-Latn")


def test_what_cannot_be_judged_is_left_out_and_counted(tmp_path: Path) -> None:
    documents = [document("a", "x", "T"), document("b", "", " "), document("c", "\ud83d")]
    parts = Parts(
        iter(documents),
        {"q": "two\twords\n", "r": "nothing relevant", "s": "not judged", "t": " \n"},
        {"q": {"a": 2, "b": 1}, "r": {"a": 0}, "z": {"a": 1}},
    )
    opened = JudgedCollection.open(write_judged(tmp_path / "c", ABOUT, parts))
    assert opened.queries == {"q": "two words"} == read_queries(tmp_path / "c" / "queries.tsv")
    assert opened.qrels == {"q": {"a": 2}} == read_qrels(tmp_path / "c" / "qrels.txt")
    assert list(opened.documents()) == documents[:1]
    assert [each.id for each in read_documents(tmp_path / "c" / "documents.jsonl")] == ["a"]
    assert opened.manifest.meta["left_out"] == {
        "document with half a character": 1,
        "document without text": 1,
        "judgment of an unknown document": 1,
        "judgment of an unknown query": 1,
        "query without a relevant document": 2,
        "query without text": 1,
    }
    assert opened.manifest.meta["document_languages"] == {"eng-Latn": 1}
    assert opened.manifest.meta["judgments_by_grade"] == {"2": 1}
    assert opened.query_language == OROMO


@pytest.mark.parametrize("name", ["", "two words", "a", "no\u00a0break", "\ud83d"])
def test_document_ids_that_cannot_be_used_are_refused(tmp_path: Path, name: str) -> None:
    parts = Parts([document("a"), document(name)], {"q": "x"}, {"q": {"a": 1}})
    with pytest.raises(InputError, match="document's id cannot be used"):
        write_judged(tmp_path / "c", ABOUT, parts)
    assert not (tmp_path / "c").exists()


def test_query_ids_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="query's id cannot be used"):
        write_judged(tmp_path / "c", ABOUT, Parts([document("a")], {"q 1": "x"}, {"q 1": {"a": 1}}))


def test_nothing_relevant_is_no_collection(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no query has a relevant document") as told:
        write_judged(tmp_path / "c", ABOUT, Parts([document("a")], {"q": "x"}, {"q": {"b": 1}}))
    assert "judgment of an unknown document" in str(told.value)


def test_a_folder_of_another_kind_is_no_collection(tmp_path: Path) -> None:
    (tmp_path / "documents.jsonl").write_text("{}")
    with pytest.raises(ArtifactError, match="no complete judged-collection"):
        JudgedCollection.open(tmp_path)


@given(
    st.dictionaries(
        st.sampled_from("pqr"), st.dictionaries(st.sampled_from("abcd"), st.integers(-2, 3), max_size=4)
    )
)
def test_every_judgment_is_kept_or_counted(
    tmp_path_factory: pytest.TempPathFactory, qrels: dict[str, dict[str, int]]
) -> None:
    """Of queries p and q and documents a and b; r, c and d are unknown."""
    known = {query: qrels.get(query, {}) for query in "pq"}
    usable = {q: {d: g for d, g in grades.items() if d in "ab"} for q, grades in known.items()}
    usable = {q: grades for q, grades in usable.items() if any(grade > 0 for grade in grades.values())}
    parts = Parts([document("a"), document("b")], {"p": "x", "q": "y"}, qrels)
    path = tmp_path_factory.mktemp("c") / "c"
    if not usable:
        with pytest.raises(InputError):
            write_judged(path, ABOUT, parts)
        return
    opened = JudgedCollection.open(write_judged(path, ABOUT, parts))
    assert opened.qrels == usable
    unknown = sum(q == "r" or d in "cd" for q, grades in qrels.items() for d in grades)
    reasons = parts.report.reasons
    assert reasons["judgment of an unknown query"] + reasons["judgment of an unknown document"] == unknown
    assert reasons["query without a relevant document"] == 2 - len(usable)


def test_memory_does_not_grow_with_the_documents(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        documents = (document(f"d{number}", "a few words " * 20) for number in range(count))
        tracemalloc.start()
        write_judged(tmp_path / str(count), ABOUT, Parts(documents, {"q": "x"}, {"q": {"d0": 1}}))
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    peak(100)
    assert peak(8_000) - peak(2_000) < 6_000 * 40
