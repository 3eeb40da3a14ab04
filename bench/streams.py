"""Memory and speed of reading long files: lines, running text and bitext, beside a bare loop over the same file.

    OMP_NUM_THREADS=1 python bench/streams.py [--lines 10000000] [--filtered-lines 10000000]

Every reading is a process of its own, so that its peak memory is its own, and is done at a tenth of the size too:
what the peak grows by from one to the other is what a longer file costs. About 20 CPU minutes and 3 GB of a
temporary folder; `--filtered-lines 2000000` takes four.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kivuko.collections.counts import DropReport
from kivuko.evaluation.results import write_results
from kivuko.files.streams import lines
from kivuko.languages import resolve
from kivuko.readers.bitext import stream_pairs
from kivuko.readers.running_text import TextFilter
from kivuko.readers.text_import import import_text

MEGABYTE = 1 << 20
SMALLER = 10
BARE = "for line in open()"
LINES, IMPORT, BITEXT = "lines()", "import-text", "TSV bitext"
#: Growth of a peak that is nothing: what the allocator does differs by that much from run to run.
ALLOWED_GROWTH = 4.0
ALLOWED_BYTES = 16.0


def running_text(count: int) -> Iterator[str]:
    return (f'{{"text": "aduun barii keessa ifa guddaa {number}"}}\n' for number in range(count))


def bitext(count: int) -> Iterator[str]:
    return (
        f"the cup number {number} is hot\txoofoon lakkoofsa {number} ho'aadha\n" for number in range(count)
    )


def write(path: Path, texts: Iterator[str]) -> Path:
    """The lines in a plain file, and in a compressed one beside it."""
    with path.open("w", encoding="utf-8", newline="\n") as plain, gzip.open(f"{path}.gz", "wb", 1) as packed:
        while block := "".join(itertools.islice(texts, 10_000)):
            plain.write(block)
            packed.write(block.encode())
    return path


def bare(path: Path) -> int:
    """How many lines there are, by the shortest loop there is."""
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as stream
    ):
        return sum(1 for _ in stream)


READ: dict[str, Callable[[Path], int]] = {
    BARE: bare,
    LINES: lambda path: sum(1 for _ in lines(path)),
    IMPORT: lambda path: import_text(path, path.parent / "imported", TextFilter(resolve("om"))).kept,
    BITEXT: lambda path: sum(1 for _ in stream_pairs(path, "om", DropReport())),
}


def peak() -> float:
    """Most memory this process ever had resident, in MB. getrusage would count its parent's too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def child(system: str, path: Path) -> None:
    """Read the file; what it took goes to the standard output."""
    before, start = peak(), time.process_time()
    count = READ[system](path)
    print(
        json.dumps({"count": count, "CPU s": time.process_time() - start, "before": before, "peak": peak()})
    )


def measured(system: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", system, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def readings(
    folder: Path, all_lines: int, filtered: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A row for each system, file and size; and the targets, of the larger sizes."""
    rows, targets = [], []
    for name, texts, system, size in (
        ("texts.jsonl", running_text, LINES, all_lines),
        ("texts.jsonl", running_text, IMPORT, filtered),
        ("pairs.tsv", bitext, BITEXT, filtered),
    ):
        peaks: dict[str, list[float]] = {}
        for count in (size // SMALLER, size):
            path = write(folder / name, texts(count))
            for file in (path, Path(f"{path}.gz")):
                loop, ours = measured(BARE, file), measured(system, file)
                if (loop["count"], ours["count"]) != (count, count):
                    raise RuntimeError(f"{system} read {ours['count']} of {count} lines of {file}")
                ending = ".gz" if file.suffix == ".gz" else "plain"
                peaks.setdefault(ending, []).append(ours["peak"])
                rows += [
                    {
                        "reading": system,
                        "file": ending,
                        "lines": count,
                        "by": by,
                        "lines/s": round(count / max(each["CPU s"], 1e-3)),
                        "CPU, times the bare loop": each["CPU s"] / max(loop["CPU s"], 1e-3),
                        "peak MB": each["peak"],
                        "of it by reading": each["peak"] - each["before"],
                    }
                    for by, each in ((BARE, loop), (system, ours))
                ]
        for ending, (small, large) in peaks.items():
            growth, more = large - small, size - size // SMALLER
            targets.append(
                {
                    "target": f"{system}, {ending}: growth of the peak from {size // SMALLER:,} to {size:,} lines",
                    **(
                        _target("MB", growth, ALLOWED_GROWTH)
                        if system == LINES
                        else _target("bytes a line", growth * MEGABYTE / more, ALLOWED_BYTES)
                    ),
                }
            )
    return rows, targets


def _target(unit: str, value: float, bound: float) -> dict[str, Any]:
    return {"asked": f"at most {bound:g} {unit}", "measured": value, "met": "yes" if value <= bound else "no"}


NOTES = f"""
Generated files of short lines, no two alike: JSON lines of running text, and pairs in TSV; `.gz` is level 1. Each
reading is a process of its own, with the bare loop over the same file right before it (`gzip.open` in text mode for
`.gz`). CPU time, once; `peak MB` is the process's largest resident memory, `of it by reading` what was not there
before, when all modules were loaded.

- `{LINES}` numbers the lines, decodes them and names the line of whatever is wrong. Its memory does not grow.
- `{IMPORT}` normalises, counts words, measures the script, drops copies and writes shards; no language
  identification.
- `{BITEXT}` normalises both sides, cleans and drops copies.

The two that drop copies hold a 64-bit hash of each text or pair (`kivuko.files.seen_texts`) and nothing else: their
memory grows by 8 bytes a line and the slack of the arrays. Their time is that of the filters, not of the reading.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("docs/results/streams"))
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--filtered-lines", type=int, default=10_000_000, help="for import-text and bitext")
    parser.add_argument("--child", nargs=2, metavar=("SYSTEM", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows, targets = readings(Path(folder), options.lines, options.filtered_lines)
    write_results(
        options.folder,
        "What a longer file costs",
        rows,
        command=f"OMP_NUM_THREADS=1 python bench/streams.py --lines {options.lines} "
        f"--filtered-lines {options.filtered_lines}",
        notes=NOTES,
        extra={"Targets (peak memory)": targets},
    )
    for row in targets:
        print(f"{row['measured']:8.2f}  {row['asked']:<24} {row['met']:<4} {row['target']}")


if __name__ == "__main__":
    main()
