"""PanLex: thousands of dictionaries in one database (CC0), joined by meaning.

David Kamholz, Jonathan Pool, Susan Colowick: "PanLex: Building a Resource for Panlingual Lexical Translation",
LREC 2014. Two of its publications are read: the snapshot as CSV tables (``panlex-DATE-csv``, unpacked; each table
may be compressed), and PanLex Lite (``db.sqlite``). An expression belongs to a variety of a language, a denotation
gives it a meaning, and a meaning comes from one source, which has a quality (0 to 9) and a group of sources that
share an origin. Expressions of one meaning translate each other.

Tested only on tables of our own wording in these layouts: no machine of the project reaches PanLex. A list of
finished translations is read by :func:`kivuko.readers.dictionaries.read_translations_tsv`.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from rich.progress import Progress

from kivuko.errors import InputError, UnknownNameError
from kivuko.files.streams import COMPRESSED, lines
from kivuko.languages import Language, resolve
from kivuko.readers.dictionaries import Reading, Translation, untranslated
from kivuko.text import normalise

DATABASE = "db.sqlite"
_TEXTS = frozenset({"txt", "lang_code"})
_EMPTY = frozenset({"grp", "quality"})  # a source that nobody judged
TABLES = ("langvar", "expr", "denotation", "meaning", "source")
# English text, foreign text, the source's group and its quality.
_Row = tuple[str, str, int, int]


def is_panlex(path: Path) -> bool:
    """Whether this is a folder with the snapshot's tables or PanLex Lite, or the latter's file."""
    if path.is_dir():
        return (path / DATABASE).is_file() or all(_table(path, name) for name in TABLES)
    return path.suffix == ".sqlite"


def read_panlex(path: Path, language: Language, progress: Progress | None = None) -> Reading:
    """Direct translations, weighted as PanLex weighs them: the best quality in each group of sources, summed.

    Varieties are chosen by their ISO 639-3 code (``gaz-000`` is Oromo here); other scripts' are left out.

    Args:
        path: the folder of the CSV tables or of PanLex Lite, or the latter's ``.sqlite`` file.
        language: of the foreign side.
        progress: a rich display for bars over the tables' bytes.

    Raises:
        InputError: a table or column is missing or damaged (names ``file:line``), the database is none of
            PanLex's, or there is nothing in this language.
    """
    path = path / DATABASE if (path / DATABASE).is_file() else path
    found = _csv_rows(path, language, progress) if path.is_dir() else _sqlite_rows(path, language)
    best: dict[tuple[str, str], dict[int, int]] = {}
    for english, foreign, group, quality in found:
        groups = best.setdefault((normalise(english), normalise(foreign)), {})
        groups[group] = max(quality, groups.get(group, 0))
    reading = Reading()
    for (english, foreign), groups in best.items():
        weight = sum(groups.values())
        reason = untranslated(english, foreign, language) or ("of quality 0" if weight <= 0 else None)
        if reason:
            reading.drops.drop(reason)
        else:
            reading.rows.append(Translation(english, foreign, float(weight)))
    return reading.finished(path, f"meanings with expressions in English and {language.name}")


def _csv_rows(folder: Path, language: Language, progress: Progress | None) -> Iterator[_Row]:
    """Join the tables in passes: held are the language's expressions and meanings, and a byte an expression."""

    def rows(table: str, *columns: str) -> Iterator[list[str]]:
        return _columns(folder, table, columns, progress)

    varieties = list(rows("langvar", "id", "lang_code"))
    foreign_varieties = {variety for variety, code in varieties if _is(code, language)}
    english_varieties = {variety for variety, code in varieties if code == "eng"}

    foreign: dict[int, str] = {}
    is_english = bytearray()
    for expression, variety, text in rows("expr", "id", "langvar", "txt"):
        number = int(expression)
        if variety in foreign_varieties:
            foreign[number] = text
        elif variety in english_varieties:
            is_english.extend(bytes(max(0, number + 1 - len(is_english))))
            is_english[number] = 1

    meant: dict[int, list[int]] = {}
    for meaning, expression in rows("denotation", "meaning", "expr"):
        if int(expression) in foreign:
            meant.setdefault(int(meaning), []).append(int(expression))
    pairs: list[tuple[int, int]] = []
    for meaning, expression in rows("denotation", "meaning", "expr"):
        number = int(expression)
        if int(meaning) in meant and number < len(is_english) and is_english[number]:
            pairs.append((int(meaning), number))
    sources = {
        int(meaning): source for meaning, source in rows("meaning", "id", "source") if int(meaning) in meant
    }
    judged = {
        source: (int(group or source), int(quality or 0))
        for source, group, quality in rows("source", "id", "grp", "quality")
    }
    wanted = {number for _, number in pairs}
    english = {
        int(expression): text for expression, text in rows("expr", "id", "txt") if int(expression) in wanted
    }
    for meaning_number, number in pairs:
        # A meaning without a row, or of a source without one, is of unknown quality.
        group, quality = judged.get(sources.get(meaning_number, ""), (0, 0))
        for expression_number in meant[meaning_number]:
            yield english[number], foreign[expression_number], group, quality


