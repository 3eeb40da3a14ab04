"""Unpack Debian packages, wheels and npm tarballs; refuse damage and paths that lead outside."""

from __future__ import annotations

import gzip
import io
import lzma
import re
import shutil
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from kivuko.errors import FetchError

_DAMAGE = (
    EOFError,
    ValueError,
    KeyError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    subprocess.CalledProcessError,
)


def read_deb(archive: Path, only: str = "") -> Iterator[tuple[str, bytes]]:
    """Path and content of the files in a ``.deb`` (an ``ar`` archive with a tar in it), in their order.

    A damaged archive is removed. Links and special files are left out: no source of ours needs one.

    Args:
        archive: the ``.deb`` file.
        only: regular expression; just files whose path it finds are read.

    Raises:
        FetchError: the archive is truncated, of an unknown compression, or has a path that leads outside.
    """
    wanted = re.compile(only)
    with _damage_reported(archive):
        members = dict(_ar_members(archive.read_bytes()))
        name = next((member for member in members if member.startswith("data.tar")), None)
        if name is None:
            raise ValueError("no data.tar in the archive")
        with tarfile.open(fileobj=_tar_stream(name, members[name]), mode="r|") as tar:
            for entry in tar:
                path = entry.name.removeprefix("./")
                if entry.isreg() and wanted.search(path):
                    stream = tar.extractfile(entry)
                    assert stream is not None  # it is for regular files
                    yield _inside(path), stream.read()


def read_dependencies(archive: Path) -> list[str]:
    """Names of the packages that a ``.deb`` says it needs, in its order; of alternatives the first.

    A damaged archive is removed.

    Args:
        archive: the ``.deb`` file.

    Raises:
        FetchError: the archive is truncated or of an unknown compression.
    """
    with _damage_reported(archive):
        members = dict(_ar_members(archive.read_bytes()))
        name = next((member for member in members if member.startswith("control.tar")), None)
        if name is None:
            raise ValueError("no control.tar in the archive")
        with tarfile.open(fileobj=_tar_stream(name, members[name]), mode="r|") as tar:
            for entry in tar:
                if entry.name.removeprefix("./") == "control":
                    stream = tar.extractfile(entry)
                    assert stream is not None  # it is a regular file
                    said = re.search(r"^Depends: (.+)$", stream.read().decode(), re.MULTILINE)
                    needs = said[1].split(",") if said else []
                    return [re.split(r"[\s(|:]", need.strip(), maxsplit=1)[0] for need in needs]
        raise ValueError("no control file in the archive")


def unpack_wheel(archive: Path, folder: Path) -> None:
    """Unpack a wheel (a zip) into ``folder``; a damaged one is removed.

    Raises:
        FetchError: the archive is truncated or has a path outside ``folder``.
    """
    with _damage_reported(archive), zipfile.ZipFile(archive) as wheel:
        for name in wheel.namelist():
            _inside(name)
        wheel.extractall(folder)


def read_wheel(archive: Path, only: str = "") -> Iterator[tuple[str, bytes]]:
    """Path and content of the files in a wheel, by path; the rest is not decompressed.

    A damaged wheel is removed.

    Args:
        archive: the ``.whl`` file.
        only: regular expression; just files whose path it finds are read.

    Raises:
        FetchError: the wheel is truncated or has a path that leads outside.
    """
    wanted = re.compile(only)
    with _damage_reported(archive), zipfile.ZipFile(archive) as wheel:
        for name in sorted(wheel.namelist()):
            if wanted.search(name) and not name.endswith("/"):
                yield _inside(name), wheel.read(name)


def unpack_npm(archive: Path, folder: Path) -> None:
    """Unpack an npm tarball into ``folder`` without its outermost folder; a damaged one is removed.

    Links and special files are left out.

    Raises:
        FetchError: the tarball is truncated or has a path outside ``folder``.
    """
    with _damage_reported(archive), tarfile.open(archive, mode="r:gz") as tar:
        for entry in tar:
            path = _inside(entry.name).removeprefix("./").partition("/")[2]
            if entry.isreg() and path:
                stream = tar.extractfile(entry)
                assert stream is not None  # it is for regular files
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(stream.read())


def _inside(name: str) -> str:
    """``name``, which must not lead out of the folder it is unpacked in."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError(f"path outside the package: {name}")
    return name


def _ar_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each member of an ``ar`` archive (60-byte headers, content padded to even)."""
    if not data.startswith(b"!<arch>\n"):
        raise ValueError("not an ar archive")
    position = 8
    while position < len(data):
        header = data[position : position + 60]
        if len(header) < 60:
            raise EOFError("the archive ends inside a header")
        size = int(header[48:58])
        content = data[position + 60 : position + 60 + size]
        if len(content) < size:
            raise EOFError(f"the archive ends after {len(content)} of {size} bytes of a member")
        yield header[:16].decode("ascii").rstrip(" /"), content
        position += 60 + size + size % 2


def _tar_stream(name: str, data: bytes) -> IO[bytes]:
    """The tar inside a ``.deb``; Debian's need only the standard library, Ubuntu's a command."""
    match PurePosixPath(name).suffix:
        case ".xz":
            return cast("IO[bytes]", lzma.open(io.BytesIO(data)))
        case ".gz":
            return cast("IO[bytes]", gzip.open(io.BytesIO(data)))
        case ".tar":
            return io.BytesIO(data)
        case ".zst" if shutil.which("zstd"):
            done = subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True)
            return io.BytesIO(done.stdout)
        case suffix:
            raise FetchError(
                f"this Debian package is compressed in a way that cannot be read here ({suffix})",
                expected=".xz, .gz, or .zst with the zstd command on the PATH",
                remedy="install zstd, or unpack the package yourself and give its folder with --from",
            )


@contextmanager
def _damage_reported(archive: Path) -> Iterator[None]:
    """Turn any sign of a damaged archive into a FetchError, and remove the archive."""
    try:
        yield
    except _DAMAGE as error:
        archive.unlink(missing_ok=True)
        raise FetchError(
            "a downloaded package is truncated or damaged; it has been removed",
            where=archive,
            got=f"{type(error).__name__}: {error}",
            remedy="run the command again: only this package is fetched anew",
        ) from error
