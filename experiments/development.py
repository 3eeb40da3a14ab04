"""Choices made on development pages: transport solver, contrast, learning rate, teacher; and how long to train.

    python experiments/development.py [--choice training-length] [--only NAME …]

Each cell trains one student on one language and scores its development titles and paragraphs. The teacher is the
regime `english` at its defaults, simpler than that of the main job, which was found later (docs/results/teachers).
Finished cells are kept in the cache, so a stopped run goes on. Results: docs/results/development/,
docs/results/training-length/ and docs/results/lexical-start/.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress

from kivuko.artifact import cache_folder, hash_json, read_manifest, write_atomically
from kivuko.collections.bitext import Bitext
from kivuko.collections.collection import Collection
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.results import write_results
from kivuko.experiment.main_job import QUERY_KINDS
from kivuko.experiment.scoring import collection_index
from kivuko.languages import resolve
from kivuko.public.bitext import build_bitext
from kivuko.public.collections import build_collection
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction
from kivuko.training.materials import Materials
from kivuko.training.optical import OpticalSettings, train_optical
from kivuko.training.rank_in_batch import RankingSettings
from kivuko.training.sources import Budget, Draw
from kivuko.training.stages import cost_of
from kivuko.training.teacher import centred_encoder, default_teacher, help_pairs, train_teacher

SHORT = {"steps": 400}


@dataclass(frozen=True)
class Choice:
    """What is chosen between.

    Attributes:
        title: heading of the results.
        variants: name → settings that differ from the defaults; "teacher" says what the teacher's training queries
            were, None for an untrained one; "budget" how much of the bitext is trained on.
        languages: in which it is measured.
        notes: what a reader of the results should know.
    """

    title: str
    variants: Mapping[str, Mapping[str, Any]]
    languages: tuple[str, ...]
    notes: str
    seeds: tuple[int, ...] = (0,)


#: How the quick student's words are treated.
WORDS, START = {"word_learning_rate": 1e-3}, {"lexical_start": 0.95}

CHOICES = {
    "development": Choice(
        "Choices made on development pages",
        {
            "default": SHORT,
            "sinkhorn plan (ε 0.3)": SHORT | {"solver": "sinkhorn"},
            "ipot plan": SHORT | {"solver": "ipot"},
            "transport alone": SHORT | {"contrast_weight": 0.0},
            "learning rate 2e-4": SHORT | {"learning_rate": 2e-4},
            "untrained teacher": SHORT | {"teacher": None},
            "teacher trained on titles alone": SHORT | {"teacher": "titles"},
        },
        ("om", "et"),
        "Students of 400 steps, one seed, scored on development queries only; the intervals are wide (125 queries), "
        "so these rows chose defaults and prove little. Each row changes one thing of the first.",
    ),
    "training-length": Choice(
        "How long to train a student of one language",
        {f"{steps:,} steps": {"steps": steps} for steps in (400, 1000, 2000)}
        | {f"{steps:,} steps, 1,000 pairs": {"steps": steps, "budget": "1k"} for steps in (400, 1000, 2000)},
        ("om", "gl"),
        "Students by OPTICAL with in-batch contrast, batches of 32 pairs, one seed, scored on development queries "
        "only; all pairs of the language, or 1,000 of them, which 2,000 steps read 64 times. 2,000 steps are the "
        "default: more were not tried with one language, for they take a person a quarter of an hour.",
    ),
    "lexical-start": Choice(
        "Students within minutes: where word embeddings start, and whether they are trained",
        {
            "as before": {"steps": 100, "teacher": "main job"},
            "words trained": {"steps": 100, "teacher": "main job", **WORDS},
            "words start from English": {"steps": 100, "teacher": "main job", **START},
            "both": {"steps": 100, "teacher": "main job", **WORDS, **START},
        },
        ("om", "km"),
        "Students of 100 steps on all pairs of the language, the teacher of the main job, scored on development "
        "queries only; a seed is which pairs are drawn, and their order. Trained words are the embeddings of the "
        "pieces that the pairs have, at a peak rate of 1e-3; words that start from English are moved by 0.95 towards "
        "the English pieces that they translate (kivuko.training.words). Minutes are of the processor, one thread, "
        "on a machine that other work shared; the alignment is in them.",
        seeds=(0, 1, 2),
    ),
}


def measure(
    name: str, options: dict[str, Any], language_name: str, progress: Progress
) -> list[dict[str, object]]:
    """Train and score one cell, or read it from the cache."""
    language = resolve(language_name)
    collection, bitext = Collection.open(build_collection(language)), Bitext.open(build_bitext(language))
    teacher = centred_encoder(progress)
    queries_of_teacher = options.pop("teacher", "titles and paragraphs")
    if queries_of_teacher == "main job":
        teacher = default_teacher(progress)
    elif queries_of_teacher is not None:
        english_pairs = help_pairs(paragraphs=queries_of_teacher != "titles")
        teacher = train_teacher(teacher, english_pairs, settings=RankingSettings(), progress=progress)
    budget: Budget = options.pop("budget", "all")
    pairs = Materials().pairs(language, Draw((language,), budget))
    settings = OpticalSettings(**options)
    inputs = [
        "titles and paragraphs",
        read_manifest(teacher, "model").hash,
        bitext.manifest.hash,
        collection.manifest.hash,
        asdict(settings),
        *([budget] if budget != "all" else []),
    ]
    cell = cache_folder() / "development" / f"{hash_json(inputs)[:16]}.json"
    if cell.is_file():
        return [{**row, "system": name} for row in json.loads(cell.read_text(encoding="utf-8"))]
    index = collection_index(collection, teacher, progress)
    student = cell.with_suffix("")
    train_optical(pairs, language, teacher, student, settings=settings, progress=progress)
    rows: list[dict[str, object]] = []
    for kind in QUERY_KINDS:
        queries, qrels = collection.queries(kind, "development"), collection.qrels(kind, "development")
        run = search_late_interaction(Index.open(index), student, queries)
        summary = evaluate(run, qrels, ["nDCG@10"]).summary("nDCG@10")
        facts = {"language": language.tag, "queries": kind, "system": name, "measure": "nDCG@10"}
        rows.append({**facts, **vars(summary), "seed": settings.seed})
    facts = {"system": name, "language": language.tag, "seed": settings.seed}
    rows.append({**facts, "CPU minutes": cost_of(student).cpu_minutes})
    shutil.rmtree(student)
    with write_atomically(cell) as temporary:
        temporary.write_text(json.dumps(rows), encoding="utf-8")
    return rows


def main() -> None:
    """Measure the cells asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--choice", default="development", choices=list(CHOICES))
    parser.add_argument("--only", nargs="*", help="these rows alone")
    parser.add_argument("--languages", nargs="*")
    parser.add_argument("--seeds", nargs="*", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write docs/results/CHOICE")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    choice = CHOICES[arguments.choice]
    rows = []
    with Progress() as progress:
        cells = itertools.product(
            arguments.seeds or choice.seeds,
            arguments.languages or choice.languages,
            arguments.only or choice.variants,
        )
        for seed, language, name in cells:
            rows += measure(name, {**choice.variants[name], "seed": seed}, language, progress)
            print("\n" + json.dumps(rows[-1]), flush=True)
    if arguments.write:
        write_results(
            Path("docs/results") / arguments.choice,
            choice.title,
            rows,
            command=" ".join(["python experiments/development.py", *sys.argv[1:]]),
            notes=choice.notes,
        )


if __name__ == "__main__":
    main()
