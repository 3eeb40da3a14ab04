"""What a passage costs, measured at two sizes, and what a million, fifty millions and a billion would by that.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python bench/engine/scale.py [--model MODEL]

Debian's descriptions with their texts are indexed whole and in part; a process of its own opens each index, asks it
by words and by vectors, and says what it took. What a passage adds is the difference of the two sizes. The rest is
arithmetic, and a simulation of queries that wait for the slowest of many shards. Some ten CPU-minutes where the
vectors are there already.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from debian_descriptions import descriptions, read_documents
from rich.progress import Progress
from vector_sets import PIECES, Models, debian

from kivuko.evaluation.results import write_results
from kivuko.models.encoder import Encoder
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.changes import build
from kivuko.retrieval.index import Index
from kivuko.retrieval.segment import EncodedDocuments

OUTPUT = Path("docs/results/scale")
PART = 16_384
SIZES = {"1 million": 10**6, "50 million": 5 * 10**7, "1 billion": 10**9}
KINDS = ("compressed", "codes")
SHARDS = (1, 8, 50, 1000)
A_SHARD = 10**6
MEMORY = 64 * 10**9
ASKED, ENCODED, TRIALS, SEED = 200, 512, 20_000, 20261130
NOTES = """**What is measured.** {count:,} English package descriptions of Debian with their texts, cut at {pieces}
pieces ({tokens:.0f} token vectors each of {dimension} numbers), and the first {part:,} of them; one thread. An index
is opened by a process of its own, asked {asked} times for ten documents, by vectors and by words. `memory` is what it
holds that is no copy of a file (`RssAnon`), beyond what it holds before; files that are mapped come and go with what
is asked. A search reads all means, and of the codes or vectors those of the passages that the means propose. Times
are of the processor, so that what else runs here counts little.

