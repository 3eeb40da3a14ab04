"""BEIR folders and TREC's files: readers on small files of our own wording in the layouts they come in."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kivuko.benchmarks.layouts import read_beir, read_trec, read_tsv_topics
from kivuko.benchmarks.trec_markup import read_documents, read_topics
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.languages import resolve

ENGLISH, SWAHILI = resolve("en"), resolve("sw")


def json_lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


# BEIR


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "beir"
    json_lines(
        folder / "corpus.jsonl.gz",
        {"_id": "d1", "title": "Files", "text": "How to open a file.", "metadata": {}},
        {"_id": "d2", "title": "", "text": "Printing pages."},
    )
    json_lines(
        folder / "queries.jsonl",
        {"_id": "q1", "text": "faayilii banuu", "metadata": {}},
        {"_id": 2, "text": "maxxansuu"},
    )
    (folder / "qrels").mkdir()
    (folder / "qrels/test.tsv").write_text(
        "query-id\tcorpus-id\tscore\r\nq1\td1\t2\r\n2\td2\t1\r\n2\td1\t0\r\n"
    )
    return folder


def test_a_beir_folder(beir: Path) -> None:
    parts = read_beir(beir, "test", ENGLISH)
    assert [(d.id, d.title, d.metadata["language"]) for d in parts.documents] == [
        ("d1", "Files", "eng-Latn"),
        ("d2", "", "eng-Latn"),
    ]
    assert parts.queries == {"q1": "faayilii banuu", "2": "maxxansuu"}
    assert parts.qrels == {"q1": {"d1": 2}, "2": {"d2": 1, "d1": 0}}


@pytest.mark.parametrize("line", ["q1\td1\t2.5", "q1\td1", "q1\td1\tx", "q1\td1\t1\nq1\td1\t1", "q1\td1\t²"])
def test_odd_judgments_are_refused_by_line(beir: Path, line: str) -> None:
    (beir / "qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError) as told:
        read_beir(beir, "test", ENGLISH)
    assert str(told.value.where).endswith(f"test.tsv:{1 + len(line.splitlines())}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"_id": "q2", "text": "caf\xe9"}', "not in UTF-8"),
        (b'{"_id": "q2", "text": "x"', "not JSON"),
        (b'["q2", "x"]', "no JSON object"),
        (b'{"_id": "q2"}', "field is missing"),
        (b'{"_id": "q2", "text": null}', "is no text"),
        (b'{"_id": "q1", "text": "again"}', "comes twice"),
    ],
)
def test_odd_queries_are_refused_by_line(beir: Path, line: bytes, message: str) -> None:
    (beir / "queries.jsonl").write_bytes(b'{"_id": "q1", "text": "x"}\n\n' + line + b"\n")
    with pytest.raises(InputError, match=message) as told:
        read_beir(beir, "test", ENGLISH)
    assert str(told.value.where).endswith("queries.jsonl:3")


def test_a_cut_off_corpus_is_refused(beir: Path) -> None:
    whole = (beir / "corpus.jsonl.gz").read_bytes()
    (beir / "corpus.jsonl.gz").write_bytes(whole[:-12])
    with pytest.raises(InputError, match="damaged or cut short"):
        list(read_beir(beir, "test", ENGLISH).documents)


def test_a_split_that_is_not_there(beir: Path) -> None:
    with pytest.raises(InputError, match="is not there") as told:
        read_beir(beir, "dev", ENGLISH)
    assert "dev.tsv" in str(told.value.expected)


# TREC

TOPICS = """<top>
<num> Number: 401
<title> foreign minorities,
 Germany
<desc> Description:
What language and cultural differences impede the integration?
</top>

