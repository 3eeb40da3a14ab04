"""Translation pairs in the layouts that publishers use, read a line at a time: TSV, JSON lines, and Moses.

A row has its two texts and perhaps a score. The published score of WikiMatrix and CCMatrix is the *margin*: the
cosine of the two sentences' LASER embeddings divided by their mean cosine with their nearest neighbours in the other
language (Artetxe and Schwenk, ACL 2019, arXiv 1811.01136). 1 means no closer than the neighbours are, more is better,
and there is no upper bound. WikiMatrix's authors find 1.04 a good threshold for most pairs of languages (Schwenk et
al., EACL 2021, arXiv 1907.05791); CCMatrix was mined with 1.06 (Schwenk et al., ACL 2021, arXiv 1911.04944).

- TSV: lines of two texts, perhaps with a score before them, as WikiMatrix and CCMatrix have it, or behind them;
  MAFAND's are written as CSV, so that a field with quotation marks has more of them.
- JSON lines of the layout that translation data sets have on the Hugging Face hub, NLLB's mined bitext among them.
- Moses, as OPUS has it: ``PREFIX.en`` and ``PREFIX.xx`` with as many lines, perhaps ``PREFIX.scores``.

Which side is English is told by what the file calls its languages: ``en``, ``en-US``, ``EN_GB``, ``eng_Latn`` and
``English`` all mean English. TMX has a file of its own, :mod:`kivuko.readers.tmx`.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.progress import Progress

from kivuko.collections.counts import DropReport
from kivuko.errors import InputError, UnknownNameError
from kivuko.files.json_lines import json_objects
from kivuko.files.streams import lines, plain_name
from kivuko.files.tables import HEADER, names_columns, ragged
from kivuko.languages import Language, resolve

ENGLISH = resolve("en")
SCORES = "scores"
SCORE_FIELDS = ("score", "laser_score")
BARS = "|||"
_CODE_PAIR = re.compile(r"([a-z]{2,3}(?:_[a-z]{4})?)-([a-z]{2,3}(?:_[a-z]{4})?)", re.IGNORECASE)
_FOREIGN_FIRST = re.compile(r"(.+)_en", re.IGNORECASE)
# RFC 4180, section 2.7: inside of a quoted field a quotation mark is written twice.
_QUOTED = re.compile(r'"((?:[^"]|"")*""(?:[^"]|"")*)"')
QUOTED = "with fields in quotation marks, as CSV has them, which were taken off"


class Row(NamedTuple):
    """A pair as it stands in its file, not normalised.

    Attributes:
        number: line, or number of the unit, from 1.
        english: the English side; may be empty.
        foreign: the other side; may be empty.
    """

    number: int
    english: str
    foreign: str


def parse_score(text: str, where: str) -> float:
    """A pair's score.

    Raises:
        InputError: not a finite number.
    """
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise InputError(
            "a pair's score is no number",
            where=where,
            expected="a number such as 1.0423",
            got=repr(text[:80]),
            remedy="mend the line; scores stand where the first line has its own",
        )
    return score


def scores_too_low(score: float, lowest: float | None, report: DropReport) -> bool:
    """Whether a pair goes for its score, which is counted."""
    if lowest is None or score >= lowest:
        return False
    report.drop(f"score below {lowest:g}")
    return True


def without_scores(where: object) -> InputError:
    """The error where a lowest score is asked of pairs that have none."""
    return InputError(
        "these pairs have no scores",
        where=where,
        expected="score<TAB>text<TAB>text as in WikiMatrix, text<TAB>text<TAB>score, PREFIX.scores as in OPUS, or "
        "score or laser_score in JSON lines",
        remedy="leave --lowest-score out",
    )


@functools.lru_cache(maxsize=4096)
def language_of(code: str) -> Language | None:
    """The language that a code, tag or name means; None if it is none we know. A region changes nothing."""
    try:
        return resolve(code)
    except UnknownNameError:
        return None


def pair_in_name(name: str) -> tuple[Language, Language] | None:
    """The languages of a part between dots such as ``am-en`` in ``WikiMatrix.am-en.tsv``, in this order."""
    for part in name.split("."):
        if found := _CODE_PAIR.fullmatch(part):
            first, second = language_of(found[1]), language_of(found[2])
            if first and second:
                return first, second
    return None


def foreign_first(path: Path, language: Language) -> bool:
    """Whether a file is called ``om_en.tsv``, as GATITOS' dictionaries into English are, with the language's code.

    A name of another language says nothing: an underscore also joins words.
    """
    found = _FOREIGN_FIRST.fullmatch(plain_name(path).partition(".")[0])
    return found is not None and language_of(found[1]) == language


def _unquoted(field: str) -> str:
    """A field without the quotation marks of CSV; one that merely begins and ends with one keeps them."""
    found = _QUOTED.fullmatch(field)
    return found[1].replace('""', '"') if found else field


def read_bitext_tsv(
    path: Path,
    language: Language,
    report: DropReport,
    lowest_score: float | None = None,
    progress: Progress | None = None,
) -> Iterator[Row]:
    """Lines of two texts, or of two texts and a score before or behind them; the first decides which.

    Tabs separate the fields, or ``|||`` if there is no tab in the first line.

    English comes first, unless the file's name says otherwise by two codes between dots (``WikiMatrix.am-en.tsv.gz``:
    WikiMatrix has its languages in alphabetical order; ``om_en.tsv``, as GATITOS has it), or a first line that names
    both languages (``Oromo<TAB>English``), which counts more than the name.

    Args:
        path: the file, plain or compressed.
        language: of the column that is not English.
        report: counts empty lines, a first line that names the columns, and pairs that are dropped for their score.
        lowest_score: pairs with less are dropped.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: the name says that the file is of other languages, a line has other fields than the first
            one, a score is no number, a line is not UTF-8 (names ``file:line``), or there are no scores and a
            lowest one is asked for.
    """
    english_first = _by_name(path, language)
    expected = f"English<TAB>{language.name}, perhaps with a score before or behind them; alike on all lines"
    separator, columns = "", None
    for number, line in lines(path, progress):
        if not line.strip():
            report.drop("empty line")
            continue
        if not separator:
            separator = "\t" if "\t" in line or BARS not in line else BARS
            fields = line.split(separator)
            named = [each for each in map(language_of, map(str.strip, fields)) if each in {ENGLISH, language}]
            both = named in ([ENGLISH, language], [language, ENGLISH])
            if (both and not any(map(_is_number, fields))) or names_columns(
                fields, ENGLISH.tag, language.tag
            ):
                english_first = named[0] == ENGLISH if both else english_first
                report.drop(HEADER)
                continue
        values = (
            line.split(separator) if separator == "\t" else [each.strip() for each in line.split(separator)]
        )
        if columns is None:
            columns = _columns(values)
            if columns is not None and columns.score is None and lowest_score is not None:
                raise without_scores(path)
        if columns is None or len(values) != columns.fields:
            raise ragged(path, number, line, expected)
        if columns.score is not None and scores_too_low(
            parse_score(values[columns.score], f"{path}:{number}"), lowest_score, report
        ):
            continue
        fields = values[columns.first : columns.first + 2]
        first, second = map(_unquoted, fields)
        if [first, second] != fields:
            report.changed[QUOTED] += 1
        yield Row(number, first, second) if english_first else Row(number, second, first)


class _Columns(NamedTuple):
    """How many fields a line has, where its two texts begin, and where its score is."""

    fields: int
    first: int
    score: int | None


def _columns(values: Sequence[str]) -> _Columns | None:
    """What the fields of a first line are; None if they are no pair."""
    if len(values) == 2:
        return _Columns(2, 0, None)
    if len(values) == 3 and _is_number(values[0]):
        return _Columns(3, 1, 0)
    if len(values) == 3 and _is_number(values[2]):
        return _Columns(3, 0, 2)
    return None


def _by_name(path: Path, language: Language) -> bool:
    """Whether English is first by the file's name."""
    pair = pair_in_name(plain_name(path))
    if pair is None:
        return not foreign_first(path, language)
    if pair not in {(ENGLISH, language), (language, ENGLISH)}:
        raise InputError(
            "the file's name says that it is of other languages",
            where=path,
            expected=f"English and {language.name}",
            got=" and ".join(each.name for each in pair),
            remedy="name its language, or rename the file if its name is wrong",
        )
    return pair[0] == ENGLISH


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_bitext_jsonl(
    path: Path,
    language: Language,
    report: DropReport,
    lowest_score: float | None = None,
    progress: Progress | None = None,
) -> Iterator[Row]:
    """Lines of ``{"translation": {"en": …, "sw": …}}``, perhaps with a score; other keys do not matter.

    The score is called ``score``, or ``laser_score`` as NLLB's mined bitext has it (NLLB Team, 2022, arXiv
    2207.04672).

    Args:
        path: the file, plain or compressed.
        language: of the side that is not English.
        report: counts empty lines, lines without both languages, and pairs that are dropped for their score.
        lowest_score: pairs with less are dropped.
        progress: a rich display for a bar over the file's bytes.

    Raises:
        InputError: a line is no such object, or not UTF-8 (names ``file:line``), no line has both languages,
            or a line has no score and a lowest one is asked for.
    """
    read, first_codes = 0, ""
    for number, record in json_objects(path, progress):
        if record is None:
            report.drop("empty line")
            continue
        where = f"{path}:{number}"
        texts = _texts_by_code(record, where)
        sides = {language_of(code): text for code, text in texts.items()}
        first_codes = first_codes or ", ".join(texts)
        english, foreign = sides.get(ENGLISH), sides.get(language)
        if english is None or foreign is None:
            report.drop("line without both languages")
            continue
        if lowest_score is not None:
            score = next((record[name] for name in SCORE_FIELDS if record.get(name) is not None), None)
            if score is None:
                raise without_scores(where)
            if scores_too_low(parse_score(str(score), where), lowest_score, report):
                continue
        read += 1
        yield Row(number, english, foreign)
    if not read and report.reasons["line without both languages"]:
        raise InputError(
            f"no line has English and {language.name}",
            where=path,
            expected=f'{{"translation": {{"en": …, "{language.short}": …}}}}',
            got=f"the languages {first_codes}",
            remedy="name the language the file is in",
        )


