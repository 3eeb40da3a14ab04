"""Changes to an index folder: each is there whole or not at all, whatever kills the process.

``manifest.json`` is the commit point. Every file it names lies in the folder of the change that wrote it,
``change-000001/``, ``change-000002/`` …, and is never written again. A change writes its files, waits until the disk
has them, and then replaces the manifest in one step: readers see the state before or the state after. Files that no
manifest names, left by a change that was killed, are removed by the next one.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kivuko.artifact import (
    MANIFEST,
    Manifest,
    check_replaceable,
    file_facts,
    make_durable,
    read_manifest,
    storage_errors,
    try_exclusive,
    write_manifest,
)
from kivuko.errors import ArtifactError

_FOLDER = re.compile(r"change-(\d{6,})")
_TEMPORARY = f".{MANIFEST}."
_LOCK = "change"  # the lock itself is a file .change.lock below the index folder


class Change:
    """A change under way. Write files below :attr:`folder`, then :meth:`commit`; without that, nothing happened.

    Attributes:
        path: the index folder.
        folder: a new empty folder below it.
        former: what the index said when the change began; None where there was none.
    """

    def __init__(self, path: Path, folder: Path, kind: str, former: Manifest | None) -> None:
        self.path, self.folder, self.former = path, folder, former
        self._kind = kind

    def name(self, file: Path) -> str:
        """A file's or folder's name within the index."""
        return file.relative_to(self.path).as_posix()

    def commit(self, *, parents: Mapping[str, str], meta: Mapping[str, Any], kept: tuple[str, ...]) -> None:
        """Make this change the index's state.

        Args:
            parents: label → content hash of what the index is made from now.
            meta: what the index says of itself now.
            kept: names of folders of former changes whose files stay.

        Raises:
            StorageError: the disk is full or not writable; the former state stays.
        """
        files = {self.name(self.folder / name): facts for name, facts in file_facts(self.folder).items()}
        for name in files:
            make_durable(self.path / name)
        for folder in [self.folder, *(each for each in self.folder.rglob("*") if each.is_dir())]:
            make_durable(folder)
        if self.former is not None:
            files |= {
                name: facts
                for name, facts in self.former.files.items()
                if any(name.startswith(f"{folder}/") for folder in kept)
            }
        make_durable(self.path)
        write_manifest(self.path, self._kind, parents=parents, meta=meta, files=files)
        with suppress(OSError):  # the change is made; what stays behind is removed by the next one
            _remove_unnamed(self.path, frozenset(files), former=self.former)


@contextmanager
def change(path: Path, kind: str, *, anew: bool = False) -> Iterator[Change]:
    """Change an index folder, as its only writer; readers go on meanwhile.

    Args:
        path: the folder; it may be missing or empty.
        kind: what it holds.
        anew: whether what stands there is replaced, so that it need not be readable.

    Raises:
        ArtifactError: another process is changing it, it holds something that Kivuko did not write, or (unless
            ``anew``) it is not a complete one.
        StorageError: the disk is full or not writable.
    """
    if not _is_unfinished(path):
        check_replaceable(path, kind)
    with storage_errors(path), try_exclusive(path / _LOCK) as alone:
        if not alone:
            raise ArtifactError(
                f"another process is changing this {kind}",
                where=path,
                expected="one writer at a time (readers are not counted)",
                remedy="wait until it has ended, then try again",
            )
        former = _readable(path, kind) if anew else read_manifest(path, kind)
        _remove_unnamed(path, frozenset(former.files if former else ()))
        folder = path / f"change-{_last_number(path) + 1:06d}"
        folder.mkdir(parents=True)
        try:
            yield Change(path, folder, kind, former)
        except BaseException:
            # Whatever happened, the manifest names nothing of this folder unless the commit was reached.
            if not _is_named(path, kind, folder.name):
                shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                if _is_unfinished(path):  # a first change that came to nothing leaves nothing
                    shutil.rmtree(path)
            raise


def _is_unfinished(path: Path) -> bool:
    """Whether a folder holds nothing but what a first change left when it was killed."""
    return path.is_dir() and all(
        _FOLDER.fullmatch(each.name) or each.name.startswith((_TEMPORARY, f".{_LOCK}."))
        for each in path.iterdir()
    )


def _readable(path: Path, kind: str) -> Manifest | None:
    """What stands at ``path``, or None where nothing does or it is damaged."""
    try:
        return read_manifest(path, kind)
    except ArtifactError:
        return None


def _last_number(path: Path) -> int:
    found = [_FOLDER.fullmatch(each.name) for each in path.iterdir()] if path.is_dir() else []
    return max((int(match[1]) for match in found if match), default=0)


def _is_named(path: Path, kind: str, folder: str) -> bool:
    """Whether the state of the index is the one that a folder's change made."""
    found = _readable(path, kind)
    return found is not None and any(name.startswith(f"{folder}/") for name in found.files)


def _remove_unnamed(path: Path, named: frozenset[str], *, former: Manifest | None = None) -> None:
    """Remove what the manifest does not name; a reader that has it open keeps it."""
    if not path.is_dir():
        return
    for left in sorted(path.glob(f"{_TEMPORARY}*")):
        left.unlink()
    for name in (former.files if former else {}).keys() - named:
        (path / name).unlink(missing_ok=True)
    for folder in sorted(each for each in path.iterdir() if _FOLDER.fullmatch(each.name)):
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            if file.relative_to(path).as_posix() not in named:
                file.unlink()
        # Deepest first; a folder that still holds something stays.
        for below in [*sorted((each for each in folder.rglob("*") if each.is_dir()), reverse=True), folder]:
            if not any(below.iterdir()):
                below.rmdir()
