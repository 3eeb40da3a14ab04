"""Folders that are either complete or not there.

Every artefact (collection, bitext, lexicon, model, teacher cache, index, scores) is a folder whose
``manifest.json`` is written last. It names each file with its size and SHA-256, the artefact's kind and
version, free metadata, and the content hashes of the artefacts it was made from (its parents).
A folder is built aside and moved into place, so a reader never sees half of one and a failed rebuild
leaves the former one untouched.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from kivuko.errors import ArtifactError, KivukoError, StorageError

if TYPE_CHECKING:
    from filelock import FileLock

MANIFEST = "manifest.json"
VERSION = 1


def cache_folder() -> Path:
    """The user's cache: ``$KIVUKO_CACHE``, else the platform's cache folder for ``kivuko``."""
    return Path(os.environ.get("KIVUKO_CACHE") or platformdirs.user_cache_dir("kivuko"))


@dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` says.

    Attributes:
        kind: what the folder is, such as ``"collection"``.
        hash: SHA-256 over kind, version, metadata, parents and the files' own hashes (hex).
        parents: label → content hash of each artefact this one was made from.
        meta: JSON-serialisable facts about the artefact (counts, settings, licence).
        files: relative path → (bytes, SHA-256).
    """

    kind: str
    hash: str
    parents: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)


def hash_json(value: object) -> str:
    """SHA-256 (hex) of a JSON-serialisable value in canonical form."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk below ``path`` into a :class:`StorageError` with a remedy."""
    try:
        yield
    except Exception as error:
        number = _error_number(error, path)
        if number is None or number not in {
            errno.ENOSPC,
            errno.EDQUOT,
            errno.EROFS,
            errno.EACCES,
            errno.EPERM,
        }:
            raise
        raise StorageError(
            f"cannot write: {os.strerror(number)}",
            where=getattr(error, "filename", None) or path,
            expected="a writable folder with free space",
            remedy="free some space, or point KIVUKO_CACHE or the output option at another disk; "
            "what was complete before is untouched",
        ) from error


