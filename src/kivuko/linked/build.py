"""Queries, graded judgments and splits from linked documents, in the spirit of WikiCLIR.

Schamoni, Hieber, Sokolov, Riezler: "Learning Translational and Knowledge-based Similarities from Relevance
Rankings for Cross-Language Retrieval", ACL 2014. ``docs/wikiclir-style.md`` says what is done otherwise here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from rich.progress import Progress

from kivuko.artifact import check_replaceable, write_artifact
from kivuko.collections.counts import DropReport
from kivuko.collections.judged import Description, JudgedCollection, JudgedDocument, Parts
from kivuko.collections.judged_writing import write_judged
from kivuko.collections.split import SPLITS, Split, split_of
from kivuko.errors import InputError
from kivuko.files.resumable import Unfinished, unfinished
from kivuko.linked.card import CARD, CITATION, JUDGMENTS, NOTICE, card_text
from kivuko.linked.documents import LinkedSource, Reading
from kivuko.linked.queries import Queries, read_queries
from kivuko.linked.recipe import LinkedRecipe
from kivuko.linked.statistics import SplitCounts, Statistics
from kivuko.linked.survey import Survey, survey_documents
from kivuko.text import words

KIND = "linked-collections"
COUNTERPART, MUTUALLY_LINKED = 2, 1


def build_linked(
    source: LinkedSource, output: Path, recipe: LinkedRecipe, progress: Progress | None = None
) -> Statistics:
    """Build a test collection for each split: ``output/train``, ``output/development``, ``output/test``.

    Each is a ``JudgedCollection`` with all documents of the document language. Grade 2 is the counterpart of a
    query's document, grade 1 a document that links to the counterpart and that the counterpart links to. A query
    is on the side of its counterpart (:func:`kivuko.collections.split.split_of`), so both versions of a document are on
    one side; no query's text stands on two sides, for a text that several documents give is no query. A split
    that no query falls on is not written. ``output/README.md`` is the data card.

    The source's documents are gone through once in the query language and twice in the document language; a dump is
    read once for all that. What is held in memory is the queries, ids, a hash of each text, and eight bytes for each
    link from or to a counterpart; no documents. A killed build goes on (:mod:`kivuko.files.resumable`), but for the
    writing of the splits, which begins anew.

    Args:
        source: the linked documents.
        output: a new or empty folder, or one that this wrote before.
        recipe: languages and kind of query.
        progress: a display for bars over the source's files.

    Raises:
        InputError: the source is damaged or lacks a language, or no query is left.
        ArtifactError, StorageError: see ``kivuko.artifact.write_artifact`` and ``kivuko.files.resumable.unfinished``.
    """
    check_replaceable(output, KIND)
    settings = {
        "query_language": recipe.query_language.tag,
        "document_language": recipe.document_language.tag,
        "queries": recipe.queries,
        "drop_identical": recipe.drop_identical,
    }
    with unfinished(output, settings, source.files, progress) as work:
        return _built(source, output, recipe, settings, progress, work)


def _built(
    source: LinkedSource,
    output: Path,
    recipe: LinkedRecipe,
    settings: dict[str, object],
    progress: Progress | None,
    work: Unfinished,
) -> Statistics:
    report, query_reading, document_reading = DropReport(), Reading(), Reading()
    queries = read_queries(source, recipe, query_reading, report, progress, work)
    survey = survey_documents(source, recipe, queries, document_reading, progress, work)
    identical = _keep_usable(queries, survey, recipe, report)
    if not queries.texts:
        raise InputError(
            "no query is left",
            where=source.facts.name,
            expected="documents that name a counterpart among the documents of the other language",
            got=f"left out: {report.reasons_text}; counterparts: {query_reading.counterparts.kept:,} found, "
            f"{query_reading.counterparts.reasons_text} not",
            remedy="are the two languages of one source? For recent MediaWiki dumps give the langlinks too",
        )
    qrels = _judge(queries, survey)
    statistics = Statistics(
        queries=report,
        query_reading=query_reading,
        document_reading=document_reading,
        identical=len(identical),
        splits={split: _split_counts(queries, qrels, split) for split in SPLITS},
        document_words=(float(np.mean(survey.lengths)), float(np.median(survey.lengths))),
        query_words=float(np.mean([len(words(text)) for text in queries.texts.values()])),
        held_out_in_training=_held_out_in_training(queries, qrels),
    )
    with write_artifact(output, KIND, meta=_meta(source, settings, statistics)) as folder:
        _write_splits(source, folder, recipe, queries, qrels, progress, work)
        (folder / CARD).write_text(card_text(source.facts, recipe, statistics), encoding="utf-8")
    return statistics


def _keep_usable(queries: Queries, survey: Survey, recipe: LinkedRecipe, report: DropReport) -> set[str]:
    """Remove queries whose counterpart is no document or has a twin; which others read the same in both languages."""
    identical = set()
    for query, counterpart in list(queries.counterparts.items()):
        if counterpart not in survey.present:
            report.drop("counterpart that is no document")
            queries.remove(query)
        elif counterpart in survey.twins:
            # The twin answers as well and would count as wrong.
            report.drop("counterpart with the same text as another document")
            queries.remove(query)
        elif counterpart in survey.same:
            identical.add(query)
            if recipe.drop_identical:
                report.drop("query identical in both languages")
                queries.remove(query)
    report.kept = len(queries.texts)
    return identical


def _judge(queries: Queries, survey: Survey) -> dict[str, dict[str, int]]:
    linked: dict[str, list[str]] = {}
    for wanted, document in survey.links.pairs():
        if document in survey.present:
            linked.setdefault(wanted, []).append(document)
    return {
        query: {
            **dict.fromkeys(linked.get(counterpart, ()), MUTUALLY_LINKED),
            counterpart: COUNTERPART,
        }
        for query, counterpart in queries.counterparts.items()
    }


def _write_splits(
    source: LinkedSource,
    folder: Path,
    recipe: LinkedRecipe,
    queries: Queries,
    qrels: Mapping[str, Mapping[str, int]],
    progress: Progress | None,
    work: Unfinished,
) -> None:
    facts = source.facts
    written: Path | None = None
    for split in SPLITS:
        chosen = _of_split(queries, split)
        if not chosen:
            continue
        description = Description(
            name=f"linked/{recipe.query_language.short}-{recipe.document_language.short}/{recipe.queries}/{split}",
            query_language=recipe.query_language,
            judgments=JUDGMENTS,
            licence=facts.licence,
            citation=CITATION,
            source=f"{facts.name}: " + ", ".join(f"{name} ({what})" for name, what in facts.versions.items()),
            notice=NOTICE,
        )
        # The source is parsed for the first split only; the others copy what that one holds.
        documents = (
            _judged_documents(source, recipe, progress, work)
            if written is None
            else JudgedCollection.open(written).documents()
        )
        texts = {query: queries.texts[query] for query in chosen}
        parts = Parts(documents, texts, {query: qrels[query] for query in chosen})
        written = write_judged(folder / split, description, parts, progress)


def _judged_documents(
    source: LinkedSource, recipe: LinkedRecipe, progress: Progress | None, work: Unfinished
) -> Iterator[JudgedDocument]:
    for document in source.documents(recipe.document_language, Reading(), progress, work):
        yield JudgedDocument(document.id, document.title, document.text, document.language)


def _of_split(queries: Queries, split: Split) -> list[str]:
    return [query for query, counterpart in queries.counterparts.items() if split_of(counterpart) == split]


def _split_counts(queries: Queries, qrels: Mapping[str, Mapping[str, int]], split: Split) -> SplitCounts:
    chosen = _of_split(queries, split)
    grades = Counter(grade for query in chosen for grade in qrels[query].values())
    return SplitCounts(len(chosen), grades[COUNTERPART], grades[MUTUALLY_LINKED])


def _held_out_in_training(queries: Queries, qrels: Mapping[str, Mapping[str, int]]) -> int:
    held_out = {each for each in queries.counterparts.values() if split_of(each) != "train"}
    return sum(len(held_out & qrels[query].keys()) for query in _of_split(queries, "train"))


def _meta(source: LinkedSource, settings: dict[str, object], statistics: Statistics) -> dict[str, object]:
    return {
        **settings,
        "judgments": JUDGMENTS,
        "licence": source.facts.licence,
        "versions": dict(source.facts.versions),
        "statistics": statistics.as_json(),
    }
