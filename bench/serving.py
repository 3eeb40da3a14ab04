"""Requests a second, latencies and memory of ``kivuko serve``, beside a service over Qdrant with the same vectors.

    OMP_NUM_THREADS=1 python bench/serving.py ENGINE QUERIES --language om [--folder docs/results/serving]

ENGINE is an engine folder, QUERIES a file of ``id <tab> text``. wrk (Debian: apt-get install wrk) asks each service
on loopback with 1, 8 and 64 clients, each of which asks again as soon as it was answered, for ``--seconds`` a point,
twice, the services in turn, so that a busy machine slows all alike. The engine is served by one, two and eight
threads of one process (what waits for a core shares a scan with others that wait: micro-batches that nobody waits
for), and by two processes of one thread each, whose clients are shared out evenly. Then the memory of the service of
eight threads is read over ``--requests`` more. All that is measured stays on this machine, and after ``--minutes`` no
more is asked: what was not reached by then is not in the tables.
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
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
#: Queries that are encoded and searched together, to see whether that pays.
TOGETHER = (1, 8, 32)
SMALL = "\n\n**This was a short run: it shows that it runs, and no more.**"
PEER = Environment("qdrant-client", ("qdrant-client==1.20.0", "numpy==2.4.6"))
#: A client of wrk: it asks the addresses of a file in turn, and says what it saw as JSON. Each of wrk's threads asks
#: one port.
SCRIPT = """
local ports, paths, at, begun = {}, {}, 0, 0
for port in os.getenv("PORTS"):gmatch("%d+") do ports[#ports + 1] = port end
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
setup = function(thread)
  begun = begun + 1
  thread.addr = wrk.lookup("127.0.0.1", ports[begun])[1]
end
request = function() at = at % #paths + 1 return wrk.format("GET", paths[at]) end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests": %d, "seconds": %.3f, "p50": %.3f, "p95": %.3f, "p99": %.3f, "failed": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3, errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass(frozen=True)
class Service:
    """A service that runs.

    Attributes:
        name: in the tables.
        ports: of its processes.
        pids: likewise.
    """

    name: str
    ports: tuple[int, ...]
    pids: tuple[int, ...]

    def memory(self) -> dict[str, float]:
        """MB that its processes hold, and what of that is no file's."""
        kinds = {"resident (MB)": "VmRSS", "of it private (MB)": "RssAnon"}
        said = [Path(f"/proc/{pid}/status").read_text() for pid in self.pids]
        held = {
            name: [re.findall(rf"{kind}:\s+(\d+)", each)[0] for each in said] for name, kind in kinds.items()
        }
        return {name: round(sum(map(int, each)) / 1024, 1) for name, each in held.items()}


@dataclass(frozen=True)
class Asked:
    """What a service is asked.

    Attributes:
        service: which one.
        what: in the tables.
        parameters: beside the query.
    """

    service: Service
    what: str
    parameters: Mapping[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("engine", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--language", required=True)
    parser.add_argument("--seconds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=13.5)
    parser.add_argument("--folder", type=Path, default=Path("docs/results/serving"))
    given = parser.parse_args()
    until = time.monotonic() + 60 * given.minutes
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed (Debian: apt-get install wrk)")
    queries = list(kivuko.read_queries(given.queries).values())
    engine = kivuko.Engine.open(given.engine)
    spoken = engine.language(given.language)
    if engine.reader(spoken) is None or not any(way.method == "fusion" for way in engine.ways(spoken)):
        sys.exit("this compares a model with a lexicon's words: give an engine whose language has both")
    with ExitStack() as running_now, tempfile.TemporaryDirectory() as name:
        client = Client(queries, Path(name))
        one, two, eight, processes = (
            running_now.enter_context(kivuko_service(given.engine, threads, number))
            for threads, number in ((1, 1), (2, 1), (8, 1), (1, 2))
        )
        peer = running_now.enter_context(peer_service(given.engine, spoken.short))
        fused = {"language": spoken.short, "method": "fusion"}
        explained = {**fused, "explain": "true"}
        model = {"language": spoken.short, "method": "late-interaction"}
        everything = [
            Asked(one, "model and words", fused),
            Asked(two, "model and words", fused),
            Asked(eight, "model and words", fused),
            Asked(processes, "model and words", fused),
            Asked(one, "model and words, explained", explained),
            Asked(two, "model and words, explained", explained),
            Asked(eight, "model", model),
            Asked(peer, "the same model", {}),
        ]
        rows = under_load(everything, client, given.seconds)
        held = [{"service": each.name, **each.memory()} for each in (one, two, eight, processes, peer)]
        cheap = Asked(eight, "words", {"language": spoken.short, "method": "lexicon-bm25", "top": "1"})
        memory = over_time(everything[2], cheap, client, given.requests, until)
    write_results(
        given.folder,
        "The service under load",
        rows,
        command=f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '?')} python bench/serving.py "
        f"{given.engine.name} {given.queries.name} --language {spoken.short} --seconds {given.seconds} "
        f"--requests {given.requests} --minutes {given.minutes:g}",
        notes="Clients of wrk on the same machine, which share its cores with the service; each asks again as soon "
        f"as it was answered. Latencies in ms are medians of {ROUNDS} rounds of {given.seconds} s. The peer is 50 "
        "lines of FastAPI over Qdrant's local mode: it ranks by the same vectors of the same documents, without "
        "words, snippets, languages or limits." + (SMALL if given.seconds < 5 else ""),
        extra={
            "What was searched": {
                "documents": engine.index.info()["documents"],
                "index kind": engine.index.info()["kind"],
                "language": spoken.tag,
                "queries": len(queries),
            },
            "Memory after that": held,
            "Memory over many requests": memory,
            "Queries together or one by one": [*batching(engine, spoken, queries)],
        },
    )


class Client:
    """Asks services, with wrk.

    Args:
        queries: to be asked in turn.
        folder: for wrk's files.
    """

    def __init__(self, queries: Sequence[str], folder: Path) -> None:
        self._queries, self._paths, self._script = queries, folder / "paths", folder / "ask.lua"
        self._script.write_text(SCRIPT)

    def ask(self, asked: Asked, clients: int, seconds: int) -> dict[str, Any]:
        """What some clients saw that asked for some seconds."""
        lines = [f"/v1/search?{urlencode({'query': query, **asked.parameters})}\n" for query in self._queries]
        self._paths.write_text("".join(lines), encoding="ascii")
        ports = asked.service.ports[:clients]
        command = ["wrk", "--threads", len(ports), "--connections", clients, "--duration", f"{seconds}s"]
        done = subprocess.run(
            [*map(str, command), "--timeout", "60s", "--script", self._script, f"http://127.0.0.1:{ports[0]}/"],
            env={**os.environ, "PATHS": str(self._paths), "PORTS": " ".join(map(str, ports))},
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 120,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        print(f"{asked.service.name}, {asked.what}, {clients} clients: {found}", flush=True)
        return found


def under_load(everything: Sequence[Asked], client: Client, seconds: int) -> list[dict[str, Any]]:
    """A row for each thing asked and number of clients."""
    for asked in everything:  # what is opened on first use is open
        client.ask(asked, 2, 2)
    rows = []
    for clients in CLIENTS:
        seen: list[list[dict[str, Any]]] = [[] for _ in everything]
        for _ in range(ROUNDS):
            for number, asked in enumerate(everything):
                seen[number].append(client.ask(asked, clients, seconds))
        rows += [
            {
                "service": asked.service.name,
                "asked for": asked.what,
                "clients": clients,
                "requests/s": round(mean(each["requests"] / each["seconds"] for each in found), 1),
                **{
                    f"{part} (ms)": _median([each[part] for each in found if each["requests"]])
                    for part in PARTS
                },
                "failed": sum(each["failed"] for each in found),
            }
            for asked, found in zip(everything, seen, strict=True)
        ]
    return rows


def _median(milliseconds: list[float]) -> float | None:
    """None where nothing was answered in time."""
    return round(median(milliseconds), 1) if milliseconds else None


def over_time(own: Asked, cheap: Asked, client: Client, requests: int, until: float) -> list[dict[str, Any]]:
    """Memory after every tenth of many requests: some in the engine's own way, the most by words, which is quick."""
    rows: list[dict[str, Any]] = []
    by_model = by_words = 0
    for tenth in range(11):
        if tenth:
            by_model += client.ask(own, 8, 3)["requests"]
        while by_model + by_words < requests * tenth / 10:
            if time.monotonic() > until:
                return rows
            by_words += client.ask(cheap, 8, 5)["requests"]
        rows.append(
            {
                "requests": by_model + by_words,
                f"of them {own.what}": by_model,
                **own.service.memory(),
            }
        )
    return rows


def batching(engine: kivuko.Engine, language: Any, queries: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Whether it pays to wait for other queries and to encode and search them together."""
    searcher = engine.searcher(language)
    asked = {str(number): query for number, query in enumerate(queries[: max(TOGETHER)])}
    searcher.find(asked, depth=10)
    for size in TOGETHER:
        names, encoded, found = list(asked), [], []
        for _ in range(3):
            started = time.perf_counter()
            for first in range(0, len(names), size):
                texts = [asked[name] for name in names[first : first + size]]
                searcher.encoder.encode(texts, task="query")
            middle = time.perf_counter()
            for first in range(0, len(names), size):
                searcher.find({name: asked[name] for name in names[first : first + size]}, depth=10)
            encoded.append(1000 * (middle - started) / len(names))
            found.append(1000 * (time.perf_counter() - middle) / len(names))
        yield {
            "queries together": size,
            "encoding (ms a query)": round(median(encoded), 2),
            "encoding and search (ms a query)": round(median(found), 2),
        }


@contextmanager
def kivuko_service(engine: Path, threads: int, processes: int) -> Iterator[Service]:
    """Some processes of ``kivuko serve``, of some threads each."""
    program = "from kivuko.cli.main import run; run()"
    ports = tuple(free_port() for _ in range(processes))
    of = f"{processes} processes of 1" if processes > 1 else str(threads)
    with ExitStack() as started:
        pids = []
        for port in ports:
            serve = [sys.executable, "-c", program, "serve", engine, "--port", port, "--workers", threads]
            pids.append(started.enter_context(running([*map(str, serve)], port, "/readyz", {})))
        yield Service(
            f"kivuko serve, {of} thread{'s' * (of == str(threads) and threads > 1)}", ports, tuple(pids)
        )


@contextmanager
def peer_service(engine: Path, language: str) -> Iterator[Service]:
    """The peer's process."""
    # Its packages beside ours, for it encodes queries by the same model.
    (packages,) = python_of(PEER).parents[1].glob("lib/python*/site-packages")
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(packages)]).strip(os.pathsep)
    port = free_port()
    program = str(Path(__file__).with_name("serving_peer.py"))
    command = [sys.executable, program, str(engine), language, str(port)]
    with running(command, port, "/v1/search?query=a", {"PYTHONPATH": path}) as pid:
        yield Service("FastAPI and Qdrant", (port,), (pid,))


@contextmanager
def running(command: list[str], port: int, ready: str, environment: Mapping[str, str]) -> Iterator[int]:
    """A process, once it answers."""
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 600
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=600).read()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
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
