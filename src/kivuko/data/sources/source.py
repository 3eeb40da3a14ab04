"""What the sources have in common: raw pairs with their origin, and folders that people give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kivuko.collections.bitext import Pair
from kivuko.errors import InputError


@dataclass(frozen=True)
class RawPairs:
    """Pairs of one source as they stand there, before cleaning.

    Attributes:
        source: the source's name.
        licence: SPDX expression.
        packages: the packages they are in, each with its version; None for it if a person gave the files.
        pairs: the pairs in an order that does not change.
    """

    source: str
    licence: str
    packages: Mapping[str, str | None]
    pairs: list[Pair]


def roots(folder: Path) -> list[Path]:
    """``folder``, then its subfolders by name: one unpacked package, several side by side, or a system root.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError("there is no such folder", where=folder, remedy="check the path given with --from")
    return [folder, *sorted(child for child in folder.iterdir() if child.is_dir())]
