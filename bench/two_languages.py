"""What it costs to add two languages at once: students trained one after the other, and side by side.

    python bench/two_languages.py [--languages om km] [--steps 60] [--folder docs/results/two-languages]

Each student is a ``kivuko train optical`` of one thread, loading, word alignment and writing among its time. Teacher,
its vectors of the pairs and all packages are made before: adding a language costs the student alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from kivuko.evaluation.results import write_results
from kivuko.processor import instruction_sets

ROUNDS = 3
_PROGRAM = "from kivuko.cli.main import run; run()"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--languages", nargs=2, default=["om", "km"])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=Path("docs/results/two-languages"))
    given = parser.parse_args()
    alone: dict[str, list[float]] = {language: [] for language in given.languages}
    together: dict[str, list[float]] = {language: [] for language in given.languages}
    with tempfile.TemporaryDirectory() as folder:
        for language in given.languages:
            trained([language], given.steps, Path(folder))
        for _ in range(ROUNDS):
            for language in given.languages:
                alone[language].append(trained([language], given.steps, Path(folder))[language])
            for language, seconds in trained(given.languages, given.steps, Path(folder)).items():
                together[language].append(seconds)
    rows = [
        {
            "language": language,
            "alone (s)": round(median(alone[language]), 1),
            "side by side (s)": round(median(together[language]), 1),
            "slower by": f"{median(together[language]) / median(alone[language]) - 1:.0%}",
        }
        for language in given.languages
    ]
    one_by_one = sum(median(seconds) for seconds in alone.values())
    at_once = max(median(seconds) for seconds in together.values())
    facts: dict[str, Any] = {
        "one after the other (s)": round(one_by_one, 1),
        "side by side (s)": round(at_once, 1),
        "saved": f"{1 - at_once / one_by_one:.0%}",
        "instruction sets": ", ".join(instruction_sets()),
    }
    write_results(
        given.folder,
        "Two languages side by side",
        rows,
        command=" ".join(["python bench/two_languages.py", *sys.argv[1:]]),
        notes=f"Wall-clock seconds of `kivuko train optical --steps {given.steps} --threads 1`, a process a language,"
        f" the median of {ROUNDS} rounds; the slower of two counts as both. Virtual machines"
        " may count two threads of one core, which share its arithmetic, as two processors.",
        extra={"Both": facts},
    )
    for row in rows:
        print(row)


def trained(languages: list[str], steps: int, folder: Path) -> dict[str, float]:
    """Language → seconds that its student takes, all of them at once."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    started = time.perf_counter()
    for language in languages:
        output = folder / language
        shutil.rmtree(output, ignore_errors=True)
        command = [sys.executable, "-c", _PROGRAM, "train", "optical", "--language", language]
        command += ["--steps", str(steps), "--threads", "1", "--output", str(output)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        running[language] = subprocess.Popen(command, env=environment)
    seconds: dict[str, float] = {}
    while len(seconds) < len(running):
        for language, process in running.items():
            if language not in seconds and process.poll() is not None:
                if process.returncode:
                    raise SystemExit(f"training the student of {language} failed")
                seconds[language] = time.perf_counter() - started
        time.sleep(0.05)
    return seconds


if __name__ == "__main__":
    main()
