"""People's own files: pairs, documents and queries, with errors that name the line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.files.hub import hub_objects, is_hub
from kivuko.files.json_lines import id_field, is_json_lines, json_objects, text_field
from kivuko.files.parquet import is_parquet, parquet_objects
from kivuko.files.tables import names_columns, read_tsv
from kivuko.text import normalise
from kivuko.text.faults import fault, faulty
from kivuko.trec_lines import fits

if TYPE_CHECKING:
    from rich.progress import Progress

_FIELDS = ("id", "title", "text")
_QUERY_FIELDS = ("id", "text")
_Metadata = dict[str, str | int | float | bool]


def read_documents(path: Path | str) -> list[Document]:
    """Documents from a file: TSV ``id<TAB>title<TAB>text``, or JSON lines, Parquet or a data set with these three.

    JSON lines end in ``.jsonl`` or ``.ndjson``, Parquet in ``.parquet``, a data set is ``hf:NAME``, see
    :func:`kivuko.files.hub.hub_objects`; all but Parquet may be compressed (``.gz``,
    ``.bz2``, ``.xz``, ``.zst``). The title or the text may be empty, not both. Text is normalised. But in TSV an id
    may be a whole number, and every other field is metadata: a string, a number, true or false; null is none.

    Raises:
        InputError: a line is ragged, empty, not in UTF-8 or no JSON object, names the columns, or has a control
            character or half a character; an id is missing, repeated or nothing that a run can hold; a document is
            empty, or there is none. Names ``file:line``, and both lines of a repeated id.
    """
    path = Path(path)
    first_line: dict[str, int] = {}
    documents = []
    for number, document in _documents(path, None):
        _check_new(path, number, "document", document.id, first_line)
        documents.append(document)
    if not documents:
        raise InputError("the file has no documents", where=path, expected="one document a line")
    return documents


def stream_documents(path: Path | str, progress: Progress | None = None) -> Iterator[Document]:
    """The documents of :func:`read_documents` one by one, in memory that does not grow with their number.

    Whether an id is repeated is not seen here, for that would take memory; an index of them says so.

    Args:
        path: as there.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: as there, when the line is reached.
    """
    return (document for _, document in _documents(Path(path), progress))


def documents_in(
    path: Path, objects: Iterable[tuple[int, Mapping[str, Any] | None]]
) -> Iterator[tuple[int, Document]]:
    """Number of the line and document, of JSON objects that were read from a file.

    Raises:
        InputError: as :func:`read_documents`, when the line is reached.
    """
    metadata: dict[int, _Metadata] = {}
    return _made(path, _object_rows(path, objects, _FIELDS, metadata), metadata)


def _documents(path: Path, progress: Progress | None) -> Iterator[tuple[int, Document]]:
    """Number of the line and document."""
    metadata: dict[int, _Metadata] = {}
    return _made(path, _rows(path, _FIELDS, metadata, progress), metadata)


def _made(
    path: Path, rows: Iterable[tuple[int, list[str] | None]], metadata: dict[int, _Metadata]
) -> Iterator[tuple[int, Document]]:
    for number, (document_id, title, text) in _checked(path, "document", rows):
        document = Document(document_id, normalise(title), normalise(text), metadata.pop(number, {}))
        if not document.title and not document.text:
            raise _empty(path, number, f"document {document_id} has neither title nor text")
        yield number, document


def read_queries(path: Path | str) -> dict[str, str]:
    """Queries from a file, plain or compressed, in its order: TSV ``id<TAB>text``, or JSON lines with these two.

    Raises:
        InputError: as :func:`read_documents`.
    """
    path = Path(path)
    queries: dict[str, str] = {}
    first_line: dict[str, int] = {}
    for number, (query_id, text) in _checked(path, "query", _rows(path, _QUERY_FIELDS, {}, None)):
        _check_new(path, number, "query", query_id, first_line)
        queries[query_id] = normalise(text)
        if not queries[query_id]:
            raise _empty(path, number, f"query {query_id} has no text")
    if not queries:
        raise InputError("the file has no queries", where=path, expected="one query a line")
    return queries


def _rows(
    path: Path, fields: Sequence[str], metadata: dict[int, _Metadata], progress: Progress | None
) -> Iterator[tuple[int, list[str] | None]]:
    """An id and texts of each line; other fields of objects go into ``metadata`` under the line's number."""
    objects: Iterable[tuple[int, Mapping[str, Any] | None]]
    if is_hub(path):
        objects = hub_objects(path, progress)
    elif is_parquet(path):
        objects = parquet_objects(path, progress)
    elif is_json_lines(path):
        objects = json_objects(path, progress)
    else:
        return read_tsv(path, fields, progress)
    return _object_rows(path, objects, fields, metadata)


def _object_rows(
    path: Path,
    objects: Iterable[tuple[int, Mapping[str, Any] | None]],
    fields: Sequence[str],
    metadata: dict[int, _Metadata],
) -> Iterator[tuple[int, list[str] | None]]:
    for number, body in objects:
        if body is None:
            yield number, None
            continue
        where = f"{path}:{number}"
        metadata[number] = {
            name: _metadata(name, value, where)
            for name, value in body.items()
            if name not in fields and value is not None
        }
        texts = [text_field(body, (name,), where) for name in fields[1:]]
        yield number, [id_field(body, fields[:1], where), *texts]


def _metadata(name: str, value: object, where: str) -> str | int | float | bool:
    if not isinstance(value, str | int | float | bool) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise InputError(
            "this field cannot be metadata",
            where=where,
            expected="a string, a number, true or false",
            got=f"{name!r}: {'a number that is too large' if isinstance(value, float) else type(value).__name__}",
            remedy="make it one value, or leave it out",
        )
    for text in (name, value):
        if isinstance(text, str) and fault(text):
            raise faulty(text, where, f"the field {name!r}")
    return value


def _checked(
    path: Path, kind: str, rows: Iterable[tuple[int, list[str] | None]]
) -> Iterator[tuple[int, list[str]]]:
    """Rows as they are, once it is clear that each is data and is text, and has a usable id."""
    for number, fields in rows:
        where = f"{path}:{number}"
        if fields is None:
            raise _empty(path, number, "this line is empty")
        fields[0] = fields[0].strip()
        if number == 1 and names_columns(fields):
            raise InputError(
                f"the first line names the columns and is no {kind}",
                where=where,
                expected=f"a {kind} on each line",
                got="\t".join(fields),
                remedy="remove it: tail -n +2 FILE > NEW",
            )
        for text in fields[1:]:
            if fault(text):
                raise faulty(text, where, f"this {kind}'s text")
        if not fits(fields[0]) or fault(fields[0]):
            raise InputError(
                f"this {kind} has no usable id",
                where=where,
                expected="an id without spaces (runs and qrels separate fields by them) or invisible characters",
                got=repr(fields[0]),
                remedy="give each line an id of its own",
            )
        yield number, fields


def _check_new(path: Path, number: int, kind: str, name: str, first_line: dict[str, int]) -> None:
    """Refuse an id that an earlier line has; ``first_line`` takes it up."""
    if name in first_line:
        raise InputError(
            f"two lines have the same {kind} id",
            where=f"{path}:{number}",
            expected=f"an id of its own for each {kind}",
            got=f"{name!r}, which line {first_line[name]} has too",
            remedy="rename one of the two, or remove it if it is a copy",
        )
    first_line[name] = number


def _empty(path: Path, number: int, what: str) -> InputError:
    return InputError(what, where=f"{path}:{number}", remedy="remove the line, or fill it in")
