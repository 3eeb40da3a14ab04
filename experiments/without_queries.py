"""Whether a teacher should learn from queries that stand word for word in the document they should find.

    python experiments/without_queries.py --shared FOLDER [--languages en om ha hi] [--threads N]

Titles and paragraphs of training pages stand in these pages, so that finding a copy is all they teach at worst.
Teachers trained alike, with the query in its document and taken out of it, are asked help pages and the collections
of FOLDER (experiments/questions.py). Writes docs/results/without-queries/.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from questions import QUERIES_AT_MOST, asked

from kivuko.cli.display import bars
from kivuko.evaluation.effects import Trials, paired_effect
from kivuko.evaluation.measures import Scores, evaluate
from kivuko.evaluation.results import write_results
from kivuko.evaluation.significance import holm
from kivuko.experiment.scoring import DEPTH
from kivuko.languages import resolve
from kivuko.models.encoder import Encoder
from kivuko.retrieval.index import Index
from kivuko.retrieval.search import Searcher
from kivuko.training.rank_in_batch import RankingSettings
from kivuko.training.teacher import (
    SETTINGS,
    centred_encoder,
    help_pairs,
    train_teacher,
    with_hard_negatives,
    without_queries,
)

MEASURE = "nDCG@10"
OUTPUT = Path("docs/results/without-queries")
START, KEPT, TAKEN = "untrained, centred", "query in the document", "query taken out"
GRID_KEPT, GRID_TAKEN = f"{KEPT}, as grids start", f"{TAKEN}, as grids start"
RIVALS = {TAKEN: KEPT, GRID_TAKEN: GRID_KEPT}
NOTES = """`{kept}`: the teacher of the main job, {steps} steps on titles and paragraphs of English help pages with
hard negatives. `{taken}`: the same examples, but the query stands no longer in the document, nor the title in the
negatives of a title; {dropped} of {examples} examples kept fewer than four words and were dropped. `as grids start`:
without hard negatives, MaxSim summed. Queries are asked of the teacher itself, of other languages without any
training in them, {most} of each collection, kind and half at most, in compressed indexes. One seed. Tests take
languages and collections as equals; p by Holm over all of this page."""


def main() -> None:
    """Train the teachers, ask them, write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--languages", nargs="+", default=["en", "om", "ha", "hi"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    pairs = help_pairs()
    triples = with_hard_negatives(pairs)
    examples = {
        KEPT: (triples, SETTINGS),
        TAKEN: (without_queries(triples), SETTINGS),
        GRID_KEPT: (pairs, RankingSettings()),
        GRID_TAKEN: (without_queries(pairs), RankingSettings()),
    }
    found: dict[tuple[str, str, str, str], Scores] = {}
    with bars() as progress:
        start = centred_encoder(progress)
        teachers = {START: start} | {
            name: train_teacher(start, given_examples, settings=settings, progress=progress)
            for name, (given_examples, settings) in examples.items()
        }
        for name, teacher in teachers.items():
            encoder = Encoder.open(teacher)
            for language in map(resolve, given.languages):
                for each in asked(language, given.shared, teacher, progress):
                    run = Searcher(Index.open(each.index), model=encoder).rank(each.half.queries, depth=DEPTH)
                    scores = evaluate(run, each.half.qrels, [MEASURE])
                    found[each.half.split, each.name, language.tag, name] = scores
            print(name, flush=True)
    rows = [
        {"split": split, "queries": queries, "language": language, "system": system, "measure": MEASURE}
        | vars(scores.summary(MEASURE))
        | {"seed": 0}
        for (split, queries, language, system), scores in found.items()
    ]
    write_results(
        given.output,
        "Teachers with the query in the document, and without it",
        rows,
        command=" ".join(["python experiments/without_queries.py", *sys.argv[1:]]),
        notes=NOTES.format(
            kept=KEPT,
            taken=TAKEN,
            steps=SETTINGS.steps,
            dropped=len(triples) - len(examples[TAKEN][0]),
            examples=f"{len(triples):,}",
            most=QUERIES_AT_MOST,
        ),
        extra={"Means over languages and collections": _means(found), "Tests": _tests(found)},
    )


def _means(found: dict[tuple[str, str, str, str], Scores]) -> list[dict[str, Any]]:
    """Of each system and half: help pages and other domains, English and other languages."""
    groups: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (split, queries, language, system), scores in found.items():
        groups[split, system][_group(queries, language)].append(scores.mean(MEASURE))
    return [
        {"split": split, "system": system} | {group: round(mean(own), 4) for group, own in by_group.items()}
        for (split, system), by_group in groups.items()
    ]


def _group(queries: str, language: str) -> str:
    kind = "help pages" if queries.startswith("help") else "other domains"
    return f"{kind}, {'English' if language == 'eng-Latn' else 'others'}"


def _tests(found: dict[tuple[str, str, str, str], Scores]) -> list[dict[str, Any]]:
    """Of each half and group, a teacher without queries against its rival."""
    rows: list[dict[str, Any]] = []
    for (system, rival), split in (
        (pair, half) for pair in RIVALS.items() for half in ("development", "test")
    ):
        by_group: dict[str, dict[str, Any]] = defaultdict(dict)
        for (of, queries, language, name), scores in found.items():
            if (of, name) == (split, system):
                values, others = (
                    scores.per_query[MEASURE],
                    found[split, queries, language, rival].per_query[MEASURE],
                )
                pair = (np.array(list(values.values())), np.array([others[query] for query in values]))
                by_group[_group(queries, language)][f"{queries} {language}"] = pair
        for group, pairs in by_group.items():
            effect = paired_effect(pairs, Trials(seed=0))
            rows.append(
                {"split": split, "system": system, "rival": rival, "queries": group} | effect.columns()
            )
    adjusted = holm({str(number): row["p"] for number, row in enumerate(rows)})
    return [row | {"p by Holm": round(adjusted[str(number)], 4)} for number, row in enumerate(rows)]


if __name__ == "__main__":
    main()
