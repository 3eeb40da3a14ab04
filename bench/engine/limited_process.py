"""A system's script in a process of its own, held to so many threads, so much CPU time, memory and disk."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalogue import System
from vector_sets import LEAST_DISK, VectorSet

from kivuko.artifact import cache_folder

#: Threads of the libraries that are measured; what has no such variable is held by the cores it may run on.
#: LANCE_IO_THREADS is left alone: with 1 LanceDB 0.40 stands still while it builds an index.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS",
    "TOKIO_WORKER_THREADS", "LANCE_CPU_THREADS",
)  # fmt: skip
FINISHED = "finished"
#: Seconds without any CPU time after which a process is taken for hung.
HUNG = 300


@dataclass(frozen=True)
class Limits:
    """What a run may use.

    Attributes:
        cpu_s: CPU seconds in all.
        setting_s: CPU seconds of queries with each setting; fewer queries are asked when they take longer.
        memory: bytes of its own, files that it maps aside.
    """

    cpu_s: float
    setting_s: float
    memory: int


def run_limited(
    system: System, collection: VectorSet, threads: int, limits: Limits
) -> tuple[str, dict[str, Any]]:
    """What a run came to (``FINISHED``, or what ended it) and what it had written until then."""
    command = system.command()
    home = cache_folder() / "engine-bench"
    with tempfile.TemporaryDirectory(prefix="work-", dir=home) as name:
        work = Path(name)
        (work / "input").mkdir()
        (work / "index").mkdir()
        for folder, files in (
            (collection.documents, ("vectors", "offsets")),
            (collection.queries, ("queries", "query_offsets")),
        ):
            for file in files:
                (work / "input" / f"{file}.npy").symlink_to((folder / f"{file}.npy").resolve())
        output = work / "output.json"
        arguments = [
            str(work / "input"), str(output), "--folder", str(work / "index"), "--threads", str(threads),
            "--seconds", str(limits.setting_s), "--options", json.dumps(system.options),
        ]  # fmt: skip
        with (work / "errors").open("w+b") as errors:
            process = subprocess.Popen(
                [*command, *arguments], env=_environment(threads), preexec_fn=_bind(threads, limits.cpu_s),
                stdout=errors, stderr=errors,
            )  # fmt: skip
            ended = _watch(process, limits, home)
            errors.seek(0)
            said = errors.read().decode("utf-8", errors="replace")
        written = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {}
    if ended is None and process.returncode != 0:
        lines = [line for line in said.strip().splitlines() if line.strip()]
        ended = f"failed: {lines[-1] if lines else f'exit code {process.returncode}'}"
        print(said[-4000:], flush=True)
    if ended is None and not written.get("finished"):
        ended = "failed: it wrote no complete output"
    return ended or FINISHED, written


def _watch(process: subprocess.Popen[bytes], limits: Limits, disk: Path) -> str | None:
    """Wait for the end; what ended it if a limit did."""
    used = _children_cpu()
    moved, ticks = time.monotonic(), 0
    while process.poll() is None:
        time.sleep(0.5)
        reason = None
        if (spent := _ticks(process.pid)) != ticks:
            moved, ticks = time.monotonic(), spent
        if _own_memory(process.pid) > limits.memory:
            reason = f"stopped: more than {limits.memory / 2**30:.0f} GiB of memory"
        elif shutil.disk_usage(disk).free < LEAST_DISK:
            reason = "stopped: the disk was nearly full"
        elif time.monotonic() - moved > HUNG:
            reason = f"hung: no CPU time used for {HUNG} s"
        if reason:
            process.kill()
            process.wait()
            return reason
    killed = process.returncode in {-signal.SIGXCPU, -signal.SIGKILL}  # at the soft or the hard limit
    if killed and _children_cpu() - used >= 0.95 * limits.cpu_s:
        return f"stopped after {limits.cpu_s / 60:g} CPU-minutes"
    return None


def _children_cpu() -> float:
    """CPU seconds of all processes that have been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ticks(pid: int) -> int:
    """CPU time of a process so far, in the kernel's clock ticks."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:  # it has just ended
        return 0
    user, system = facts.rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def _own_memory(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:  # it has just ended
        return 0
    found = re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE)
    return 1024 * int(found[1]) if found else 0


def _environment(threads: int) -> dict[str, str]:
    dropped = {"PYTHONPATH", "LD_BIND_NOW"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    set_here = dict.fromkeys(THREAD_VARIABLES, str(threads)) | {"OMP_WAIT_POLICY": "PASSIVE"}
    return kept | set_here


def _bind(threads: int, cpu_s: float) -> Callable[[], None]:
    """What the child does before it starts: bind itself to as many cores as threads, and limit its CPU time."""
    cores = sorted(os.sched_getaffinity(0))[-threads:]

    def bind() -> None:
        os.sched_setaffinity(0, cores)
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s) + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    return bind
