"""Choices made on development pages: transport solver, contrast, learning rate, teacher.

    python experiments/development.py [--only NAME …]

Each cell trains one short student (400 steps) on one language and scores its development titles. Finished cells
are kept in the cache, so a stopped run goes on. Results: docs/results/development/.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress

from kivuko.artifact import cache_folder, hash_json, read_manifest, write_atomically
from kivuko.data import Bitext, Collection, build_bitext, build_collection
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.results import write_results
from kivuko.experiment.main_job import QUERY_KINDS, collection_index
from kivuko.languages import resolve
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction
from kivuko.training.regimes.optical import OpticalSettings, train_optical
from kivuko.training.teacher import centred_encoder, help_pairs, train_teacher

BASELINE = OpticalSettings(steps=400)
LANGUAGES = ("om", "et")
#: Name → what differs from the defaults; "teacher" says what the teacher's training queries were, None for untrained.
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "sinkhorn plan (ε 0.3)": {"solver": "sinkhorn"},
    "ipot plan": {"solver": "ipot"},
    "transport alone": {"contrast_weight": 0.0},
    "learning rate 2e-4": {"learning_rate": 2e-4},
    "untrained teacher": {"teacher": None},
    "teacher trained on titles alone": {"teacher": "titles"},
}


def measure(name: str, language_name: str, progress: Progress) -> list[dict[str, object]]:
    """Train and score one cell, or read it from the cache."""
    language = resolve(language_name)
    collection, bitext = Collection.open(build_collection(language)), Bitext.open(build_bitext(language))
    options = dict(VARIANTS[name])
    teacher = centred_encoder(progress)
    if (queries_of_teacher := options.pop("teacher", "titles and paragraphs")) is not None:
        pairs = help_pairs(paragraphs=queries_of_teacher != "titles")
        teacher = train_teacher(teacher, pairs, progress=progress)
    settings = replace(BASELINE, **options)
    inputs = [
        "titles and paragraphs",
        read_manifest(teacher, "model").hash,
        bitext.manifest.hash,
        collection.manifest.hash,
        asdict(settings),
    ]
    cell = cache_folder() / "development" / f"{hash_json(inputs)[:16]}.json"
    if cell.is_file():
        return [{**row, "system": name} for row in json.loads(cell.read_text(encoding="utf-8"))]
    index = collection_index(collection, teacher, progress)
    student = cell.with_suffix("")
    train_optical(bitext.pairs, language, teacher, student, settings=settings, progress=progress)
    rows: list[dict[str, object]] = []
    for kind in QUERY_KINDS:
        queries, qrels = collection.queries(kind, "development"), collection.qrels(kind, "development")
        run = search_late_interaction(Index.open(index), student, queries)
        summary = evaluate(run, qrels, ["nDCG@10"]).summary("nDCG@10")
        facts = {"language": language.tag, "queries": kind, "system": name, "measure": "nDCG@10"}
        rows.append({**facts, **vars(summary), "seed": settings.seed})
    shutil.rmtree(student)
    with write_atomically(cell) as temporary:
        temporary.write_text(json.dumps(rows), encoding="utf-8")
    return rows


def main() -> None:
    """Measure the cells asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--languages", nargs="*", default=list(LANGUAGES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write docs/results/development")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    with Progress() as progress:
        for name in arguments.only:
            for language in arguments.languages:
                rows += measure(name, language, progress)
                print("\n" + json.dumps(rows[-1]), flush=True)
    if arguments.write:
        write_results(
            Path("docs/results/development"),
            "Choices made on development pages",
            rows,
            command="python experiments/development.py --write",
            notes="Students of 400 steps, one seed, scored on development queries only; the intervals are wide "
            "(125 queries), so these rows chose defaults and prove little. Each row changes one thing of the first.",
        )


if __name__ == "__main__":
    main()
