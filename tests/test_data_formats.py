from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from kivuko.cleaning.interface_text import read_messages
from kivuko.errors import InputError, UnknownNameError
from kivuko.public.catalogues import read_mo
from kivuko.readers.bitext import read_pairs
from kivuko.readers.documents import read_documents, read_queries


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def make_mo(messages: dict[str, str], order: str = "<") -> bytes:
    """A gettext catalogue as msgfmt writes it, without a hash table."""
    keys, values = list(messages), list(messages.values())
    head = 28
    texts, tables, position = b"", b"", head + 16 * len(keys)
    for strings in (keys, values):
        for string in strings:
            raw = string.encode()
            tables += struct.pack(f"{order}2I", len(raw), position)
            texts += raw + b"\0"
            position += len(raw) + 1
    numbers = (0x950412DE, 0, len(keys), head, head + 8 * len(keys), 0, 0)
    return struct.pack(f"{order}7I", *numbers) + tables + texts


@pytest.mark.parametrize("order", ["<", ">"])
def test_gettext_context_plurals_header_and_untranslated(order: str) -> None:
    data = make_mo(
        {
            "": "Language: om\n",
            "menu\x04File": "Faayilii",
            "Edit": "Gulaali",
            "count\x04one page\0%d pages": "fuula tokko\0fuulota %d",
            "left\x04Left": "",
        },
        order,
    )
    assert list(read_mo(data, "x.mo")) == [
        ("File", "Faayilii"),
        ("Edit", "Gulaali"),
        ("%d pages", "fuulota %d"),
    ]


@pytest.mark.parametrize("cut", [0, 3, 20, 40, -2])
def test_truncated_gettext_catalogue_is_refused(cut: int) -> None:
    with pytest.raises(InputError, match=r"x\.mo"):
        list(read_mo(make_mo({"File": "Faayilii", "Edit": "Gulaali"})[:cut], "x.mo"))


def test_messages_leave_metadata_out_and_refuse_other_things() -> None:
    body = {"@metadata": {"authors": ["somebody"]}, "edit": "Gulaali", "list": ["not", "text"]}
    assert read_messages(json.dumps(body).encode(), "om.json") == {"edit": "Gulaali"}
    for damaged in (b'{"edit": "Gul', b"[]", b'{"a": "\xff"}'):
        with pytest.raises(InputError, match=r"om\.json"):
            read_messages(damaged, "om.json")


def test_own_pairs_are_kept_or_counted_by_reason(tmp_path: Path) -> None:
    lines = [
        "Open the file\tFaayilii bani",
        "",
        "Open the file\tFaayilii bani.",  # the same but for the full stop
        "Format\tFormat",  # nobody translated it
        "Save the document now\tSave the galmee now",
        "Insert\t",
        "12\t12",
        "Insert\tвставить",
        "Go\tGara fuula itti aanutti deemi",
        "Print\tMaxxansi",
    ]
    pairs, report = read_pairs(write(tmp_path / "own.tsv", "\r\n".join(lines) + "\r\n"), "om")
    assert [(pair.id, pair.english, pair.foreign) for pair in pairs] == [
        ("own.tsv:1", "Open the file", "Faayilii bani"),
        ("own.tsv:10", "Print", "Maxxansi"),
    ]
    assert dict(report.reasons) == {
        "empty line": 1,
        "duplicate": 1,
        "identical to the English": 1,
        "mostly English": 1,
        "empty, or without words": 2,
        "wrong script": 1,
        "length ratio above 4": 1,
    }
    assert (report.before, report.kept) == (10, 2)


def test_own_pairs_in_khmer_keep_their_word_borders(tmp_path: Path) -> None:
    pairs, _ = read_pairs(write(tmp_path / "own.tsv", "\ufeffOpen a file\tបើក\u200bឯកសារ\n"), "km")
    assert (pairs[0].english, pairs[0].foreign) == ("Open a file", "បើក\u200bឯកសារ")


@pytest.mark.parametrize(
    ("text", "line"), [("a\tb\nonly one field\n", 2), ("a\tb\tc\n", 1), ("a b\tc d\n\n\ne\n", 4)]
)
def test_ragged_line_is_refused_with_its_number(tmp_path: Path, text: str, line: int) -> None:
    path = write(tmp_path / "own.tsv", text)
    with pytest.raises(InputError, match="wrong number of fields") as caught:
        read_pairs(path, "om")
    assert caught.value.where == f"{path}:{line}"


@pytest.mark.parametrize("reader", [lambda path: read_pairs(path, "fr"), read_documents, read_queries])
def test_wrong_encoding_is_refused_with_line_and_remedy(tmp_path: Path, reader: object) -> None:
    path = write(tmp_path / "own.tsv", "a\tb\n", "utf-8")
    path.write_bytes(b"x\ty\tz\n" if reader is read_documents else b"x\ty\n")
    with path.open("ab") as stream:
        stream.write("fermé\tété\n".encode("latin-1"))
    with pytest.raises(InputError, match="not in UTF-8") as caught:
        reader(path)  # type: ignore[operator]
    assert caught.value.where == f"{path}:2"
    assert "iconv" in (caught.value.remedy or "")


