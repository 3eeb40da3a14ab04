"""Documents that are linked to English ones on the same thing, though not parallel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kivuko.collections.counts import DropReport
from kivuko.files.json_lines import is_json_lines, read_jsonl
from kivuko.files.tables import HEADER, names_columns, read_tsv
from kivuko.languages import Language, resolve
from kivuko.text import normalise
from kivuko.text.faults import fault


def read_linked(
    path: Path, report: DropReport, language: Language | None = None
) -> Iterator[tuple[str, str]]:
    """Documents in a language with English ones that are linked to them, though not parallel.

    Args:
        path: ``text<TAB>English text`` lines, or JSON lines (``.jsonl``, ``.ndjson``) of
            ``{"foreign": …, "english": …}``, plain or compressed.
        report: counts what is kept, lines without text on a side or with a control character, and a first line that
            names the columns.
        language: of the first texts, by whose name their column may be called.

    Yields:
        (text in the language, English text), normalised.

    Raises:
        InputError: no such file, or a line is ragged or not in UTF-8; names ``file:line``.
    """
    rows = (
        read_jsonl(path, ("foreign", "english"))
        if is_json_lines(path)
        else read_tsv(path, ("text", "English text"))
    )
    spoken = [resolve("en").tag, *([language.tag] if language else [])]
    for number, fields in rows:
        foreign, english = map(normalise, fields or ("", ""))
        if reason := fault(foreign + english):
            report.drop(reason)
            continue
        if number == 1 and names_columns((foreign, english), *spoken):
            report.drop(HEADER)
            continue
        if not foreign or not english:
            report.drop("empty side")
            continue
        report.kept += 1
        yield foreign, english
