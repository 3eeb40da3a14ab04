"""Files that are no text in UTF-8, NULs and control characters: named with their line, and with what helps."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kivuko.codeswitch.lexicon import read_lexicon_tsv
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.evaluation.document_languages import read_document_languages
from kivuko.files.streams import encoded_lines, lines
from kivuko.languages import resolve
from kivuko.readers.bitext import read_pairs
from kivuko.readers.dictionaries import read_muse, read_translations_tsv
from kivuko.readers.documents import read_documents, read_queries
from kivuko.readers.msmarco import read_msmarco_examples
from kivuko.readers.running_text import read_monolingual
from kivuko.text.faults import fault, without_controls
from kivuko.trec_lines import read_qrels

LATIN = "a house\tmana guddaa\t1.0\nbook\tkitaaba\t1.0\n"
# Hardly a byte of UTF-16 is 0 in these but those of spaces, tabs and line ends.
ETHIOPIC = "ሰላምናጤና\tሰላምታናደስታ\t1.0\nመጽሐፍት\tመጽሐፍቶቻችን\t1.0\n"
ONE_WORD_LINES = "ሰላም\nመጽሐፍት\n"


@pytest.mark.parametrize("text", [LATIN, ETHIOPIC, ONE_WORD_LINES])
@pytest.mark.parametrize("encoding", ["UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"])
@pytest.mark.parametrize("marked", [True, False])
def test_wide_encodings_are_named_with_what_converts_them(
    tmp_path: Path, text: str, encoding: str, marked: bool
) -> None:
    # Unicode Standard, section 23.8: what begins with a byte-order mark is UTF-16 or UTF-32, of either byte order.
    path = tmp_path / "a.tsv"
    path.write_bytes((("\ufeff" if marked else "") + text).encode(encoding))
    with pytest.raises(InputError, match="not in UTF-8") as caught:
        list(lines(path))
    named = encoding[:6] if marked else encoding
    assert caught.value.remedy == f"convert it first: iconv -f {named} -t UTF-8 FILE > NEW"


def test_other_files_that_are_no_text(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.tsv", LATIN)
    raw = LATIN.encode()
    tape = io.BytesIO()
    with tarfile.open(fileobj=tape, mode="w") as packed_too:
        packed_too.addfile(tarfile.TarInfo("a.tsv"), None)
    cases = [
        (archive.getvalue(), "ZIP archive"),
        (gzip.compress(raw), "gzip"),
        (tape.getvalue(), "tar archive"),
        (bz2.compress(raw), "bzip2"),
        (lzma.compress(raw), "xz"),
        (b"%PDF-1.7\n\xe2\xe3\n", "PDF"),
        (b"PAR1\x15\x04\0\0", "Parquet"),
    ]
    for content, name in cases:
        path = tmp_path / "a.tsv"
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"no text[\\s\\S]*{name}") as caught:
            list(lines(path))
        assert caught.value.remedy


def test_the_odd_nul_is_no_wide_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for text in ("short\0\n", "one line\nand an\0other\n", "ሰላም\0\n"):
        path.write_bytes(text.encode())
        with pytest.raises(InputError, match="NUL") as caught:
            list(lines(path))
        assert "tr -d" in (caught.value.remedy or "")
        assert caught.value.where == f"{path}:{text.count(chr(10), 0, text.index(chr(0))) + 1}"


def test_a_named_encoding_does_not_let_utf_16_through(tmp_path: Path) -> None:
    path = tmp_path / "a.trec"
    path.write_bytes(LATIN.encode("utf-16"))  # every byte is a character of Latin-1
    for encoding in ("latin-1", "cp1252", "cp437"):
        with pytest.raises(InputError, match="iconv -f UTF-16 "):
            list(encoded_lines(path, encoding))
    path.write_bytes("caf\xe9\n".encode("latin-1"))
    assert list(encoded_lines(path, "latin-1")) == [(1, "café")]
    with pytest.raises(InputError, match="iconv -f utf-16-le"):
        list(encoded_lines(path, "utf-16-le"))


def test_what_is_a_fault() -> None:
    # Category Cc; what of it is white space becomes a space like any other.
    assert [code for code in range(0x250) if fault(chr(code))] == [
        *range(9), *range(0x0E, 0x1C), *range(0x7F, 0x85), *range(0x86, 0xA0)
    ]  # fmt: skip
    assert (fault("a\ud83d"), fault("\udc00"), fault("\0"), fault("\x07")) == (
        "half a character", "half a character", "NUL character", "control character"
    )  # fmt: skip
    assert fault("\u200b\u202b😀 \t\r\n") is None
    assert without_controls("a\x07b\x92c\0d\te") == "a b c\0d\te"


def _monolingual(path: Path) -> object:
    return list(read_monolingual(path.rename(path.with_suffix(".txt")), "om", DropReport()))


def _lexicon(path: Path) -> object:
    return read_lexicon_tsv(path, resolve("om"))


def _msmarco(path: Path) -> object:
    path.rename(path.with_name("triples.train.small.tsv"))
    return list(read_msmarco_examples(path.parent, 1, report=DropReport()))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "read",
    [
        read_documents, read_queries, read_translations_tsv, read_qrels, read_document_languages,
        lambda path: read_pairs(path, "om"), lambda path: read_muse(path, english_first=True),
        _lexicon, _monolingual, _msmarco,
    ],
)  # fmt: skip
def test_every_reader_names_utf_16(tmp_path: Path, read: Callable[[Path], Any], encoding: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(LATIN.encode(encoding))
    expected = "UTF-16" if encoding == "utf-16" else encoding.replace("utf-16-", "UTF-16").upper()
    with pytest.raises(InputError, match=f"iconv -f {expected} -t UTF-8"):
        read(path)


@pytest.mark.parametrize("character", ["\x07", "\x1b", "\x7f", "\x92"])
def test_control_characters_are_refused_or_counted(tmp_path: Path, character: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"Print it now\tMaxxan{character}si ammuma\nOpen the file\tFaayilii bani\n", "utf-8")
    for read in (read_queries, _lexicon):
        with pytest.raises(InputError):
            read(path)
    pairs, report = read_pairs(path, "om")
    assert [pair.foreign for pair in pairs] == ["Faayilii bani"]
    assert report.reasons == {"control character": 1}
    reading = read_translations_tsv(path)
    assert [row.foreign for row in reading.rows] == ["Faayilii bani"]
    assert reading.drops.reasons == {"control character": 1}
    report = DropReport()
    text = path.with_suffix(".txt")
    text.write_text(f"Kun fuula{character} jalqabaa ti jedhe\nKun fuula lammataa ti jedhe\n", "utf-8")
    assert len(list(read_monolingual(text, "om", report, unit="line"))) == 1
    assert report.reasons == {"control character": 1}
    jsonl = tmp_path / "d.jsonl"
    for body in (
        '{"id": "1", "title": "a%s", "text": ""}',
        '{"id": "1", "title": "a", "text": "", "m": "%s"}',
    ):
        jsonl.write_text(body % f"\\u{ord(character):04x}", "utf-8")
        with pytest.raises(InputError, match=f"U\\+{ord(character):04X}") as caught:
            read_documents(jsonl)
        assert caught.value.where == f"{jsonl}:1"


def test_escaped_nuls_are_no_text_either(tmp_path: Path) -> None:
    # What a file in UTF-16 becomes that is read as Latin-1 and written as JSON.
    text = "Kun fuula jalqabaa ti jedhe"
    escaped = "\\u0000".join(text)
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "{escaped}"}}\n{{"text": "{text} amma"}}\n')
    report = DropReport()
    assert list(read_monolingual(path, "om", report)) == [f"{text} amma"]
    assert report.reasons == {"NUL character": 1}
    path.write_text(f'{{"translation": {{"en": "This is the first page", "om": "{escaped}"}}}}\n')
    assert read_pairs(path, "om")[1].reasons == {"NUL character": 1}
    path.write_text(f'{{"id": "1", "title": "", "text": "{escaped}"}}\n')
    with pytest.raises(InputError, match=r"NUL[\s\S]*UTF-16"):
        read_documents(path)


def test_a_byte_order_mark_of_utf_8_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(codecs.BOM_UTF8 + b"1\tlake\n")
    assert read_queries(path) == {"1": "lake"}
