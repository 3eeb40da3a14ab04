"""Lines of plain and compressed files: the same whatever the compression, and no damaged file is a short one."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Progress

from kivuko.errors import InputError, MissingExtraError
from kivuko.files.seen_texts import SeenTexts
from kivuko.files.streams import byte_lines, lines, open_bytes, plain_name


def zipped(raw: bytes, *further: str) -> bytes:
    """An archive with a file in a folder, and what is in no other."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("TM") if hasattr(archive, "mkdir") else archive.writestr("TM/", b"")
        archive.writestr("TM/all.en-om.tmx", raw)
        for name in further:
            archive.writestr(name, raw)
    return packed.getvalue()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda raw: raw,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda raw: zstandard.ZstdCompressor(write_checksum=True).compress(raw),
    ".zip": zipped,
}
#: An archive is one, however often others follow it.
STREAMS = [ending for ending in PACK if ending != ".zip"]
PACKED = [ending for ending in PACK if ending]
SUN = "aduun barii keessa ifa guddaa qabdi"


def write(path: Path, raw: bytes) -> Path:
    path.write_bytes(PACK[path.suffix if path.suffix in PACK else ""](raw))
    return path


@pytest.mark.parametrize("ending", PACK)
def test_lines_are_the_same_in_every_compression(tmp_path: Path, ending: str) -> None:
    raw = (
        b"\xef\xbb\xbfone\r\n\n tw\xc3\xb2\t \r\n\xe2\x80\xa8three\x0bfour\x85".replace(b"\x85", b"")
        + b"\nlast"
    )
    path = write(tmp_path / f"a.txt{ending}", raw)
    assert list(lines(path)) == [(1, "one"), (2, ""), (3, " twò\t "), (4, "\u2028three\x0bfour"), (5, "last")]
    assert b"".join(line for _, line in byte_lines(path)) == raw
    assert plain_name(path) == "a.txt"


@given(raw=st.binary(max_size=300), ending=st.sampled_from(STREAMS), parts=st.integers(1, 3))
def test_bytes_come_back_from_several_streams_in_one_file(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, ending: str, parts: int
) -> None:
    path = tmp_path_factory.mktemp("streams") / f"x{ending}"
    path.write_bytes(PACK[ending](raw) * parts)
    with open_bytes(path) as stream:
        assert stream.read() == raw * parts
    assert [line for _, line in byte_lines(path)] == io.BytesIO(raw * parts).readlines()


@pytest.mark.parametrize("zeros", [4, 8192, 20000])
def test_padding_of_xz_and_gzip(tmp_path: Path, zeros: int) -> None:
    for ending in (".xz", ".gz"):
        path = tmp_path / f"padded{ending}"
        path.write_bytes(PACK[ending](b"one\n") + bytes(zeros) + PACK[ending](b"two\n") + bytes(zeros))
        assert list(lines(path)) == [(1, "one"), (2, "two")]


@pytest.mark.parametrize("ending", PACKED)
def test_a_file_cut_anywhere_is_an_error(tmp_path: Path, ending: str) -> None:
    whole = PACK[ending](b"".join(b"line %d\n" % number for number in range(40)))
    path = tmp_path / f"cut{ending}"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="cut short"):
            list(lines(path))


