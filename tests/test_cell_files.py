"""Finished cells as one file each, and packed."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from kivuko.errors import InputError
from kivuko.experiment.cell_files import PACKED, finished_cells, finished_keys, pack_cells


def write(folder: Path, regime: str, *, seed: int = 0, key: str = "k", **more: Any) -> Path:
    path = folder / "cells" / f"{regime}.1k.{seed}.{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    cell = {"key": key, "regime": regime, "budget": "1k", "seed": seed, "scores": [], **more}
    path.write_text(json.dumps(cell), encoding="utf-8")
    return path


def test_packing_keeps_every_cell_and_leaves_one_file(tmp_path: Path) -> None:
    for regime in ("optical", "mse"):
        write(tmp_path, regime, note="two\u2028lines, one cell")
    before = finished_cells(tmp_path)

    assert pack_cells(tmp_path) == 2
    assert [path.name for path in tmp_path.iterdir()] == [PACKED]
    assert finished_cells(tmp_path) == before
    assert [cell["regime"] for cell in before] == ["mse", "optical"]


def test_the_same_cells_give_the_same_bytes(tmp_path: Path) -> None:
    for folder, regimes in (("a", ("mse", "optical")), ("b", ("optical", "mse"))):
        for regime in regimes:
            os.utime(write(tmp_path / folder, regime), (1, 1) if folder == "a" else (9**9, 9**9))
        pack_cells(tmp_path / folder)
    first = (tmp_path / "a" / PACKED).read_bytes()
    assert (tmp_path / "b" / PACKED).read_bytes() == first

    pack_cells(tmp_path / "a")
    assert (tmp_path / "a" / PACKED).read_bytes() == first


def test_a_cell_measured_after_packing_stands_for_the_packed_one(tmp_path: Path) -> None:
    write(tmp_path, "optical", key="old")
    write(tmp_path, "mse", key="m")
    pack_cells(tmp_path)
    write(tmp_path, "optical", key="new")

    assert finished_keys(tmp_path) == {"m", "new"}
    pack_cells(tmp_path)
    assert finished_keys(tmp_path) == {"m", "new"}
    assert not (tmp_path / "cells").exists()


def test_a_damaged_package_is_named_and_nothing_is_removed(tmp_path: Path) -> None:
    single = write(tmp_path, "optical")
    whole = gzip.compress(single.read_bytes())
    for content in (whole[:-9], b"", gzip.compress(b"[]\n"), b"no gzip", gzip.compress(b"\xff\n")):
        (tmp_path / PACKED).write_bytes(content)
        for use in (finished_cells, pack_cells):
            with pytest.raises(InputError, match="packed cells cannot be read") as caught:
                use(tmp_path)
            assert str(tmp_path / PACKED) in str(caught.value)
        assert single.is_file()


def test_nothing_to_pack_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished cells to pack"):
        pack_cells(tmp_path)
