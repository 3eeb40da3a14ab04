"""Training triples of mMARCO: machine-translated MS MARCO passages with their queries, in 14 languages.

Bonifacio, Jeronymo, Abonizio, Campiotti, Fadaee, Lotufo, Nogueira: "mMARCO: A Multilingual Version of the MS
MARCO Passage Ranking Dataset", 2021, arXiv 2108.13897. The files are those of ``unicamp-dl/mmarco``'s ``data``
folder, by hand or by a hub client; each may be gzipped (``.gz`` after its name)::

    triples.train.ids.small.tsv                          query id, positive passage id, negative passage id
    google/queries/train/portuguese_queries.train.tsv    query id, text
    google/collections/portuguese_collection.tsv         passage id, text

Only small files of our own wording in this layout could be read while this was written: no machine of the
project reaches the real ones (40 M triples, 8.8 M passages).
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Literal, cast

import numpy as np

from kivuko.data.drops import DropReport
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language, resolve

Translation = Literal["google", "helsinki"]
TRIPLES = "triples.train.ids.small.tsv"
#: Our tag → mMARCO's name for a language.
LANGUAGES = MappingProxyType(
    {
        "ara-Arab": "arabic",
        "deu-Latn": "german",
        "eng-Latn": "english",
        "fra-Latn": "french",
        "hin-Deva": "hindi",
        "ind-Latn": "indonesian",
        "ita-Latn": "italian",
        "jpn-Jpan": "japanese",
        "nld-Latn": "dutch",
        "por-Latn": "portuguese",
        "rus-Cyrl": "russian",
        "spa-Latn": "spanish",
        "vie-Latn": "vietnamese",
        "zho-Hans": "chinese",
    }
)


@dataclass(frozen=True)
class Triple:
    """A query with a passage that answers it and one that was not judged to."""

    query: str
    positive: str
    negative: str


def read_triples(
    folder: Path,
    language: Language | str,
    *,
    report: DropReport,
    query_language: Language | str | None = None,
    translation: Translation = "google",
) -> Iterator[Triple]:
    """The triples in the file's order, each with its texts.

    Triples stream, and texts stay on the disk: what is held is 16 bytes a query and passage (145 MB for all of
    mMARCO). A gzipped collection is unpacked into a temporary file first.

    Args:
        folder: mMARCO's ``data`` folder.
        language: of the passages, and of the queries unless ``query_language`` says otherwise.
        report: counts the triples, and those dropped for an id without a text, by reason.
        query_language: another language of the queries, for cross-lingual training.
        translation: which translation of MS MARCO.

    Raises:
        UnknownNameError: mMARCO has no such language.
        InputError: a file is missing (at once), or a line is malformed (when it is reached).
    """
    passages = _name(language)
    queries = passages if query_language is None else _name(query_language)
    triples = _find(folder / TRIPLES)
    query_file = _find(folder / translation / "queries" / "train" / f"{queries}_queries.train.tsv")
    passage_file = _find(folder / translation / "collections" / f"{passages}_collection.tsv")
    return _stream(triples, query_file, passage_file, report)


def _stream(triples: Path, queries: Path, passages: Path, report: DropReport) -> Iterator[Triple]:
    with ExitStack() as stack:
        of_queries = _Texts(queries, stack)
        of_passages = _Texts(passages, stack)
        for number, line in enumerate(stack.enter_context(_opened(triples)), start=1):
            ids = line.split()
            if len(ids) != 3 or not all(each.isdigit() for each in ids):
                raise _malformed(triples, number, "three numbers: query, positive, negative", line)
            query, positive, negative = map(int, ids)
            texts = (of_queries.text(query), of_passages.text(positive), of_passages.text(negative))
            lacking = [
                kind for kind, text in zip(("query", "positive", "negative"), texts, strict=True) if not text
            ]
            if lacking:
                report.drop(f"{lacking[0]} id without text")
                continue
            report.kept += 1
            yield Triple(*cast("tuple[str, str, str]", texts))


class _Texts:
    """Texts of a file of ``id <tab> text`` lines, read from the disk when asked for."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path = path
        self._stream: IO[bytes] = _seekable(path, stack)
        ids, starts = array("q"), array("q")
        start = 0
        for number, line in enumerate(self._stream, start=1):
            name, tab, _ = line.partition(b"\t")
            if not tab or not name.isdigit():
                raise _malformed(path, number, "a number, a tab, and a text", line)
            ids.append(int(name))
            starts.append(start)
            start += len(line)
        order = np.argsort(np.array(ids, dtype=np.int64), kind="stable")
        self._ids = np.array(ids, dtype=np.int64)[order]
        self._starts = np.array(starts, dtype=np.int64)[order]
        twice = np.flatnonzero(self._ids[1:] == self._ids[:-1])
        if len(twice):
            raise InputError(
                "an id stands twice in this file",
                where=path,
                expected="one line an id",
                got=self._ids[twice[0]],
            )

    def text(self, wanted: int) -> str | None:
        """The text of an id, without blanks around it; None where there is no such id.

        Raises:
            InputError: the text is not in UTF-8.
        """
        at = int(np.searchsorted(self._ids, wanted))
        if at == len(self._ids) or self._ids[at] != wanted:
            return None
        self._stream.seek(int(self._starts[at]))
        line = self._stream.readline().partition(b"\t")[2]
        try:
            return line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise InputError(
                "a text is not in UTF-8", where=f"{self._path}, id {wanted}", expected="UTF-8", got=str(error)
            ) from error


def _seekable(path: Path, stack: ExitStack) -> IO[bytes]:
    if path.suffix != ".gz":
        return stack.enter_context(path.open("rb"))
    unpacked: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (the stack closes it)
    with _opened(path) as stream:
        shutil.copyfileobj(stream, unpacked)
    unpacked.seek(0)
    return unpacked


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _find(path: Path) -> Path:
    zipped = path.with_name(path.name + ".gz")
    for candidate in (path, zipped):
        if candidate.is_file():
            return candidate
    raise InputError(
        "a file of mMARCO is not there",
        where=path,
        expected=f"{path.name} or {zipped.name}, in the layout of unicamp-dl/mmarco's data folder",
        remedy="give the folder that holds triples.train.ids.small.tsv, and bring this file too",
    )


def _name(language: Language | str) -> str:
    tag = (resolve(language) if isinstance(language, str) else language).tag
    if tag not in LANGUAGES:
        raise UnknownNameError(
            "language of mMARCO", tag, LANGUAGES, remedy="mMARCO has 14 languages, none of them low-resource"
        )
    return LANGUAGES[tag]


def _malformed(path: Path, number: int, expected: str, line: bytes) -> InputError:
    got = repr(line[:60].decode("utf-8", "replace"))
    return InputError("this line is malformed", where=f"{path}:{number}", expected=expected, got=got)
