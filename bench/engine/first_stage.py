"""What proposes passages when there are many: all means, or a graph over them.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python bench/engine/first_stage.py [--model MODEL] [--sizes N …]

Debian's descriptions are the real vectors, larger sets are these and copies with noise (vector_sets.py). Each way
proposes as many passages for every query; all are ranked by the same vectors of one byte a number, one thread, one
query at a time. Floor: reading all means is dim bytes a passage; ranking reads tokens · dim bytes a proposed passage.
What was made of a size is kept in the user's cache.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from environments import USEARCH, python_of
from exact_ranking import exact_scores, recall
from rich.progress import Progress
from vector_sets import CHUNK, Models, VectorSet, copied, debian

from kivuko.artifact import cache_folder, hash_json, is_complete, write_artifact
from kivuko.evaluation.results import write_results
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.bounds import EFFORT
from kivuko.retrieval.exact import Vectors
from kivuko.retrieval.scan import MeanScan, means_of, quantise
from kivuko.retrieval.segment import PassageArrays

OUTPUT = Path("docs/results/first-stage")
GRAPH = Path(__file__).with_name("graph_usearch.py")
SIZES = (61_486, 250_000, 1_000_000)
QUERIES = 100
DEPTH = 100
CANDIDATES = (EFFORT.candidates(DEPTH), 2 * EFFORT.candidates(DEPTH))
KIND = "first-stage-vectors"
NOTES = """**What is measured.** The first step of a compressed search: which passages are ranked by their token
vectors where {depth} documents are asked for. `all means, N` looks at every passage's mean vector and proposes N, of
which {candidates} is the default; `graph, N` asks usearch's HNSW over the same means for as many. `recall` is of the
{depth} best by exact MaxSim, after ranking. CPU milliseconds are medians over {queries} queries, one thread.

