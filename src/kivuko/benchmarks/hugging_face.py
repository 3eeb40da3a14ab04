"""Retrieval data sets of the Hugging Face hub in the layout that MTEB and BEIR use there.

Three subsets: ``corpus`` (_id or id, title, text), ``queries`` (_id or id, text) and ``default`` or ``qrels``
(query-id, corpus-id, score). In data sets of many languages their names begin with one's: ``sw-corpus``.
Tested with local files in this layout, through the library ``datasets``: the machines this was written on reach no
hub.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from kivuko.benchmarks.jsonl_records import Record, documents, field, queries
from kivuko.collections.counts import DropReport
from kivuko.collections.judged import Parts
from kivuko.errors import FetchError, InputError, MissingExtraError
from kivuko.languages import Language

Value = TypeVar("Value")


def read_hugging_face(name: str, split: str, document_language: Language) -> Parts:
    """A data set by its hub id, or a local folder that ``datasets`` can load.

    Args:
        name: such as ``"mteb/scifact"``; with a third part (``"mteb/MIRACLRetrieval/sw"``), the subsets whose names
            begin with it.
        split: of the judgments; also of documents and queries, where they have it.
        document_language: of all documents.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        FetchError: the data set or a subset of it cannot be reached.
        InputError: a record lacks a field or has a grade that is no whole number.
    """
    subset = ""
    if not Path(name).exists() and name.count("/") == 2:
        name, _, subset = name.rpartition("/")
        subset += "-"
    configurations = _reach(name, lambda library: library.get_dataset_config_names(name))
    judged = f"{subset}qrels" if f"{subset}qrels" in configurations else "default"
    report = DropReport()
    return Parts(
        documents(hub_records(name, f"{subset}corpus", split), document_language),
        queries(hub_records(name, f"{subset}queries", split)),
        _qrels(hub_records(name, judged, split), report),
        report,
    )


def hub_records(name: str, subset: str, split: str) -> Iterator[Record]:
    """The records of a subset, streamed: of the split if there is one of this name, or of the only one.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        FetchError: the data set cannot be reached, or it has no such subset or split.
    """
    splits = _reach(name, lambda library: library.get_dataset_split_names(name, subset))
    chosen = splits[0] if len(splits) == 1 else split
    where = f"{name}, {subset}, {chosen}"
    stream = _reach(
        where, lambda library: iter(library.load_dataset(name, subset, split=chosen, streaming=True))
    )
    number = 0
    while (record := _reach(where, lambda _: next(stream, None))) is not None:
        number += 1
        yield f"{where}, record {number}", dict(record)


def _qrels(found: Iterator[Record], report: DropReport) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for where, record in found:
        query, document = field(record, ("query-id",), where), field(record, ("corpus-id",), where)
        score = record.get("score")
        if isinstance(score, bool) or not isinstance(score, int | float) or score != int(score):
            raise InputError("a grade is no whole number", where=where, expected="score", got=repr(score))
        grades = qrels.setdefault(query, {})
        if document in grades:  # the best grade counts
            report.drop("second judgment of a document")
        grades[document] = max(int(score), grades.get(document, int(score)))
    return qrels


def _reach(where: str, read: Callable[[Any], Value]) -> Value:
    """What a read with ``datasets`` gives; whatever keeps it from its data is one error here."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "train") from error
    try:
        return read(datasets)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise FetchError(
            "this data set cannot be read from the Hugging Face hub",
            where=where,
            got=(str(error).splitlines() or [type(error).__name__])[0],
            remedy="check network, name and split; or download its files elsewhere and give their folder",
        ) from error
