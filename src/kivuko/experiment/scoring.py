"""Search every collection of an experiment and keep each query's scores."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import Progress

from kivuko.artifact import cache_folder, exclusive, hash_json
from kivuko.codeswitch import Lexicon
from kivuko.collections.collection import Collection, QuerySet
from kivuko.collections.split import HELD_OUT
from kivuko.errors import InputError
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.run import read_run, write_run
from kivuko.experiment.config import Experiment, Fusion, GivenCollection
from kivuko.experiment.other_domains import as_collection, is_plain
from kivuko.languages import Language, resolve
from kivuko.models.identity import model_hash
from kivuko.public.collections import build_collection, collections_for
from kivuko.ranking import Qrels, Run
from kivuko.retrieval.build import build_index
from kivuko.retrieval.fusion import choose_weight, reciprocal_rank_fusion, score_fusion
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction, search_single_vector
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.query_translation import WAY, QueryTranslator
from kivuko.text import comparison_key
from kivuko.training.materials import HeldOut
from kivuko.training.regimes import Models

RECIPE = 1
"""Raised when a rule of training or scoring changes, so that what was measured before is measured anew."""
MEASURES = ("nDCG@10", "R@100")
DEPTH = 100
ENGLISH = resolve("en")
#: What the fusion tries on development queries: few, for a grid has many cells.
FUSION_WEIGHTS = (0.2, 0.35, 0.5, 0.65, 0.8)
FUSION_CONSTANTS = (3, 10, 30)

TITLE, ENGLISH_TITLE = "title", "english-title"

Row = dict[str, Any]
#: (collection, language tag, split) → what a system found.
Runs = dict[tuple[str, str, str], Run]


@dataclass(frozen=True)
class Topics:
    """Queries of one language on one collection.

    Attributes:
        collection: the collection's name.
        language: of the queries; English for the monolingual control, whose queries are English titles.
        queries: split → query id → text.
        english: split → query id → the same queries in English, where the collection has them.
        qrels: split → judgments of these queries.
        kind: of the queries.
    """

    collection: str
    language: Language
    queries: Mapping[str, Mapping[str, str]]
    english: Mapping[str, Mapping[str, str]]
    qrels: Mapping[str, Qrels]
    kind: str = TITLE


@dataclass(frozen=True)
class TestBed:
    """All collections of an experiment with the queries that are asked.

    Attributes:
        collections: name → a collection; its documents are the same for every language.
        topics: every language on every collection.
        hash: of documents, queries and judgments.
        held_out: what the collections ask for, asked here or not.
    """

    collections: Mapping[str, Collection]
    topics: Sequence[Topics]
    hash: str
    held_out: HeldOut = field(default_factory=HeldOut)


@dataclass(frozen=True)
class _Asked:
    """A collection's queries in one language, before some are chosen."""

    collection: Collection
    language: Language
    queries: Mapping[str, Mapping[str, str]]
    english: Mapping[str, Mapping[str, str]]
    qrels: Mapping[str, Qrels]
    kind: str = TITLE

    def texts(self, *, titles: bool) -> tuple[frozenset[str], frozenset[str]]:
        """Comparison keys of the queries, and of what they mean in English: originals, and relevant titles."""
        own = {text for queries in self.queries.values() for text in queries.values()}
        english = {text for queries in self.english.values() for text in queries.values()}
        if titles:
            relevant = {
                document
                for qrels in self.qrels.values()
                for grades in qrels.values()
                for document, grade in grades.items()
                if grade > 0
            }
            english |= {d.title for d in self.collection.documents if d.id in relevant and d.title}
        return frozenset(map(comparison_key, own)), frozenset(map(comparison_key, english))


def test_bed(experiment: Experiment) -> TestBed:
    """Open or build the collections and choose the queries: of each split the first by a hash of their ids.

    Languages without a collection are passed over, and English is asked on each that has English originals, as the
    monolingual control.

    Raises:
        ArtifactError: a folder that is given is no complete collection.
        InputError: a collection that is given has no queries to ask, or none to choose settings on.
        FetchError: a package cannot be brought.
    """
    most = {"development": experiment.development_queries, "test": experiment.test_queries}
    languages = [resolve(name) for name in (*experiment.languages, *experiment.further_languages)]
    collections: dict[str, Collection] = {}
    topics: list[Topics] = []
    asked: list[object] = []
    of_all: dict[Language, frozenset[str]] = {}
    of_given: dict[Language, frozenset[str]] = {}
    for listed in experiment.collections:
        given = isinstance(listed, GivenCollection)
        name = listed.name if isinstance(listed, GivenCollection) else listed
        here = (
            _given(listed, languages) if isinstance(listed, GivenCollection) else _public(listed, languages)
        )
        originals: dict[str, dict[str, str]] = {split: {} for split in HELD_OUT}
        judged: dict[str, Qrels] = {split: {} for split in HELD_OUT}
        for found in here:
            collections.setdefault(name, found.collection)
            own, english = found.texts(titles=given)
            for held_out in (of_all, of_given) if given else (of_all,):
                held_out[found.language] = held_out.get(found.language, frozenset()) | own | english
                held_out[ENGLISH] = held_out.get(ENGLISH, frozenset()) | english
            chosen = {split: _first(queries, most[split]) for split, queries in found.queries.items()}
            same = {
                split: {
                    query: found.english[split][query] for query in queries if query in found.english[split]
                }
                for split, queries in chosen.items()
            }
            topics.append(
                Topics(name, found.language, chosen, same, _of(found.qrels, chosen), kind=found.kind)
            )
            for split in HELD_OUT:
                originals[split] |= found.english[split]
                judged[split] |= found.qrels[split]
        if any(originals.values()):
            chosen = {split: _first(originals[split], most[split]) for split in HELD_OUT}
            topics.append(Topics(name, ENGLISH, chosen, chosen, _of(judged, chosen), kind=here[0].kind))
        for each in topics[len(asked) :]:
            row: list[object] = [each.collection, each.language.tag, each.queries]
            # Public collections' judgments are their queries' ids.
            asked.append([*row, each.kind, each.qrels] if given else row)
    # Only what is searched: a document's further fields must not make every finished cell out of date.
    documents = {
        name: [{"id": d.id, "title": d.title, "text": d.text} for d in collection.documents]
        for name, collection in collections.items()
    }
    public = frozenset(name for name in experiment.collections if isinstance(name, str))
    held_out_here = HeldOut(of_all, of_given, public)
    return TestBed(collections, topics, hash_json([asked, documents]), held_out_here)


