"""Lines of large files, plain or compressed, one at a time: memory does not grow with the file.

``.gz``, ``.bz2``, ``.xz``, ``.zst`` and ``.zip`` (an archive with one file in it) are told by the name. A damaged or
cut-off file is an error that names the file and, for lines, the line; never a short read. Lines are UTF-8 unless
another encoding is named.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from rich.progress import Progress

from kivuko.errors import InputError, MissingExtraError
from kivuko.text.faults import HEAD, decode

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
BUFFER = 1 << 20
# Compressed bytes at a time. What a chunk of zstd unpacks to is held whole, so that it has to be small.
_CHUNK = 1 << 13


def plain_name(path: Path) -> str:
    """The file's name without the ending of a compression."""
    return path.name.removesuffix(path.suffix) if path.suffix in COMPRESSED else path.name


@contextmanager
def open_bytes(path: Path, progress: Progress | None = None) -> Iterator[IO[bytes]]:
    """The uncompressed bytes of a file, for reading from front to back.

    Args:
        path: a file; ``.gz``, ``.bz2``, ``.xz``, ``.zst`` and ``.zip`` are decompressed while they are read. Several
            compressed streams one after the other are one file; of ``.zip`` there has to be one file in the archive.
        progress: a rich display for a bar over the file's own (compressed) bytes, gone when the file is closed.

    Raises:
        InputError: there is no such file, or an archive does not hold one file; inside the block, when damaged or
            cut-off bytes are reached.
        MissingExtraError: ``.zst`` without the package ``zstandard``.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("there is no such file", where=path, remedy="check the path")
    with path.open("rb", buffering=0) as file:
        if progress is None:
            yield _decompressed(path, io.BufferedReader(file, BUFFER))
            return
        task = progress.add_task(f"reading {path.name}", total=path.stat().st_size, unit="bytes")
        try:
            # Counted below the buffer: a call for each line would cost more than the line.
            counted = cast("io.RawIOBase", progress.wrap_file(file, task_id=task))
            yield _decompressed(path, io.BufferedReader(counted, BUFFER))
        finally:
            progress.remove_task(task)


def byte_lines(path: Path, progress: Progress | None = None) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of each line, line end included; only a line feed ends a line.

    Raises:
        InputError: no such file, or compressed bytes that are damaged or cut off; names ``file:line``.
        MissingExtraError: see :func:`open_bytes`.
    """
    number = 0
    with open_bytes(path, progress) as stream:
        try:
            for number, line in enumerate(stream, start=1):
                yield number, line
        except InputError as error:
            raise _damaged(f"{path}:{number + 1}", error.got) from error


def lines(path: Path, progress: Progress | None = None) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of each line, without its line end; empty lines are yielded too.

    A byte-order mark before the first line is left out.

    Raises:
        InputError: as :func:`byte_lines`, or a line is not UTF-8 or has a NUL.
        MissingExtraError: see :func:`open_bytes`.
    """
    for number, line in byte_lines(path, progress):
        yield number, decoded(path, number, line)


def encoded_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Numbered lines in an encoding in which a line feed is one byte, as in nearly all.

    Raises:
        InputError: Python does not know the encoding, it is none of these, or a line is not in it or has a NUL.
    """
    try:
        usable = "\n".encode(codecs.lookup(encoding).name) == b"\n"
    except LookupError:
        usable = False
    if not usable:
        raise InputError(
            "files in this encoding cannot be read",
            where=path,
            expected="an encoding that Python knows and in which a line feed is one byte, such as latin-1",
            got=encoding,
            remedy=f"convert the file to UTF-8 first: iconv -f {encoding} -t UTF-8 FILE > NEW",
        )
    if codecs.lookup(encoding).name == "utf-8":
        yield from lines(path)
        return
    for number, line in byte_lines(path):
        yield number, decode(line, f"{path}:{number}", partial(_head, path), encoding).rstrip("\r\n")


def decoded(path: Path, number: int, line: bytes) -> str:
    """A line of :func:`byte_lines` as :func:`lines` gives it.

    Raises:
        InputError: it is not UTF-8, or has a NUL.
    """
    encoding = "utf-8-sig" if number == 1 else "utf-8"
    return decode(line, f"{path}:{number}", partial(_head, path), encoding).rstrip("\r\n")


def _head(path: Path) -> bytes:
    with open_bytes(path) as stream:
        return stream.read(HEAD)


