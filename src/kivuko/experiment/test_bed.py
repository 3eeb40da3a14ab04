"""What an experiment asks: its collections, and which of their queries in each language."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kivuko.artifact import hash_json
from kivuko.collections.collection import Collection, QuerySet
from kivuko.collections.split import HELD_OUT
from kivuko.errors import InputError
from kivuko.experiment.config import Experiment, GivenCollection
from kivuko.experiment.other_domains import as_collection, is_plain
from kivuko.languages import Language, resolve
from kivuko.public.collections import build_collection, collections_for
from kivuko.ranking import Qrels
from kivuko.text import comparison_key
from kivuko.training.sources import HeldOut

ENGLISH = resolve("en")
TITLE, ENGLISH_TITLE = "title", "english-title"


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


def _first(queries: Mapping[str, str], most: int) -> dict[str, str]:
    chosen = sorted(queries, key=lambda query: hashlib.sha256(f"queries {query}".encode()).hexdigest())[:most]
    return {query: queries[query] for query in sorted(chosen)}
