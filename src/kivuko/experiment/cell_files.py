"""Finished cells as files: one small JSON file a cell while a grid runs, one compressed file once they are packed.

A running grid, possibly of several processes, writes ``cells/NAME.HASH.json``, each at once and whole. Packed, the
cells stand in ``cells.jsonl.gz``, one a line, in the order of their names; the same cells give the same bytes.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kivuko.artifact import write_atomically
from kivuko.errors import InputError

PACKED = "cells.jsonl.gz"
FOLDER = "cells"
#: What every cell has beside its scores' details; what lacks them is not one of ours.
FIELDS = frozenset({"key", "regime", "budget", "seed", "scores"})


def finished_cells(folder: Path) -> list[dict[str, Any]]:
    """Every finished cell in a folder of results, packed or not, by name.

    Where a cell is in both forms, its own file is the newer one and stands for it.

    Raises:
        InputError: a file there is damaged.
    """
    return list(_by_name(folder).values())


def finished_keys(folder: Path) -> frozenset[str]:
    """The keys of the finished cells in a folder of results: a cell with one of them need not be measured again.

    Raises:
        InputError: a file there is damaged.
    """
    return frozenset(cell["key"] for cell in finished_cells(folder))


def pack_cells(folder: Path) -> int:
    """Put every finished cell of a folder of results into its one packed file, and remove their own files.

    What a running grid finishes after the files were listed keeps its own file. Packing is for afterwards all the
    same: a grid already at work does not see that a cell was packed, and may measure it again.

    Returns:
        How many cells are packed now.

    Raises:
        InputError: there is no cell, or a file is damaged; nothing is changed.
        StorageError: the disk refused the write; nothing is changed.
    """
    single = sorted((folder / FOLDER).glob("*.json"))
    cells = _by_name(folder)
    if not cells:
        raise InputError(
            "no finished cells to pack",
            where=folder,
            expected=f"{FOLDER}/*.json or {PACKED}",
            remedy="run the experiment first: kivuko experiment run",
        )
    lines = "".join(
        json.dumps(cell, ensure_ascii=False, separators=(",", ":")) + "\n" for cell in cells.values()
    )
    with write_atomically(folder / PACKED) as temporary:
        temporary.write_bytes(gzip.compress(lines.encode(), mtime=0))
        temporary.chmod(0o644)
    for path in single:
        path.unlink(missing_ok=True)
    if (folder / FOLDER).is_dir() and not any((folder / FOLDER).iterdir()):
        (folder / FOLDER).rmdir()
    return len(cells)


def _by_name(folder: Path) -> dict[str, dict[str, Any]]:
    packed = folder / PACKED
    found: dict[str, dict[str, Any]] = {}
    if packed.is_file():
        try:
            # Not splitlines(): it also breaks at characters that JSON leaves as they are.
            lines = gzip.decompress(packed.read_bytes()).decode().split("\n")
            found |= dict(_cell(line) for line in lines if line)
            if not found:
                raise ValueError("not one cell in it")
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise InputError(
                "the packed cells cannot be read",
                where=packed,
                got=error,
                remedy="bring it back from where it was kept, or remove it and measure its cells again",
            ) from error
    for path in sorted((folder / FOLDER).glob("*.json")):
        try:
            found |= [_cell(path.read_text(encoding="utf-8"))]
        except ValueError as error:
            raise InputError(
                "a finished cell cannot be read",
                where=path,
                got=error,
                remedy="remove it; the grid measures it again",
            ) from error
    return dict(sorted(found.items()))


def _cell(text: str) -> tuple[str, dict[str, Any]]:
    """A cell with its name.

    Raises:
        ValueError: the text is no cell.
    """
    cell = json.loads(text)
    if not isinstance(cell, dict) or not cell.keys() >= FIELDS:
        raise ValueError(f"JSON without {', '.join(sorted(FIELDS))}")
    return cell_name(cell), cell


def cell_name(cell: Mapping[str, Any]) -> str:
    """As in file names and messages: regime, budget and seed."""
    return f"{cell['regime']}.{cell['budget']}.{cell['seed']}"
