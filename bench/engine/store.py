"""An index whose vectors Qdrant keeps beside the folder's own kinds, over the same passages, in one run.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python bench/engine/store.py [--model MODEL]

Debian's descriptions; Qdrant's engine runs in this process, so no network is measured.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from debian_descriptions import descriptions, read_documents
from rich.progress import Progress
from scale import indexed, timed
from vector_sets import PIECES, Models, debian

from kivuko.evaluation.results import write_results
from kivuko.retrieval.bounds import EFFORT, Effort
from kivuko.retrieval.index import Index, PassageHit

OUTPUT = Path("docs/results/store")
QUERIES, DEPTH = 200, 100
EFFORTS = {"default": EFFORT, "four times": Effort(4 * EFFORT.least, 4 * EFFORT.factor)}
NOTES = """{count:,} English package descriptions of Debian, cut at {pieces} pieces ({tokens:.0f} token vectors each
of {dimension} numbers); {queries} German and Danish synopses ask for {depth} documents. Recall is of the {depth} that
kind `exact` finds. `passages` are those that the means propose. Kind `stored` is Qdrant's engine in this process
(`--store qdrant-edge:FOLDER`): float16 token vectors without a graph and their mean with one, both quantised to bytes
by Qdrant, which ranks by bytes first and then by float16. CPU time is that of all threads; wall time includes
whatever else ran here."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="who encodes; the default teacher without")
    parser.add_argument("--most", type=int, help="passages, all by default")
    given = parser.parse_args()
    with Progress() as progress:
        from kivuko.training.teacher import default_teacher

        model = given.model or default_teacher(progress)
        source = debian(Models(model, model), "test", None, progress)
    documents, vectors = read_documents(descriptions())[: given.most], source.vectors()
    queries = [query.astype(np.float32) for query in source.query_vectors()[:QUERIES]]
    rows: list[dict[str, Any]] = []
    exact: list[list[PassageHit]] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("exact", "compressed", "stored"):
            path, own = Path(folder) / kind, Path(folder) / "qdrant"
            store = f"qdrant-edge:{own}" if kind == "stored" else None
            begun, started = time.process_time(), time.perf_counter()
            indexed(documents, vectors, path, kind, store)
            made = {
                "indexing CPU s": time.process_time() - begun,
                "indexing s": time.perf_counter() - started,
                "MB": sum(file.stat().st_blocks for each in (path, own) for file in each.rglob("*"))
                * 512
                / 1e6,
            }
            index = Index.open(path)
            for name, effort in EFFORTS.items():
                found, times, walls = asked(index, queries, effort)
                exact = exact or found
                rows.append(
                    {"kind": kind, "effort": name, "passages": effort.candidates(DEPTH)}
                    | made
                    | {
                        "recall": recall(found, exact),
                        "a query, CPU ms p50": float(np.median(times)),
                        "a query, ms p50": float(np.median(walls)),
                        "a query, ms p95": float(np.percentile(walls, 95)),
                    }
                )
                print(rows[-1], flush=True)
                if kind == "exact":
                    break
    write_results(
        OUTPUT,
        "Vectors that Qdrant keeps",
        rows,
        command="OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python bench/engine/store.py",
        notes=NOTES.format(
            count=len(documents),
            pieces=PIECES,
            tokens=len(vectors.vectors) / len(vectors),
            dimension=vectors.vectors.shape[1],
            queries=len(queries),
            depth=DEPTH,
        ),
    )


def asked(
    index: Index, queries: list[np.ndarray], effort: Effort
) -> tuple[list[list[PassageHit]], list[float], list[float]]:
    """What each query finds, and its milliseconds of the processor and of the clock."""
    index.search(queries[:3], depth=DEPTH, effort=effort)
    found: list[list[PassageHit]] = []
    times, walls = [], []
    for query in queries:
        started = time.perf_counter()
        times.append(timed(lambda q=query: found.extend(index.search([q], depth=DEPTH, effort=effort))))
        walls.append(1000 * (time.perf_counter() - started))
    return found, times, walls


def recall(found: list[list[PassageHit]], exact: list[list[PassageHit]]) -> float:
    shares = [
        len({hit.id for hit in own} & {hit.id for hit in best}) / len(best)
        for own, best in zip(found, exact, strict=True)
    ]
    return float(np.mean(shares))


if __name__ == "__main__":
    main()
