"""Which format a bitext has, by its name and its first line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rich.progress import Progress

from kivuko.cleaning.pairs import drop_reason
from kivuko.collections.bitext import Bitext, Pair
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.files.json_lines import JSON_LINES
from kivuko.files.seen_texts import SeenTexts
from kivuko.files.streams import lines, plain_name
from kivuko.files.tables import HEADER, names_columns
from kivuko.languages import Language, resolve
from kivuko.readers.bitext_formats import (
    BARS,
    ENGLISH,
    Row,
    find_moses,
    read_bitext_jsonl,
    read_bitext_tsv,
    read_moses,
    without_scores,
)
from kivuko.readers.tmx import read_tmx
from kivuko.text import comparison_key, normalise
from kivuko.text.faults import fault
from kivuko.text.normal import unescaped

FORMATS = (
    "English<TAB>translation, perhaps with a score before or behind (.tsv), English ||| translation, TMX (.tmx), "
    '{"translation": {"en": …}} lines (.jsonl, .ndjson), or the PREFIX of PREFIX.en and PREFIX.xx'
)
_BY_ENDING = {".tsv": "tsv", ".tmx": "tmx", **dict.fromkeys(JSON_LINES, "jsonl")}


def read_bitext_file(
    path: Path,
    language: Language,
    report: DropReport,
    lowest_score: float | None = None,
    progress: Progress | None = None,
) -> Iterator[Row]:
    """The pairs of a file in any of the formats, plain or compressed, one at a time and not normalised.

    The name decides where it ends in ``.tsv``, ``.tmx``, ``.jsonl``, ``.ndjson`` or ``.json`` (before ``.gz`` and its
    like), or in one of the two languages (Moses: ``PREFIX``, ``PREFIX.en`` or ``PREFIX.xx``); else the first line
    does.

    Character references are resolved, ``&amp;amp;`` too; how many pairs that changed is counted. Pairs with a control
    character, a NUL or half a character are dropped.

    Args:
        path: the file, or a Moses prefix.
        language: of the side that is not English.
        report: counts what is left out and changed.
        lowest_score: pairs with a lower score are dropped; see :mod:`kivuko.readers.bitext_formats`.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: there is no such bitext, its format is unclear, a lowest score is asked of one without
            scores, or, while it is read, it is damaged.
    """
    return _texts(_rows(path, language, report, lowest_score, progress), language, report)


def _texts(rows: Iterator[Row], language: Language, report: DropReport) -> Iterator[Row]:
    """Rows of text, without what escaping has left of character references."""
    for place, row in enumerate(rows):
        resolved = Row(row.number, unescaped(row.english), unescaped(row.foreign))
        if reason := fault(resolved.english + resolved.foreign):
            report.drop(reason)
        elif place == 0 and names_columns(row[1:], ENGLISH.tag, language.tag):
            report.drop(HEADER)
        else:
            if resolved != row:
                report.changed["with character references, such as &amp;, which were resolved"] += 1
            yield resolved


def _rows(
    path: Path,
    language: Language,
    report: DropReport,
    lowest_score: float | None,
    progress: Progress | None,
) -> Iterator[Row]:
    """The rows of the file, by a reader of its format."""
    file_format = _by_ending(path)
    if file_format is None:
        if (files := find_moses(path, language)) is not None:
            return read_moses(files, report, lowest_score, progress)
        if not path.is_file():
            raise InputError(
                "there is no such bitext",
                where=path,
                expected=FORMATS,
                got="no such file, and no PREFIX.… whose endings are the two languages",
                remedy="check the path and the language",
            )
        file_format = _by_first_line(path)
    if file_format == "tmx":
        if lowest_score is not None:
            raise without_scores(path)
        return read_tmx(path, language, report, progress)
    reader = read_bitext_tsv if file_format == "tsv" else read_bitext_jsonl
    return reader(path, language, report, lowest_score, progress)


def bitext_paths(path: Path, language: Language) -> list[Path]:
    """The files that :func:`read_bitext_file` reads; none where there is no such bitext."""
    moses = find_moses(path, language) if _by_ending(path) is None else None
    if moses is None:
        return [path] if path.is_file() else []
    return [file for file in (moses.english, moses.foreign, moses.scores) if file is not None]


def _by_ending(path: Path) -> str | None:
    return _BY_ENDING.get(Path(plain_name(path)).suffix.lower()) if path.is_file() else None


def _by_first_line(path: Path) -> str:
    """The format that the first line with anything in it is of."""
    first = next(filter(None, (line.strip(" ") for _, line in lines(path))), "")
    if first.startswith("{"):
        return "jsonl"
    if first.startswith(("<?xml", "<!DOCTYPE", "<tmx")):
        return "tmx"
    if "\t" in first or BARS in first:
        return "tsv"
    separated = next((mark for mark in ",;" if mark in first), None)
    raise InputError(
        "it is unclear which format this bitext has",
        where=path,
        expected=FORMATS,
        got=f"a first line of {first[:60]!r}" if first else "an empty file",
        remedy=f"if {separated!r} separates the sides (CSV), save the table as text with tabs (TSV) in UTF-8"
        if separated
        else "rename the file so that its name ends in its format",
    )


def read_pairs(
    path: Path | str,
    language: Language | str,
    *,
    lowest_score: float | None = None,
    progress: Progress | None = None,
) -> tuple[list[Pair], DropReport]:
    """All pairs of :func:`stream_pairs` in the file's order, and the counts.

    Raises:
        InputError, UnknownNameError: see there.
    """
    report = DropReport()
    return list(stream_pairs(path, language, report, lowest_score=lowest_score, progress=progress)), report


def open_pairs(
    path: Path,
    language: Language,
    *,
    lowest_score: float | None = None,
    say: Callable[[str], None] = lambda _: None,
    progress: Progress | None = None,
) -> list[Pair]:
    """All pairs of a person's file or of a bitext folder.

    Args:
        path: a file as for :func:`stream_pairs`, or a bitext folder.
        language: of the foreign sides.
        lowest_score: pairs of the file with a lower score are dropped.
        say: told what was dropped from a file.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: the file cannot be used, the folder is of another language, or a lowest score is asked of what
            has no scores.
        ArtifactError: the folder is no complete bitext.
    """
    if not path.is_dir():
        pairs, drops = read_pairs(path, language, lowest_score=lowest_score, progress=progress)
        say(f"{path}: {drops.kept:,} pairs of {drops.before:,} lines; dropped: {drops.reasons_text}")
        for what, count in drops.changed.items():
            say(f"{path}: {count:,} {what}")
        return pairs
    if lowest_score is not None:
        raise no_scores(lowest_score, path)
    opened = Bitext.open(path)
    if opened.language != language:
        raise InputError(
            "this bitext is of another language",
            where=path,
            expected=language.tag,
            got=opened.language.tag,
            remedy="name that language, or give another bitext",
        )
    return opened.pairs


def no_scores(lowest_score: float, got: object) -> InputError:
    """The error for a lowest score that is asked of pairs without scores."""
    return InputError(
        "only pairs from a file of yours have scores",
        where=f"lowest score {lowest_score:g}",
        got=got,
        remedy="leave it out, or give a file",
    )


def stream_pairs(
    path: Path | str,
    language: Language | str,
    report: DropReport,
    *,
    lowest_score: float | None = None,
    progress: Progress | None = None,
) -> Iterator[Pair]:
    """Pairs from a file in any usual format, one at a time.

    The formats are ``English<TAB>translation``, perhaps with a score before (WikiMatrix, CCMatrix) or behind;
    ``English ||| translation``; TMX; JSON lines of ``{"translation": {"en": …, "sw": …}}``; and Moses pairs,
    ``PREFIX.en`` with ``PREFIX.xx``. All may be compressed. :func:`kivuko.readers.bitext.read_bitext_file` says how a
    format is told. TICO-19's translation memories were read as published; the other readers were tested on small
    files of our own wording in the documented layouts.

    Dropped and counted by reason: empty lines and sides, translations equal to the English, mostly English or
    in the wrong script, lengths that differ by more than a factor of four, and repeated pairs. Of each pair some
    10 bytes stay in memory, to know it again, and nothing else.

    Args:
        path: the file, or a Moses prefix.
        language: what the side that is not English is in.
        report: counts what is kept and dropped while the pairs are read.
        lowest_score: pairs with a lower score are dropped (see :mod:`kivuko.readers.bitext_formats`).
        progress: a rich display for a bar over the file's bytes.

    Yields:
        Pairs in the file's order, with the number of their line (TMX: their unit) in their ids.

    Raises:
        InputError: there is no such file, its format is unclear, or it is damaged; names ``file:line``.
        UnknownNameError: the language is unknown.
    """
    path = Path(path)
    language = resolve(language) if isinstance(language, str) else language
    rows = read_bitext_file(path, language, report, lowest_score, progress)
    seen = SeenTexts()
    for number, *sides in rows:
        english, foreign = map(normalise, sides)
        if not english and not foreign:
            reason: str | None = "empty line"
        else:
            reason = drop_reason(english, foreign, language)
        if reason is None and not seen.add(f"{comparison_key(english)}\t{comparison_key(foreign)}"):
            reason = "duplicate"
        if reason:
            report.drop(reason)
            continue
        report.kept += 1
        yield Pair(f"{path.name}:{number}", english, foreign, SOURCE)


SOURCE = "own"
"""Source that pairs from a person's file carry."""
