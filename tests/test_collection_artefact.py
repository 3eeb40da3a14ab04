"""The collection artefact: sets of queries, what is left out and counted, and what is refused."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.artifact import write_artifact
from kivuko.collections.collection import Collection, Contents, Description, QuerySet
from kivuko.collections.document import Document
from kivuko.collections.writing import write_collection
from kivuko.errors import ArtifactError, InputError, UnknownNameError
from kivuko.evaluation.run import read_qrels
from kivuko.languages import resolve
from kivuko.readers.documents import read_documents, read_queries
from one_set import only_qrels, only_queries

OROMO = resolve("om")
ABOUT = Description("test", OROMO, "by hand", "CC0-1.0", "none", "this file")


TITLES = QuerySet("title", "test", OROMO)


def contents(
    documents: Iterable[Document], queries: dict[str, str], qrels: dict[str, dict[str, int]]
) -> Contents:
    return Contents(documents, {TITLES: queries}, qrels)


def document(name: str, text: str = "x", title: str = "") -> Document:
    return Document(name, title, text, {"language": "eng-Latn"})


def test_control_characters_become_spaces_and_what_has_a_nul_goes(tmp_path: Path) -> None:
    # Without a document its judgments would be lost, and the numbers would compare with nobody's.
    documents = [
        document("a", "one\x07two\x92s", "T\x1b"),
        document("b", "plain"),
        document("c", "n\0u\0l\0"),
    ]
    parts = contents(iter(documents), {"q": "x\x01y", "r": "z\0"}, {"q": {"a": 1, "c": 1}, "r": {"a": 1}})
    opened = Collection.open(write_collection(tmp_path / "c", ABOUT, parts))
    assert only_queries(opened) == {"q": "x y"}
    assert [(each.title, each.text) for each in opened.documents] == [("T", "one two s"), ("", "plain")]
    assert opened.manifest.meta["changed"] == {
        "document with control characters, which became spaces": 1,
        "query with control characters, which became spaces": 1,
    }
    assert opened.manifest.meta["left_out"] == {
        "document with a NUL character": 1,
        "judgment of an unknown document": 1,
        "judgment of an unknown query": 1,
        "query with a NUL character": 1,
    }
    assert "2 × " not in (card := (tmp_path / "c" / "README.md").read_text(encoding="utf-8"))
    assert "1 × query with control characters, which became spaces" in card


def test_what_cannot_be_judged_is_left_out_and_counted(tmp_path: Path) -> None:
    documents = [document("a", "x", "T"), document("b", "", " "), document("c", "\ud83d")]
    parts = contents(
        iter(documents),
        {"q": "two\twords\n", "r": "nothing relevant", "s": "not judged", "t": " \n"},
        {"q": {"a": 2, "b": 1}, "r": {"a": 0}, "z": {"a": 1}},
    )
    opened = Collection.open(write_collection(tmp_path / "c", ABOUT, parts))
    assert only_queries(opened) == {"q": "two words"} == read_queries(tmp_path / "c" / TITLES.file)
    assert only_qrels(opened) == {"q": {"a": 2}} == read_qrels(tmp_path / "c" / "qrels.txt")
    assert opened.documents == documents[:1] == read_documents(tmp_path / "c" / "documents.jsonl")
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
    assert opened.language == OROMO


@pytest.mark.parametrize("name", ["", "two words", "a", "no\u00a0break", "\ud83d"])
def test_document_ids_that_cannot_be_used_are_refused(tmp_path: Path, name: str) -> None:
    parts = contents([document("a"), document(name)], {"q": "x"}, {"q": {"a": 1}})
    with pytest.raises(InputError, match="document's id cannot be used"):
        write_collection(tmp_path / "c", ABOUT, parts)
    assert not (tmp_path / "c").exists()


def test_query_ids_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="query's id cannot be used"):
        write_collection(tmp_path / "c", ABOUT, contents([document("a")], {"q 1": "x"}, {"q 1": {"a": 1}}))


def test_nothing_relevant_is_no_collection(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no query has a relevant document") as told:
        write_collection(tmp_path / "c", ABOUT, contents([document("a")], {"q": "x"}, {"q": {"b": 1}}))
    assert "judgment of an unknown document" in str(told.value)


def test_a_folder_of_another_kind_is_no_collection(tmp_path: Path) -> None:
    (tmp_path / "documents.jsonl").write_text("{}")
    with pytest.raises(ArtifactError, match="no complete collection"):
        Collection.open(tmp_path)


@pytest.mark.parametrize("kind", ["judged-collection", "linked-collections", "collection"])
def test_a_folder_of_an_earlier_version_says_how_to_make_it_again(tmp_path: Path, kind: str) -> None:
    with write_artifact(tmp_path / "c", kind, meta={"language": "orm-Latn", "query_language": "orm-Latn"}):
        pass
    with pytest.raises(ArtifactError, match=r"earlier version[\s\S]*kivuko data import-collection"):
        Collection.open(tmp_path / "c")


def test_an_id_means_the_same_in_every_kind_and_language(tmp_path: Path) -> None:
    english = resolve("en")
    sets = {
        TITLES: {"q": "faayilii", "r": "fuula"},
        QuerySet("paragraph", "test", OROMO): {"q": "Faayilii banuu."},
        QuerySet("title", "test", english): {"q": "file"},
        QuerySet("title", "train", OROMO): {"s": "gabatee"},
    }
    qrels = {"q": {"a": 2, "b": 1}, "r": {"b": 1}, "s": {"a": 1}}
    documents = [document("a"), Document("b", "B", " two  words\nline", {"year": 2020})]
    opened = Collection.open(write_collection(tmp_path / "c", ABOUT, Contents(documents, sets, qrels)))
    assert opened.query_sets == tuple(sets)
    assert (opened.query_kinds, opened.splits) == (("title", "paragraph"), ("test", "train"))
    assert (opened.language, opened.languages) == (OROMO, (OROMO, english))
    assert opened.queries("title", "test") == {"q": "faayilii", "r": "fuula"}
    assert opened.queries("title", "test", english) == {"q": "file"}
    assert opened.qrels("title", "test") == {"q": qrels["q"], "r": qrels["r"]}
    assert opened.qrels("paragraph", "test") == {"q": qrels["q"]}
    assert opened.qrels("title", "train") == {"s": qrels["s"]}
    assert opened.documents[1] == Document("b", "B", "two words\nline", {"year": 2020})
    assert opened.manifest.meta["document_languages"] == {"eng-Latn": 1}
    assert opened.training_titles() == []
    assert "| orm-Latn | title | test | 2 |" in (tmp_path / "c" / "README.md").read_text(encoding="utf-8")
    with pytest.raises(UnknownNameError, match="train"):
        opened.queries("paragraph", "train")
    with pytest.raises(UnknownNameError, match="swa-Latn"):
        opened.queries("title", "test", resolve("sw"))


@pytest.mark.parametrize(("kind", "split"), [("a/b", "test"), ("title", "../test"), ("", "test")])
def test_names_that_no_file_can_have_are_refused(tmp_path: Path, kind: str, split: str) -> None:
    parts = Contents([document("a")], {QuerySet(kind, split, OROMO): {"q": "x"}}, {"q": {"a": 1}})
    with pytest.raises(InputError, match="part of a file's name"):
        write_collection(tmp_path / "c", ABOUT, parts)


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
    parts = contents([document("a"), document("b")], {"p": "x", "q": "y"}, qrels)
    path = tmp_path_factory.mktemp("c") / "c"
    if not usable:
        with pytest.raises(InputError):
            write_collection(path, ABOUT, parts)
        return
    opened = Collection.open(write_collection(path, ABOUT, parts))
    assert only_qrels(opened) == usable
    unknown = sum(q == "r" or d in "cd" for q, grades in qrels.items() for d in grades)
    reasons = parts.report.reasons
    assert reasons["judgment of an unknown query"] + reasons["judgment of an unknown document"] == unknown
    assert reasons["query without a relevant document"] == 2 - len(usable)


def test_memory_does_not_grow_with_the_documents(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        documents = (document(f"d{number}", "a few words " * 20) for number in range(count))
        tracemalloc.start()
        write_collection(tmp_path / str(count), ABOUT, contents(documents, {"q": "x"}, {"q": {"d0": 1}}))
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    peak(100)
    assert peak(8_000) - peak(2_000) < 6_000 * 40
