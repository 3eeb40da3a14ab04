"""Write a test collection: documents as they come, queries and judgments that have one another; the rest counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
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
from kivuko.errors import ArtifactError, InputError
from kivuko.files.resumable import Part, Unfinished, json_line
from kivuko.files.seen_texts import SeenTexts
from kivuko.files.tables import has_half_characters
from kivuko.trec_lines import fits

# A call for each document would take longer than writing it.
_SHOWN_AT_ONCE = 1000


def write_judged(
    path: Path,
    description: Description,
    parts: Parts,
    progress: Progress | None = None,
    work: Unfinished | None = None,
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
        work: what an interrupted run left, with which the same parts were written; documents that are in it are
            drawn and passed over.

    Raises:
        InputError: an id comes twice or cannot stand in a run, or nothing is left.
        ArtifactError, StorageError: see ``kivuko.artifact.write_artifact``; or the documents of the interrupted run
            were others.
    """
    meta: dict[str, Any] = {
        **{name: value for name, value in vars(description).items() if name != "query_language"},
        "query_language": description.query_language.tag,
    }
    with write_artifact(path, KIND, meta=meta) as folder:
        wanted = {document for grades in parts.qrels.values() for document in grades}
        present, languages = _write_documents(folder / DOCUMENTS_FILE, parts, wanted, progress, work)
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
    path: Path, parts: Parts, wanted: set[str], progress: Progress | None, work: Unfinished | None
) -> tuple[set[str], Counter[str]]:
    """Write the documents; which of the judged ones there are, and how many of each language."""
    # Where nothing is to outlive a kill, the artefact's own folder is where the file grows.
    held = work or Unfinished(path.parent, {})
    part = held.part(path.name)
    present = {_id_of(line) for line in held.kept_lines(path.name)} & wanted
    languages = Counter(part.facts.get("languages", {}))
    if part.ended:
        _restore(parts.report, part)
    else:
        held.goes_on(path.name, "documents")
        with held.appending(path.name) as stream:
            number = part.read
            for number, document in _documents_after(part, parts, progress):
                if _is_usable(document, parts.report):
                    if document.id in wanted:
                        present.add(document.id)
                    stream.write(json_line(vars(document)))
                    languages[document.language] += 1
                    parts.report.kept += 1
                if work and work.is_due:
                    work.save(path.name, number, _facts(parts.report, languages, document.id))
            if work:
                work.save(path.name, number, _facts(parts.report, languages), ended=True)
    if work:
        work.place(path.name, path)
    return present, languages


def _documents_after(
    part: Part, parts: Parts, progress: Progress | None
) -> Iterator[tuple[int, JudgedDocument]]:
    """Number, from 1, and document of those that were not looked at yet; their ids are checked."""
    seen = SeenTexts()
    task = progress.add_task("documents", total=None) if progress else None
    for number, document in enumerate(parts.documents, start=1):
        if progress and task is not None and number % _SHOWN_AT_ONCE == 0:
            progress.update(task, completed=number)
        _check_id(document.id, "document", "comes twice" if not seen.add(document.id) else "")
        if number > part.read:
            yield number, document
        elif number == part.read:
            if document.id != part.facts["last"]:
                raise ArtifactError(
                    "the documents are not those of the interrupted run",
                    where=f"document {number:,}",
                    expected=part.facts["last"],
                    got=document.id,
                    remedy="remove the folder .NAME.importing beside the output to start anew",
                )
            _restore(parts.report, part)
    if progress and task is not None:
        progress.remove_task(task)


def _facts(report: DropReport, languages: Counter[str], last: str = "") -> dict[str, Any]:
    return {
        "last": last,
        "kept": report.kept,
        "dropped": dict(report.reasons),
        "languages": dict(languages),
    }


def _restore(report: DropReport, part: Part) -> None:
    """The counts of when the part was saved, in place of what was counted again since the start."""
    report.kept, report.reasons = part.facts["kept"], Counter(part.facts["dropped"])


def _is_usable(document: JudgedDocument, report: DropReport) -> bool:
    if not document.title.strip() and not document.text.strip():
        report.drop("document without text")
        return False
    if has_half_characters(document.title + document.text):
        report.drop("document with half a character")
        return False
    return True


def _id_of(line: bytes) -> str:
    """The id in a line of the documents' file, without a look at the text: ids have no blanks."""
    return str(json.loads(line[len(b'{"id": ') : line.index(b', "title": ')]))


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
