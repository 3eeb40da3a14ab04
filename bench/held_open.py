"""What one search costs in an engine that is held open, beside the command line's.

    OMP_NUM_THREADS=1 python bench/held_open.py ENGINE QUERIES --language om [--folder docs/results/held-open]

ENGINE is any engine folder, QUERIES a file of ``id <tab> text``. The command line opens model, lexicon and index for
every query; a held-open engine opens them once. Both are asked the same queries in turn, so that a busy machine slows
both alike; wall-clock times, and bytes that a second search reads from files (Linux).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import kivuko
from kivuko.evaluation.results import write_results
from kivuko.processor import instruction_sets

COMMANDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--language", required=True)
    parser.add_argument("--folder", type=Path, default=Path("docs/results/held-open"))
    given = parser.parse_args()
    queries = list(kivuko.read_queries(given.queries).values())
    each = len(queries) // COMMANDS

    started = time.perf_counter()
    engine = kivuko.Engine.open(given.engine)
    engine.search(queries[0], language=given.language)
    opened = time.perf_counter() - started

    ways: dict[str, tuple[bool, list[float]]] = {
        "held open": (False, []),
        "held open, explained": (True, []),
        "command line": (False, []),
    }
    for round_ in range(COMMANDS):
        asked = queries[round_ * each : (round_ + 1) * each]
        for name in ("held open", "held open, explained"):
            explain, seconds = ways[name]
            for query in asked:
                seconds.append(
                    timed(lambda q=query, e=explain: engine.search(q, language=given.language, explain=e))
                )
        program = "from kivuko.cli.main import run; run()"
        command = [sys.executable, "-c", program, "search", str(given.engine), asked[0]]
        command += ["--language", given.language]
        ways["command line"][1].append(
            timed(lambda c=command: subprocess.run(c, check=True, capture_output=True))
        )
    read = bytes_read(lambda: engine.search(queries[1], language=given.language))
    baseline = median(ways["command line"][1])
    rows = [
        {
            "asked": name,
            "searches": len(seconds),
            "p50 (ms)": round(1000 * median(seconds), 1),
            "p95 (ms)": round(1000 * quantiles(seconds, n=20, method="inclusive")[-1], 1),
            "command line takes": f"{baseline / median(seconds):.0f} ×",
        }
        for name, (_, seconds) in ways.items()
    ]
    info = engine.info()
    facts: dict[str, Any] = {
        "documents": info["index"]["documents"],
        "index kind": info["index"]["kind"],
        "searched by": str(engine.languages[engine.language(given.language)].way),
        "opening and first search (s)": round(opened, 2),
        "bytes read by a second search": read,
    }
    write_results(
        given.folder,
        "One search, held open and by the command line",
        rows,
        command=f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '?')} python bench/held_open.py "
        f"{given.engine.name} {given.queries.name} --language {given.language}",
        notes="Wall-clock times of one run; the machine was shared, so the ratio is what counts.",
        extra={"What was searched": facts, "Processor": {"instruction sets": ", ".join(instruction_sets())}},
    )
    for row in rows:
        print(row)


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def bytes_read(work: Callable[[], object]) -> int | None:
    """Bytes that this process reads from files meanwhile; None where the system does not count them."""
    counter = Path("/proc/self/io")
    if not counter.is_file():
        return None

    def count() -> int:
        lines = dict(line.split(": ") for line in counter.read_text().splitlines())
        return int(lines["rchar"])

    before = count()
    own = count() - before  # reading the counter counts too
    work()
    return count() - before - 2 * own


if __name__ == "__main__":
    main()
