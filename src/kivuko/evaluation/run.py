"""Runs and qrels in TREC format, read strictly and written in rank order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from kivuko.artifact import write_atomically
from kivuko.errors import InputError
from kivuko.ranking import Qrels, Run, ranked

__all__ = ["Qrels", "Run", "read_qrels", "read_run", "write_qrels", "write_run"]

Value = TypeVar("Value", int, float)

RUN_LINE = "query_id Q0 document_id rank score tag (six columns)"
QRELS_LINE = "query_id 0 document_id grade (four columns)"


def read_run(path: Path) -> Run:
    """Read a TREC run; ranks in the file are ignored in favour of the scores, as trec_eval does.

    A run may be empty: a system that found nothing scores 0 on every judged query.

    Raises:
        InputError: no such file, wrong encoding, a ragged line, a score that is no finite number, or a
            document that occurs twice for a query; the message names file:line.
    """
    run: Run = {}
    for where, (query, _, document, _, score, _) in _lines(Path(path), 6, RUN_LINE):
        try:
            value = float(score)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(
                "a score is not a finite number", where=where, expected=RUN_LINE, got=repr(score)
            )
        _add(run.setdefault(query, {}), query, document, value, where)
    return run


def read_qrels(path: Path) -> Qrels:
    """Read TREC qrels.

    Raises:
        InputError: as for :func:`read_run`, and when there is no judgment or a grade is not an integer.
    """
    qrels: Qrels = {}
    for where, (query, _, document, grade) in _lines(Path(path), 4, QRELS_LINE):
        try:
            value = int(grade)
        except ValueError as error:
            raise InputError(
                "a grade is not an integer", where=where, expected=QRELS_LINE, got=repr(grade)
            ) from error
        _add(qrels.setdefault(query, {}), query, document, value, where)
    if not qrels:
        raise InputError("these qrels hold no judgment", where=path, expected=QRELS_LINE, got="an empty file")
    return qrels


def write_run(path: Path, run: Run, *, tag: str) -> None:
    """Write a run, queries by id and documents by rank from 1 (score descending, then document id ascending).

    A query without documents has no line; it scores 0 when it is judged.

    Raises:
        InputError: an id or the tag is empty or holds white space, or a score is not finite.
        StorageError: the disk refused the write.
    """
    _check_name(tag, "tag", path)
    lines = []
    for query in sorted(run):
        _check_name(query, "query id", path)
        for rank, document in enumerate(ranked(run[query]), start=1):
            _check_name(document, "document id", path)
            score = float(run[query][document])
            if not math.isfinite(score):
                raise InputError("a score is not finite", where=f"{query} {document}", got=score)
            lines.append(f"{query} Q0 {document} {rank} {score!r} {tag}\n")
    with write_atomically(Path(path)) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
        temporary.chmod(0o644)


def write_qrels(path: Path, qrels: Qrels) -> None:
    """Write qrels, queries and documents by id.

    Raises:
        InputError: an id is empty or holds white space.
        StorageError: the disk refused the write.
    """
    lines = []
    for query in sorted(qrels):
        _check_name(query, "query id", path)
        for document in sorted(qrels[query]):
            _check_name(document, "document id", path)
            lines.append(f"{query} 0 {document} {qrels[query][document]}\n")
    with write_atomically(Path(path)) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
        temporary.chmod(0o644)


def _lines(path: Path, columns: int, expected: str) -> Iterator[tuple[str, list[str]]]:
    """``file:line`` and the columns of each line."""
    if not path.is_file():
        raise InputError("no such file", where=path, expected=f"lines of {expected}")
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            where = f"{path}:{number}"
            try:
                fields = raw.decode("utf-8").removeprefix("\ufeff").split()
            except UnicodeDecodeError as error:
                raise InputError(
                    "a line is not UTF-8", where=where, got=error.reason, remedy="convert the file to UTF-8"
                ) from error
            if len(fields) != columns:
                raise InputError(
                    "a line has the wrong number of columns",
                    where=where,
                    expected=expected,
                    got=f"{len(fields)} columns",
                    remedy="is this a run where qrels were wanted, or the other way round?",
                )
            yield where, fields


def _add(documents: dict[str, Value], query: str, document: str, value: Value, where: str) -> None:
    if document in documents:
        raise InputError(
            "a document occurs twice for a query",
            where=where,
            expected="each document at most once for a query",
            got=f"query {query}, document {document} again",
            remedy="remove one of the lines",
        )
    documents[document] = value


def _check_name(name: str, kind: str, where: Path) -> None:
    if not name or name.split() != [name]:
        raise InputError(
            f"a {kind} cannot be written in TREC format",
            where=where,
            expected="no white space",
            got=repr(name),
        )
