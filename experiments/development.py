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
from kivuko.experiment.main_job import collection_index
from kivuko.languages import resolve
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction
from kivuko.training.regimes.optical import OpticalSettings, train_optical
from kivuko.training.teacher import TEACHER_SETTINGS, centred_encoder, train_teacher

BASELINE = OpticalSettings(steps=400, learning_rate=2e-4)
LANGUAGES = ("om",)
#: Name → what differs from the defaults; a teacher's settings stand under "teacher", None for the untrained one.
VARIANTS: dict[str, dict[str, Any]] = {
    "exact plan, contrast 0.5, learning rate 2e-4": {},
    "sinkhorn plan (ε 0.3)": {"solver": "sinkhorn"},
    "ipot plan": {"solver": "ipot"},
    "transport alone": {"contrast_weight": 0.0},
    "learning rate 4e-4": {"learning_rate": 4e-4},
    "untrained teacher": {"teacher": None},
    "teacher trained for 300 steps": {"teacher": replace(TEACHER_SETTINGS, steps=300)},
}


def measure(name: str, language_name: str, progress: Progress) -> dict[str, object]:
    """Train and score one cell, or read it from the cache."""
    language = resolve(language_name)
    collection, bitext = Collection.open(build_collection(language)), Bitext.open(build_bitext(language))
    options = dict(VARIANTS[name])
    teacher = centred_encoder(progress)
    if (teacher_settings := options.pop("teacher", TEACHER_SETTINGS)) is not None:
        pages = {document.id: document.full_text for document in collection.documents}
        pairs = [(title, pages[page]) for title, page in collection.training_titles()]
        teacher = train_teacher(teacher, pairs, settings=teacher_settings, progress=progress)
    settings = replace(BASELINE, **options)
    inputs = [
        read_manifest(teacher, "model").hash,
        bitext.manifest.hash,
        collection.manifest.hash,
        asdict(settings),
    ]
    cell = cache_folder() / "development" / f"{hash_json(inputs)[:16]}.json"
    if cell.is_file():
        return {**json.loads(cell.read_text(encoding="utf-8")), "system": name}
    index = collection_index(collection, teacher, progress)
    student = cell.with_suffix("")
    train_optical(bitext.pairs, language, teacher, student, settings=settings, progress=progress)
    row: dict[str, object] = {
        "language": language.tag,
        "system": name,
        "measure": "nDCG@10",
        "seed": settings.seed,
    }
    qrels = collection.qrels("title", "development")
    for kind, model, queries in (
        ("student", student, collection.queries("title", "development")),
        ("teacher", teacher, collection.queries("title", "development")),
        ("English titles", teacher, collection.queries("english-title", "development")),
    ):
        run = search_late_interaction(Index.open(index), model, queries)
        summary = evaluate(run, qrels, ["nDCG@10"]).summary("nDCG@10")
        if kind == "student":
            row |= {"mean": summary.mean, "low": summary.low, "high": summary.high, "n": summary.n}
        else:
            row[f"{kind}, mean"] = round(summary.mean, 4)
    shutil.rmtree(student)
    with write_atomically(cell) as temporary:
        temporary.write_text(json.dumps(row), encoding="utf-8")
    return row


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
                rows.append(measure(name, language, progress))
                print("\n" + json.dumps(rows[-1]), flush=True)
    if arguments.write:
        write_results(
            Path("docs/results/development"),
            "Choices made on development pages",
            rows,
            command="python experiments/development.py --write",
            notes="Students of 400 steps, one seed, scored on development titles only; the intervals are wide "
            "(125 queries), so these rows chose defaults and prove little. Each row changes one thing of the first.",
        )


if __name__ == "__main__":
    main()