def _columns(
    folder: Path, table: str, names: tuple[str, ...], progress: Progress | None
) -> Iterator[list[str]]:
    """The wanted columns of a CSV table, which its first line names; all but ``txt`` and codes are numbers."""
    path = _table(folder, table)
    if path is None:
        raise InputError(
            f"PanLex's table {table} is not there",
            where=folder,
            expected=", ".join(f"{name}.csv" for name in TABLES) + ", each plain or compressed",
            remedy="unpack the whole snapshot",
        )
    rows = csv.reader((f"{line}\n" for _, line in lines(path, progress)), strict=True)
    try:
        header = next(rows, [])
        lacking = [name for name in names if name not in header]
        if lacking:
            raise InputError(
                "this table lacks a column",
                where=f"{path}:1",
                expected=", ".join(names),
                got=", ".join(header) or "an empty file",
            )
        places = [header.index(name) for name in names]
        for row in rows:
            values = [row[place] for place in places] if len(row) == len(header) else []
            if not values or not all(map(_fits, names, values)):
                raise InputError(
                    f"this row of {table} does not fit",
                    where=f"{path}:{rows.line_num}",
                    expected=f"{len(header)} fields: {', '.join(header)}, with numbers for ids",
                    got=repr(row)[:80],
                )
            yield values
    except csv.Error as error:
        raise InputError(
            "this table is damaged or cut short", where=f"{path}:{rows.line_num}", got=str(error)
        ) from error


def _fits(name: str, value: str) -> bool:
    return name in _TEXTS or value.isdecimal() or (name in _EMPTY and not value)


def _table(folder: Path, name: str) -> Path | None:
    paths = (folder / f"{name}.csv{ending}" for ending in ("", *COMPRESSED))
    return next((path for path in paths if path.is_file()), None)


def _sqlite_rows(path: Path, language: Language) -> Iterator[_Row]:
    """PanLex Lite, by the short names that its older editions have as tables and its newer ones as views."""
    if not path.is_file():
        raise InputError(
            "this is nothing that PanLex publishes",
            where=path,
            expected=f"a folder with {', '.join(f'{name}.csv' for name in TABLES)}, or {DATABASE}",
            remedy="unpack the archive, or give a list of translations with --format tsv",
        )
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    try:
        varieties = connection.execute("SELECT lv, lc FROM lv ORDER BY lv").fetchall()
        foreign = [number for number, code in varieties if _is(str(code), language)]
        english = [number for number, code in varieties if code == "eng"]
        yield from connection.execute(
            f"""
            SELECT english.tt, other.tt, COALESCE(here.ui, 0), COALESCE(MAX(here.uq), 0)
            FROM ex other
            JOIN dnx here ON here.ex = other.ex
            JOIN dnx there ON there.mn = here.mn
            JOIN ex english ON english.ex = there.ex
            WHERE other.lv IN ({_marks(foreign)}) AND english.lv IN ({_marks(english)})
            GROUP BY other.ex, english.ex, here.ui
            ORDER BY other.ex, english.ex, here.ui
            """,
            (*foreign, *english),
        )
    except sqlite3.DatabaseError as error:
        raise InputError(
            "this database cannot be read as PanLex Lite",
            where=path,
            expected="the tables or views lv (lv, lc), ex (ex, lv, tt) and dnx (mn, ui, uq, ex)",
            got=str(error),
        ) from error
    finally:
        connection.close()


def _marks(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)


def _is(code: str, language: Language) -> bool:
    """Whether an ISO 639-3 code is this language's, or one of those that it stands for here."""
    try:
        return resolve(code).iso639_3 == language.iso639_3
    except UnknownNameError:
        return False
