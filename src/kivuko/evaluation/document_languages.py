"""Which document is in which language: a table of document id, tab, language."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import resolve
from kivuko.text.faults import decode, head_of

LINE = "document id, tab, language (two columns, no heading)"


def read_document_languages(path: Path) -> dict[str, str]:
    """Read the languages of a collection's documents.

    Args:
        path: UTF-8 lines of document id, tab, language; a language is anything that
            :func:`kivuko.languages.resolve` knows, so that ``en`` and ``eng`` are one language.

    Returns:
        Document id → tag such as ``eng-Latn``, in the order of the file.

    Raises:
        InputError: no such file, no document in it, or (the message names file:line) wrong encoding, a ragged or
            empty line, an id with white space, a document that occurs twice, an unknown language.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("no such file", where=path, expected=f"lines of {LINE}")
    languages: dict[str, str] = {}
    tags: dict[str, str] = {}
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            where = f"{path}:{number}"
            text = decode(raw, where, partial(head_of, path))
            fields = text.removeprefix("\ufeff").rstrip("\r\n").split("\t")
            if len(fields) != 2:
                raise InputError(
                    "a line has the wrong number of columns",
                    where=where,
                    expected=LINE,
                    got=f"{len(fields)} columns",
                    remedy="separate the two by one tab, not by spaces; remove empty lines",
                )
            document, language = fields
            if document.split() != [document]:
                raise InputError(
                    "a document id is empty or holds white space",
                    where=where,
                    expected=LINE,
                    got=repr(document),
                    remedy="write the id as in the run and the qrels",
                )
            if document in languages:
                raise InputError(
                    "a document occurs twice",
                    where=where,
                    expected="one language a document",
                    got=f"{document} again",
                    remedy="remove one of the lines",
                )
            if language not in tags:
                tags[language] = _tag(language, where)
            languages[document] = tags[language]
    if not languages:
        raise InputError("this table holds no document", where=path, expected=LINE, got="an empty file")
    return languages


def _tag(language: str, where: str) -> str:
    try:
        return resolve(language).tag
    except UnknownNameError as error:
        raise InputError(
            error.what, where=where, expected=error.expected, got=repr(language), remedy=error.remedy
        ) from error
