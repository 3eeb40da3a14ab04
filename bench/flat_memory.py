"""Memory of millions of documents on their way into shards: from JSON lines, Parquet and a data set of `datasets`.

    OMP_NUM_THREADS=1 PYTHONPATH=tests python bench/flat_memory.py [--documents 5000000]

The tests' encoder of two small layers encodes, so that what is measured is the way and not the model. Each way is a
process of its own; its resident memory, with that of its workers, is read at every tenth of the documents. About an
hour and 5 GB of a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kivuko.collections.document import Document
from kivuko.evaluation.results import write_results
from kivuko.readers.documents import stream_documents
from kivuko.retrieval.shards import encode_shards
from kivuko.training.teacher import untrained_teacher
from kivuko.workers import Workers
from tiny import ENGLISH, build_tiny_encoder

OUTPUT = Path("docs/results/flat-memory")
TENTHS, GROUP = 10, 50_000
#: Growth from the second tenth to the last one that counts as none, MB.
ALLOWED_GROWTH = 50
NOTES = """Made-up documents of three words and a key of their own. Every way reads the same ones; `encode` reads JSON
lines too and writes them as shards (`kivuko index encode --workers 1`). MB are of resident memory of the process and
its workers, after a tenth, two tenths and all of the documents, and the most of the ten readings. The first tenth
holds what a library takes once. Documents/s is of the clock, on a machine that others use."""


def documents(count: int) -> Iterator[dict[str, str]]:
    words = len(ENGLISH)
    for i in range(count):
        yield {"id": f"d{i}", "title": "", "text": f"{ENGLISH[i % words]} {ENGLISH[i // words % words]} {i}"}


def write_documents(folder: Path, count: int) -> dict[str, str]:
    """The same documents in each form; how a command names them."""
    lines, table = folder / "documents.jsonl", folder / "set" / "train.parquet"
    table.parent.mkdir()
    writer: pq.ParquetWriter | None = None
    with lines.open("w", encoding="utf-8") as stream:
        group: list[dict[str, str]] = []
        for number, document in enumerate(documents(count), start=1):
            stream.write(json.dumps(document) + "\n")
            group.append(document)
            if len(group) == GROUP or number == count:
                part = pa.Table.from_pylist(group)
                writer = writer or pq.ParquetWriter(table, part.schema)
                writer.write_table(part)
                group = []
    if writer:
        writer.close()
    return {
        "JSON lines": str(lines),
        "Parquet": str(table),
        "data set": f"hf:{table.parent}",
        "encode": str(lines),
    }


def resident() -> float:
    """MB of this process and of all that it began."""
    mine = os.getpid()
    parents, sizes = {}, {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status = (process / "status").read_text(encoding="ascii")
        except OSError:
            continue  # ended meanwhile
        if "VmRSS:" in status:
            number = int(process.name)
            parents[number] = int(status.split("PPid:")[1].split()[0])
            sizes[number] = int(status.split("VmRSS:")[1].split()[0]) / 1024
    return sum(size for number, size in sizes.items() if mine in _ancestry(number, parents))


def _ancestry(number: int, parents: dict[int, int]) -> list[int]:
    line = [number]
    while line[-1] in parents:
        line.append(parents[line[-1]])
    return line


def child(way: str, path: str, count: int, model: Path) -> None:
    """Go the way; memory at every tenth and the seconds go to the standard output."""
    sizes: list[float] = []

    def looked_at() -> Iterator[Document]:
        for number, document in enumerate(stream_documents(path), start=1):
            yield document
            if number % (count // TENTHS) == 0:
                sizes.append(resident())

    started = time.perf_counter()
    if way == "encode":
        with tempfile.TemporaryDirectory() as shards:
            done = len(encode_shards(looked_at(), model, Path(shards), workers=Workers(count=1)))
    else:
        done = sum(1 for _ in looked_at())
    if done != count:
        raise RuntimeError(f"{way} passed {done} of {count} documents")
    print(json.dumps({"MB": sizes, "s": time.perf_counter() - started}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=5_000_000)
    parser.add_argument("--child", nargs=3, metavar=("WAY", "PATH", "MODEL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        way, path, model = given.child
        child(way, path, given.documents, Path(model))
        return
    rows, targets = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = untrained_teacher(str(build_tiny_encoder(folder / "encoder", seed=0)), ["open file"])
        for way, path in write_documents(folder, given.documents).items():
            command = [sys.executable, __file__, "--documents", str(given.documents)]
            done = subprocess.run(
                [*command, "--child", way, path, str(model)], check=True, stdout=subprocess.PIPE, text=True
            )
            found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
            sizes, seconds = found["MB"], found["s"]
            rows.append(
                {
                    "way": way,
                    "documents": given.documents,
                    "MB after a tenth": sizes[0],
                    "after two tenths": sizes[1],
                    "after all": sizes[-1],
                    "most": max(sizes),
                    "documents/s": round(given.documents / seconds),
                }
            )
            growth = max(sizes[1:]) - sizes[1]
            targets.append(
                {
                    "target": f"{way}: growth of memory from two tenths on",
                    "asked": f"at most {ALLOWED_GROWTH} MB",
                    "measured": growth,
                    "met": "yes" if growth <= ALLOWED_GROWTH else "no",
                }
            )
            print(rows[-1], targets[-1], flush=True)
    write_results(
        OUTPUT,
        "Memory of millions of documents",
        rows,
        command=f"OMP_NUM_THREADS=1 PYTHONPATH=tests python bench/flat_memory.py --documents {given.documents}",
        notes=NOTES,
        extra={"Targets": targets},
    )


if __name__ == "__main__":
    main()
