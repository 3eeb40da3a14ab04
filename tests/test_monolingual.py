"""Monolingual text: what is read, what is dropped and counted, and errors that name the line."""

from __future__ import annotations

import gzip
import itertools
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError, UnknownNameError
from kivuko.readers.running_text import passages, read_monolingual

SUN = "aduun barii keessa ifa guddaa qabdi"
RAIN = "bokkaan ganama kana cimaa roobe jira"
RIVER = "lagni kun bara baraan bishaan qaba"


def jsonl(path: Path, *records: object) -> Path:
    raw = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def read(path: Path, **options: Any) -> tuple[list[str], DropReport]:
    report = DropReport()
    return list(read_monolingual(path, "om", report, **options)), report


@pytest.mark.parametrize("name", ["c4-om.json", "c4-om.json.gz", "om.jsonl", "om.jsonl.gz"])
@pytest.mark.parametrize("field", ["text", "content"])
def test_json_lines_of_both_corpora_plain_and_compressed(tmp_path: Path, name: str, field: str) -> None:
    path = jsonl(tmp_path / name, {field: f" {SUN}\n", "url": "x"}, {field: RAIN, "metadata": {"text": 1}})
    texts, report = read(path)
    assert texts == [SUN, RAIN]
    assert report.as_json() == {"before": 2, "after": 2, "dropped": {}}


def test_each_reason_is_counted_and_the_first_copy_stays(tmp_path: Path) -> None:
    records = [
        SUN,
        "",
        " \n",
        "ifa guddaa",
        "солнце светит над рекой каждый день",
        SUN.upper() + ".",
        RAIN,
        SUN,
    ]
    texts, report = read(jsonl(tmp_path / "om.jsonl", *({"text": text} for text in records)))
    assert texts == [SUN, RAIN]
    assert report.kept == 2
    assert dict(report.reasons) == {
        "empty": 2,
        "fewer than 5 words": 1,
        "mostly not in the script Latn": 1,
        "duplicate": 2,
    }
    assert report.before == len(records)


def test_folder_of_plain_text_by_document_and_by_paragraph(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "one.txt").write_bytes(f"{SUN}\r\n{RAIN}\r\n \r\n\r\n{RIVER}".encode("utf-8-sig"))
    (tmp_path / "a.txt").write_text("\n\n" + RIVER + " hedduu\n", encoding="utf-8")
    (tmp_path / "notes.pdf").write_bytes(b"%PDF")
    documents, report = read(tmp_path)
    assert documents == [f"{RIVER} hedduu", f"{SUN} {RAIN} {RIVER}"]
    assert report.reasons == {"file that is neither plain text nor JSON lines": 1}
    paragraphs, _ = read(tmp_path, unit="paragraph")
    assert paragraphs == [f"{RIVER} hedduu", f"{SUN} {RAIN}", RIVER]
    jsonl(tmp_path / "c.jsonl", {"text": f"{RAIN} booda\n\n{SUN} amma"})
    assert read(tmp_path, unit="paragraph")[0][3:] == [f"{RAIN} booda", f"{SUN} amma"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b'{"text": "half', "not JSON"),
        (b'{"text": "\xff"}', "not in UTF-8"),
        (b'{"title": "x"}', "fields title"),
        (b'{"text": 3}', "no text"),
        (b'["text"]', "list"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_line_is_named(tmp_path: Path, line: bytes, what: str, compressed: bool) -> None:
    path = tmp_path / ("om.jsonl.gz" if compressed else "om.jsonl")
    raw = json.dumps({"text": SUN}).encode() + b"\n\n" + line + b"\n"
    path.write_bytes(gzip.compress(raw) if compressed else raw)
    texts = read_monolingual(path, "om", DropReport())
    assert next(texts) == SUN
    with pytest.raises(InputError, match=f"{what}[\\s\\S]*") as caught:
        next(texts)
    assert caught.value.where == f"{path}:3"


def test_other_things_that_cannot_be_read(tmp_path: Path) -> None:
    cut = jsonl(tmp_path / "cut.jsonl.gz", *({"text": f"{SUN} {i}"} for i in range(500)))
    cut.write_bytes(cut.read_bytes()[:-300])
    with pytest.raises(InputError, match="cut short"):
        read(cut)
    plain = tmp_path / "plain.json.gz"
    plain.write_text(json.dumps({"text": SUN}))
    with pytest.raises(InputError, match=r"damaged[\s\S]*plain\.json\.gz:1"):
        read(plain)
    latin = tmp_path / "latin.txt"
    latin.write_bytes(SUN.encode() + b"\n\xe9t\xe9")
    with pytest.raises(InputError, match=r"not in UTF-8[\s\S]*latin\.txt:2"):
        read(latin)
    (tmp_path / "x.csv").write_text(SUN)
    with pytest.raises(InputError, match="kind of file"):
        read(tmp_path / "x.csv")
    with pytest.raises(InputError, match="no such file or folder"):
        read(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no text"):
        read(tmp_path / "empty")
    with pytest.raises(UnknownNameError):
        read_monolingual(cut, "oromoo-language", DropReport())


def test_texts_come_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "om.jsonl"
    path.write_text(json.dumps({"text": SUN}) + "\n" + "{broken\n")
    # The broken second line is not reached.
    assert list(itertools.islice(read_monolingual(path, "om", DropReport()), 1)) == [SUN]


def test_passages_are_parted_at_lines_then_words_then_between_characters(tmp_path: Path) -> None:
    lines = [f"{SUN} {i}" for i in range(100)]
    parts = list(passages("\n".join(lines)))
    assert [line for part in parts for line in part.strip().split("\n")] == lines
    assert all(len(part) <= 1000 for part in parts)
    assert len(parts) == 4
    words = ["bishaan"] * 400
    assert [word for part in passages(" ".join(words)) for word in part.split()] == words
    khmer = "កម្ពុជា" * 300
    parts = list(passages(khmer))
    assert "".join(parts) == khmer
    assert max(map(len, parts)) <= 1000
    assert not [part for part in parts if unicodedata.category(part[0]).startswith("M")]
    assert list(passages("x" * 1000)) == ["x" * 1000]

    (tmp_path / "a.txt").write_text(
        f"{SUN}\n\n{' '.join(f'{RAIN} {i}' for i in range(60))}\n{RIVER}\n", encoding="utf-8"
    )
    jsonl(
        tmp_path / "b.jsonl",
        {"text": "\n".join(f"{RIVER} {i}" for i in range(50))},
        {"text": f"{SUN}\n{RAIN}"},
    )
    found, _ = read(tmp_path, unit="passage")
    assert [text[: len(RAIN)] for text in found[:1] + found[4:5]] == [SUN[: len(RAIN)], RIVER[: len(RAIN)]]
    assert (len(found), found[-1]) == (8, f"{SUN} {RAIN}")