def _decompressed(path: Path, packed: io.BufferedReader) -> IO[bytes]:
    unpacked: Any
    match path.suffix:
        case ".gz":
            unpacked = gzip.GzipFile(fileobj=packed)
        case ".bz2":
            unpacked = _Streams(packed, bz2.BZ2Decompressor)
        case ".xz":
            unpacked = _Streams(packed, lzma.LZMADecompressor)
        case ".zst":
            unpacked = _Streams(packed, _zstandard_frames())
        case ".zip":
            unpacked = _only_member(path, packed)
        case _:
            return packed
    if not packed.peek(1):
        raise _damaged(path, "no bytes at all")  # gzip would take it for an empty text
    # The standard library's own readers take a Python call for each line; this one buffers above them.
    return io.BufferedReader(_Checked(path, unpacked), BUFFER)


def _only_member(path: Path, packed: io.BufferedReader) -> IO[bytes]:
    """The one file in a ZIP archive; what macOS adds about it (``__MACOSX/``) is none."""
    try:
        archive = zipfile.ZipFile(packed)
        names = [
            member.filename
            for member in archive.infolist()
            if not member.is_dir() and not member.filename.startswith("__MACOSX/")
        ]
        if len(names) == 1:
            return archive.open(names[0])
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        # The last two: a method of compression or an encryption that the standard library does not have.
        raise _damaged(path, str(error)) from error
    raise InputError(
        f"this archive holds {len(names) or 'no'} files",
        where=path,
        expected="one file in a .zip",
        got=", ".join(names[:4]) + (", …" if len(names) > 4 else ""),
        remedy="unpack it, and give the file that is meant",
    )


class _Checked(io.RawIOBase):
    """Decompressed bytes; what a library says of damaged ones becomes an :class:`InputError`."""

    def __init__(self, path: Path, unpacked: Any) -> None:
        self._path, self._unpacked = path, unpacked
        self._damage = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, _zstandard_error())

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return int(self._unpacked.readinto1(buffer))
        except self._damage as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's fault, not the file's
            raise _damaged(self._path, str(error)) from error


class _Streams:
    """One decompressed stream after the other.

    The standard library's files stop without a word where a second stream is damaged, and zstandard's where one is
    cut off; published dumps have thousands of streams.
    """

    def __init__(self, packed: IO[bytes], new: Callable[[], Any]) -> None:
        self._packed, self._new = packed, new
        self._stream: Any = None

    def readinto1(self, buffer: Any) -> int:
        while True:
            data = b""
            if self._stream is None or self._stream.eof:
                rest = self._stream.unused_data if self._stream is not None else b""
                # No stream begins with a zero byte; xz allows them as padding.
                data = rest.lstrip(b"\0")
                while not data:
                    chunk = self._packed.read(_CHUNK)
                    if not chunk:
                        return 0
                    data = chunk.lstrip(b"\0")
                self._stream = self._new()
            elif self._stream.needs_input:
                data = self._packed.read(_CHUNK)
                if not data:
                    raise EOFError("the file ends inside a compressed stream")
            unpacked = self._stream.decompress(data, len(buffer))
            if unpacked:
                buffer[: len(unpacked)] = unpacked
                return len(unpacked)


class _ZstandardFrame:
    """A zstd frame with the interface of the standard library's decompressors."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self._ready = b""

    @property
    def needs_input(self) -> bool:
        return not self._ready

    @property
    def eof(self) -> bool:
        return not self._ready and bool(self._frame.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._frame.unused_data)

    def decompress(self, data: bytes, size: int) -> bytes:
        whole = self._frame.decompress(data) if data else self._ready
        self._ready = whole[size:]
        return bytes(whole[:size])


def _zstandard_frames() -> Callable[[], _ZstandardFrame]:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtraError("zstandard", "data") from error
    # Published corpora are packed with windows of up to 2 GB (--long=31).
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 31)
    return lambda: _ZstandardFrame(decompressor.decompressobj())


def _zstandard_error() -> type[Exception]:
    """What zstd calls damage; without the library no such file was opened."""
    try:
        import zstandard
    except ImportError:
        return EOFError
    return cast("type[Exception]", zstandard.ZstdError)


def _damaged(where: object, got: object) -> InputError:
    return InputError(
        "this compressed file is damaged or cut short", where=where, got=got, remedy="fetch it again"
    )
