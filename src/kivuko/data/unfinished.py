"""Long reads that go on after a kill: what they made so far, and how far their source was read for it.

Both stand in ``.NAME.importing`` beside the output. A read has parts (passes over a source), each with a file that
is only ever appended to and a record in ``state.json``: how many of the source's records were looked at, and how long
the file was then. What was appended after the state was saved is cut off, so the result is the same to the byte as
without the interruption. A source is read again from its front, for compressed files cannot be entered in the
middle; but what was done for a record is not done again.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from rich.progress import Progress

from kivuko.artifact import storage_errors, try_exclusive, write_atomically
from kivuko.errors import ArtifactError, InputError

STATE = "state.json"
SAVED_EVERY = 5.0
"""Seconds of work between two savings: what a kill loses at most. What is saved when does not change the result."""


@dataclass
class Part:
    """One pass over a source.

    Attributes:
        read: records that were looked at.
        length: bytes of the part's file that come of them.
        ended: whether the source has no more.
        facts: what else its maker has to know to go on, as JSON.
    """

    read: int = 0
    length: int = 0
    ended: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


class Unfinished:
    """The folder of one unfinished output. Use :func:`unfinished`."""

    def __init__(self, folder: Path, inputs: dict[str, Any], progress: Progress | None = None) -> None:
        self.folder = folder
        self._inputs = inputs
        self._progress = progress
        self._parts: dict[str, Part] = {}
        self._streams: dict[str, IO[bytes]] = {}
        self._saved_at = time.monotonic()
        if (folder / STATE).exists():
            saved = json.loads((folder / STATE).read_text(encoding="utf-8"))
            self._check(saved["inputs"])
            self._parts = {name: Part(**part) for name, part in saved["parts"].items()}

    def part(self, name: str) -> Part:
        """The part of this name as it was saved last; an empty one if it never was."""
        return self._parts.setdefault(name, Part())

    def goes_on(self, name: str, what: str) -> None:
        """Say where the part goes on, if it was begun before."""
        part = self.part(name)
        if self._progress and part.read and not part.ended:
            self._progress.console.print(
                f"going on after {part.read:,} {what} of an interrupted run", soft_wrap=True, highlight=False
            )

    @contextmanager
    def appending(self, name: str) -> Iterator[IO[bytes]]:
        """The part's file, cut to what its state knows, for appending.

        Raises:
            ArtifactError: the file is shorter than that.
        """
        part = self.part(name)
        with self._file(name).open("ab") as stream:
            if stream.tell() < part.length:
                raise ArtifactError(
                    "what an interrupted run left is damaged",
                    where=self._file(name),
                    expected=f"{part.length:,} bytes",
                    got=f"{stream.tell():,}",
                    remedy=f"remove {self.folder} to start anew",
                )
            stream.truncate(part.length)
            stream.seek(0, os.SEEK_END)
            self._streams[name] = stream
            try:
                yield stream
            finally:
                del self._streams[name]

    @property
    def is_due(self) -> bool:
        """Whether it is time to save again."""
        return time.monotonic() - self._saved_at >= SAVED_EVERY

    def save(self, name: str, read: int, facts: dict[str, Any] | None = None, *, ended: bool = False) -> None:
        """Remember that all open files, and ``facts``, are what ``read`` records come to."""
        for each, stream in self._streams.items():
            stream.flush()
            os.fsync(stream.fileno())
            self.part(each).length = stream.tell()
        self._parts[name] = Part(read, self.part(name).length, ended, facts or {})
        with write_atomically(self.folder / STATE) as temporary:
            state = {
                "inputs": self._inputs,
                "parts": {each: asdict(part) for each, part in self._parts.items()},
            }
            temporary.write_text(json.dumps(state, ensure_ascii=False, indent=1), encoding="utf-8")
        self._saved_at = time.monotonic()

    def kept_lines(self, name: str) -> Iterator[bytes]:
        """The lines of the part's file that its state knows."""
        left = self.part(name).length
        if left:
            with self._file(name).open("rb") as stream:
                while left > 0 and (line := stream.readline()):
                    left -= len(line)
                    yield line

    def kept_bytes(self, name: str) -> Iterator[int]:
        """The bytes of the part's file that its state knows, one at a time."""
        left = self.part(name).length
        if left:
            with self._file(name).open("rb") as stream:
                while block := stream.read(min(left, 1 << 16)):
                    left -= len(block)
                    yield from block

    def place(self, name: str, target: Path) -> None:
        """Give a file of this folder to the output, by a second name, so that a kill loses nothing."""
        target.unlink(missing_ok=True)
        try:
            os.link(self._file(name), target)
        except OSError:  # a disk that cannot do that
            shutil.copyfile(self._file(name), target)

    def _file(self, name: str) -> Path:
        return self.folder / name

    def _check(self, saved: dict[str, Any]) -> None:
        changed = [name for name in self._inputs if saved.get(name) != self._inputs[name]]
        if changed:
            raise ArtifactError(
                "an interrupted run to this output had other settings",
                where=self.folder,
                expected="the same settings and unchanged sources",
                got=f"changed: {', '.join(changed)}",
                remedy=f"repeat the former command, or remove {self.folder} to start anew",
            )


@contextmanager
def unfinished(
    output: Path, recipe: dict[str, Any], sources: Sequence[Path], progress: Progress | None = None
) -> Iterator[Unfinished]:
    """What an earlier, killed run to ``output`` left, or a new folder; it goes when the block ends well.

    It also goes with an :class:`InputError`, for then a source has to change first.

    Args:
        output: what will be written.
        recipe: all that the result depends on, as JSON.
        sources: the files that are read; one that changed is noticed by its size and time.
        progress: a rich display, on which is said where a read goes on.

    Raises:
        ArtifactError: another process writes this output, or an interrupted run to it had other settings or sources.
        StorageError: the disk is full or not writable; what was saved stays for the next try.
    """
    folder = output.with_name(f".{output.name}.importing")
    stats = [(file.name, file.stat()) for file in sources]
    inputs = {**recipe, "sources": [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]}
    with try_exclusive(folder / "run") as free, storage_errors(folder):
        if not free:
            raise ArtifactError("another process is writing this output", where=output)
        work = Unfinished(folder, json.loads(json.dumps(inputs)), progress)
        try:
            yield work
        except Exception as error:
            if isinstance(error, InputError) or not (folder / STATE).exists():
                _remove(folder)
            raise
        _remove(folder)
    if sys.platform == "win32":
        with suppress(
            OSError
        ):  # the next writer's, if there is one already: nobody can remove a lock that is held
            (folder / ".run.lock").unlink()
            folder.rmdir()


def _remove(folder: Path) -> None:
    """Remove the folder with the lock in it, which is held; on Windows the lock stays for now."""
    shutil.rmtree(folder, ignore_errors=sys.platform == "win32")


def json_line(item: object) -> bytes:
    """An item of a part's file."""
    return json.dumps(item, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