def _error_number(error: Exception, path: Path) -> int | None:
    """The system's reason for a failed write; libraries in other languages do not raise OSError for it."""
    if isinstance(error, OSError):
        return error.errno
    if isinstance(error, KivukoError):
        return None
    if of_rust := re.search(r"\(os error (\d+)\)", str(error)):  # safetensors, tokenizers
        return int(of_rust[1])
    if isinstance(error, RuntimeError):  # torch.save: "basic_ios::clear: iostream error"
        there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        return errno.ENOSPC if shutil.disk_usage(there).free < 1 << 20 else None
    return None


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary file beside ``path`` and move it there when the block succeeds.

    Raises:
        StorageError: the disk is full or not writable; ``path`` keeps its former content.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            make_durable(temporary)
            os.replace(temporary, path)
            make_durable(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def make_durable(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, would outlive a power failure."""
    if sys.platform == "win32" and path.is_dir():
        return  # folders cannot be opened there
    descriptor = os.open(path, os.O_RDONLY if sys.platform != "win32" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Let one process at a time make ``path``; others wait. The lock dies with its process.

    Raises:
        StorageError: the folder for the lock cannot be written.
    """
    lock = _lock(path)
    with storage_errors(path):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def try_exclusive(path: Path) -> Iterator[bool]:
    """Yield whether no other process is making ``path``; while the block runs, none will start to.

    Raises:
        StorageError: the folder for the lock cannot be written.
    """
    from filelock import Timeout

    lock = _lock(path)
    with storage_errors(path), suppress(Timeout):
        lock.acquire(blocking=False)
    try:
        yield lock.is_locked
    finally:
        lock.release()


def _lock(path: Path) -> FileLock:
    """The lock beside ``path``, not held yet; its file stays when it is let go."""
    from filelock import FileLock  # takes longer to import than all of this module

    file = path.with_name(f".{path.name}.lock")
    with storage_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(file)


def check_replaceable(path: Path, kind: str) -> None:
    """Refuse an output path that holds something of somebody else's; ask before long work, not after it.

    Raises:
        ArtifactError: ``path`` exists and holds something that Kivuko did not write.
    """
    if path.exists() and not (path / MANIFEST).exists() and (not path.is_dir() or any(path.iterdir())):
        raise ArtifactError(
            f"will not replace something that is not a Kivuko {kind}",
            where=path,
            expected="a new path, an empty folder, or an artefact with manifest.json",
            remedy="choose another output path, or move what is there away",
        )


@contextmanager
def write_artifact(
    path: Path, kind: str, *, parents: Mapping[str, str] | None = None, meta: dict[str, Any] | None = None
) -> Iterator[Path]:
    """Build an artefact aside and move it to ``path`` once it is complete.

    Yields a folder to write files into; ``meta`` may be filled while the block runs. An artefact that stood
    at ``path`` before is replaced only after the new one is complete. A folder at ``path`` that is not an
    artefact is never removed.

    Raises:
        ArtifactError: ``path`` exists and holds something that Kivuko did not write.
        StorageError: the disk is full or not writable; what stood at ``path`` is untouched.
    """
    path = Path(path)
    check_replaceable(path, kind)
    meta = {} if meta is None else meta
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{path.name}.building-", dir=path.parent))
        try:
            yield building
            write_manifest(building, kind, parents=parents or {}, meta=meta, files=file_facts(building))
            _swap(building, path)
        finally:
            shutil.rmtree(building, ignore_errors=True)


def file_facts(folder: Path) -> dict[str, tuple[int, str]]:
    """Relative path → (bytes, SHA-256) of every file below a folder, its manifest aside."""
    names = sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST
    )
    return {name: ((folder / name).stat().st_size, hash_file(folder / name)) for name in names}


def folder_bytes(folder: Path) -> int:
    """Bytes of every file below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def write_manifest(
    folder: Path,
    kind: str,
    *,
    parents: Mapping[str, str],
    meta: Mapping[str, Any],
    files: Mapping[str, tuple[int, str]],
) -> None:
    """Write a folder's manifest in one step: before it, readers see what the former one says.

    Args:
        folder: where every file of ``files`` lies already.
        kind: what the folder is.
        parents: label → content hash of what it was made from.
        meta: JSON-serialisable facts.
        files: as :func:`file_facts` gives them.
    """
    body: dict[str, Any] = {
        "kind": kind,
        "version": VERSION,
        "meta": meta,
        "parents": parents,
        "files": files,
    }
    body["hash"] = hash_json(json.loads(json.dumps(body)))  # as a reader will see it
    with write_atomically(folder / MANIFEST) as temporary:
        temporary.write_text(
            json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def _swap(building: Path, path: Path) -> None:
    """Move ``building`` to ``path``; what was there is set aside first and removed last."""
    if not path.exists():
        os.replace(building, path)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.former-", dir=path.parent))
    os.replace(path, aside / "former")
    try:
        os.replace(building, path)
    except OSError:
        os.replace(aside / "former", path)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def is_complete(path: Path) -> bool:
    """Whether ``path`` holds a finished artefact."""
    return (Path(path) / MANIFEST).is_file()


def read_manifest(path: Path, kind: str, *, verify: bool = False) -> Manifest:
    """Read and check an artefact's manifest.

    Args:
        path: the artefact's folder.
        kind: the kind it must have.
        verify: recompute every file's SHA-256 too; sizes are always compared.

    Raises:
        ArtifactError: the folder is missing, unfinished, of another kind or version, or a file differs.
    """
    path = Path(path)
    if not is_complete(path):
        raise ArtifactError(
            f"no complete {kind} here",
            where=path,
            expected=f"a folder with {MANIFEST} (written last, so its absence means an unfinished build)",
            got="no such folder" if not path.exists() else "a folder without it",
            remedy=f"build the {kind} again; finished parts are reused from the cache",
        )
    try:
        body = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        manifest = Manifest(
            kind=body["kind"],
            hash=body["hash"],
            parents=body["parents"],
            meta=body["meta"],
            files={name: (size, digest) for name, (size, digest) in body["files"].items()},
        )
        version = body["version"]
        if hash_json({key: value for key, value in body.items() if key != "hash"}) != manifest.hash:
            raise ValueError("its content is not what its hash says")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            "the manifest cannot be read",
            where=path / MANIFEST,
            got=repr(error),
            remedy=f"build the {kind} again",
        ) from error
    if (manifest.kind, version) != (kind, VERSION):
        raise ArtifactError(
            "this folder is something else",
            where=path,
            expected=f"{kind}, format {VERSION}",
            got=f"{manifest.kind}, format {version}",
            remedy=f"give the path of a {kind}",
        )
    for name, (size, digest) in manifest.files.items():
        file = path / name
        damaged = not file.is_file() or file.stat().st_size != size or (verify and hash_file(file) != digest)
        if damaged:
            raise ArtifactError(
                f"a file of this {kind} is missing or damaged",
                where=file,
                expected=f"{size} bytes, SHA-256 {digest[:12]}…",
                got=f"{file.stat().st_size} bytes" if file.is_file() else "no file",
                remedy=f"build the {kind} again",
            )
    return manifest


def usable_meta(path: Path, kind: str) -> Mapping[str, Any] | None:
    """Metadata of the artefact at ``path``; None if none is there, or a damaged one of this kind.

    A damaged artefact in the cache is built again rather than complained about.

    Raises:
        ArtifactError: an artefact of another kind is there, which building must not replace.
    """
    if not is_complete(path):
        return None
    try:
        return read_manifest(path, kind).meta
    except ArtifactError:
        if kind_of(path) not in {kind, None}:
            raise
        return None


def kind_of(path: Path) -> str | None:
    """What a folder's manifest says it is; None where there is no manifest, or none that can be read."""
    try:
        return str(json.loads((path / MANIFEST).read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
