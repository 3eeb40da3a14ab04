"""People's own files: pairs, documents and queries, with errors that name the line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.files.streams import plain_name
from kivuko.files.tables import read_json_objects, read_tsv
from kivuko.text import normalise

_FIELDS = ("id", "title", "text")


def read_documents(path: Path | str) -> list[Document]:
    """Documents from a file: TSV ``id<TAB>title<TAB>text``, or JSONL (``.jsonl``) with these three strings.

    Either may be compressed (``.gz``, ``.bz2``, ``.xz``, ``.zst``). The title or the text may be empty, not both.
    Text is normalised. In JSONL every other field is metadata: a string, a number, true or false; null is none.

    Raises:
        InputError: a line is ragged, empty or not in UTF-8, an id is missing or repeated, a document is
            empty, or there is none; names ``file:line``, and both lines of a repeated id.
    """
    path = Path(path)
    metadata: dict[int, dict[str, str | int | float | bool]] = {}
    rows = _with_metadata(path, metadata) if plain_name(path).endswith(".jsonl") else read_tsv(path, _FIELDS)
    documents = []
    for number, (document_id, title, text) in _distinct(path, "document", rows):
        document = Document(document_id, normalise(title), normalise(text), metadata.get(number, {}))
        if not document.title and not document.text:
            raise _empty(path, number, f"document {document_id} has neither title nor text")
        documents.append(document)
    if not documents:
        raise InputError("the file has no documents", where=path, expected="one document a line")
    return documents


def _with_metadata(
    path: Path, metadata: dict[int, dict[str, str | int | float | bool]]
) -> Iterator[tuple[int, list[str] | None]]:
    """Id, title and text of each line; its other fields go into ``metadata`` under the line's number."""
    for number, body in read_json_objects(path, _FIELDS):
        if body is None:
            yield number, None
            continue
        rest = {name: value for name, value in body.items() if name not in _FIELDS and value is not None}
        for name, value in rest.items():
            if not isinstance(value, str | int | float | bool):
                raise InputError(
                    "this field cannot be metadata",
                    where=f"{path}:{number}",
                    expected="a string, a number, true or false",
                    got=f"{name}: {type(value).__name__}",
                    remedy="make it one value, or leave it out",
                )
        if rest:
            metadata[number] = rest
        yield number, [body[name] for name in _FIELDS]


def read_queries(path: Path | str) -> dict[str, str]:
    """Queries from a TSV file ``id<TAB>text``, plain or compressed, in the file's order.

    Raises:
        InputError: a line is ragged, empty or not in UTF-8, an id is missing or repeated, a query is empty,
            or there is none; names ``file:line``, and both lines of a repeated id.
    """
    path = Path(path)
    queries = {}
    for number, (query_id, text) in _distinct(path, "query", read_tsv(path, ("id", "text"))):
        queries[query_id] = normalise(text)
        if not queries[query_id]:
            raise _empty(path, number, f"query {query_id} has no text")
    if not queries:
        raise InputError("the file has no queries", where=path, expected="one query a line")
    return queries


def _distinct(
    path: Path, kind: str, rows: Iterable[tuple[int, list[str] | None]]
) -> Iterator[tuple[int, list[str]]]:
    """Rows as they are, once it is clear that none is empty and no id comes twice."""
    first_line: dict[str, int] = {}
    for number, fields in rows:
        if fields is None:
            raise _empty(path, number, "this line is empty")
        fields[0] = fields[0].strip()
        if not fields[0] or any(character.isspace() for character in fields[0]):
            raise InputError(
                f"this {kind} has no usable id",
                where=f"{path}:{number}",
                expected="an id without spaces (runs and qrels separate their fields by them)",
                got=repr(fields[0]),
                remedy="give each line an id of its own",
            )
        if fields[0] in first_line:
            raise InputError(
                f"two lines have the same {kind} id",
                where=f"{path}:{number}",
                expected=f"an id of its own for each {kind}",
                got=f"{fields[0]!r}, which line {first_line[fields[0]]} has too",
                remedy="rename one of the two, or remove it if it is a copy",
            )
        first_line[fields[0]] = number
        yield number, fields


def _empty(path: Path, number: int, what: str) -> InputError:
    return InputError(what, where=f"{path}:{number}", remedy="remove the line, or fill it in")