def _texts_by_code(record: dict[str, Any], where: str) -> dict[str, str | None]:
    texts = record.get("translation")
    if not isinstance(texts, dict) or not all(isinstance(text, str | None) for text in texts.values()):
        raise InputError(
            "this line is no translation",
            where=where,
            expected='an object with "translation": code → text',
            got=f"fields {', '.join(record)}",
        )
    return texts


@dataclass(frozen=True)
class MosesFiles:
    """The files of one bitext, each plain or compressed.

    Attributes:
        english: a sentence a line.
        foreign: its translation on the same line.
        scores: a number a line, as OPUS has for CCMatrix; None where there is no such file.
    """

    english: Path
    foreign: Path
    scores: Path | None


def find_moses(path: Path, language: Language) -> MosesFiles | None:
    """The files that ``PREFIX``, ``PREFIX.en`` or ``PREFIX.xx`` stands for; None where there are none.

    Raises:
        InputError: one side is missing, or two files could be one.
    """
    last = plain_name(path).rpartition(".")
    if path.is_file():
        if not last[0] or language_of(last[2]) not in {ENGLISH, language}:
            return None
        path = path.with_name(last[0])
    if not path.name or not path.parent.is_dir():
        return None
    found: dict[Language | str, Path] = {}
    for file in sorted(path.parent.glob(f"{_escaped(path.name)}.*")):
        ending = plain_name(file).removeprefix(f"{path.name}.")
        side = SCORES if ending == SCORES else language_of(ending)
        if side not in {ENGLISH, language, SCORES} or side is None or not file.is_file():
            continue
        if side in found:
            raise InputError(
                "two files could be the same side of this bitext",
                where=path,
                got=f"{found[side].name} and {file.name}",
                remedy="move one of them away",
            )
        found[side] = file
    if ENGLISH in found and language in found:
        return MosesFiles(found[ENGLISH], found[language], found.get(SCORES))
    if ENGLISH in found or language in found:
        present, missing = (ENGLISH, language) if ENGLISH in found else (language, ENGLISH)
        raise InputError(
            f"this bitext has no {missing.name} side",
            where=path,
            expected=f"{path.name}.{missing.short} beside {found[present].name}",
            remedy="give the prefix of two files whose endings are their languages",
        )
    return None


