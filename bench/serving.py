"""Requests a second, latencies and memory of ``kivuko serve``, beside a service over Qdrant with the same vectors.

    OMP_NUM_THREADS=1 python bench/serving.py ENGINE QUERIES --language om [--folder docs/results/serving]

ENGINE is an engine folder, QUERIES a file of ``id <tab> text``. wrk (Debian: apt-get install wrk) asks each service
on loopback with 1, 8 and 64 clients, each of which asks again as soon as it was answered, for ``--seconds`` a point,
twice, the services in turn, so that a busy machine slows all alike. Then ``--requests`` more are asked by words,
and a twentieth of them in the engine's own way, and the service's memory is read after every tenth. All that is
measured stays on this machine, is bounded, and stops by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any
from urllib.parse import urlencode

import kivuko
from kivuko.evaluation.results import write_results

sys.path.insert(0, str(Path(__file__).parent / "engine"))
from environments import Environment, python_of

CLIENTS = (1, 8, 64)
PARTS = ("p50", "p95", "p99")
ROUNDS = 2
SMALL = "\n\n**This was a small run on a machine that was busy with other work: it shows that it runs, and no more.**"
#: Whatever is asked for, a run for memory ends after so many seconds.
LONGEST = 6 * 3600
PEER = Environment("qdrant-client", ("qdrant-client==1.20.0", "numpy==2.4.6"))
#: A client of wrk: it asks the addresses of a file in turn, and says what it saw as JSON.
SCRIPT = """
local paths, at = {}, 0
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
request = function() at = at % #paths + 1 return wrk.format("GET", paths[at]) end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests": %d, "seconds": %.3f, "p50": %.3f, "p95": %.3f, "p99": %.3f, "failed": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3, errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass(frozen=True)
class System:
    """A service, and what it is asked.

    Attributes:
        name: in the table.
        port: it listens at.
        pid: of its process.
        more: parameters beside the query.
    """

    name: str
    port: int
    pid: int
    more: dict[str, str]

    def paths(self, queries: list[str], file: Path) -> Path:
        """The addresses to be asked, one a line."""
        lines = [f"/v1/search?{urlencode({'query': query, **self.more})}\n" for query in queries]
        file.write_text("".join(lines), encoding="ascii")
        return file

    def resident(self) -> float:
        """MB that its process holds in memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("engine", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--language", required=True)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, default=Path("docs/results/serving"))
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed (Debian: apt-get install wrk)")
    queries = list(kivuko.read_queries(given.queries).values())
    engine = kivuko.Engine.open(given.engine)
    spoken = engine.language(given.language)
    has_vectors = engine.index.space is not None
    with tempfile.TemporaryDirectory() as name, kivuko_service(given.engine, given.workers) as (port, pid):
        folder = Path(name)
        asked = {"language": spoken.short}
        systems = [
            System(f"kivuko serve, {engine.way(spoken)}", port, pid, asked),
            System(f"kivuko serve, {engine.way(spoken)}, explained", port, pid, {**asked, "explain": "true"}),
            System("kivuko serve, words alone", port, pid, {**asked, "method": "bm25"}),
        ]
        with peer_service(given.engine, spoken.short, has_vectors) as peer:
            if peer is not None:
                model = {**asked, "method": "late-interaction"}
                systems.append(System("kivuko serve, model alone", port, pid, model))
                systems.append(System("FastAPI and Qdrant, the same model", *peer, {}))
            rows = under_load(systems, queries, given.seconds, folder)
        memory = over_time(systems[2], queries, given.requests, folder)
        memory += over_time(systems[0], queries, given.requests // 20, folder)
    write_results(
        given.folder,
        "The service under load",
        rows,
        command=f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '?')} python bench/serving.py "
        f"{given.engine.name} {given.queries.name} --language {spoken.short} --seconds {given.seconds} "
        f"--requests {given.requests} --workers {given.workers}",
        notes="Clients of wrk on the same machine, which share its cores with the service; latencies in ms are "
        f"medians of {ROUNDS} rounds. The peer ranks by the same vectors of the same documents, without words, "
        "snippets, languages or limits." + (SMALL if given.seconds < 10 or given.requests < 100_000 else ""),
        extra={
            "What was searched": {
                "documents": engine.index.info()["documents"],
                "index kind": engine.index.info()["kind"],
                "queries": len(queries),
                "workers": given.workers,
                "cores": os.cpu_count(),
            },
            "Memory over many requests": memory,
            "Queries together or one by one": [batching(engine, spoken, queries[:64])]
            if has_vectors
            else "No model.",
        },
    )
    for row in rows:
        print(row)


def under_load(systems: list[System], queries: list[str], seconds: int, folder: Path) -> list[dict[str, Any]]:
    """A row for each system and number of clients."""
    seen: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for clients in CLIENTS:
        for _ in range(ROUNDS):
            for system in systems:
                found = load(system, queries, clients, seconds, folder)
                seen.setdefault((system.name, clients), []).append(found)
    return [
        {
            "asked": name,
            "clients": clients,
            "requests/s": round(mean(each["requests"] / each["seconds"] for each in found), 1),
            **{f"{part} (ms)": _median([each[part] for each in found if each["requests"]]) for part in PARTS},
            "failed": sum(each["failed"] for each in found),
        }
        for (name, clients), found in seen.items()
    ]


def _median(milliseconds: list[float]) -> float | None:
    """None where nothing was answered in time."""
    return round(median(milliseconds), 1) if milliseconds else None


def over_time(system: System, queries: list[str], requests: int, folder: Path) -> list[dict[str, Any]]:
    """Resident memory after every tenth of many requests."""
    load(system, queries, 8, 2, folder)  # everything is opened
    rows: list[dict[str, Any]] = []
    asked, until = 0, time.time() + LONGEST
    for tenth in range(11):
        while asked < requests * tenth / 10 and time.time() < until:
            asked += load(system, queries, 8, 5, folder)["requests"]
        rows.append({"asked": system.name, "requests": asked, "resident (MB)": round(system.resident(), 1)})
    return rows


def load(system: System, queries: list[str], clients: int, seconds: int, folder: Path) -> dict[str, Any]:
    """What wrk saw."""
    script = folder / "ask.lua"
    script.write_text(SCRIPT)
    command = [
        "wrk",
        "--threads",
        "1",
        "--connections",
        str(clients),
        "--duration",
        f"{seconds}s",
        "--timeout",
        "60s",
    ]
    done = subprocess.run(
        [*command, "--script", str(script), f"http://127.0.0.1:{system.port}/"],
        env={**os.environ, "PATHS": str(system.paths(queries, folder / "paths"))},
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 120,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{system.name}, {clients} clients: {found}", flush=True)
    return found


def batching(engine: kivuko.Engine, language: Any, queries: list[str]) -> dict[str, Any]:
    """Whether it pays to wait for other queries and to encode and search them together."""
    searcher = engine.searcher(language)
    together = {str(number): query for number, query in enumerate(queries)}
    searcher.find(together, depth=10)
    started = time.perf_counter()
    searcher.find(together, depth=10)
    middle = time.perf_counter()
    for name, query in together.items():
        searcher.find({name: query}, depth=10)
    alone = time.perf_counter() - middle
    return {
        "queries": len(queries),
        "together (ms a query)": round(1000 * (middle - started) / len(queries), 1),
        "one by one (ms a query)": round(1000 * alone / len(queries), 1),
    }


@contextmanager
def kivuko_service(engine: Path, workers: int) -> Iterator[tuple[int, int]]:
    """Port and process of ``kivuko serve``."""
    port = free_port()
    program = "from kivuko.cli.main import run; run()"
    command = [
        sys.executable,
        "-c",
        program,
        "serve",
        str(engine),
        "--port",
        str(port),
        "--workers",
        str(workers),
    ]
    with running(command, port, "/readyz", {}) as pid:
        yield port, pid


@contextmanager
def peer_service(engine: Path, language: str, possible: bool) -> Iterator[tuple[int, int] | None]:
    """Port and process of the peer; None for an engine without vectors, which it could not search."""
    if not possible:
        yield None
        return
    # Its packages beside ours, for it encodes queries by the same model.
    (packages,) = python_of(PEER).parents[1].glob("lib/python*/site-packages")
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(packages)]).strip(os.pathsep)
    port = free_port()
    command = [
        sys.executable,
        str(Path(__file__).with_name("serving_peer.py")),
        str(engine),
        language,
        str(port),
    ]
    with running(command, port, "/v1/search?query=a", {"PYTHONPATH": path}) as pid:
        yield port, pid


@contextmanager
def running(command: list[str], port: int, ready: str, environment: dict[str, str]) -> Iterator[int]:
    """A process, once it answers."""
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.time() + 1800
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=600).read()
                break
            except OSError:
                if process.poll() is not None or time.time() > until:
                    sys.exit(f"this does not come up: {' '.join(command)}")
                time.sleep(0.2)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


if __name__ == "__main__":
    main()
