"""Write a test collection: documents as they come, queries and judgments that have one another; the rest counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.progress import Progress

from kivuko.artifact import write_artifact
from kivuko.collections.counts import DropReport
from kivuko.collections.judged import (
    DOCUMENTS_FILE,
    KIND,
    QRELS_FILE,
    QUERIES_FILE,
    Description,
    JudgedDocument,
    Parts,
)
from kivuko.errors import InputError
from kivuko.files.resumable import json_line
from kivuko.files.seen_texts import SeenTexts
from kivuko.files.tables import has_half_characters
from kivuko.trec_lines import fits

# A call for each document would take longer than writing it.
_SHOWN_AT_ONCE = 1000


def write_judged(
    path: Path, description: Description, parts: Parts, progress: Progress | None = None
) -> Path:
    """Write a collection; it stands at ``path`` once it is complete.

    Left out and counted: queries without text or without a relevant document, judgments of unknown queries or
    documents, documents without text. All queries in the folder have a relevant document in it.

    Of the documents some 10 bytes each stay in memory, to know an id again, and nothing else; queries and judgments
    are held.

    Args:
        path: the folder.
        description: goes into the manifest.
        parts: read once, from front to back.
        progress: a rich display for the number of documents.

    Raises:
        InputError: an id comes twice or cannot stand in a run, or nothing is left.
        ArtifactError, StorageError: see ``kivuko.artifact.write_artifact``.
    """
    meta: dict[str, Any] = {
        **{name: value for name, value in vars(description).items() if name != "query_language"},
        "query_language": description.query_language.tag,
    }
    with write_artifact(path, KIND, meta=meta) as folder:
        wanted = {document for grades in parts.qrels.values() for document in grades}
        present, languages = _write_documents(folder / DOCUMENTS_FILE, parts, wanted, progress)
        queries = _usable_queries(parts)
        qrels = _usable_qrels(parts, queries, present)
        if not qrels:
            raise InputError(
                "no query has a relevant document in this collection",
                where=description.source,
                got=f"{len(parts.queries):,} queries, {languages.total():,} documents; left out: "
                f"{parts.report.reasons_text}",
                remedy="are queries, judgments and documents of one collection?",
            )
        with (folder / QUERIES_FILE).open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{query}\t{queries[query]}\n" for query in qrels)
        with (folder / QRELS_FILE).open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(
                f"{query} 0 {document} {grade}\n"
                for query, grades in qrels.items()
                for document, grade in grades.items()
            )
        meta |= {
            "document_languages": dict(sorted(languages.items())),
            "documents": languages.total(),
            "queries": len(qrels),
            "judgments_by_grade": _by_grade(qrels),
            "left_out": parts.report.as_json()["dropped"],
        }
    return path


def _write_documents(
    path: Path, parts: Parts, wanted: set[str], progress: Progress | None
) -> tuple[set[str], Counter[str]]:
    """Write the documents; which of the judged ones there are, and how many of each language."""
    seen = SeenTexts()
    present: set[str] = set()
    languages: Counter[str] = Counter()
    task = progress.add_task("documents", total=None) if progress else None
    with path.open("wb") as stream:
        for number, document in enumerate(parts.documents, start=1):
            if progress and task is not None and number % _SHOWN_AT_ONCE == 0:
                progress.update(task, completed=number)
            _check_id(document.id, "document", "comes twice" if not seen.add(document.id) else "")
            if _is_usable(document, parts.report):
                if document.id in wanted:
                    present.add(document.id)
                stream.write(json_line(vars(document)))
                languages[document.language] += 1
                parts.report.kept += 1
    if progress and task is not None:
        progress.remove_task(task)
    return present, languages


def _is_usable(document: JudgedDocument, report: DropReport) -> bool:
    if not document.title.strip() and not document.text.strip():
        report.drop("document without text")
        return False
    if has_half_characters(document.title + document.text):
        report.drop("document with half a character")
        return False
    return True


def _check_id(name: str, kind: str, fault: str = "") -> None:
    if not fits(name) or has_half_characters(name) or fault:
        raise InputError(
            f"a {kind}'s id cannot be used",
            where=f"{kind} {name!r}",
            expected=f"an id of its own for each {kind}, without white space",
            got=fault or repr(name),
            remedy="mend the ids in the files that it was read from",
        )


def _usable_queries(parts: Parts) -> dict[str, str]:
    """Texts on one line, of queries that have one."""
    found = {}
    for query, text in parts.queries.items():
        _check_id(query, "query")
        line = " ".join(text.split())
        if not line or has_half_characters(line):
            parts.report.drop("query with half a character" if line else "query without text")
        else:
            found[query] = line
    return found


def _usable_qrels(parts: Parts, queries: Mapping[str, str], present: set[str]) -> dict[str, dict[str, int]]:
    """Judgments of known queries and documents, for queries with a relevant document, by id."""
    found = {}
    for query in sorted(parts.qrels):
        grades = {}
        for document, grade in sorted(parts.qrels[query].items()):
            if query not in queries or document not in present:
                known = "query" if query not in queries else "document"
                parts.report.drop(f"judgment of an unknown {known}")
            else:
                grades[document] = grade
        if any(grade > 0 for grade in grades.values()):
            found[query] = grades
    for _ in range(len(queries) - len(found)):
        parts.report.drop("query without a relevant document")
    return found


def _by_grade(qrels: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    counts = Counter(grade for grades in qrels.values() for grade in grades.values())
    return {str(grade): count for grade, count in sorted(counts.items())}
