"""Search every collection of an experiment and keep each query's scores."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.progress import Progress

from kivuko.artifact import cache_folder, exclusive, hash_json
from kivuko.codeswitch import Lexicon
from kivuko.collections.collection import Collection
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.run import read_run, write_run
from kivuko.experiment.config import Fusion
from kivuko.experiment.test_bed import ENGLISH, TestBed, Topics
from kivuko.languages import Language
from kivuko.models.identity import model_hash
from kivuko.ranking import Qrels, Run
from kivuko.retrieval.build import build_index
from kivuko.retrieval.fusion import choose_weight, reciprocal_rank_fusion, score_fusion
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction, search_single_vector
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.query_translation import WAY, QueryTranslator
from kivuko.training.regimes import Models

RECIPE = 1
"""Raised when a rule of training or scoring changes, so that what was measured before is measured anew."""
MEASURES = ("nDCG@10", "R@100")
DEPTH = 100
#: What the fusion tries on development queries: few, for a grid has many cells.
FUSION_WEIGHTS = (0.2, 0.35, 0.5, 0.65, 0.8)
FUSION_CONSTANTS = (3, 10, 30)

Row = dict[str, Any]
#: (collection, language tag, split) → what a system found.
Runs = dict[tuple[str, str, str], Run]


def student_runs(
    bed: TestBed, models: Models, similarity: str, progress: Progress | None, *, in_english: bool = False
) -> Runs:
    """(collection, language tag, split) → what a model finds; ``in_english`` asks the queries' originals.

    All queries of a collection are searched at once, so models and documents are read once.
    """
    search = {"maxsim": search_late_interaction, "single-vector": search_single_vector}[similarity]
    runs: Runs = {}
    for name in bed.collections:
        merged: dict[str, str] = {}
        places: dict[str, tuple[tuple[str, str, str], str]] = {}
        for topics in bed.topics:
            if topics.collection != name:
                continue
            for split, queries in (topics.english if in_english else topics.queries).items():
                for query, text in queries.items():
                    place = f"{topics.language.tag} {split} {query}"
                    merged[place] = text
                    places[place] = (name, topics.language.tag, split), query
        if not merged:
            continue  # no English originals to ask
        index = collection_index(bed.collections[name], models.teacher, progress)
        found = search(Index.open(index), models.student, merged, depth=DEPTH, progress=progress)
        for place, (key, query) in places.items():
            runs.setdefault(key, {})[query] = found[place]
    return runs


def collection_index(collection: Collection, model: Path, progress: Progress | None) -> Path:
    """The documents in a model's space; all languages of a collection, and all who ask, share it."""
    folder = index_folder(collection, model)
    with exclusive(folder):  # processes that need the same one wait for the first instead of encoding too
        return build_index(collection.documents, model, folder, progress=progress)


def index_folder(collection: Collection, model: Path) -> Path:
    """Where the documents of a collection lie in a model's space."""
    documents = [asdict(document) for document in collection.documents]
    key = hash_json([model_hash(model), documents])
    return cache_folder() / "indexes" / key[:16]


def lexical_runs(
    bed: TestBed,
    what: str,
    search: Callable[[LexicalIndex, Topics], Callable[[Mapping[str, str]], Run] | None],
) -> Runs:
    """The same for a search over words; runs are kept in the cache under ``what``, which names all that matters.

    Args:
        bed: what to search.
        what: hash of what makes the searches.
        search: makes the search for some topics on an index; None passes them over.
    """
    runs: Runs = {}
    home = cache_folder() / "experiment" / "runs" / hash_json([RECIPE, bed.hash, what])[:16]
    indexes: dict[str, LexicalIndex] = {}
    for topics in bed.topics:
        if topics.language == ENGLISH:
            continue
        files = {
            split: home / f"{topics.collection}.{topics.language.tag}.{split}.run" for split in topics.queries
        }
        if not all(file.is_file() for file in files.values()):
            if topics.collection not in indexes:
                indexes[topics.collection] = LexicalIndex(bed.collections[topics.collection].documents)
            of_language = search(indexes[topics.collection], topics)
            if of_language is None:
                continue
            for split, file in files.items():
                write_run(file, of_language(topics.queries[split]), tag="lexical")
        for split, file in files.items():
            runs[topics.collection, topics.language.tag, split] = read_run(file)
    return runs


