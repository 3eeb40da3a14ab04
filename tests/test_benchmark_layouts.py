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


def topics_of(tmp_path: Path, text: str) -> dict[str, str]:
    (tmp_path / "topics.txt").write_text(text)
    return dict(read_topics(tmp_path / "topics.txt"))


@pytest.mark.parametrize(
    "tag",
    ['<top lang="om">', "<TOP  lang=\"om\" type='x'>", '<top\n lang="om">', '<top lang="om"\n>', "<top >"],
)
def test_topics_may_have_attributes(tmp_path: Path, tag: str) -> None:
    found = topics_of(tmp_path, TOPICS.replace("<top>", tag, 1))
    assert found == {"401": "foreign minorities, Germany", "402": "behavioral & genetic"}


@pytest.mark.parametrize("name", ["num", "number", "id", "qid", "ID"])
def test_an_attribute_serves_for_a_missing_number(tmp_path: Path, name: str) -> None:
    text = TOPICS.replace("<num>402</num>", "").replace("\n\n<top>", f"\n\n<top {name}=402>")
    assert topics_of(tmp_path, text)["402"] == "behavioral & genetic"
    assert list(topics_of(tmp_path, TOPICS.replace("<top>", f'<top {name}="9">', 1))) == ["401", "402"]


# As TREC's topics 51 to 150 are laid out (Harman, Overview of the Second Text REtrieval Conference, 1993).
TIPSTER = """<top>
<head> Tipster Topic Description
<num> Number:  051
<dom> Domain:  International Trade
<title> Topic:  Subsidies for Boat Builders

<desc> Description:
A document says who pays boat builders.

<smry> Summary:
Who pays.

<narr> Narrative:
A relevant document names the payer.

<con> Concept(s):
1. Boats, ships

<fac> Factor(s):
<nat> Nationality: Kenya
<time> Time: past
</fac>

<def> Definition(s):
Subsidy - money.
</top>
"""


def test_any_tag_ends_a_field(tmp_path: Path) -> None:
    assert topics_of(tmp_path, TIPSTER) == {"051": "Subsidies for Boat Builders"}
    for tag in (
        "question",
        "dom",
        "smry",
        "con",
        "fac",
        "def",
        "EN-desc",
        "foo.bar",
        "/top-title",
        "question lang='en'",
    ):
        text = f"<top>\n<num> 7\n<title> boats\n<{tag}> who builds them?\n</top>"
        if tag.startswith("/"):  # text in no field
            with pytest.raises(InputError, match="in no field"):
                topics_of(tmp_path, text)
        else:
            assert topics_of(tmp_path, text) == {"7": "boats"}
    closed = "<top><num>7</num><title>boats</title><question>who <b>really</b> builds them?</question></top>"
    assert topics_of(
        tmp_path, f"<?xml version='1.0'?>\n<!-- two\nlines --><topics>\n{closed}\n</topics>"
    ) == {"7": "boats"}


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("<top><num>1<title>a <b>big</b> boat</title></top>", 1, "a tag inside of <title>"),
        ("<top><num>1<title>a <b>big</b> boat</top>", 1, "in no field"),
        ("<top><num>1<title>a</title>boat</top>", 1, "in no field"),
        ("<top><num>1<title>a</title><title>b</title></top>", 1, "<title> twice"),
        ("<top><num>1<num>2<title>b</title></top>", 1, "<num> twice"),
        ("<top>5\n<num>1<title>b</title></top>", 1, "before its first field"),
        ("<topic><num>1</num><title>a</title></topic>", 1, "outside"),
        ("<top><num>1<title>a</top>\n\n<topic>\n<num>2<title>b\n</topic>\n", 4, "outside"),
        ("<top><num>1<title>a</top>\n<query id='2' text='b'/>", 2, "outside"),
        ("<top><num>1<title>a</top>\n</top>", 2, "outside"),
        ("<top><num>1<title>a</top>\n<top lang='om'", 2, "not closed"),
        ("<top><num>1<title>a</top>\n<!-- <top><num>2<title>b</top>\n-->x", 3, "outside"),
        ("<topics></topics>", 1, "no topic"),
    ],
)
def test_what_is_not_understood_in_topics_is_refused(tmp_path: Path, text: str, line: int, what: str) -> None:
    with pytest.raises(InputError, match=what) as told:
        topics_of(tmp_path, text)
    assert told.value.where == f"{tmp_path / 'topics.txt'}:{line}"


