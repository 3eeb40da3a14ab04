"""What the transport solve takes of a training step: batch 32, 32 tokens on both sides, real student.

    OMP_NUM_THREADS=1 python bench/training_step.py

Each round makes one step with every solver in turn; the solve is timed where it happens, inside the loss.
Medians of CPU time, which other programs on the machine do not touch. About two minutes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from kivuko import transport
from kivuko.evaluation.results import write_results
from kivuko.languages import resolve
from kivuko.models import late_interaction
from kivuko.models.precision import uses_bfloat16
from kivuko.models.token_vectors import TokenVectors
from kivuko.public.help_pages import load_pages
from kivuko.training.fit import freeze
from kivuko.training.optical import OpticalLoss, PlanSettings
from kivuko.training.teacher import default_teacher
from kivuko.training.teacher_vectors import TeacherVectors

PAIRS, TOKENS, ROUNDS = 32, 32, 7
SOLVERS: tuple[transport.Solver, ...] = ("sinkhorn", "ipot", "exact")


def batch(tokenizer: Any) -> dict[str, torch.Tensor]:
    """Thirty-two texts of exactly 32 content pieces, from English help pages."""
    pages = load_pages(resolve("en")).pages
    texts = [" ".join(page.paragraphs.values()) for _, page in sorted(pages.items())]
    ids = [row for row in tokenizer(texts[:400])["input_ids"] if len(row) >= TOKENS + 2][:PAIRS]
    rows = torch.tensor([[row[0], *row[1 : TOKENS + 1], row[-1]] for row in ids])
    return {"input_ids": rows, "attention_mask": torch.ones_like(rows)}


def main() -> None:
    """Measure and write docs/results/training-step."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    torch.set_flush_denormal(True)
    student = late_interaction.load(default_teacher())
    freeze(student, train_word_embeddings=False)
    features = batch(student.tokenizer)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((PAIRS * TOKENS, late_interaction.dimension(student)))
    vectors = (noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float16)
    shard = TokenVectors(vectors, np.arange(0, PAIRS * TOKENS + 1, TOKENS))
    place = np.stack([np.zeros(PAIRS, np.int64), np.arange(PAIRS)], axis=1)
    teacher = TeacherVectors([shard], place, vectors.shape[1])
    parameters = [parameter for parameter in student.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=1e-6, fused=True)
    solve_seconds: list[float] = []
    real_solve = transport.solve

    def timed_solve(*arguments: Any, **options: Any) -> transport.TransportPlan:
        started = time.process_time()
        plan = real_solve(*arguments, **options)
        solve_seconds.append(time.process_time() - started)
        return plan

    transport.solve = timed_solve  # type: ignore[assignment]
    steps: dict[str, list[tuple[float, float]]] = {solver: [] for solver in SOLVERS}
    for round_number in range(ROUNDS + 1):
        for solver in SOLVERS:
            loss = OpticalLoss(student, teacher, plans=PlanSettings(solver), contrast_weight=0.5)
            started = time.process_time()
            with torch.autocast(late_interaction.device(), torch.bfloat16, enabled=uses_bfloat16("training")):
                parts = loss([features], torch.arange(PAIRS))
            torch.stack(list(parts.values())).sum().backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            if round_number:  # the first round warms up
                steps[solver].append((time.process_time() - started, solve_seconds[-1]))
    rows = []
    for solver, seconds in steps.items():
        step, solved = (1000 * median(column) for column in zip(*seconds, strict=True))
        share = 100 * solved / step
        rows.append(
            {
                "solver": solver,
                "step, CPU ms": round(step, 1),
                "solve, CPU ms": round(solved, 2),
                "share of the step, %": round(share, 2),
                "at most 5 %": "yes" if share <= 5 else "no",
                "n": len(seconds),
            }
        )
        print(rows[-1])
    write_results(
        Path("docs/results/training-step"),
        "The transport solve within a training step",
        rows,
        command="OMP_NUM_THREADS=1 python bench/training_step.py",
        notes=f"Batch of {PAIRS} pairs, {TOKENS} tokens a side; multilingual-e5-small, all layers trained, word "
        "embeddings frozen, teacher vectors cached (random here: the solve's cost does not depend on their meaning "
        "for `exact` and `ipot`, and Sinkhorn stops at its tolerance).",
    )


if __name__ == "__main__":
    main()
