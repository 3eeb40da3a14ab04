"""Search every collection of an experiment and keep each query's scores."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from kivuko.artifact import cache_folder, exclusive, hash_json, read_manifest
from kivuko.codeswitch import Lexicon
from kivuko.collections.collection import Collection
from kivuko.collections.split import HELD_OUT
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.run import read_run, write_run
from kivuko.experiment.config import Experiment
from kivuko.languages import Language, resolve
from kivuko.models import late_interaction
from kivuko.public.collections import build_collection, collections_for
from kivuko.ranking import Qrels, Run
from kivuko.retrieval.build import build_index
from kivuko.retrieval.fusion import WeightChoice, choose_weight, reciprocal_rank_fusion
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction, search_single_vector
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.training.regimes import Models

RECIPE = 1
"""Raised when a rule of training or scoring changes, so that what was measured before is measured anew."""
MEASURES = ("nDCG@10", "R@100")
DEPTH = 100
ENGLISH = resolve("en")
#: What the fusion tries on development queries: few, for a grid has many cells.
FUSION_WEIGHTS = (0.2, 0.35, 0.5, 0.65, 0.8)
FUSION_CONSTANTS = (3, 10, 30)

Row = dict[str, Any]


@dataclass(frozen=True)
class Topics:
    """Queries of one language on one collection.

    Attributes:
        collection: the collection's name.
        language: of the queries; English for the monolingual control, whose queries are English titles.
        queries: split → query id → text.
        english: split → query id → the same queries in English.
    """

    collection: str
    language: Language
    queries: Mapping[str, Mapping[str, str]]
    english: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class TestBed:
    """All collections of an experiment with the queries that are asked.

    Attributes:
        collections: name → a collection; its documents are the same for every language.
        topics: every language on every collection.
        hash: of documents, queries and judgments.
    """

    collections: Mapping[str, Collection]
    topics: Sequence[Topics]
    hash: str


def test_bed(experiment: Experiment) -> TestBed:
    """Build the collections and choose the queries: of each split the first by a hash of their ids.

    Languages without a collection are passed over, and English is asked on each as the monolingual control.

    Raises:
        FetchError: a package cannot be brought.
    """
    most = {"development": experiment.development_queries, "test": experiment.test_queries}
    languages = [resolve(name) for name in (*experiment.languages, *experiment.further_languages)]
    collections: dict[str, Collection] = {}
    topics: list[Topics] = []
    for name in experiment.collections:
        english: dict[str, dict[str, str]] = {split: {} for split in HELD_OUT}
        for language in languages:
            if name not in collections_for(language):
                continue
            collection = Collection.open(build_collection(language, name=name))
            collections.setdefault(name, collection)
            chosen = {split: _first(collection.queries("title", split), most[split]) for split in HELD_OUT}
            originals = {split: collection.queries("english-title", split) for split in HELD_OUT}
            for split in HELD_OUT:
                english[split] |= originals[split]
            same = {
                split: {query: originals[split][query] for query in queries}
                for split, queries in chosen.items()
            }
            topics.append(Topics(name, language, chosen, same))
        if name in collections:
            chosen = {split: _first(english[split], most[split]) for split in HELD_OUT}
            topics.append(Topics(name, ENGLISH, chosen, chosen))
    asked = [[t.collection, t.language.tag, t.queries] for t in topics]
    # Only what is searched: a document's further fields must not make every finished cell out of date.
    documents = {
        name: [{"id": d.id, "title": d.title, "text": d.text} for d in collection.documents]
        for name, collection in collections.items()
    }
    return TestBed(collections, topics, hash_json([asked, documents]))


def student_runs(
    bed: TestBed, models: Models, similarity: str, progress: Progress | None, *, in_english: bool = False
) -> dict[tuple[str, str, str], Run]:
    """(collection, language tag, split) → what a model finds; ``in_english`` asks the queries' originals.

    All queries of a collection are searched at once, so models and documents are read once.
    """
    search = {"maxsim": search_late_interaction, "single-vector": search_single_vector}[similarity]
    runs: dict[tuple[str, str, str], Run] = {}
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
        folder = index_folder(bed, name, models.teacher)
        with exclusive(folder):  # processes that need the same one wait for the first instead of encoding too
            index = build_index(bed.collections[name].documents, models.teacher, folder, progress=progress)
        found = search(Index.open(index), models.student, merged, depth=DEPTH, progress=progress)
        for place, (key, query) in places.items():
            runs.setdefault(key, {})[query] = found[place]
    return runs


def index_folder(bed: TestBed, collection: str, model: Path) -> Path:
    """Where the documents of a collection lie in a model's space."""
    documents = [asdict(document) for document in bed.collections[collection].documents]
    key = hash_json([read_manifest(model, late_interaction.KIND).hash, documents])
    return cache_folder() / "indexes" / key[:16]