**The vectors.** {dimension} numbers each; German and Danish synopses are the queries. The documents beyond the
first {real:,} are copies of these with Gaussian noise: they crowd the neighbourhood of every real document alike,
which real collections do not. `exponent`: of CPU time in passages, from the smallest size to the largest; 1 would be
linear."""


@dataclass(frozen=True)
class Measured:
    """Passages of one size.

    Attributes:
        arrays: their int8 token vectors and means.
        exact: [queries, passages] exact MaxSim.
    """

    arrays: PassageArrays
    exact: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="who encodes; the default teacher without")
    parser.add_argument("--real", type=int, help="descriptions to encode; all by default")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    with Progress() as progress:
        from kivuko.training.teacher import default_teacher

        model = given.model or default_teacher(progress)
        source = debian(Models(model, model), "test", None, progress, most=given.real)
    queries = [query.astype(np.float32) for query in source.query_vectors()[:QUERIES]]
    rows: list[dict[str, Any]] = []
    for size in given.sizes:
        measured = of_size(source, size, queries)
        rows += [{"passages": size} | row for row in ways(measured, queries)]
        write(given.output, rows, source, " ".join(sys.argv[1:]))


def of_size(source: VectorSet, size: int, queries: list[np.ndarray]) -> Measured:
    """The first ``size`` passages of the source and its copies, and their exact scores."""
    home = cache_folder() / "engine-bench" / f"first-stage-{hash_json([source.key, size, len(queries)])[:16]}"
    if not is_complete(home):
        vectors = source.vectors()
        lengths = vectors.lengths[np.arange(size) % len(vectors)]
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        dimension = vectors.vectors.shape[1]
        exact = np.empty((len(queries), size), dtype=np.float32)
        mean, step = np.empty((size, dimension), np.int8), np.empty((2, size), np.float32)
        with write_artifact(home, KIND) as folder:
            tokens = np.lib.format.open_memmap(
                folder / "token-int8.npy", mode="w+", dtype=np.int8, shape=(int(offsets[-1]), dimension)
            )
            for first, last in chunks(size, len(vectors)):
                begins = offsets[first : last + 1] - offsets[first]
                part = TokenVectors(copied(vectors, first, last).astype(np.float16), begins)
                tokens[offsets[first] : offsets[last]], step[0, first:last], _ = quantise(
                    part.vectors, begins
                )
                mean[first:last], step[1, first:last] = means_of(part)
                exact[:, first:last] = exact_scores(part.vectors, begins, queries)
            del tokens
            np.save(folder / "exact.npy", exact)
            PassageArrays(lengths, {}, {"step": step[0], "mean": mean, "mean-step": step[1]}).save(folder)
    return Measured(PassageArrays.open(home), np.load(home / "exact.npy", mmap_mode="r"))


def chunks(size: int, source: int) -> Iterator[tuple[int, int]]:
    """Ranges of passages, each within one copy of the source."""
    for copy in range(0, size, source):
        end = min(copy + source, size)
        yield from ((first, min(first + CHUNK, end)) for first in range(copy, end, CHUNK))


def ways(measured: Measured, queries: list[np.ndarray]) -> Iterator[dict[str, Any]]:
    """What each way of proposing passages finds and costs."""
    arrays, ranking = measured.arrays, Vectors(measured.arrays)
    scan = MeanScan(arrays.by_passage["mean"], arrays.by_passage["mean-step"])
    means = arrays.by_passage["mean"] * arrays.by_passage["mean-step"][:, None]
    found: dict[str, tuple[float, list[float], list[np.ndarray]]] = {}

    for count in CANDIDATES:

        def by_means(query: np.ndarray, count: int = count) -> np.ndarray:
            return best(scan.scores([query])[0], count)

        found[f"all means, {count}"] = (0.0, *timed(by_means, queries))
    found |= by_graph(means, queries)

    for way, (build, cost, proposed) in found.items():
        rank_cost, ranked = timed_ranking(ranking, queries, proposed)
        recalls = [recall(measured.exact[i], each.tolist(), DEPTH) for i, each in enumerate(ranked)]
        yield {
            "way": way,
            "recall": float(np.mean(recalls)),
            "proposing_ms": float(np.median(cost)),
            "ranking_ms": float(np.median(rank_cost)),
            "build_s": build,
        }


def best(scores: np.ndarray, count: int) -> np.ndarray:
    """The numbers of the best, ascending."""
    count = min(count, len(scores))
    return np.sort(np.argpartition(-scores, count - 1)[:count])


def timed(
    propose: Callable[[np.ndarray], np.ndarray], queries: list[np.ndarray]
) -> tuple[list[float], list[np.ndarray]]:
    """CPU milliseconds, and what was proposed, of each query; three go before uncounted."""
    for query in queries[:3]:
        propose(query)
    cost, proposed = [], []
    for query in queries:
        started = time.process_time()
        proposed.append(propose(query))
        cost.append(1e3 * (time.process_time() - started))
    return cost, proposed


def timed_ranking(
    ranking: Vectors, queries: list[np.ndarray], proposed: list[np.ndarray]
) -> tuple[list[float], list[np.ndarray]]:
    """CPU milliseconds of ranking what was proposed, and the ``DEPTH`` best of it."""
    cost, ranked = [], []
    for query, passages in zip(queries, proposed, strict=True):
        ranking.maxsim(query, passages)  # from the disk
        started = time.process_time()
        scores = ranking.maxsim(query, passages)
        cost.append(1e3 * (time.process_time() - started))
        ranked.append(passages[np.argsort(-scores, kind="stable")[:DEPTH]])
    return cost, ranked


def by_graph(
    means: np.ndarray, queries: list[np.ndarray]
) -> dict[str, tuple[float, list[float], list[np.ndarray]]]:
    """The same by usearch, in an environment of its own."""
    work = cache_folder() / "engine-bench" / "graph"
    work.mkdir(parents=True, exist_ok=True)
    np.save(work / "means.npy", means)
    np.save(work / "directions.npy", np.stack([query.sum(axis=0) for query in queries]))
    command = [str(python_of(USEARCH)), str(GRAPH), str(work)]
    subprocess.run([*command, *map(str, CANDIDATES)], check=True)
    answer = json.loads((work / "answer.json").read_text(encoding="utf-8"))
    return {
        f"graph, {each['count']}": (
            answer["build_s"],
            each["cpu_ms"],
            [np.sort(np.array(ids, dtype=np.int64)) for ids in each["ids"]],
        )
        for each in answer["searches"]
    }


def write(output: Path, rows: list[dict[str, Any]], source: VectorSet, given: str) -> None:
    """The page of what was measured so far."""
    sizes = sorted({row["passages"] for row in rows})
    growth = []
    for way in dict.fromkeys(row["way"] for row in rows):
        cost = {row["passages"]: row["proposing_ms"] + row["ranking_ms"] for row in rows if row["way"] == way}
        if len(sizes) > 1:
            exponent = np.log(cost[sizes[-1]] / cost[sizes[0]]) / np.log(sizes[-1] / sizes[0])
            growth.append({"way": way, "from": sizes[0], "to": sizes[-1], "exponent": float(exponent)})
    vectors = source.vectors()
    notes = NOTES.format(
        candidates=CANDIDATES[0],
        depth=DEPTH,
        queries=QUERIES,
        dimension=vectors.vectors.shape[1],
        real=len(vectors),
    )
    extra: dict[str, Any] = {"How the cost of a search grows": growth} if growth else {}
    write_results(
        output,
        title="Proposing passages of a large index",
        command=f"OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python bench/engine/first_stage.py {given}".strip(),
        rows=rows,
        notes=notes,
        extra=extra,
    )


if __name__ == "__main__":
    main()