def _public(name: str, languages: Sequence[Language]) -> list[_Asked]:
    """A public collection in the languages that it exists in."""
    found = []
    for language in languages:
        if name not in collections_for(language):
            continue
        collection = Collection.open(build_collection(language, name=name))
        found.append(
            _Asked(
                collection,
                language,
                {split: collection.queries(TITLE, split) for split in HELD_OUT},
                {split: collection.queries(ENGLISH_TITLE, split) for split in HELD_OUT},
                {split: collection.qrels(TITLE, split) for split in HELD_OUT},
            )
        )
    return found


def _given(given: GivenCollection, languages: Sequence[Language]) -> list[_Asked]:
    """A collection that a person gives, in each of the experiment's languages that it has queries in."""
    folder = given.folder
    if is_plain(folder):
        folder = as_collection(folder, given.queries, given.documents)
    elif given.documents is not None:
        raise InputError(
            "only of plain files can some documents be searched",
            where=folder,
            expected="documents.tsv and qrels.txt",
            got=f"documents = {given.documents}, and no such files",
            remedy="leave documents out, or name a folder of plain files",
        )
    collection = Collection.open(folder)
    spoken = [language for language in collection.languages if language in languages]
    if not spoken:
        raise InputError(
            "this collection asks in none of the experiment's languages",
            where=given.folder,
            expected=", ".join(language.tag for language in languages),
            got=", ".join(language.tag for language in collection.languages),
            remedy="name its language in languages or further_languages, or leave the collection out",
        )
    return [_given_in(language, collection, given) for language in spoken]


def _given_in(language: Language, collection: Collection, given: GivenCollection) -> _Asked:
    """What a given collection asks in one language, on development queries as its user says."""
    kind, there = given.queries, {each for each in collection.query_sets if each.language == language}
    splits = [split for split in HELD_OUT if QuerySet(kind, split, language) in there]
    qrels: dict[str, Qrels] = {split: {} for split in HELD_OUT}
    queries: dict[str, dict[str, str]] = {split: {} for split in HELD_OUT}
    for split in splits:
        judged = collection.qrels(kind, split, language)
        qrels[split] = {query: grades for query, grades in judged.items() if max(grades.values()) > 0}
        asked = collection.queries(kind, split, language)
        queries[split] = {query: text for query, text in asked.items() if query in qrels[split]}
    if not queries["test"]:
        raise InputError(
            "this collection has no judged test queries of this kind", where=given.folder, got=given.queries
        )
    if given.development == "halve":
        both = queries["development"] | queries["test"]
        judged = qrels["development"] | qrels["test"]
        first = sorted(both, key=lambda query: hashlib.sha256(f"halves {query}".encode()).hexdigest())
        halves = {"development": first[: len(first) // 2], "test": first[len(first) // 2 :]}
        queries = {split: {query: both[query] for query in sorted(ids)} for split, ids in halves.items()}
        qrels = {
            split: {query: judged[query] for query in ids if query in judged} for split, ids in halves.items()
        }
    elif given.development == "none":
        queries["development"], qrels["development"] = {}, {}
    elif not queries["development"]:
        raise InputError(
            "this collection has no development queries, on which the weight of a fusion could be chosen",
            where=given.folder,
            got=f"{len(queries['test']):,} test queries",
            remedy='say development = "halve" beside its folder, to choose on one half of its test queries and test '
            'on the other, or development = "none", to fuse nothing on it',
        )
    english: dict[str, dict[str, str]] = {split: {} for split in HELD_OUT}
    if (original := f"english-{kind}") in collection.query_kinds:
        every = {q: text for split in splits for q, text in collection.queries(original, split).items()}
        english = {split: {q: every[q] for q in asked if q in every} for split, asked in queries.items()}
    return _Asked(collection, language, queries, english, qrels, kind=given.queries)


def _of(qrels: Mapping[str, Qrels], chosen: Mapping[str, Mapping[str, str]]) -> dict[str, Qrels]:
    """The judgments of the chosen queries."""
    return {
        split: {query: qrels[split][query] for query in queries if query in qrels[split]}
        for split, queries in chosen.items()
    }


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


def _first(queries: Mapping[str, str], most: int) -> dict[str, str]:
    chosen = sorted(queries, key=lambda query: hashlib.sha256(f"queries {query}".encode()).hexdigest())[:most]
    return {query: queries[query] for query in sorted(chosen)}