def lexical_runs(
    bed: TestBed,
    what: str,
    search: Callable[[LexicalIndex, Topics], Callable[[Mapping[str, str]], Run] | None],
) -> dict[tuple[str, str, str], Run]:
    """The same for a search over words; runs are kept in the cache under ``what``, which names all that matters.

    Args:
        bed: what to search.
        what: hash of what makes the searches.
        search: makes the search for some topics on an index; None passes them over.
    """
    runs: dict[tuple[str, str, str], Run] = {}
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


def lexicon_runs(bed: TestBed, lexicons: Mapping[Language, Lexicon]) -> dict[tuple[str, str, str], Run]:
    """What BM25 finds with queries translated by lexicons, for the languages that have one."""
    what = hash_json({language.tag: dict(lexicon.entries) for language, lexicon in lexicons.items()})

    def search(index: LexicalIndex, topics: Topics) -> Callable[[Mapping[str, str]], Run] | None:
        if topics.language not in lexicons:
            return None
        translator = QueryTranslator(lexicons[topics.language], index)
        return lambda queries: translator.run(queries, DEPTH)

    return lexical_runs(bed, f"lexicon {what}", search)


def score_rows(bed: TestBed, alone: Mapping[tuple[str, str, str], Run], system: str = "alone") -> list[Row]:
    """Per-query scores of runs, as a cell keeps them: values in the order of the query ids."""
    rows = []
    for topics in bed.topics:
        for split, queries in topics.queries.items():
            run = alone.get((topics.collection, topics.language.tag, split))
            if run is None or not queries:
                continue
            scores = evaluate(run, {query: {query: 1} for query in queries}, MEASURES)
            rows.append(
                {
                    "collection": topics.collection,
                    "language": topics.language.tag,
                    "queries": "title",
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


def fuse(
    bed: TestBed,
    first: Mapping[tuple[str, str, str], Run],
    second: Mapping[tuple[str, str, str], Run],
) -> dict[tuple[str, str, str], Run]:
    """Fuse two systems by ranks where both have runs; weight and constant are chosen on development queries.

    Scores fuse better (docs/results/fusion), which was found when most cells were measured.
    """
    fused: dict[tuple[str, str, str], Run] = {}
    for topics in bed.topics:
        keys = {split: (topics.collection, topics.language.tag, split) for split in HELD_OUT}
        if any(key not in runs for key in keys.values() for runs in (first, second)):
            continue
        asked = topics.queries["development"]
        if not asked:
            continue
        qrels = {query: {query: 1} for query in asked}
        development = keys["development"]
        chosen, constant = _best_ranks(first[development], second[development], qrels)
        for key in keys.values():
            fused[key] = reciprocal_rank_fusion(
                first[key], second[key], k=constant, weight=chosen.weight, depth=DEPTH
            )
    return fused


def _best_ranks(first: Run, second: Run, qrels: Qrels) -> tuple[WeightChoice, int]:
    """Weight and rank constant that score best; among equals the weight nearest to ½, then the larger constant."""
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
    return max(choices, key=lambda c: (c[0].score, -abs(c[0].weight - 0.5), c[1], c[0].weight))


def _short(value: float) -> float | int:
    """Four decimals; 0 and 1, which most values are, in one letter: cells are committed."""
    rounded = round(value, 4)
    return int(rounded) if rounded == int(rounded) else rounded


def _first(queries: Mapping[str, str], most: int) -> dict[str, str]:
    chosen = sorted(queries, key=lambda query: hashlib.sha256(f"queries {query}".encode()).hexdigest())[:most]
    return {query: queries[query] for query in sorted(chosen)}
