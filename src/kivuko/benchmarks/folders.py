"""Files of a test collection in a folder, by the names under which they are published or by plain ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kivuko.errors import InputError
from kivuko.files.streams import COMPRESSED


def find(folder: Path, *patterns: str) -> Path:
    """The one file that fits the first of the patterns that any file fits, plain or compressed.

    Args:
        folder: looked through.
        patterns: glob patterns, such as ``"topics.tsv"`` or ``"**/topics.*-dev.tsv"``.

    Raises:
        InputError: no file fits, or several fit the same pattern.
    """
    found = find_all(folder, *patterns)
    if len(found) > 1:
        raise InputError(
            "more than one file of this test collection fits",
            where=folder,
            expected=f"one file {' or '.join(patterns)}",
            got=", ".join(str(path.relative_to(folder)) for path in found[:4]),
            remedy="give the folder of one language and one version",
        )
    return found[0]


def find_all(folder: Path, *patterns: str) -> Sequence[Path]:
    """All files that fit the first of the patterns that any file fits, plain or compressed, by path.

    Raises:
        InputError: no file fits.
    """
    for pattern in patterns:
        found = {path for ending in ("", *COMPRESSED) for path in folder.glob(f"{pattern}{ending}")}
        if files := sorted(path for path in found if path.is_file()):
            return files
    raise InputError(
        "a file of this test collection is not there",
        where=folder,
        expected=f"{' or '.join(patterns)}, also with {', '.join(COMPRESSED)}",
        got="no such folder" if not folder.is_dir() else "no such file in it",
        remedy="lay the folder out as docs/test-collections.md says",
    )
