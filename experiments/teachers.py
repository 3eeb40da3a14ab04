"""How to train an English teacher: on titles or paragraphs too, with which loss, with hard negatives or without.

    python experiments/teachers.py [--threads N]
    python experiments/teachers.py --length [--threads N]

Each teacher is asked directly, in English and (zero-shot) in two languages, on development pages. About three
quarters of an hour on one core; trained teachers and indexes are kept in the cache. Results: docs/results/teachers/.
``--length`` asks how much shorter training may be, with three seeds: docs/results/teacher-length/, an hour.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from kivuko.artifact import cache_folder
from kivuko.cli.display import bars
from kivuko.collections.collection import Collection
from kivuko.collections.split import split_of
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.results import write_results
from kivuko.experiment.main_job import QUERY_KINDS
from kivuko.experiment.scoring import collection_index
from kivuko.languages import resolve
from kivuko.models.identity import model_hash
from kivuko.public.collections import build_collection, training_titles, unique_paragraphs
from kivuko.public.help_pages import english_pages
from kivuko.retrieval.build import build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction
from kivuko.training.rank_in_batch import RankingSettings
from kivuko.training.stages import cost_of
from kivuko.training.teacher import (
    QUICK_SETTINGS,
    SETTINGS,
    centred_encoder,
    help_pairs,
    title_and_sentence_pairs,
    train_teacher,
    with_hard_negatives,
)

LANGUAGES = ("om", "hi")
QUERIES = 100


#: Of ``--length``: steps over so many pieces of a page.
LENGTHS = {
    "full: 160 steps, 128 pieces": SETTINGS,
    "quick: 80 steps, 96 pieces": QUICK_SETTINGS,
    "80 steps, 64 pieces": replace(QUICK_SETTINGS, max_length=64),
}
SEEDS = (0, 1, 2)
_QUICK = """The first {queries} development queries of each kind, asked of the teacher itself (no student); of a page
its first 160 pieces are searched. A seed is the order of the examples. CPU minutes are of training alone, on a
machine that other work shared. Quick training has a higher learning rate ({quick:g} to {full:g}), as fewer steps
want. Nothing here was asked of test pages."""


def main() -> None:
    """Train the teachers, score their development queries and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--length", action="store_true", help="ask how much shorter training may be")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    (lengths if given.length else recipes)()


def lengths() -> None:
    """Whether shorter training teaches as much, over seeds."""
    collections = [Collection.open(build_collection(resolve(name))) for name in LANGUAGES]
    asked = development_queries(collections)
    rows: list[dict[str, Any]] = []
    costs: list[dict[str, Any]] = []
    with bars() as progress:
        start, pairs = centred_encoder(progress), with_hard_negatives(help_pairs())
        for seed, (name, settings) in itertools.product(SEEDS, LENGTHS.items()):
            teacher = train_teacher(start, pairs, settings=replace(settings, seed=seed), progress=progress)
            place = cache_folder() / "teachers-asked" / model_hash(teacher)[:16]
            index = build_index(
                collections[0].documents, teacher, place, kind="compressed", passages=False, progress=progress
            )
            rows += [{**row, "seed": seed} for row in scores(name, teacher, index, asked)]
            costs.append({"system": name, "seed": seed, "CPU minutes": cost_of(teacher).cpu_minutes})
            print(costs[-1], flush=True)
    means = [
        {"system": name}
        | {
            kind: round(mean(r["mean"] for r in rows if (r["system"], r["queries"]) == (name, kind)), 4)
            for kind in QUERY_KINDS
        }
        | {"CPU minutes": round(mean(c["CPU minutes"] for c in costs if c["system"] == name), 2)}
        for name in LENGTHS
    ]
    write_results(
        Path("docs/results/teacher-length"),
        "How long to train an English teacher",
        rows,
        command="python experiments/teachers.py --length",
        notes=_QUICK.format(queries=QUERIES, quick=QUICK_SETTINGS.learning_rate, full=SETTINGS.learning_rate),
        extra={"Means over languages and seeds, and cost": means, "Cost": costs},
    )