def lexicon_runs(bed: TestBed, lexicons: Mapping[Language, Lexicon]) -> Runs:
    """What BM25 finds with queries translated by lexicons, for the languages that have one."""
    what = hash_json({language.tag: dict(lexicon.entries) for language, lexicon in lexicons.items()})

    def search(index: LexicalIndex, topics: Topics) -> Callable[[Mapping[str, str]], Run] | None:
        if topics.language not in lexicons:
            return None
        translator = QueryTranslator(lexicons[topics.language], index)
        return lambda queries: translator.run(queries, DEPTH)

    return lexical_runs(bed, f"lexicon with {WAY} {what}", search)


def score_rows(
    bed: TestBed, alone: Runs, system: str = "alone", *, measures: Sequence[str] = MEASURES
) -> list[Row]:
    """Per-query scores of runs, as a cell keeps them: values in the order of the query ids."""
    rows = []
    for topics in bed.topics:
        for split, queries in topics.queries.items():
            run = alone.get((topics.collection, topics.language.tag, split))
            if run is None or not queries:
                continue
            scores = evaluate(run, topics.qrels[split], measures)
            rows.append(
                {
                    "collection": topics.collection,
                    "language": topics.language.tag,
                    "queries": topics.kind,
                    "system": system,
                    "split": split,
                    "ids": hash_json(sorted(queries))[:12],
                    "per_query": {
                        measure: [_short(value) for value in values.values()]
                        for measure, values in scores.per_query.items()
                    },
                }
            )
    return rows


def page_labels(bed: TestBed) -> dict[str, list[str]]:
    """What each query is about, by collection and the hash of ids that rows of scores have: a label for the first
    relevant document, equal for queries of one page in any language."""
    return {
        f"{topics.collection} {hash_json(sorted(queries))[:12]}": [
            hashlib.sha256(
                f"{topics.collection} {sorted(topics.qrels[split][query])[0]}".encode()
            ).hexdigest()[:8]
            for query in sorted(queries)
        ]
        for topics in bed.topics
        for split, queries in topics.queries.items()
        if queries
    }


def fuse(bed: TestBed, first: Runs, second: Runs, by: Fusion) -> Runs:
    """Fuse two systems where both have runs and there are development queries to choose the weight on.

    Args:
        bed: what was searched.
        first: what the one found.
        second: what the other found.
        by: ``"scores"``, as the product does, or ``"ranks"`` (reciprocal ranks, whose constant is chosen too), as the
            first experiments did; scores fuse better (docs/results/fusion).
    """
    fused: Runs = {}
    for topics in bed.topics:
        keys = {split: (topics.collection, topics.language.tag, split) for split in topics.queries}
        if not topics.queries["development"]:
            continue
        if any(key not in runs for key in keys.values() for runs in (first, second)):
            continue
        qrels = topics.qrels["development"]
        best = {"scores": _best_scores, "ranks": _best_ranks}[by]
        fusion = best(first[keys["development"]], second[keys["development"]], qrels)
        for key in keys.values():
            fused[key] = fusion(first[key], second[key])
    return fused


def _best_scores(first: Run, second: Run, qrels: Qrels) -> Callable[[Run, Run], Run]:
    """The fusion by scores with the weight that is best on these queries."""
    chosen = choose_weight(
        lambda weight: score_fusion(first, second, weight=weight, depth=DEPTH),
        lambda run: evaluate(run, qrels, ["nDCG@10"]).mean("nDCG@10"),
    )
    return functools.partial(score_fusion, weight=chosen.weight, depth=DEPTH)


def _best_ranks(first: Run, second: Run, qrels: Qrels) -> Callable[[Run, Run], Run]:
    """The fusion by ranks that scores best; among equals with the weight nearest to ½, then the larger constant."""
    choices = [
        (
            choose_weight(
                lambda weight, k=constant: reciprocal_rank_fusion(
                    first, second, k=k, weight=weight, depth=DEPTH
                ),  # type: ignore[misc]
                lambda run: evaluate(run, qrels, ["nDCG@10"]).mean("nDCG@10"),
                weights=FUSION_WEIGHTS,
            ),
            constant,
        )
        for constant in FUSION_CONSTANTS
    ]
    chosen, constant = max(choices, key=lambda c: (c[0].score, -abs(c[0].weight - 0.5), c[1], c[0].weight))
    return functools.partial(reciprocal_rank_fusion, k=constant, weight=chosen.weight, depth=DEPTH)


def _short(value: float) -> float | int:
    """Four decimals; 0 and 1, which most values are, in one letter: cells are committed."""
    rounded = round(value, 4)
    return int(rounded) if rounded == int(rounded) else rounded