**What is not.** Everything at a million passages and beyond is arithmetic: what a passage adds between the two sizes,
times their number. No machine of that size, no network and no cluster was at hand. Real passages are longer or
shorter: multiply by their tokens. The encoder reads {rate:.0f} of these a CPU-second here."""
SIMULATED = """Simulated: shards of {shard:,} passages, each on a core of its own, answer as the measured ones did,
with the scan of means made as much longer; draws of different shards are independent, {trials:,} queries. Network and
merging are left out."""
#: What lies on the disk, by the name that an index has for it.
ON_DISK = {
    "text": "text and words, bytes",
    "searched": "means, and codes, bytes",
    "vectors": "vectors that rank, bytes",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="who encodes; the default teacher without")
    parser.add_argument("--ask", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ask:
        print(json.dumps(asked(*given.ask)))
        return
    with Progress() as progress:
        from kivuko.training.teacher import default_teacher

        model = given.model or default_teacher(progress)
        source = debian(Models(model, model), "test", None, progress)
    documents, vectors = read_documents(descriptions()), source.vectors()
    rows, latencies = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, size in itertools.product(KINDS, (PART, len(documents))):
            index = Path(folder) / f"{kind}-{size}"
            begun = time.process_time()
            indexed(documents[:size], vectors, index, kind)
            row = {"kind": kind, "passages": size, "indexing CPU s": time.process_time() - begun}
            command = [sys.executable, __file__, "--ask", str(index), str(source.queries)]
            found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            latencies[kind, size] = np.array(found.pop("vectors, CPU ms"))
            sizes = Index.open(index).info()["bytes"]
            rows.append(
                row
                | {f"{name} MB": value / 1e6 for name, value in sizes.items()}
                | found
                | {"by vectors, CPU ms p50": float(np.median(latencies[kind, size]))}
            )
    rate = encoding_rate(model, [document.full_text for document in documents[:ENCODED]])
    costs = {kind: cost_of_passage([row for row in rows if row["kind"] == kind]) for kind in KINDS}
    whole = len(documents)
    write_results(
        OUTPUT,
        "What a passage costs, and what many would",
        rows,
        command="OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python bench/engine/scale.py",
        notes=NOTES.format(
            count=whole,
            pieces=PIECES,
            tokens=len(vectors.vectors) / len(vectors),
            dimension=vectors.vectors.shape[1],
            part=PART,
            asked=ASKED,
            rate=rate,
        ),
        extra={
            "What a passage adds": [{"kind": kind, **cost} for kind, cost in costs.items()],
            "By arithmetic": [
                {"kind": kind, "passages": name, **sized(costs[kind], passages, rate)}
                for kind in KINDS
                for name, passages in SIZES.items()
            ],
            "A query waits for its slowest shard": [
                SIMULATED.format(shard=A_SHARD, trials=TRIALS),
                *(
                    {
                        "kind": kind,
                        "shards": shards,
                        **tail(latencies[kind, whole], costs[kind], whole, shards),
                    }
                    for kind in KINDS
                    for shards in SHARDS
                ),
            ],
        },
    )


def indexed(
    documents: list[Any], vectors: TokenVectors, path: Path, kind: str, store: str | None = None
) -> None:
    """An index of the first documents, one passage each."""
    end = vectors.offsets[len(documents)]
    numbers = np.arange(len(documents))
    lengths = np.array([len(document.full_text) for document in documents])
    passages = np.column_stack([numbers, np.zeros_like(numbers), lengths]).astype(np.int32)
    part = TokenVectors(vectors.vectors[:end], vectors.offsets[: len(documents) + 1])
    shard = EncodedDocuments(documents, passages, part)
    facts = {"pooling": 1.0}
    build(path, [shard], kind=kind, space="benchmark", parents={}, facts=facts, store=store)  # type: ignore[arg-type]


def asked(index: Path, queries: Path) -> dict[str, Any]:
    """Open an index and ask it, in this process: seconds, memory and each query's milliseconds of the processor."""
    flat, begins = np.load(queries / "queries.npy"), np.load(queries / "query_offsets.npy")
    asked = [flat[begin:end].astype(np.float32) for begin, end in itertools.pairwise(begins)][:ASKED]
    before, begun = memory(), time.process_time()
    opened = Index.open(index)
    words = list(opened.lexical.vocabulary)[:: len(opened.lexical.vocabulary) // ASKED]
    opened.search_words([[{words[0]: 1.0}]], depth=10)
    opened.search(asked[:1], depth=10)
    opening, held = time.process_time() - begun, memory() - before
    by_words = [timed(lambda w=word: opened.search_words([[{w: 1.0}]], depth=10)) for word in words]
    return {
        "opening CPU s": opening,
        "memory MB": held / 1e6,
        "by words, CPU ms p50": float(np.median(by_words)),
        "vectors, CPU ms": [timed(lambda q=query: opened.search([q], depth=10)) for query in asked],
    }


def timed(work: Any) -> float:
    begun = time.process_time()
    work()
    return 1000 * (time.process_time() - begun)


def memory() -> int:
    """Bytes that this process holds and that are no copy of a file."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def encoding_rate(model: Path, texts: list[str]) -> float:
    """Passages a CPU-second, after some that warm up."""
    encoder = Encoder.open(model)
    encoder.encode(texts[:32], task="document", length=PIECES)
    begun = time.process_time()
    encoder.encode(texts, task="document", length=PIECES)
    return len(texts) / (time.process_time() - begun)


def cost_of_passage(rows: list[dict[str, Any]]) -> dict[str, float]:
    """What one passage adds, from a small index to a large one."""
    small, large = rows

    def adds(name: str, unit: float) -> float:
        return unit * max(0.0, large[name] - small[name]) / (large["passages"] - small["passages"])

    return {
        **{name: adds(f"{part} MB", 1e6) for part, name in ON_DISK.items()},
        "memory, bytes": adds("memory MB", 1e6),
        "opening, CPU µs": adds("opening CPU s", 1e6),
        "indexing, CPU µs": adds("indexing CPU s", 1e6),
        "search by vectors, ns": adds("by vectors, CPU ms p50", 1e6),
        "search by words, ns": adds("by words, CPU ms p50", 1e6),
    }


def sized(cost: dict[str, float], passages: int, rate: float) -> dict[str, Any]:
    """What so many passages would take."""
    disk = sum(cost[name] for name in ON_DISK.values())
    held = cost["memory, bytes"] + cost[ON_DISK["searched"]]
    return {
        "disk GB": passages * disk / 1e9,
        "memory GB, with means and codes": passages * held / 1e9,
        f"machines of {MEMORY / 1e9:.0f} GB": int(np.ceil(passages * held / (0.8 * MEMORY))),
        "encoding, CPU-hours": passages / rate / 3600,
        "indexing, CPU-hours": passages * cost["indexing, CPU µs"] / 3.6e9,
        "a query, CPU s": passages * (cost["search by vectors, ns"] + cost["search by words, ns"]) / 1e9,
    }


def tail(measured: np.ndarray, cost: dict[str, float], passages: int, shards: int) -> dict[str, float]:
    """Milliseconds that a query waits for all of some shards."""
    longer = (A_SHARD - passages) * cost["search by vectors, ns"] / 1e6
    random = np.random.default_rng(SEED)
    waits = np.array([random.choice(measured, shards).max() for _ in range(TRIALS)]) + longer
    return {f"p{q}": float(np.percentile(waits, q)) for q in (50, 95, 99)}


if __name__ == "__main__":
    main()