def test_missing_file_and_unknown_language(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_pairs(tmp_path / "none.tsv", "om")
    with pytest.raises(UnknownNameError, match="Oromo"):
        read_pairs(write(tmp_path / "own.tsv", "a\tb\n"), "oromoo")


def test_documents_from_tsv_and_jsonl_are_the_same(tmp_path: Path) -> None:
    rows = [("a", "First", "one  two"), ("b", "", "text only"), ("c", "Title only", "")]
    tsv = write(tmp_path / "d.tsv", "".join("\t".join(row) + "\n" for row in rows))
    objects = [dict(zip(("id", "title", "text"), row, strict=True)) for row in rows]
    jsonl = write(tmp_path / "d.jsonl", "".join(json.dumps(body) + "\n" for body in objects))
    documents = read_documents(tsv)
    assert documents == read_documents(jsonl)
    assert [document.full_text for document in documents] == ["First\none two", "\ntext only", "Title only\n"]


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("a\tx\ty\nb\tx\ty\na\tz\tz\n", "same document id", 3),
        ("a\tx\ty\nb\t \t\u200b\n", "neither title nor text", 2),
        ("a\tx\ty\n\n", "empty", 2),
        ("\tx\ty\n", "no usable id", 1),
        ("a b\tx\ty\n", "no usable id", 1),
        ("a\tx\n", "wrong number of fields", 1),
    ],
)
def test_bad_documents_are_refused_with_their_line(tmp_path: Path, text: str, what: str, line: int) -> None:
    path = write(tmp_path / "d.tsv", text)
    with pytest.raises(InputError, match=what) as caught:
        read_documents(path)
    assert caught.value.where == f"{path}:{line}"


def test_duplicate_ids_name_both_lines(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"which line 1 has too") as caught:
        read_queries(write(tmp_path / "q.tsv", "q1\tone\nq2\ttwo\nq1\tthree\n"))
    assert str(caught.value.where).endswith("q.tsv:3")


def test_bad_json_lines_are_refused(tmp_path: Path) -> None:
    for line in ('{"id": "a", "title": "x"}', '{"id": true, "title": "x", "text": "y"}', "[1]", "{"):
        with pytest.raises(InputError) as caught:
            read_documents(write(tmp_path / "d.jsonl", line + "\n"))
        assert str(caught.value.where).endswith("d.jsonl:1")


@pytest.mark.parametrize(
    "line", ["id\ttitle\ttext", "_id\tTitle\tText", "doc_id\theadline\tcontents", "DOCNO\ttitle\tbody"]
)
def test_a_line_that_names_the_columns_is_no_document(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "d.tsv", f"{line}\n1\ta\tsome text\n")
    with pytest.raises(InputError, match="names the columns") as caught:
        read_documents(path)
    assert caught.value.where == f"{path}:1"
    path = write(tmp_path / "d.tsv", f"1\ta\tsome text\n{line}\n")  # only a first line
    assert len(read_documents(path)) == 2


def test_a_line_that_names_the_columns_is_no_query(tmp_path: Path) -> None:
    for line in ("id\ttext", "query_id\tquery", "qid\ttitle"):
        with pytest.raises(InputError, match="names the columns"):
            read_queries(write(tmp_path / "q.tsv", f"{line}\n1\tlake\n"))
    assert read_queries(write(tmp_path / "q.tsv", "id1\tTitle of the text\n")) == {"id1": "Title of the text"}


@pytest.mark.parametrize(
    ("line", "what"), [("1,a,text", "commas"), ("1;a;text", "semicolons"), ("1 ||| a ||| x", "|||")]
)
def test_other_separators_are_named(tmp_path: Path, line: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        read_documents(write(tmp_path / "d.csv", f"{line}\n"))
    assert what in str(caught.value.got)
    assert "tab" in (caught.value.remedy or "")


@pytest.mark.parametrize("name", ["a\u200bb", "a\x07b", "\ufeffa", "a\u00a0b"])
def test_ids_that_no_run_can_hold(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no usable id"):
        read_documents(write(tmp_path / "d.tsv", f"x\tx\tx\n{name}\ta\tb\n"))


def test_queries_in_json_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "q.jsonl", '{"id": 3, "text": "lake", "year": 1}\n{"id": "a", "text": "river"}\n')
    assert list(read_queries(path).items()) == [("3", "lake"), ("a", "river")]


def test_a_file_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no documents"):
        read_documents(write(tmp_path / "d.tsv", ""))
    with pytest.raises(InputError, match="no queries"):
        read_queries(write(tmp_path / "q.tsv", ""))


def test_queries_keep_the_order_of_the_file(tmp_path: Path) -> None:
    queries = read_queries(write(tmp_path / "q.tsv", "z\tlast  first\na\tsecond\n"))
    assert list(queries.items()) == [("z", "last first"), ("a", "second")]