def test_documents_with_attributes_and_ids_there(tmp_path: Path) -> None:
    # As the English Gigaword has it (Graff, Cieri, LDC2003T05).
    text = (
        '<DOC id="AFP_1" type="story" >\n<HEADLINE>\nA headline\n</HEADLINE>\n<DATELINE> here </DATELINE>\n<TEXT>\n'
        "<P>\nFirst.\n</P>\n</TEXT>\n</DOC>\n"
        "<doc\n DOCNO='A&amp;2'\n type='multi'><TEXT>Second.</TEXT></doc><DOC docid=A3>Third.</DOC>\n\x1a"
    )
    (tmp_path / "d.trec").write_text(text)
    found = [(each.id, each.title, each.text) for each in read_documents(tmp_path / "d.trec", ENGLISH)]
    assert found == [("AFP_1", "A headline", "here\nFirst."), ("A&2", "", "Second."), ("A3", "", "Third.")]
    (tmp_path / "d.trec").write_text("<DOC id='x'><DOCID> A4 </DOCID>Fourth.</DOC>")
    (fourth,) = read_documents(tmp_path / "d.trec", ENGLISH)
    assert (fourth.id, fourth.text) == ("A4", "Fourth.")
    (tmp_path / "d.trec").write_text(DOCUMENTS.replace("<DOC>", '<DOC id="other">', 1))
    assert next(read_documents(tmp_path / "d.trec", ENGLISH)).id == "LA-1"


def test_comments_inside_of_documents_swallow_nothing(tmp_path: Path) -> None:
    first = "<!-- <DOC>\n--><!-- x --><DOC><DOCNO>1</DOCNO>a <!-- b\nc</DOC>"
    (tmp_path / "d.trec").write_text(f"{first} <!-- <DOC> -->\n<DOC><DOCNO>2</DOCNO>d</DOC>")
    found = {each.id: each.text for each in read_documents(tmp_path / "d.trec", ENGLISH)}
    assert found == {"1": "a <!-- b c", "2": "d"}


def test_fields_of_documents_that_are_not_closed(tmp_path: Path) -> None:
    text = "<DOC><DOCNO>1</DOCNO><DATE/><URL>x\n<HEADLINE>A title\n<TEXT>One.<DATE>1990\n<P>Two.</TEXT>Three.</DOC>"
    (tmp_path / "d.trec").write_text(text)
    (found,) = read_documents(tmp_path / "d.trec", ENGLISH)
    assert (found.title, found.text) == ("A title", "One.\nTwo.\nThree.")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("<DOCUMENT id='1'>one</DOCUMENT>", 1, "outside"),
        (f"{DOCUMENTS}\n<story id='3'>\nlost\n</story>\n", 15, "outside"),
        (f"{DOCUMENTS}lost\n", 13, "outside"),
        (f"{DOCUMENTS}<DOC id='4'\n", 13, "not closed"),
        (f"{DOCUMENTS}<DOC type='story'>x</DOC>\n", 13, "no number"),
        (f"{DOCUMENTS}<DOC id='two words'>x</DOC>\n", 13, "no number"),
    ],
)
def test_what_is_not_understood_in_documents_is_refused(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    (tmp_path / "d.trec").write_text(text)
    with pytest.raises(InputError, match=what) as told:
        list(read_documents(tmp_path / "d.trec", ENGLISH))
    assert told.value.where == f"{tmp_path / 'd.trec'}:{line}"


def test_text_that_was_escaped_twice(tmp_path: Path) -> None:
    (tmp_path / "d.trec").write_text("<DOC><DOCNO>1</DOCNO>fish &amp;amp; chips, 1 &amp;lt; 2, R&D</DOC>")
    assert next(read_documents(tmp_path / "d.trec", ENGLISH)).text == "fish & chips, 1 < 2, R&D"
    assert topics_of(tmp_path, "<top><num>1<title>fish &amp;amp; chips</top>") == {"1": "fish & chips"}


def test_a_line_that_names_the_columns_of_topics_is_counted(tmp_path: Path) -> None:
    for header in ("query_id\tquery", "qid\ttext", "id\ttitle"):
        (tmp_path / "topics.tsv").write_text(f"{header}\n1\tlake\n")
        report = DropReport()
        assert dict(read_tsv_topics(tmp_path / "topics.tsv", report)) == {"1": "lake"}
        assert report.dropped == 1


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
