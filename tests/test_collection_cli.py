"""A collection by the command line: which queries are meant, and the whole way of one with several sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from kivuko.cli.lexicon import _texts
from kivuko.cli.main import app
from kivuko.cli.resources import read_asked, read_collection_documents, read_judged
from kivuko.collections.collection import Collection, Contents, Description, QuerySet
from kivuko.collections.document import Document
from kivuko.collections.split import SPLITS
from kivuko.collections.writing import write_collection
from kivuko.errors import ArtifactError, InputError, UnknownNameError
from kivuko.languages import resolve

OROMO, ENGLISH = resolve("om"), resolve("en")


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """Two kinds, two splits, two languages."""
    documents = [Document("d1", "Files", "How to open a file."), Document("d2", "Pages", "Pages and pages.")]
    sets = {
        QuerySet("title", "test", OROMO): {"q1": "file"},
        QuerySet("title", "train", OROMO): {"q2": "pages"},
        QuerySet("title", "test", ENGLISH): {"q1": "files"},
        QuerySet("paragraph", "test", OROMO): {"q1": "open", "q3": "and"},
    }
    about = Description("several", OROMO, "by hand", "CC0-1.0", "none", "this file")
    qrels = {"q1": {"d1": 2, "d2": 0}, "q2": {"d2": 1}, "q3": {"d2": 1}}
    return write_collection(tmp_path / "several", about, Contents(documents, sets, qrels))


def call(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_what_there_is_one_of_need_not_be_named(several: Path) -> None:
    assert read_asked(several, kind="paragraph") == {"q1": "open", "q3": "and"}
    assert read_judged(several, kind="paragraph") == {"q1": {"d1": 2, "d2": 0}, "q3": {"d2": 1}}
    assert read_asked(several, split="train") == {"q2": "pages"}
    assert read_asked(several, language="en") == {"q1": "files"}
    assert read_asked(several, "title", "test", "Oromo") == {"q1": "file"}


def test_what_is_not_clear_or_not_there_is_refused(several: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="4 sets of queries") as told:
        read_asked(several)
    assert "--kind title --split train --query-language orm-Latn" in str(told.value)
    with pytest.raises(InputError, match="2 sets of queries"):
        read_judged(several, kind="title", split="test")
    with pytest.raises(UnknownNameError, match="split 'dev'"):
        read_asked(several, split="dev")
    with pytest.raises(UnknownNameError, match="kind of queries 'paragraph'"):
        read_asked(several, kind="paragraph", language="en")
    (tmp_path / "queries.tsv").write_text("q1\tfile\n")
    assert read_asked(tmp_path / "queries.tsv") == {"q1": "file"}
    with pytest.raises(InputError, match="only a collection has"):
        read_asked(tmp_path / "queries.tsv", split="test")
    with pytest.raises(ArtifactError, match="no complete collection"):
        read_collection_documents(tmp_path)


def test_every_command_takes_the_folder(several: Path, tmp_path: Path) -> None:
    index, run = tmp_path / "index", tmp_path / "bm25.run"
    call("index", "build", several, "--output", index, "--kind", "lexical")
    chosen = ("--kind", "paragraph", "--split", "test", "--query-language", "om")
    assert "2 queries by bm25; 0 found nothing" in call("rank", index, several, "--output", run, *chosen)
    assert "1.000" in call("evaluate", run, several, "--measure", "RR@10", *chosen)
    (tmp_path / "other.run").write_text("q1 Q0 d2 1 1.0 x\nq3 Q0 d1 1 1.0 x\n")
    shown = call("compare", run, tmp_path / "other.run", "--qrels", several, "--measure", "P@1", *chosen)
    assert "bm25" in shown
    (tmp_path / "languages.tsv").write_text("d1\ten\nd2\ten\n")
    shown = call("fairness", run, several, "--document-languages", tmp_path / "languages.tsv", *chosen)
    assert "PEER" in shown
    assert sorted(_texts(several)) == ["file", "pages"]


def test_linked_documents_go_the_whole_way(tmp_path: Path) -> None:
    """Link, index, rank and evaluate, by the command line alone."""
    words = (
        "mill",
        "river",
        "stone",
        "boat",
        "horn",
        "corner",
        "piano",
        "ferry",
        "field",
        "maize",
        "salt",
        "rope",
    )
    for number, word in enumerate(words):
        for language in ("sw", "en"):
            path = tmp_path / "source" / language / f"{word}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{word}\n\n{word} {number} in {language}.", encoding="utf-8")
    linked, index, run = tmp_path / "linked", tmp_path / "index", tmp_path / "linked.run"
    languages = ("--query-language", "sw", "--document-language", "en")
    call("data", "link", tmp_path / "source", *languages, "--output", linked)
    opened = Collection.open(linked)
    assert set(opened.splits) <= set(SPLITS)
    assert len(opened.splits) > 1
    assert opened.documents[0].metadata == {"language": "eng-Latn"}
    assert read_collection_documents(linked) == opened.documents
    call("index", "build", linked, "--output", index, "--kind", "lexical")
    split = ("--split", "test")
    call("rank", index, linked, *split, "--output", run)
    assert "1.000" in call("evaluate", run, linked, *split, "--measure", "RR@10")
    assert "title queries, swa-Latn" in call("data", "info", linked)