@pytest.mark.parametrize("ending", STREAMS[1:])
def test_damage_is_named_with_its_line(tmp_path: Path, ending: str) -> None:
    # The lines of a first, whole stream are read; the second one is damaged.
    path = tmp_path / f"damaged{ending}"
    second = bytearray(PACK[ending](bytes(range(256)) * 20))
    for place in range(len(second) // 2, len(second) // 2 + 8):
        second[place] ^= 0xFF
    path.write_bytes(PACK[ending](b"one\ntwo\n") + bytes(second))
    reading = lines(path)
    assert [next(reading), next(reading)] == [(1, "one"), (2, "two")]
    with pytest.raises(InputError, match="damaged") as caught:
        list(byte_lines(path))
    assert str(caught.value.where).startswith(f"{path}:")
    with pytest.raises(InputError, match="damaged") as caught, open_bytes(path) as stream:
        stream.read()
    assert caught.value.where == path


@pytest.mark.parametrize("ending", PACKED)
def test_plain_text_that_calls_itself_compressed(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"plain{ending}"
    path.write_bytes(b"just text\n")
    with pytest.raises(InputError, match="damaged") as caught:
        list(lines(path))
    # What is in an archive stands at its end, before any line.
    assert caught.value.where == (path if ending == ".zip" else f"{path}:1")


def test_an_archive_of_one_file_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "all.en-om.tmx.zip"
    path.write_bytes(zipped(b"one\ntwo\n", "__MACOSX/TM/._all.en-om.tmx"))
    assert list(lines(path)) == [(1, "one"), (2, "two")]
    path.write_bytes(zipped(b"one\n", "LICENSE", "README"))
    with pytest.raises(InputError, match="holds 3 files") as caught:
        list(lines(path))
    assert caught.value.got == "TM/all.en-om.tmx, LICENSE, README"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("empty/", b"")
    with pytest.raises(InputError, match="holds no files"):
        list(lines(path))


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    packed = bytearray(zipped(bytes(range(256)) * 20))
    packed[200] ^= 0xFF
    path.write_bytes(packed)
    with pytest.raises(InputError, match="damaged") as caught, open_bytes(path) as stream:
        stream.read()
    assert caught.value.where == path
    encrypted = bytearray(zipped(b"one\n"))
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # APPNOTE.TXT, 4.4.4: bit 0 of the flags
        encrypted[encrypted.rindex(mark) + flags] |= 1
    path.write_bytes(encrypted)
    with pytest.raises(InputError, match="encrypted"):
        list(lines(path))


@pytest.mark.parametrize("ending", PACK)
def test_wrong_encoding_is_named_with_line_and_column(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"latin{ending}", "ifa\nété\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"byte 0xe9 at column 1") as caught:
        list(lines(path))
    assert caught.value.where == f"{path}:2"


def test_no_file_and_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such file"):
        list(lines(tmp_path / "none.gz"))
    packed, plain = write(tmp_path / "a.zst", b"a\n"), write(tmp_path / "a.gz", b"a\n")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingExtraError, match=r"kivuko\[data\]"):
        list(lines(packed))
    assert list(lines(plain)) == [(1, "a")]


@pytest.mark.parametrize("ending", PACK)
def test_progress_counts_the_bytes_of_the_file(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"a{ending}", b"line\n" * 1000)
    progress = Progress(console=Console(file=io.StringIO()))
    reading = lines(path, progress)
    assert next(reading) == (1, "line")
    assert [(task.completed, task.total) for task in progress.tasks] == [(path.stat().st_size,) * 2]
    assert sum(1 for _ in reading) == 999
    assert not progress.tasks


@pytest.mark.parametrize("ending", PACK)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, ending: str) -> None:
    peaks = []
    for count in (30_000, 120_000):
        path = write(
            tmp_path / f"{count}{ending}", b"".join(b"%d %s\n" % (n, SUN.encode()) for n in range(count))
        )
        tracemalloc.start()
        assert sum(1 for _ in lines(path)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + (1 << 20)


@given(st.lists(st.text(st.characters(), max_size=3)))
def test_seen_texts_are_a_set(texts: list[str]) -> None:
    ours, known = SeenTexts(), set[str]()
    for text in texts:
        assert ours.add(text) == (text not in known)
        known.add(text)
    assert len(ours) == len(known)


def test_seen_texts_take_few_bytes() -> None:
    tracemalloc.start()
    ours = SeenTexts()
    empty = tracemalloc.get_traced_memory()[0]
    for number in range(100_000):
        ours.add(str(number))
    grown = tracemalloc.get_traced_memory()[0] - empty
    tracemalloc.stop()
    assert len(ours) == 100_000
    assert grown < 16 * 100_000
