"""Our retrieval engine beside its peers: recall against exact, CPU and wall time, size and build time.

    python bench/engine/run.py [--collection NAME …] [--threads N …] [--ours | --peers | --only SYSTEM …]

Every system runs in a process of its own (``systems/``), the peers in their own environments (``environments.py``).
What was measured is kept in FOLDER/cells and not measured again unless its inputs change, so a stopped run goes on.

Floor: exact search multiplies every token with every query token, 2 · tokens · query tokens · dim operations (27 G at
61,000 descriptions and ten query tokens) and reads dim bytes a token or more (1.4 GB in int8, 2.7 GB in float16). A
compressed index reads dim bytes a passage (24 MB), and the tokens of its candidates only (0.3 MB for each ten).
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from pathlib import Path

from catalogue import OURS, PEERS, SCRIPTS, System
from limited_process import Limits
from measuring import Cell, exact_of
from report import read_cells, write_report
from rich.progress import Progress
from vector_sets import NAMES, Models, VectorSet, debian, help_pages, large

from kivuko.artifact import cache_folder
from kivuko.errors import InputError, UnknownNameError

COMMAND = "python bench/engine/run.py"
GIB = 1 << 30


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, help="results; by default docs/results/engine for test queries"
    )
    parser.add_argument("--collection", choices=NAMES, nargs="+", default=list(NAMES))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--ours", action="store_true", help="our systems alone")
    which.add_argument("--peers", action="store_true", help="the others alone")
    which.add_argument("--only", nargs="+", metavar="SYSTEM", help="these alone, by name")
    parser.add_argument("--split", choices=("development", "test"), default="test", help="which queries")
    parser.add_argument("--model", type=Path, help="document encoder; the default teacher without")
    parser.add_argument("--student", type=Path, help="query encoder; --model without")
    parser.add_argument(
        "--vectors", type=Path, help="folder with vectors of the Debian descriptions by --model"
    )
    parser.add_argument("--limit", type=float, default=20, help="CPU minutes a run may take")
    parser.add_argument("--setting-seconds", type=float, default=120, help="CPU seconds for each setting")
    parser.add_argument("--again", action="store_true", help="measure anew what is there")
    parser.add_argument(
        "--report", action="store_true", help="measure nothing, write the page from what is there"
    )
    options = parser.parse_args()
    of_split = Path("docs/results/engine") if options.split == "test" else _cached("development")
    folder = options.folder or of_split
    cells = folder / "cells"
    if not options.report:
        limits = Limits(60 * options.limit, options.setting_seconds, _free_memory())
        systems = _systems(options)
        for collection in _collections(options):
            exact_of(collection)
            for threads in options.threads:
                for system in systems:
                    _measure(Cell(system, collection, threads, cells), limits, options.again)
    write_report(folder, read_cells(cells), " ".join([COMMAND, *map(shlex.quote, sys.argv[1:])]))


def _systems(options: argparse.Namespace) -> list[System]:
    known = {system.name: system for system in (*OURS, *PEERS)}
    chosen = OURS if options.ours else PEERS if options.peers else [*OURS, *PEERS]
    if options.only:
        for name in options.only:
            if name not in known:
                raise UnknownNameError("system", name, known)
        chosen = [known[name] for name in options.only]
    for system in chosen:
        if not (SCRIPTS / system.script).is_file():
            raise InputError(
                f"there is no script for {system.name}",
                where=SCRIPTS / system.script,
                remedy="measure the others with --peers or --only",
            )
    return chosen


def _collections(options: argparse.Namespace) -> list[VectorSet]:
    from kivuko.training.teacher import default_teacher

    found = []
    with Progress() as progress:
        model = options.model or default_teacher(progress)
        models = Models(model, options.student or model)
        if "help" in options.collection:
            found.append(help_pages(models, options.split, progress))
        if "debian" in options.collection or "large" in options.collection:
            original = debian(models, options.split, options.vectors, progress)
            found += [original] if "debian" in options.collection else []
            found += [large(original)] if "large" in options.collection else []
    return found


def _measure(cell: Cell, limits: Limits, again: bool) -> None:
    label = f"{cell.collection.name:7} {cell.threads} {cell.system.name:26}"
    kept = None if again else cell.read(limits)
    measured = kept or cell.measure(limits)
    print(f"{label} {measured['status']}{' (kept)' if kept else ''}", flush=True)
    if measured["build"]:
        build = measured["build"]
        print(f"    build {build['cpu_s']:.1f} CPU s, {build['bytes'] / measured['tokens']:.1f} B/token")
    for search in measured["searches"]:
        setting = " ".join(f"{name}={value}" for name, value in search["setting"].items())
        print(
            f"    {setting:36} recall@10 {search['recall@10']:.3f} @100 {search['recall@100']:.3f}"
            f"  CPU {search['cpu_ms']['p50']:.1f} ms, p95 {search['cpu_ms']['p95']:.1f}"
            f"  ({search['queries']} queries)",
            flush=True,
        )


def _cached(name: str) -> Path:
    return cache_folder() / "engine-bench" / name


def _free_memory() -> int:
    """Bytes that a system may use without taking them from others on this machine."""
    facts = Path("/proc/meminfo").read_text(encoding="ascii")
    available = re.search(r"^MemAvailable:\s+(\d+) kB", facts, re.MULTILINE)
    return max(GIB, 1024 * int(available[1]) - 2 * GIB) if available else 8 * GIB


if __name__ == "__main__":
    main()
