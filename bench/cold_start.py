"""What the first query of an engine costs, and one of an engine that is held open, before and with query encoders.

    OMP_NUM_THREADS=1 python bench/cold_start.py ENGINE QUERIES --language om --work FOLDER

ENGINE is any engine folder, QUERIES a file of ``id <tab> text``. FOLDER, on the engine's own disk, gets copies of
the engine with and without query encoders, and an index of 61,440 passages, made of the engine's own: each is there
once as it is, and as often as it takes with noise of a third of its length on every token's vector. Processes of both
ways take turns, so that a busy machine slows both alike; what is counted is their processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

PASSAGES = 61_440
COMMANDS = 3
HELD_OPEN = 100
_NOISE = 1 / 3
_PROGRAM = "from kivuko.cli.main import run; run()"
WAYS = {"the whole model": False, "query encoder": True}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--language", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=Path("docs/results/cold-start"))
    parser.add_argument(
        "--divide", action="store_true", help="only print how one query's time divides, as JSON"
    )
    given = parser.parse_args()
    if given.divide:
        print(json.dumps(divided(given.engine, str(given.queries), given.language)))
        return

    import kivuko
    from kivuko.evaluation.results import write_results
    from kivuko.models.precision import precision
    from kivuko.processor import instruction_sets

    queries = list(kivuko.read_queries(given.queries).values())
    engines = {way: prepared(given, made) for way, made in WAYS.items()}
    as_it_reads = vectors_apart(engines, queries[:HELD_OPEN], given.language)
    with_precision("float32")
    exactly = vectors_apart(engines, queries[:HELD_OPEN], given.language)
    with_precision(None)
    whole: dict[str, list[float]] = {way: [] for way in WAYS}
    parts: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for query in queries[:COMMANDS]:
        for way, engine in engines.items():
            asked = ["search", str(engine), query, "--language", given.language]
            whole[way].append(cpu_seconds([sys.executable, "-c", _PROGRAM, *asked]))
            command = [sys.executable, __file__, str(engine), query, "--language", given.language]
            command += ["--work", ".", "--divide"]
            done = subprocess.run(command, check=True, capture_output=True)
            parts[way].append(json.loads(done.stdout))
    rows = [
        {
            "opened": way,
            "command line (CPU-s)": round(median(whole[way]), 2),
            **{name: round(median(each[name] for each in parts[way]), 3) for name in parts[way][0]},
        }
        for way in WAYS
    ]
    held = [
        held_open(engines["query encoder"], kind, index, queries[:HELD_OPEN], given.language)
        for kind, index in (
            ("the engine's own", engines["query encoder"] / "index"),
            ("61,440 passages", many_passages(engines["query encoder"] / "index", given.work / "many")),
        )
    ]
    write_results(
        given.folder,
        "The first query of an engine, and one of an engine held open",
        rows,
        command=f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '?')} python bench/cold_start.py "
        f"{given.engine.name} {given.queries.name} --language {given.language} --work FOLDER",
        notes="Processor seconds (user and system), medians over "
        f"{COMMANDS} queries, each in processes of its own that took turns; the machine was shared. The first "
        "column is the command itself; the others are from a program that does the same step by step, and the last "
        "is its sum. Both ways scan with numpy; numbers of the query encoder's vectors differ from the whole "
        f"model's by at most {exactly:.1e} where that reads in float32, and by {as_it_reads:.1e} as it reads here "
        f"({precision('encoding')}); both are kept in float16, over {HELD_OPEN} queries.",
        extra={
            "Held open, one thread": [
                "Milliseconds a query, processor time; wall time is beside it for what a busy machine adds. The "
                "larger index is made of the engine's passages with noise: its vectors are as many and as long as "
                "real ones, and what it finds means nothing.",
                *held,
            ],
            "Processor": {"instruction sets": ", ".join(instruction_sets())},
        },
    )
    for row in [*rows, *held]:
        print(row)


def prepared(given: argparse.Namespace, made: bool) -> Path:
    """A copy of the engine, by second names of its files, with query encoders or without."""
    from kivuko.codeswitch import Lexicon
    from kivuko.engine import Engine

    path = given.work / ("with" if made else "without") / "engine"
    if not path.exists():
        shutil.copytree(given.engine, path, copy_function=os.link)
        for folder in [*path.rglob("*-queries")]:
            shutil.rmtree(folder)
        for folder in [
            *path.rglob("lexicon")
        ]:  # as this version writes it: an earlier one's is put right when opened
            Lexicon.open(folder).save(folder)
        if made:
            assert set(Engine.open(path).optimize().values()) == {None}
    return path


def divided(path: Path, query: str, language: str) -> dict[str, float]:
    """Processor seconds of one query by what they went to."""
    found: dict[str, float] = {}

    def step(name: str, work: Callable[[], Any]) -> Any:
        started = time.process_time() if found else 0.0
        result = work()
        found[name] = time.process_time() - started
        return result

    def imports() -> None:
        import kivuko.cli.main
        import kivuko.engine
        import kivuko.retrieval.late_interaction  # noqa: F401

    def scan(engine: Any, vectors: Any) -> Any:
        return engine.index.search([vectors], depth=100)

    def words(engine: Any, spoken: Any) -> Any:
        return engine.searcher(spoken, engine.way(spoken, "lexicon-bm25")).rank({"q": query})

    from importlib import import_module

    step("imports", imports)
    engine = step("opening the index", lambda: import_module("kivuko.engine").Engine.open(path))
    spoken = engine.language(language)
    step("reading the lexicon", lambda: engine.lexicon(spoken))
    encoder = step("opening the encoder", lambda: engine.encoder(spoken, engine.reader(spoken)))
    vectors = step("encoding", lambda: encoder.encode([query], task="query")[0].astype("float32"))
    step("scanning", lambda: scan(engine, vectors))
    step("searching by words", lambda: words(engine, spoken))
    return found | {"together": sum(found.values())}


def vectors_apart(engines: dict[str, Path], queries: Sequence[str], language: str) -> float:
    """The largest difference of a number of a query's vectors between the ways."""
    import numpy as np

    from kivuko.engine import Engine

    encoded = []
    for path in engines.values():
        engine = Engine.open(path)
        spoken = engine.language(language)
        encoder = engine.encoder(spoken, engine.reader(spoken) or "teacher")
        encoded.append(encoder.encode(queries, task="query"))
    one, other = encoded
    assert one.offsets.tolist() == other.offsets.tolist()
    return float(np.abs(one.vectors.astype(float) - other.vectors.astype(float)).max())


