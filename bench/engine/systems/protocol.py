"""What every measured system shares: its inputs, how it is timed and what it writes. numpy is all it needs.

A system is a script that calls :func:`measure` and is started as

    python SYSTEM.py INPUT OUTPUT --folder WORK --threads N --seconds S --options JSON

INPUT holds ``vectors.npy`` (float16 [tokens, dim], unit rows), ``offsets.npy`` (int64 [documents + 1]; no document
is empty), ``queries.npy`` (float16) and ``query_offsets.npy``. WORK is an empty folder for the index. OUTPUT is a
JSON file, written after the build and after every setting, so that what was measured stays if a limit stops the rest:

    {"versions": {…}, "threads": N, "finished": true,
     "build": {"cpu_s", "wall_s", "bytes", "parts": {part: bytes}},
     "searches": [{"setting": {…}, "cpu_ms": […], "wall_ms": […], "ids": [[document numbers, best first], …]}, …]}

CPU time is the whole process's, user and system, all threads. Queries come one at a time after five that are not
counted. The harness sets the thread counts in the environment and binds the process to as many cores.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

WARM_UP = 5
FEWEST = 10
#: Documents asked for with every query.
TOP = 100

Setting = dict[str, Any]


@dataclass(frozen=True)
class Inputs:
    """What a system is given.

    Attributes:
        vectors: float16 [tokens, dim], memory-mapped.
        offsets: int64 [documents + 1].
        queries: float16 [query tokens, dim] each.
        folder: empty, for the index.
        threads: how many the system may use.
        options: what kind of index is asked for.
    """

    vectors: np.ndarray
    offsets: np.ndarray
    queries: list[np.ndarray]
    folder: Path
    threads: int
    options: dict[str, Any]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, document: int) -> np.ndarray:
        """Float16 [tokens, dim] of one document."""
        return self.vectors[self.offsets[document] : self.offsets[document + 1]]

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Built:
    """An index that is ready to search.

    Attributes:
        index: whatever ``search`` wants.
        bytes: on the disk, all that searching needs; of what keeps nothing there, in memory.
        parts: name → bytes of parts worth telling apart.
    """

    index: Any
    bytes: int
    parts: dict[str, int] = field(default_factory=dict)


def measure(
    build: Callable[[Inputs], Built],
    search: Callable[[Any, Any, Setting], Sequence[int]],
    settings: Callable[[dict[str, Any]], Sequence[Setting]],
    versions: dict[str, str],
    *,
    prepare: Callable[[np.ndarray], Any] = lambda query: query,
) -> None:
    """Build once, then search with every setting; called once by a system's script.

    Args:
        build: makes the index in ``inputs.folder`` and opens it.
        search: (index, query, setting) → the numbers of the ``TOP`` best documents, best first.
        settings: options → ways to search that index, from the cheapest.
        versions: of the libraries that are measured.
        prepare: turns a query's vectors into what ``search`` takes, outside the measured time.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=120.0, help="CPU seconds spent on each setting")
    parser.add_argument("--options", type=json.loads, default={})
    asked = parser.parse_args()
    inputs = _read(asked.input, asked.folder, asked.threads, asked.options)
    record: dict[str, Any] = {
        "versions": versions | {"numpy": np.__version__},
        "threads": asked.threads,
        "finished": False,
        "searches": [],
    }
    cpu, wall = time.process_time(), time.perf_counter()
    built = build(inputs)
    record["build"] = {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "bytes": built.bytes,
        "parts": built.parts,
    }
    _write(asked.output, record)
    queries = [prepare(query) for query in inputs.queries]
    for setting in settings(asked.options):
        record["searches"].append(_search_all(built.index, search, queries, setting, asked.seconds))
        _write(asked.output, record)
    _write(asked.output, record | {"finished": True})


def _search_all(
    index: Any,
    search: Callable[[Any, Any, Setting], Sequence[int]],
    queries: Sequence[Any],
    setting: Setting,
    seconds: float,
) -> dict[str, Any]:
    """One setting: as many queries as ``seconds`` of CPU allow, in their order, at least ``FEWEST``."""
    for query in queries[:WARM_UP]:
        search(index, query, setting)
    found: dict[str, Any] = {"setting": setting, "cpu_ms": [], "wall_ms": [], "ids": []}
    begun = time.process_time()
    for query in queries:
        if len(found["ids"]) >= FEWEST and time.process_time() - begun > seconds:
            break
        cpu, wall = time.process_time(), time.perf_counter()
        ids = search(index, query, setting)
        found["cpu_ms"].append(1e3 * (time.process_time() - cpu))
        found["wall_ms"].append(1e3 * (time.perf_counter() - wall))
        found["ids"].append([int(number) for number in ids][:TOP])
    return found


def _read(folder: Path, work: Path, threads: int, options: dict[str, Any]) -> Inputs:
    flat, begins = (np.load(folder / f"{name}.npy") for name in ("queries", "query_offsets"))
    queries = [flat[begin:end] for begin, end in itertools.pairwise(begins)]
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    return Inputs(vectors, np.load(folder / "offsets.npy"), queries, work, threads, options)


def _write(output: Path, record: dict[str, Any]) -> None:
    aside = output.with_suffix(".part")
    aside.write_text(json.dumps(record), encoding="utf-8")
    os.replace(aside, output)


def allocated(folder: Path) -> int:
    """Bytes of disk that the files below a folder take; holes in preallocated files do not count."""
    return sum(512 * file.stat().st_blocks for file in sorted(folder.rglob("*")) if file.is_file())
