"""What `kivuko demo` finds and how long each of its steps takes, from an empty cache.

    OMP_WAIT_POLICY=PASSIVE OPENBLAS_NUM_THREADS=1 python experiments/demo.py [--language om] [--full] [--cache DIR]

The two variables are what ``kivuko`` sets by itself (kivuko.cli).

Packages are downloaded first, so that their time does not count. Results: docs/results/demo/, of processors without
AVX-512 docs/results/demo-avx2/, and of the full demo docs/results/demo-full/.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress, TaskID

from kivuko.cli.demo import MEASURES
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.results import write_results
from kivuko.experiment.main_job import FULL, QUICK, SYSTEMS, run_main_job
from kivuko.languages import resolve
from kivuko.models import get
from kivuko.models.precision import operations_a_second, precision
from kivuko.processor import instruction_sets
from kivuko.public.bitext import build_bitext
from kivuko.public.collections import build_collection
from kivuko.training.teacher import BASE

OUTPUT = Path("docs/results")


class Clock(Progress):
    """When each step began, by the clock and by the processor."""

    def __init__(self) -> None:
        super().__init__(disable=True)
        self.steps: list[tuple[str, float, float]] = []

    def mark(self, name: str) -> None:
        """A step begins."""
        self.steps.append((name, time.monotonic(), time.process_time()))

    def add_task(self, description: str, *arguments: Any, **options: Any) -> TaskID:
        """See ``Progress.add_task``."""
        self.mark(description)
        return super().add_task(description, *arguments, **options)

    def minutes(self) -> list[dict[str, Any]]:
        """A row for each step, up to when the next one began."""
        self.mark("end")
        rows: dict[str, dict[str, Any]] = {}
        for (name, wall, cpu), (_, next_wall, next_cpu) in itertools.pairwise(self.steps):
            row = rows.setdefault(name, {"step": name, "minutes": 0.0, "CPU minutes": 0.0})
            row["minutes"] += (next_wall - wall) / 60
            row["CPU minutes"] += (next_cpu - cpu) / 60
        return [
            {name: round(value, 2) if isinstance(value, float) else value for name, value in row.items()}
            for row in rows.values()
        ]


def main() -> None:
    """Bring packages, run the job in an empty cache, write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--language", default="om")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--cache", type=Path, help="a new folder, which is kept")
    arguments = parser.parse_args()
    language, effort = resolve(arguments.language), FULL if arguments.full else QUICK
    with tempfile.TemporaryDirectory() as folder:
        if arguments.cache:
            arguments.cache.mkdir(parents=True)
        os.environ["KIVUKO_CACHE"] = str(arguments.cache or folder)
        build_collection(language)
        build_bitext(language)
        get(BASE)
        expected = effort.operations / operations_a_second() / 60
        clock = Clock()
        clock.mark("until the lexicon answers")
        first: list[float] = []
        began = time.monotonic()
        job = run_main_job(
            language,
            effort=effort,
            when_words=lambda *_: first.append(time.monotonic() - began),
            progress=clock,
        )
        steps = clock.minutes()
        rows = [
            {
                "system": SYSTEMS[system],
                "language": language.tag,
                "measure": measure,
                **vars(scores.summary(measure)),
            }
            for system in job.systems()
            for scores in [evaluate(job.run(system), job.qrels(), MEASURES)]
            for measure in MEASURES
        ]
    total = {name: round(sum(step[name] for step in steps), 2) for name in ("minutes", "CPU minutes")}
    of_processor = "" if "avx512f" in instruction_sets() else "-avx2"
    facts = {
        "threads": torch.get_num_threads(),
        "training in": precision("training"),
        "encoding in": precision("encoding"),
        "minutes of multiplying, as estimated before": round(expected, 1),
        "seconds until the lexicon answers": round(first[0], 1),
        "peak memory, GB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }
    write_results(
        OUTPUT / f"demo{'-full' * arguments.full}{of_processor}",
        f"The demo, {'full' if arguments.full else 'quick'}",
        rows,
        command="OMP_WAIT_POLICY=PASSIVE OPENBLAS_NUM_THREADS=1 python experiments/demo.py"
        + " --full" * arguments.full,
        notes="""Titles of test pages against all English pages, as `kivuko demo` shows them. The bitext is software
help and interface text, and so are the pages: expect less elsewhere. Downloads, the building of collection and
bitext and the unpacking of the encoder came before and are not counted; the engine that the demo leaves behind comes
after.""",
        extra={"Minutes by step": [*steps, {"step": "all", **total}], "The machine": facts},
    )


if __name__ == "__main__":
    main()
