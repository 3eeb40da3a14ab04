"""How to train an English teacher: on titles or paragraphs too, with which loss, with hard negatives or without.

    python experiments/teachers.py [--threads N]

Each teacher is asked directly, in English and (zero-shot) in two languages, on development pages. About three
quarters of an hour on one core; trained teachers and indexes are kept in the cache. Results: docs/results/teachers/.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from kivuko.cli.display import bars
from kivuko.collections.collection import Collection
from kivuko.collections.split import split_of
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.results import write_results
from kivuko.experiment.main_job import QUERY_KINDS
from kivuko.experiment.scoring import collection_index
from kivuko.languages import resolve
from kivuko.public.collections import build_collection, training_titles, unique_paragraphs
from kivuko.public.help_pages import english_pages
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction
from kivuko.training.rank_in_batch import RankingSettings
from kivuko.training.teacher import (
    SETTINGS,
    centred_encoder,
    help_pairs,
    title_and_sentence_pairs,
    train_teacher,
    with_hard_negatives,
)

LANGUAGES = ("om", "hi")
QUERIES = 100


def main() -> None:
    """Train the teachers, score their development queries and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    collections = [Collection.open(build_collection(resolve(name))) for name in LANGUAGES]
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
    rows = []
    with bars() as progress:
        start = centred_encoder(progress)
        titles, both = help_pairs(paragraphs=False), help_pairs()
        training = {name for _, name in training_titles(pages.values())}
        sentences = title_and_sentence_pairs(
            [page for page in collections[0].documents if page.id in training]
        )
        summed, mean = RankingSettings(), SETTINGS
        trained: dict[str, tuple[Sequence[tuple[str, ...]], RankingSettings]] = {
            "titles": (titles, summed),
            "titles and paragraphs": (both, summed),
            "both, hard negatives": (with_hard_negatives(both), summed),
            "both, mean MaxSim": (both, mean),
            "both, hard negatives, mean MaxSim at scale 12": (
                with_hard_negatives(both),
                replace(mean, scale=12.0),
            ),
            "both, hard negatives, mean MaxSim": (with_hard_negatives(both), mean),
            "titles, hard negatives, mean MaxSim": (with_hard_negatives(titles), mean),
            "titles and sentences, hard negatives, mean MaxSim": (with_hard_negatives(sentences), mean),
        }
        teachers = {"untrained, centred": start} | {
            name: train_teacher(start, pairs, settings=settings, progress=progress)
            for name, (pairs, settings) in trained.items()
        }
        for name, teacher in teachers.items():
            index = Index.open(collection_index(collections[0], teacher, progress))
            for (language, kind), queries in asked.items():
                chosen = dict(sorted(queries.items())[:QUERIES])
                run = search_late_interaction(index, teacher, chosen, progress=progress)
                scores = evaluate(run, {query: {query: 1} for query in chosen}, ["nDCG@10"])
                facts = {"language": language, "queries": kind, "system": name, "measure": "nDCG@10"}
                rows.append({**facts, **vars(scores.summary("nDCG@10")), "seed": 0})
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
