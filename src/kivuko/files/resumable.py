"""Long reads that go on after a kill: the parts that were finished are not made again.

They stand in ``.NAME.importing`` beside the output. A part is what a whole source, or a whole pass over one, comes
to: a file of JSON lines, written aside and put in place when it is complete. What was begun of a part is made again,
so that no maker has to know how far it had come, and the output is the same to the byte as without the interruption.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.progress import Progress
from rich.text import Text

from kivuko.artifact import storage_errors, try_exclusive, write_atomically
from kivuko.errors import ArtifactError, InputError

INPUTS = "inputs.json"
PARTS = "parts"


class Unfinished:
    """The finished parts of one unfinished output. Use :func:`unfinished`."""

    def __init__(self, folder: Path, inputs: dict[str, Any], progress: Progress | None = None) -> None:
        self.folder = folder
        self._inputs = inputs
        self._progress = progress
        if (folder / INPUTS).exists():
            self._check(json.loads((folder / INPUTS).read_text(encoding="utf-8")))
        for begun in (folder / PARTS).glob(".*"):
            begun.unlink()
        # Of an earlier run, and not yet said to be.
        self._untold = set(self.finished)

    @property
    def finished(self) -> list[str]:
        """The parts that need not be made."""
        parts = self.folder / PARTS
        return sorted(file.name for file in parts.glob("[!.]*")) if parts.exists() else []

    def part(self, name: str, make: Callable[[], Iterable[Any]]) -> Iterator[Any]:
        """The items of a part: of a former run or an earlier pass if it was finished, else as they are made.

        Memory holds one of them. The part is finished once all were drawn.

        Args:
            name: of the part, and of its file.
            make: gives the items, which JSON can hold; not called for a finished part. Both times they come as JSON
                gives them back, with lists for tuples.
        """
        file = self.folder / PARTS / name
        if file.exists():
            if name in self._untold and self._progress:
                said = Text(f"going on with {name} of an interrupted run")  # names may hold brackets
                self._progress.console.print(said, soft_wrap=True)
            self._untold.discard(name)
            with file.open("rb") as stream:
                yield from map(json.loads, stream)
            return
        with write_atomically(file) as temporary:
            with temporary.open("wb") as stream:
                for item in make():
                    line = json_line(item)
                    stream.write(line)
                    yield json.loads(line)
            if not (self.folder / INPUTS).exists():
                with write_atomically(self.folder / INPUTS) as inputs:
                    inputs.write_text(
                        json.dumps(self._inputs, ensure_ascii=False, indent=1), encoding="utf-8"
                    )

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
        progress: a rich display, on which is said which parts are there.

    Raises:
        ArtifactError: another process writes this output, or an interrupted run to it had other settings or sources.
        StorageError: the disk is full or not writable; what was finished stays for the next try.
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
            if isinstance(error, InputError) or not work.finished:
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
    """An item as a line of JSON, also with half a character in it."""
    return json.dumps(item, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