def with_precision(name: str | None) -> None:
    """What models that are opened from now on multiply in; None for what was measured to be fastest here."""
    os.environ.pop("KIVUKO_PRECISION", None)
    if name:
        os.environ["KIVUKO_PRECISION"] = name


def cpu_seconds(command: list[str]) -> float:
    """Processor seconds of a process."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return used.ru_utime + used.ru_stime


def held_open(
    path: Path, name: str, index_path: Path, queries: Sequence[str], language: str
) -> dict[str, Any]:
    """Percentiles of the time that one query takes, encoding and scanning apart."""
    from kivuko.engine import Engine
    from kivuko.retrieval.index import Index

    engine, index = Engine.open(path), Index.open(index_path)
    spoken = engine.language(language)
    encoder = engine.encoder(spoken, engine.reader(spoken) or "teacher")
    times: dict[str, list[float]] = {"encoding": [], "scanning": [], "both": [], "wall": []}
    for query in [*queries[:10], *queries]:  # the first ten again: they bring the files into memory
        wall, begun = time.perf_counter(), time.process_time()
        vectors = encoder.encode([query], task="query")[0].astype("float32")
        encoded = time.process_time()
        index.search([vectors], depth=10)
        ended = time.process_time()
        for kind, seconds in (
            ("encoding", encoded - begun),
            ("scanning", ended - encoded),
            ("both", ended - begun),
            ("wall", time.perf_counter() - wall),
        ):
            times[kind].append(1000 * seconds)
    info = index.info()
    row: dict[str, Any] = {
        "index": name,
        "kind": info["kind"],
        "passages": info["passages"],
        "tokens": info["tokens"],
    }
    for kind, found in times.items():
        own = found[10:]
        row[f"{kind} p50"] = round(median(own), 1)
        row[f"{kind} p95"] = round(quantiles(own, n=20, method="inclusive")[-1], 1)
    return row


def many_passages(index: Path, output: Path) -> Path:
    """A compressed index of so many passages, neighbours of an index's own."""
    from kivuko.artifact import is_complete
    from kivuko.retrieval.changes import build
    from kivuko.retrieval.index import Index

    if not is_complete(output):
        facts = {"pooling": 1.0}
        build(output, Neighbours(index), kind="compressed", space="made up", parents={}, facts=facts)
        Index.open(output).compact()
    return output


class Neighbours(Sequence[Any]):
    """Shards of an index's passages, the first as they are, the others with noise."""

    def __init__(self, path: Path) -> None:
        import numpy as np

        from kivuko.retrieval.index import Index

        index = Index.open(path)
        self._vectors = [own for document in index.documents for _, own in index.vectors_of(document.id)]
        self._flat = np.concatenate(self._vectors)
        random = np.random.default_rng(0)
        self._noise = random.standard_normal(self._flat.shape, dtype=np.float32)
        self._noise *= _NOISE / np.linalg.norm(self._noise, axis=1, keepdims=True)

    def __len__(self) -> int:
        return -(-PASSAGES // len(self._vectors))

    def __iter__(self) -> Iterator[Any]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: Any) -> Any:
        import numpy as np

        from kivuko.collections.document import Document
        from kivuko.models.token_vectors import TokenVectors
        from kivuko.retrieval.segment import EncodedDocuments

        count = min(len(self._vectors), PASSAGES - number * len(self._vectors))
        offsets = np.cumsum([0, *map(len, self._vectors[:count])])
        vectors = self._flat[: offsets[-1]].copy()
        if number:
            vectors += np.roll(self._noise, 977 * number, axis=0)[: offsets[-1]]
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        documents = [Document(f"{number}-{passage}", "", "passage") for passage in range(count)]
        spans = np.array([(passage, 0, 7) for passage in range(count)], dtype=np.int32)
        return EncodedDocuments(documents, spans, TokenVectors(vectors.astype(np.float16), offsets))


if __name__ == "__main__":
    main()
