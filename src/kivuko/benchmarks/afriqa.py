"""AfriQA as retrieval: questions of native speakers, and the English Wikipedia passages marked as their answers.

Ogundepo et al., AfriQA, Findings of EMNLP 2023, arXiv 2305.06897. JSON lines, a file for each language and split:
``gold_span_passages.afriqa.swa.en.test.json`` (``id``, ``question_lang``, ``question_translated``, ``title``,
``context``, ``answer_pivot``), and ``queries.afriqa.swa.en.test.json`` (``id`` and more), which also has the
questions that nobody found a passage for. Where nothing was found, they have ``NaN``. Read as published at
masakhane-io/afriqa: Swahili, Hausa and Yoruba.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from kivuko.benchmarks.catalogue import Chosen
from kivuko.benchmarks.layouts import Parts, find_all, records
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.files.json_lines import id_field, text_field
from kivuko.files.streams import COMPRESSED, plain_name
from kivuko.text import normalise

ANNOTATED, ANSWERS = 2, 1
"""Grades: of the passage that was marked; of another one of its article in which the answer stands."""

SWAPPED = "passage whose title and text were swapped, which was put right"
TITLE_IS_TEXT = "passage whose title was its text once more, which was taken off"
# A title's most bytes in MediaWiki: what is longer is none.
_LONGEST_TITLE = 255
_PASSAGES = "gold_span_passages.afriqa.{language}.en.{split}.json"
_QUESTIONS = "queries.afriqa.{language}.en.{split}.json"


class _Passage(NamedTuple):
    """What tells passages apart; nothing where nobody wrote it."""

    title: str
    text: str

    @property
    def id(self) -> str:
        """The same whichever files lie there."""
        return hashlib.sha256(f"{self.title}\n{self.text}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _Marked:
    """A line of a file of passages."""

    language: str
    split: str
    id: str
    question: str
    english: str
    passage: _Passage
    answers: Sequence[str]


def read_afriqa(chosen: Chosen, folder: Path) -> Parts:
    """Questions in one language, and the English passages of all languages and splits that lie in the folder.

    Grade 2 is the annotated passage; 1 is another passage with its title in which the answer stands, in any case. No
    other was judged. A question's id is ``LANGUAGE-SPLIT-NUMBER``.

    Left out and counted: passages without text or like an earlier one, and questions without an annotated passage or
    with one without text. Titles and texts that are swapped are put right.

    Args:
        chosen: with its split; with all of them if it names none.
        folder: has the files in it or below it, as the repository's ``data``.

    Raises:
        InputError: there is no file of passages in the language and split, or a line does not fit (names
            ``file:line``).
    """
    report = DropReport()
    code, split = chosen.query_language.iso639_3, chosen.split or "*"
    find_all(folder, f"**/{_PASSAGES.format(language=code, split=split)}")
    every = [
        marked
        for path in find_all(folder, f"**/{_PASSAGES.format(language='*', split='*')}")
        for marked in _read_marked(path, report)
    ]
    passages = _distinct([marked.passage for marked in every], report)
    same_title: dict[str, list[_Passage]] = {}
    for passage in passages:
        same_title.setdefault(passage.title, []).append(passage)
    queries: dict[str, str] = {}
    english: dict[str, str] = {}
    splits: dict[str, str] = {}
    qrels: dict[str, dict[str, int]] = {}
    asked: set[tuple[str, str]] = set()
    for marked in every:
        if marked.language != code or split not in ("*", marked.split):
            continue
        asked.add((marked.split, marked.id))
        query = f"{chosen.query_code}-{marked.split}-{marked.id}"
        if not marked.passage.text:
            report.drop("question whose passage has no text")
        elif queries.setdefault(query, marked.question) != marked.question:
            report.drop("question with the id of another")
        else:
            english[query], splits[query] = marked.english, marked.split
            grades = qrels.setdefault(query, {})
            for passage in same_title[marked.passage.title] if marked.passage.title else ():
                if _has_answer(passage, marked.answers):
                    grades.setdefault(passage.id, ANSWERS)
            grades[marked.passage.id] = ANNOTATED
    for path in _there(folder, f"**/{_QUESTIONS.format(language=code, split=split)}"):
        for where, record in records(path, nan_is_null=True):
            if (_of_name(path)[1], id_field(record, ("id",), where)) not in asked:
                report.drop("question without an annotated passage")
    return Parts(
        [_document(passage, chosen) for passage in passages], queries, qrels, report, english, splits
    )


def _there(folder: Path, pattern: str) -> list[Path]:
    """The files that fit, perhaps none: without the questions the passages still do."""
    return sorted(path for ending in ("", *COMPRESSED) for path in folder.glob(f"{pattern}{ending}"))


def _of_name(path: Path) -> tuple[str, str]:
    """Language and split by a file's name."""
    *_, language, _, split, _ = plain_name(path).split(".")
    return language, split


def _read_marked(path: Path, report: DropReport) -> Iterator[_Marked]:
    language, split = _of_name(path)
    for where, record in records(path, nan_is_null=True):
        answers = _answers(record, where)
        yield _Marked(
            language,
            split,
            id_field(record, ("id",), where),
            _text(record, "question_lang", where),
            _text(record, "question_translated", where),
            _passage(record, answers, where, report),
            answers,
        )


def _answers(record: Mapping[str, Any], where: str) -> list[str]:
    """The answer in English, perhaps in several wordings, none of them empty."""
    answer = record.get("answer_pivot")
    texts = answer.get("text") if isinstance(answer, dict) else None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(
            "this answer is not laid out as AfriQA does",
            where=where,
            expected='"answer_pivot": {"answer_start": […], "text": ["…"]}',
            got=repr(answer)[:80],
        )
    return [text for text in map(normalise, texts) if text]


def _text(record: Mapping[str, Any], field: str, where: str) -> str:
    """What a field says, which may be nothing."""
    return "" if field in record and record[field] is None else text_field(record, (field,), where)


def _passage(record: Mapping[str, Any], answers: Sequence[str], where: str, report: DropReport) -> _Passage:
    """Title and text in their places: in a few lines they are swapped, or the text stands for the title too."""
    title, text = (normalise(_text(record, field, where)) for field in ("title", "context"))
    if title == text and text:
        report.changed[TITLE_IS_TEXT] += 1
        return _Passage("", text)
    swapped = _Passage(text, title)
    no_title = len(title.encode()) > _LONGEST_TITLE
    elsewhere = _has_answer(swapped, answers) and not _has_answer(_Passage(title, text), answers)
    if text and len(title) > len(text) and (no_title or elsewhere):
        report.changed[SWAPPED] += 1
        return swapped
    return _Passage(title, text)


def _has_answer(passage: _Passage, answers: Sequence[str]) -> bool:
    text = passage.text.casefold()
    return any(answer.casefold() in text for answer in answers)


def _distinct(passages: Sequence[_Passage], report: DropReport) -> list[_Passage]:
    """Each that has a text once, by id."""
    found: set[_Passage] = set()
    for passage in passages:
        if not passage.text:
            report.drop("passage without text")
        elif passage in found:
            report.drop("passage like an earlier one, which stands for both")
        found.add(passage)
    return sorted((passage for passage in found if passage.text), key=lambda passage: passage.id)


def _document(passage: _Passage, chosen: Chosen) -> Document:
    return Document(passage.id, passage.title, passage.text, {"language": chosen.document_language.tag})