def read_moses(
    files: MosesFiles,
    report: DropReport,
    lowest_score: float | None = None,
    progress: Progress | None = None,
) -> Iterator[Row]:
    """The pairs, line by line.

    Args:
        files: what to read.
        report: counts pairs that are dropped for their score.
        lowest_score: pairs with less in the file of scores are dropped.
        progress: a rich display for a bar over the English file's bytes.

    Raises:
        InputError: the files have different numbers of lines (names all of them, once the longest is read), a
            line is not UTF-8 or no score, or there is no file of scores and a lowest one is asked for.
    """
    if lowest_score is not None and files.scores is None:
        raise without_scores(files.english)
    paths = [files.english, files.foreign]
    if lowest_score is not None and files.scores is not None:
        paths.append(files.scores)
    return _read(paths, report, lowest_score, progress)


def _read(
    paths: list[Path], report: DropReport, lowest_score: float | None, progress: Progress | None
) -> Iterator[Row]:
    streams = [lines(path, None if place else progress) for place, path in enumerate(paths)]
    number = 0
    ended: dict[Path, int] = {}
    for number, row in enumerate(itertools.zip_longest(*streams), start=1):
        if None in row:
            for path, line in zip(paths, row, strict=True):
                if line is None:
                    ended.setdefault(path, number - 1)
            continue
        texts = [line for _, line in row]
        if len(texts) == 3 and scores_too_low(
            parse_score(texts[2], f"{paths[2]}:{number}"), lowest_score, report
        ):
            continue
        yield Row(number, texts[0], texts[1])
    if ended:
        raise InputError(
            "the files of this bitext have different numbers of lines",
            where=", ".join(path.name for path in paths),
            expected="as many lines in each",
            got=" and ".join(f"{ended.get(path, number):,}" for path in paths),
            remedy="fetch them again; line n of one file has to translate line n of the other",
        )


def _escaped(name: str) -> str:
    """The name with nothing in it that a glob takes for a pattern."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)
