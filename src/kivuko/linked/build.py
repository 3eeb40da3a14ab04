"""Queries, graded judgments and splits from linked documents, in the spirit of WikiCLIR.

Schamoni, Hieber, Sokolov, Riezler: "Learning Translational and Knowledge-based Similarities from Relevance
Rankings for Cross-Language Retrieval", ACL 2014. ``docs/wikiclir-style.md`` says what is done otherwise here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from kivuko.artifact import check_replaceable
from kivuko.collections.collection import KIND, Contents, Description, QuerySet
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.collections.split import SPLITS, Split, split_of
from kivuko.collections.writing import write_collection
from kivuko.errors import InputError
from kivuko.files.resumable import Unfinished, unfinished
from kivuko.languages import Language
from kivuko.linked.card import CITATION, JUDGMENTS, NOTICE, SplitCounts, Statistics, card_text
from kivuko.linked.documents import LinkedDocument, LinkedSource, Reading
from kivuko.linked.queries import LinkedRecipe, Queries, Survey, read_queries, survey_documents
from kivuko.text import words

COUNTERPART, MUTUALLY_LINKED = 2, 1

HELP = "help"
"""The name that stands for LibreOffice's help."""


def open_source(names: Sequence[str], languages: Sequence[Language]) -> LinkedSource:
    """The linked documents that names stand for.

    Args:
        names: paths of MediaWiki dumps and of their tables of links, one folder with a folder for each language, or
            ``"help"`` for LibreOffice's help.
        languages: of queries and documents.

    Raises:
        InputError: they are none of these, or of several kinds.
    """
    from kivuko.files.streams import plain_name
    from kivuko.linked.folder import AlignedFolder
    from kivuko.linked.help_pages import LinkedHelp
    from kivuko.linked.mediawiki import MediaWikiDumps

    paths = [Path(name) for name in names]
    if list(names) == [HELP]:
        return LinkedHelp(list(languages))
    if len(paths) == 1 and paths[0].is_dir():
        return AlignedFolder(paths[0])
    dumps = [path for path in paths if plain_name(path).endswith(".xml")]
    links = [path for path in paths if plain_name(path).endswith(".sql")]
    if len(dumps) + len(links) < len(paths) or not dumps:
        raise InputError(
            "these are no linked documents",
            where=" ".join(names),
            expected="dumps (….xml, ….xml.bz2) with their links (….sql, ….sql.gz), one folder, or the word help",
            got=", ".join(
                name for name, path in zip(names, paths, strict=True) if path not in {*dumps, *links}
            )
            or "no dump",
            remedy="give files of one kind; a folder has a folder for each language in it",
        )
    return MediaWikiDumps(dumps, links)


def build_linked(
    source: LinkedSource, output: Path, recipe: LinkedRecipe, progress: Progress | None = None
) -> Statistics:
    """Build a :class:`kivuko.collections.collection.Collection` of all documents of the document language.

    The kind of its queries is the recipe's. Grade 2 is the counterpart of a
    query's document, grade 1 a document that links to the counterpart and that the counterpart links to. A query
    is on the side of its counterpart (:func:`kivuko.collections.split.split_of`), so both versions of a document are
    on one side; no query's text stands on two sides, for a text that several documents give is no query. A split
    that no query falls on is not written. ``README.md`` is the data card.

    The documents of each language are a part (:mod:`kivuko.files.resumable`): the source is read for them once, they
    are kept beside the output until all is written, and a killed build does not read a finished part's again; the
    unfinished part and the writing begin anew. What is held in memory is the queries, ids, a hash of
    each text, and eight bytes for each link from or to a counterpart; no documents.

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
        documents = _Documents(source, work, progress)
        return _built(documents, output, recipe, settings, progress)


class _Documents:
    """A source's documents, each language of them a part that is read once."""

    def __init__(self, source: LinkedSource, work: Unfinished, progress: Progress | None) -> None:
        self.source = source
        self._work, self._progress = work, progress

    def read(self, language: Language, reading: Reading) -> Iterator[LinkedDocument]:
        """One pass; ``reading`` has what the source counted once all were drawn."""
        for item in self._work.part(f"documents-{language.tag}", lambda: self._items(language)):
            if "counts" in item:
                for name, (kept, reasons) in item["counts"].items():
                    setattr(reading, name, DropReport(kept, Counter(reasons)))
            else:
                yield LinkedDocument(**{**item, "links_to": tuple(item["links_to"])})

    def _items(self, language: Language) -> Iterator[dict[str, Any]]:
        reading = Reading()
        for document in self.source.documents(language, reading, self._progress):
            yield asdict(document)
        yield {"counts": {name: (report.kept, report.reasons) for name, report in vars(reading).items()}}


def _built(
    documents: _Documents,
    output: Path,
    recipe: LinkedRecipe,
    settings: dict[str, object],
    progress: Progress | None,
) -> Statistics:
    source = documents.source
    report, query_reading, document_reading = DropReport(), Reading(), Reading()
    queries = read_queries(documents.read(recipe.query_language, query_reading), recipe, report)
    survey = survey_documents(documents.read(recipe.document_language, document_reading), recipe, queries)
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
    read = documents.read(recipe.document_language, Reading())
    contents = Contents(
        (Document(each.id, each.title, each.text, {"language": each.language}) for each in read),
        {
            QuerySet(recipe.queries, split, recipe.query_language): {
                query: queries.texts[query] for query in chosen
            }
            for split in SPLITS
            if (chosen := _of_split(queries, split))
        },
        qrels,
    )
    write_collection(
        output,
        _description(source, recipe),
        contents,
        card=card_text(source.facts, recipe, statistics),
        meta=_meta(source, settings, statistics),
        progress=progress,
    )
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


def _description(source: LinkedSource, recipe: LinkedRecipe) -> Description:
    facts = source.facts
    return Description(
        name=f"linked/{recipe.query_language.short}-{recipe.document_language.short}/{recipe.queries}",
        language=recipe.query_language,
        judgments=JUDGMENTS,
        licence=facts.licence,
        citation=CITATION,
        source=f"{facts.name}: " + ", ".join(f"{name} ({what})" for name, what in facts.versions.items()),
        notice=NOTICE,
    )


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
        "settings": settings,
        "versions": dict(source.facts.versions),
        "statistics": statistics.as_json(),
        "counts": {name: report.as_json() for name, report in statistics.reports().items()},
    }