def development_queries(collections: Sequence[Collection]) -> dict[tuple[str, str], Mapping[str, str]]:
    """(language, kind) → the first development queries by id: English ones, and each collection's."""
    pages = english_pages(None).pages
    development = [page for page in collections[0].documents if split_of(page.id) == "development"]
    asked = {
        ("eng-Latn", "title"): {page.id: page.title for page in development},
        ("eng-Latn", "paragraph"): dict(unique_paragraphs(pages.values(), "development")),
        **{
            (c.language.tag, kind): c.queries(kind, "development")
            for c in collections
            for kind in QUERY_KINDS
        },
    }
    return {key: dict(sorted(queries.items())[:QUERIES]) for key, queries in asked.items()}


def scores(
    name: str, teacher: Path, index: Path, asked: Mapping[tuple[str, str], Mapping[str, str]]
) -> list[dict[str, Any]]:
    """A row for each language and kind of query."""
    rows = []
    for (language, kind), queries in asked.items():
        run = search_late_interaction(Index.open(index), teacher, queries)
        found = evaluate(run, {query: {query: 1} for query in queries}, ["nDCG@10"])
        facts = {"language": language, "queries": kind, "system": name, "measure": "nDCG@10"}
        rows.append({**facts, **vars(found.summary("nDCG@10")), "seed": 0})
    return rows


def recipes() -> None:
    """What to train on, and with which loss."""
    collections = [Collection.open(build_collection(resolve(name))) for name in LANGUAGES]
    pages = english_pages(None).pages
    asked = development_queries(collections)
    rows = []
    with bars() as progress:
        start = centred_encoder(progress)
        titles, both = help_pairs(paragraphs=False), help_pairs()
        training = {name for _, name in training_titles(pages.values())}
        sentences = title_and_sentence_pairs(
            [page for page in collections[0].documents if page.id in training]
        )
        summed, averaged = RankingSettings(), SETTINGS
        trained: dict[str, tuple[Sequence[tuple[str, ...]], RankingSettings]] = {
            "titles": (titles, summed),
            "titles and paragraphs": (both, summed),
            "both, hard negatives": (with_hard_negatives(both), summed),
            "both, mean MaxSim": (both, averaged),
            "both, hard negatives, mean MaxSim at scale 12": (
                with_hard_negatives(both),
                replace(averaged, scale=12.0),
            ),
            "both, hard negatives, mean MaxSim": (with_hard_negatives(both), averaged),
            "titles, hard negatives, mean MaxSim": (with_hard_negatives(titles), averaged),
            "titles and sentences, hard negatives, mean MaxSim": (with_hard_negatives(sentences), averaged),
        }
        teachers = {"untrained, centred": start} | {
            name: train_teacher(start, pairs, settings=settings, progress=progress)
            for name, (pairs, settings) in trained.items()
        }
        for name, teacher in teachers.items():
            rows += scores(name, teacher, collection_index(collections[0], teacher, progress), asked)
    write_results(
        Path("docs/results/teachers"),
        "How to train an English teacher",
        rows,
        command="python experiments/teachers.py",
        notes=f"""The first {QUERIES} development queries of each kind, asked of the teacher itself (no student).
English paragraphs stand word for word on their page, a quarter of them beyond the 160 pieces that a teacher reads.

With MaxSim summed over the query's tokens a teacher forgets how to use long queries: their sums lie so far apart that
the loss has nothing left to say, and short queries alone decide. Mean MaxSim has one scale for all lengths, 20 except
where it says 12. A hard negative is one of the eight other pages that BM25 ranks best. The default of the main job is
`both, hard negatives, mean MaxSim`; grids, which compare regimes, start from `titles and paragraphs`. The last row is
what `kivuko train teacher` does with documents of which only titles and texts are known.""",
    )


if __name__ == "__main__":
    main()
