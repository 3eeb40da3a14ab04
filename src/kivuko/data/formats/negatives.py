"""Training examples with hard negatives, of triples: a query, a passage that answers it, and some that do not."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.progress import Progress

from kivuko.data.drops import DropReport
from kivuko.data.formats import msmarco
from kivuko.data.formats.triples import Triple
from kivuko.data.streams import COMPRESSED
from kivuko.errors import InputError


def with_negatives(triples: Iterable[Triple], count: int, report: DropReport) -> Iterator[tuple[str, ...]]:
    """(query, positive, negative, …) with ``count`` different negatives, of triples that follow each other.

    Triples of one query and positive make one example, with the first negatives among them; others are not looked at.

    Args:
        triples: in the order of their file.
        count: negatives of an example, at least 1.
        report: counts the examples, and those dropped for too few negatives.
    """
    for (query, positive), found in itertools.groupby(triples, key=lambda each: (each.query, each.positive)):
        negatives = dict.fromkeys(triple.negative for triple in found)
        if len(negatives) < count:
            report.drop(f"fewer than {count} negatives")
            continue
        report.kept += 1
        yield query, positive, *itertools.islice(negatives, count)


def read_msmarco_examples(
    folder: Path,
    count: int,
    *,
    report: DropReport,
    systems: Sequence[str] = (),
    progress: Progress | None = None,
) -> Iterator[tuple[str, ...]]:
    """Examples with negatives of MS MARCO, of the first of three files that is there.

    ``msmarco-hard-negatives.jsonl`` has negatives of a dozen systems; ``qidpidtriples.train.full.2.tsv`` and
    ``triples.train.small.tsv`` have triples, of which those of one query and positive give several negatives only if
    they follow each other (it could not be verified that they do in the published files; one negative needs no
    order).

    Args:
        folder: see :mod:`kivuko.data.formats.msmarco`.
        count: negatives of an example, at least 1.
        report: counts the examples, and what was left out, by reason.
        systems: whose negatives, as equal shares as can be; by default the first system's of each line, filled up by
            the next ones. Only the first file names systems.
        progress: a rich display for a bar over each file.

    Raises:
        InputError: none of the files is there, systems are asked of triples, or a line is malformed.
    """
    left_out = without_count(report)
    if _is_there(folder, msmarco.HARD_NEGATIVES):
        share = -(-count // len(systems)) if systems else count
        triples = msmarco.read_hard_negatives(
            folder, report=left_out, per_system=share, systems=systems, progress=progress
        )
    elif systems:
        raise InputError(
            "only mined negatives are known by system",
            where=folder,
            expected=msmarco.HARD_NEGATIVES,
            got=f"negatives of {', '.join(systems)} asked for, and no such file",
        )
    elif _is_there(folder, msmarco.ID_TRIPLES):
        triples = msmarco.read_id_triples(folder, report=left_out, progress=progress)
    elif _is_there(folder, msmarco.TEXT_TRIPLES):
        triples = msmarco.read_text_triples(folder, report=left_out, progress=progress)
    else:
        raise InputError(
            "there is no file with negatives of MS MARCO",
            where=folder,
            expected=f"{msmarco.HARD_NEGATIVES}, {msmarco.ID_TRIPLES} or {msmarco.TEXT_TRIPLES}, plain or compressed",
            remedy="bring one of them, or train without hard negatives",
        )
    return with_negatives(triples, count, report)


def without_count(report: DropReport) -> DropReport:
    """A report that shares the reasons of another one, but not its count of what was kept."""
    return DropReport(0, report.reasons)


def _is_there(folder: Path, name: str) -> bool:
    return any((folder / f"{name}{ending}").is_file() for ending in ("", *COMPRESSED))