<top>
<num>402</num>
<title>behavioral &amp; genetic</title>
</top>
"""
DOCUMENTS = """<DOC>
<DOCNO> LA-1 </DOCNO>
<DATE>1990</DATE>
<HEADLINE><P>A headline</P></HEADLINE>
<TEXT>
<P>First &lt;paragraph&gt;, 1 < 2.
<P>Second.
</TEXT>
</DOC>
<DOC><DOCNO>LA-2</DOCNO>
Plain text.
</DOC>
"""


def test_topics_and_documents_of_trec(tmp_path: Path) -> None:
    (tmp_path / "topics.txt").write_text(TOPICS)
    assert dict(read_topics(tmp_path / "topics.txt")) == {
        "401": "foreign minorities, Germany",
        "402": "behavioral & genetic",
    }
    (tmp_path / "d.trec.gz").write_bytes(gzip.compress(DOCUMENTS.encode()))
    first, second = read_documents(tmp_path / "d.trec.gz", ENGLISH)
    assert (first.id, first.title, first.text) == ("LA-1", "A headline", "First <paragraph>, 1 < 2.\nSecond.")
    assert (second.id, second.title, second.text) == ("LA-2", "", "Plain text.")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda text: text.replace("402", "401"), 9),
        (lambda text: text.replace("<num>402</num>", ""), 9),
        (lambda text: text.rstrip().removesuffix("</top>"), 9),
        (lambda text: text.replace("</top>\n\n", "\n"), 1),
        (lambda _: "no topic at all\n", 1),
    ],
)
def test_odd_topics_are_refused_by_line(tmp_path: Path, change: Callable[[str], str], line: int) -> None:
    (tmp_path / "topics.txt").write_text(change(TOPICS))
    with pytest.raises(InputError) as told:
        list(read_topics(tmp_path / "topics.txt"))
    assert told.value.where == f"{tmp_path / 'topics.txt'}:{line}"


@pytest.mark.parametrize("text", ["1\tfirst\n1\tagain\n", "1\tfirst\n2\n", "1\tfirst\n2\t \n", "1\tx\n\ty\n"])
def test_odd_topics_in_columns_are_refused_by_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "topics.tsv").write_text(text)
    with pytest.raises(InputError) as told:
        list(read_tsv_topics(tmp_path / "topics.tsv", DropReport()))
    assert str(told.value.where).endswith("topics.tsv:2")


@pytest.mark.parametrize(
    "text",
    [
        DOCUMENTS.replace("</DOC>\n<DOC>", "<DOC>"),
        DOCUMENTS.replace("<DOCNO> LA-1 </DOCNO>", ""),
        DOCUMENTS.replace("LA-1", "LA 1"),
        DOCUMENTS[: DOCUMENTS.index("</TEXT>")],
        "",
    ],
)
def test_odd_documents_are_refused_by_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "d.trec").write_text(text)
    with pytest.raises(InputError) as told:
        list(read_documents(tmp_path / "d.trec", ENGLISH))
    assert str(told.value.where).endswith("d.trec:1")


def test_markup_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "d.trec"
    path.write_bytes("<DOC>\n<DOCNO>1</DOCNO>\nÉté à Yaoundé\n</DOC>\n".encode("latin-1"))
    (document,) = read_documents(path, ENGLISH, "latin-1")
    assert document.text == "Été à Yaoundé"
    for encoding, message in [("utf-8", "not in UTF-8"), ("ascii", "in another encoding")]:
        with pytest.raises(InputError, match=message) as told:
            list(read_documents(path, ENGLISH, encoding))
        assert told.value.where == f"{path}:3"
    for encoding in ("utf-16", "klingon"):
        with pytest.raises(InputError, match="cannot be read"):
            list(read_documents(path, ENGLISH, encoding))


def test_a_folder_of_topics_qrels_and_documents(tmp_path: Path) -> None:
    (tmp_path / "topics.tsv").write_text("1\tWhere is the lake?\n")
    (tmp_path / "qrels.txt").write_text("1\tQ0\t12#0\t2\n1\tQ0\t12#1\t0\n1 Q0 LA-1 -1\n")
    json_lines(tmp_path / "documents/b.jsonl.gz", {"docid": "12#1", "title": "Ziwa", "text": "Ni kubwa."})
    json_lines(tmp_path / "documents/a/a.jsonl", {"id": "12#0", "contents": "Liko kaskazini."})
    (tmp_path / "documents/c.sgml").write_text(DOCUMENTS)
    parts = read_trec(tmp_path, SWAHILI)
    assert [document.id for document in parts.documents] == ["12#0", "12#1", "LA-1", "LA-2"]
    assert parts.qrels == {"1": {"12#0": 2, "12#1": 0, "LA-1": -1}}
    (tmp_path / "documents/readme.md").write_text("not a document")
    with pytest.raises(InputError, match="kind of file"):
        list(read_trec(tmp_path, SWAHILI).documents)
