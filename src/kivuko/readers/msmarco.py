"""Training data of MS MARCO passage ranking, and of mMARCO, its machine translation into 14 languages.

Pairs, triples and examples with hard negatives: a query, a passage that answers it, and some that do not. Files of
triples have ids; their texts are looked up on the disk, so that millions of them need little memory.

*MS MARCO*, in English: judged pairs, triples, and mined hard negatives. Nguyen, Rosenberg, Song, Gao, Tiwary,
Majumder, Deng: "MS MARCO: A Human Generated MAchine Reading COmprehension Dataset", 2016, arXiv 1611.09268. The
files, each plain or compressed (``.gz`` or the like after its name), lie in one folder::

    collection.tsv                   passage id, text                     (of collectionandqueries.tar.gz)
    queries.train.tsv                query id, text                       (of the same)
    qrels.train.tsv                  query id, 0, passage id, 1
    qidpidtriples.train.full.2.tsv   query id, positive passage id, negative passage id
    triples.train.small.tsv          query, positive passage, negative passage: the texts themselves
    msmarco-hard-negatives.jsonl     {"qid": 1, "pos": [2], "neg": {"bm25": [3, 4], "SYSTEM": [5]}}

The last is of the sentence-transformers project; its older edition has ``{"pid": 2, "ce-score": 8.5}`` in place
of each passage id, which is read as well.

*mMARCO*: Bonifacio, Jeronymo, Abonizio, Campiotti, Fadaee, Lotufo, Nogueira: "mMARCO: A Multilingual Version of the
MS MARCO Passage Ranking Dataset", 2021, arXiv 2108.13897. The files are those of ``unicamp-dl/mmarco``'s ``data``
folder, by hand or by a hub client; each may be compressed::

    triples.train.ids.small.tsv                          query id, positive passage id, negative passage id
    google/queries/train/portuguese_queries.train.tsv    query id, text
    google/collections/portuguese_collection.tsv         passage id, text

Only small files of our own wording in these layouts could be read while this was written: no machine of the project
reaches the real ones (8.8 M passages; 400 M triples, 40 M of mMARCO).
"""

from __future__ import annotations

import itertools
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Literal

import numpy as np
from rich.progress import Progress

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError, UnknownNameError
from kivuko.files.json_lines import json_object
from kivuko.files.streams import COMPRESSED, byte_lines, decoded, lines
from kivuko.languages import Language, resolve
from kivuko.text.faults import fault

COLLECTION = "collection.tsv"
QUERIES = "queries.train.tsv"
QRELS = "qrels.train.tsv"
ID_TRIPLES = "qidpidtriples.train.full.2.tsv"
TEXT_TRIPLES = "triples.train.small.tsv"
HARD_NEGATIVES = "msmarco-hard-negatives.jsonl"
_GIVE_MSMARCO = (
    "give the folder with MS MARCO's passage ranking files; collection.tsv and queries.train.tsv are in "
    "collectionandqueries.tar.gz, which has to be unpacked"
)
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
_GIVE_MMARCO = (
    "give unicamp-dl/mmarco's data folder, with triples.train.ids.small.tsv, and bring this file into it"
)


@dataclass(frozen=True)
class Triple:
    """A query with a passage that answers it and one that was not judged to."""

    query: str
    positive: str
    negative: str


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
        folder: see :mod:`kivuko.readers.msmarco`.
        count: negatives of an example, at least 1.
        report: counts the examples, and what was left out, by reason.
        systems: whose negatives, as equal shares as can be; by default the first system's of each line, filled up by
            the next ones. Only the first file names systems.
        progress: a rich display for a bar over each file.

    Raises:
        InputError: none of the files is there, systems are asked of triples, or a line is malformed.
    """
    left_out = without_count(report)
    if _is_there(folder, HARD_NEGATIVES):
        share = -(-count // len(systems)) if systems else count
        triples = read_hard_negatives(
            folder, report=left_out, per_system=share, systems=systems, progress=progress
        )
    elif systems:
        raise InputError(
            "only mined negatives are known by system",
            where=folder,
            expected=HARD_NEGATIVES,
            got=f"negatives of {', '.join(systems)} asked for, and no such file",
        )
    elif _is_there(folder, ID_TRIPLES):
        triples = read_id_triples(folder, report=left_out, progress=progress)
    elif _is_there(folder, TEXT_TRIPLES):
        triples = read_text_triples(folder, report=left_out, progress=progress)
    else:
        raise InputError(
            "there is no file with negatives of MS MARCO",
            where=folder,
            expected=f"{HARD_NEGATIVES}, {ID_TRIPLES} or {TEXT_TRIPLES}, plain or compressed",
            remedy="bring one of them, or train without hard negatives",
        )
    return with_negatives(triples, count, report)


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


def without_count(report: DropReport) -> DropReport:
    """A report that shares the reasons of another one, but not its count of what was kept."""
    return DropReport(0, report.reasons)


def _is_there(folder: Path, name: str) -> bool:
    return any((folder / f"{name}{ending}").is_file() for ending in ("", *COMPRESSED))


def read_pairs(
    folder: Path, *, report: DropReport, progress: Progress | None = None
) -> Iterator[tuple[str, str]]:
    """Training queries with a passage judged relevant, in the order of ``qrels.train.tsv``.

    Pairs stream, and texts stay on the disk: what is held is 16 bytes a query and passage (155 MB for all of
    MS MARCO). A compressed collection is unpacked into a temporary file first.

    Args:
        folder: with ``qrels.train.tsv``, ``queries.train.tsv`` and ``collection.tsv``.
        report: counts the pairs, and judgments dropped for grade 0 or an id without a text.
        progress: a rich display for a bar over each file.

    Raises:
        InputError: a file is missing (at once), or a line is malformed (when it is reached).
    """
    qrels, queries, collection = (_find(folder, name) for name in (QRELS, QUERIES, COLLECTION))
    return _judged(qrels, queries, collection, report, progress)


def read_id_triples(
    folder: Path, *, report: DropReport, progress: Progress | None = None
) -> Iterator[Triple]:
    """The triples of ``qidpidtriples.train.full.2.tsv`` with their texts; memory and errors as :func:`read_pairs`."""
    triples, queries, collection = (_find(folder, name) for name in (ID_TRIPLES, QUERIES, COLLECTION))
    return joined_triples(triples, queries, collection, report, progress)


def read_text_triples(
    folder: Path, *, report: DropReport, progress: Progress | None = None
) -> Iterator[Triple]:
    """The triples of ``triples.train.small.tsv``, which needs no other file; nothing is held.

    Args:
        folder: with the file.
        report: counts the triples, and those dropped for an empty text.
        progress: a rich display for a bar.

    Raises:
        InputError: the file is missing (at once); a line has not three fields or is not in UTF-8 (when it is
            reached).
    """
    return _plain(_find(folder, TEXT_TRIPLES), report, progress)


def read_hard_negatives(
    folder: Path,
    *,
    report: DropReport,
    per_system: int,
    systems: Sequence[str] = (),
    progress: Progress | None = None,
) -> Iterator[Triple]:
    """Triples of ``msmarco-hard-negatives.jsonl`` with their texts; memory as :func:`read_pairs`.

    Each positive of a query comes with each of its negatives once, the first system's first, best first. Negatives
    that are the query's positives are left out and counted, as are queries without a positive or a negative.

    Args:
        folder: with the file, ``queries.train.tsv`` and ``collection.tsv``.
        report: counts the triples, and what was left out, by reason.
        per_system: negatives a query takes from each system at most; the file has about 50.
        systems: whose negatives, such as ``("bm25",)``; all of a line's by default, in its order. Not every line
            has every system.
        progress: a rich display for a bar over each file.

    Raises:
        InputError: a file is missing or ``per_system`` is below 1 (at once); a line is malformed (when it is
            reached), or no line has a system of ``systems`` (at the end).
    """
    if per_system < 1:
        raise InputError("the number of negatives is out of range", expected="at least 1", got=per_system)
    mined, queries, collection = (_find(folder, name) for name in (HARD_NEGATIVES, QUERIES, COLLECTION))
    return _mined(mined, queries, collection, report, per_system, systems, progress)


def _find(folder: Path, name: str) -> Path:
    return find_file(Path(folder) / name, "MS MARCO", _GIVE_MSMARCO)


def _judged(
    qrels: Path, queries: Path, collection: Path, report: DropReport, progress: Progress | None
) -> Iterator[tuple[str, str]]:
    with ExitStack() as stack:
        of_queries, of_passages = (TextsById(path, stack, progress) for path in (queries, collection))
        for number, line in byte_lines(qrels, progress):
            fields = line.split()
            if len(fields) != 4 or not all(each.isdigit() for each in fields):
                raise malformed(qrels, number, "four numbers: query, 0, passage, grade", line)
            if int(fields[3]) == 0:
                report.drop("judged not relevant")
                continue
            texts = (of_queries.text(int(fields[0])), of_passages.text(int(fields[2])))
            if not lacks_text(("query", "positive"), texts, report):
                report.kept += 1
                yield texts[0] or "", texts[1] or ""


def _plain(path: Path, report: DropReport, progress: Progress | None) -> Iterator[Triple]:
    for number, line in lines(path, progress):
        texts = [field.strip() for field in line.split("\t")]
        if len(texts) != 3:
            raise malformed(path, number, "three texts: query, positive, negative", line.encode())
        if not all(texts):
            report.drop("empty text")
            continue
        if reason := fault("".join(texts)):
            report.drop(reason)
            continue
        report.kept += 1
        yield Triple(*texts)


def _mined(
    mined: Path,
    queries: Path,
    collection: Path,
    report: DropReport,
    per_system: int,
    systems: Sequence[str],
    progress: Progress | None,
) -> Iterator[Triple]:
    with ExitStack() as stack:
        of_queries, of_passages = (TextsById(path, stack, progress) for path in (queries, collection))
        seen: dict[str, None] = {}
        for number, line in byte_lines(mined, progress):
            entry = _entry(mined, number, line)
            seen.update(dict.fromkeys(entry.negatives))
            negatives = _chosen(entry, systems or tuple(entry.negatives), per_system, report)
            if not entry.positives or not negatives:
                report.drop("query without a positive" if not entry.positives else "query without a negative")
                continue
            ids = ((entry.query, each, negative) for each in entry.positives for negative in negatives)
            yield from with_texts(ids, of_queries, of_passages, report)
        if systems and not set(systems) & set(seen):
            raise InputError(
                "no line has negatives of the systems asked for",
                where=mined,
                expected=f"some of {', '.join(seen) or 'none'}",
                got=", ".join(systems),
            )


@dataclass(frozen=True)
class _Entry:
    """One query of the mined file: passage ids, the negatives by system."""

    query: int
    positives: tuple[int, ...]
    negatives: Mapping[str, tuple[int, ...]]


def _entry(path: Path, number: int, line: bytes) -> _Entry:
    body = json_object(decoded(path, number, line), f"{path}:{number}")
    try:
        negatives = {system: _ids(found) for system, found in body["neg"].items()}
        return _Entry(int(body["qid"]), _ids(body["pos"]), negatives)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        expected = '{"qid": 1, "pos": [2], "neg": {"bm25": [3], …}}'
        raise malformed(path, number, expected, line) from error


def _ids(found: list[Any]) -> tuple[int, ...]:
    """Passage ids, as numbers or as objects with the number under ``pid``."""
    return tuple(int(each["pid"] if isinstance(each, dict) else each) for each in found)


def _chosen(entry: _Entry, systems: Sequence[str], per_system: int, report: DropReport) -> list[int]:
    """The negatives of a query, each once, in the order of the systems."""
    found: dict[int, None] = {}
    for system in systems:
        for negative in entry.negatives.get(system, ())[:per_system]:
            if negative in entry.positives:
                report.drop("negative that is a positive")
            else:
                found[negative] = None
    return list(found)


def read_triples(
    folder: Path,
    language: Language | str,
    *,
    report: DropReport,
    query_language: Language | str | None = None,
    translation: Translation = "google",
    progress: Progress | None = None,
) -> Iterator[Triple]:
    """The triples in the file's order, each with its texts.

    Triples stream, and texts stay on the disk: what is held is 16 bytes a query and passage (145 MB for all of
    mMARCO). A compressed collection is unpacked into a temporary file first.

    Args:
        folder: mMARCO's ``data`` folder.
        language: of the passages, and of the queries unless ``query_language`` says otherwise.
        report: counts the triples, and those dropped for an id without a text, by reason.
        query_language: another language of the queries, for cross-lingual training.
        translation: which translation of MS MARCO.
        progress: a rich display for a bar over each file.

    Raises:
        UnknownNameError: mMARCO has no such language.
        InputError: a file is missing (at once), or a line is malformed (when it is reached).
    """
    passages = _name(language)
    queries = passages if query_language is None else _name(query_language)
    triples = find_file(folder / TRIPLES, "mMARCO", _GIVE_MMARCO)
    query_file = folder / translation / "queries" / "train" / f"{queries}_queries.train.tsv"
    query_file = find_file(query_file, "mMARCO", _GIVE_MMARCO)
    passage_file = folder / translation / "collections" / f"{passages}_collection.tsv"
    passage_file = find_file(passage_file, "mMARCO", _GIVE_MMARCO)
    return joined_triples(triples, query_file, passage_file, report, progress)


def _name(language: Language | str) -> str:
    tag = (resolve(language) if isinstance(language, str) else language).tag
    if tag not in LANGUAGES:
        raise UnknownNameError(
            "language of mMARCO", tag, LANGUAGES, remedy="mMARCO has 14 languages, none of them low-resource"
        )
    return LANGUAGES[tag]


def joined_triples(
    triples: Path, queries: Path, passages: Path, report: DropReport, progress: Progress | None = None
) -> Iterator[Triple]:
    """The triples of a file of ids, in its order, with the texts of two others; see :func:`id_triples` for errors.

    Args:
        triples: lines of query, positive and negative id.
        queries, passages: files for :class:`TextsById`.
        report: counts the triples, and those dropped for an id without a text.
        progress: a rich display for a bar over each file.
    """
    with ExitStack() as stack:
        of_queries, of_passages = (TextsById(path, stack, progress) for path in (queries, passages))
        yield from with_texts(id_triples(triples, progress), of_queries, of_passages, report)


def id_triples(path: Path, progress: Progress | None = None) -> Iterator[tuple[int, int, int]]:
    """Ids of the query, the positive and the negative passage in each line, in the file's order.

    Raises:
        InputError: no such file, a malformed line, or compressed bytes that are damaged; names ``file:line``.
    """
    for number, line in byte_lines(path, progress):
        ids = line.split()
        if len(ids) != 3 or not all(each.isdigit() for each in ids):
            raise malformed(path, number, "three numbers: query, positive, negative", line)
        query, positive, negative = map(int, ids)
        yield query, positive, negative


def with_texts(
    ids: Iterable[tuple[int, int, int]], queries: TextsById, passages: TextsById, report: DropReport
) -> Iterator[Triple]:
    """Triples of (query, positive, negative) ids with their texts, in order; those that lack one are counted."""
    for query, positive, negative in ids:
        texts = (queries.text(query), passages.text(positive), passages.text(negative))
        if lacks_text(("query", "positive", "negative"), texts, report):
            continue
        report.kept += 1
        yield Triple(*(text or "" for text in texts))


def lacks_text(kinds: tuple[str, ...], texts: tuple[str | None, ...], report: DropReport) -> bool:
    """Whether a text is absent, empty or no text; then the first such kind is counted."""
    for kind, text in zip(kinds, texts, strict=True):
        if not text:
            report.drop(f"{kind} id without text")
            return True
        if reason := fault(text):
            report.drop(f"{kind} with {reason}")
            return True
    return False


class TextsById:
    """Texts of a file of ``id <tab> text`` lines with ids that are numbers, read from the disk when asked for.

    16 bytes a line are held. A compressed file is unpacked into a temporary one, which ``stack`` removes.

    Raises:
        InputError: no such file, a malformed line, an id that comes twice, or compressed bytes that are damaged.
    """

    def __init__(self, path: Path, stack: ExitStack, progress: Progress | None = None) -> None:
        self._path = path
        unpacked = path.suffix in COMPRESSED
        opened = tempfile.TemporaryFile() if unpacked else path.open("rb")  # noqa: SIM115 (the stack closes it)
        self._stream: IO[bytes] = stack.enter_context(opened)
        ids, starts = array("q"), array("q")
        start = 0
        for number, line in byte_lines(path, progress):
            name, tab, _ = line.partition(b"\t")
            if not tab or not name.isdigit():
                raise malformed(path, number, "a number, a tab, and a text", line)
            ids.append(int(name))
            starts.append(start)
            start += len(line)
            if unpacked:
                self._stream.write(line)
        self._ids, self._starts = np.asarray(ids), np.asarray(starts)
        if not (self._ids[1:] >= self._ids[:-1]).all():
            order = np.argsort(self._ids, kind="stable")
            self._ids, self._starts = self._ids[order], self._starts[order]
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


def find_file(path: Path, data_set: str, remedy: str) -> Path:
    """``path``, or the file of this name with the ending of a compression.

    Raises:
        InputError: there is neither.
    """
    for ending in ("", *COMPRESSED):
        candidate = path.with_name(path.name + ending)
        if candidate.is_file():
            return candidate
    raise InputError(
        f"a file of {data_set} is not there",
        where=path,
        expected=f"{path.name}, perhaps with {', '.join(COMPRESSED)} after its name",
        remedy=remedy,
    )


def malformed(path: Path, number: int, expected: str, line: bytes) -> InputError:
    """The error for a line that is not as it should be.

    Raises:
        InputError: it is not in UTF-8 or has a NUL, which explains the rest.
    """
    got = repr(decoded(path, number, line)[:60])
    return InputError("this line is malformed", where=f"{path}:{number}", expected=expected, got=got)
