"""Write a collection: documents as they come, queries and judgments that have one another; the rest counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.progress import Progress

from kivuko.artifact import write_artifact
from kivuko.collections.collection import (
    CARD_FILE,
    DOCUMENTS_FILE,
    KIND,
    QRELS_FILE,
    QUERIES_FOLDER,
    TRAINING_TITLES_FILE,
    Contents,
    Description,
    QuerySet,
)
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.errors import InputError
from kivuko.files.resumable import json_line
from kivuko.files.seen_texts import SeenTexts
from kivuko.files.tables import write_tsv
from kivuko.text.faults import HALF, fault, without_controls
from kivuko.trec_lines import fits

# A call for each document would take longer than writing it.
_SHOWN_AT_ONCE = 1000


def write_collection(
    path: Path,
    description: Description,
    contents: Contents,
    *,
    card: str | None = None,
    meta: Mapping[str, Any] | None = None,
    parents: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a collection; it stands at ``path`` once it is complete.

    Left out and counted: queries without text or without a relevant document, judgments of unknown queries or
    documents, documents without text, and texts with a NUL or half a character. Other control characters become
    spaces, in how many texts is counted too. All queries in the folder have a relevant document in it.

    Of the documents some 10 bytes each stay in memory, to know an id again, and nothing else; queries and judgments
    are held.

    Args:
        path: the folder.
        description: goes into the manifest and the card.
        contents: the documents are read once, from front to back.
        card: Markdown for ``README.md``; from description and counts by default.
        meta: further facts for the manifest.
        parents: label → content hash of what it was made from.
        progress: a rich display for the number of documents.

    Raises:
        InputError: an id comes twice or cannot stand in a run, a kind or split is no name, or nothing is left.
        ArtifactError, StorageError: see ``kivuko.artifact.write_artifact``.
    """
    for each in contents.queries:
        _check_names(each)
    told: dict[str, Any] = {**vars(description), "language": description.language.tag, **(meta or {})}
    with write_artifact(path, KIND, parents=parents, meta=told) as folder:
        wanted = {document for grades in contents.qrels.values() for document in grades}
        documents, present, languages = _write_documents(folder / DOCUMENTS_FILE, contents, wanted, progress)
        queries = _usable_queries(contents)
        qrels = _usable_qrels(contents, {query for found in queries.values() for query in found}, present)
        if not qrels:
            asked = len({query for found in contents.queries.values() for query in found})
            raise InputError(
                "no query has a relevant document in this collection",
                where=description.source,
                got=f"{asked:,} queries, {documents:,} documents; left out: {contents.report.reasons_text}",
                remedy="are queries, judgments and documents of one collection?",
            )
        kept = {
            each: {query: found[query] for query in sorted(found) if query in qrels}
            for each, found in queries.items()
        }
        (folder / QUERIES_FOLDER).mkdir()
        for each, found in kept.items():
            write_tsv(folder / each.file, found.items())
        with (folder / QRELS_FILE).open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(
                f"{query} 0 {document} {grade}\n"
                for query, grades in qrels.items()
                for document, grade in grades.items()
            )
        if contents.training_titles:
            write_tsv(folder / TRAINING_TITLES_FILE, contents.training_titles)
        told |= {
            "document_languages": dict(sorted(languages.items())),
            "documents": documents,
            "queries": len(qrels),
            "query_sets": [
                {"language": language.tag, "kind": kind, "split": split, "queries": len(found)}
                for (kind, split, language), found in kept.items()
            ],
            "judgments_by_grade": _by_grade(qrels),
            "left_out": contents.report.as_json()["dropped"],
            **({"changed": dict(sorted(contents.report.changed.items()))} if contents.report.changed else {}),
        }
        (folder / CARD_FILE).write_text(card or _card(told), encoding="utf-8", newline="\n")
    return path


def _check_names(asked: QuerySet) -> None:
    for label, name in (("kind of queries", asked.kind), ("split", asked.split)):
        if re.fullmatch(r"\w[\w.-]*", name) is None:
            raise InputError(
                f"this {label} cannot be part of a file's name",
                where=f"{label} {name!r}",
                expected="letters, digits, hyphens, dots and underscores",
                got=name,
                remedy="give it another name",
            )


def _write_documents(
    path: Path, contents: Contents, wanted: set[str], progress: Progress | None
) -> tuple[int, set[str], Counter[str]]:
    """Write the documents; how many, which of the judged ones there are, and how many of each language."""
    seen = SeenTexts()
    written = 0
    present: set[str] = set()
    languages: Counter[str] = Counter()
    task = progress.add_task("documents", total=None) if progress else None
    with path.open("wb") as stream:
        for number, document in enumerate(contents.documents, start=1):
            if progress and task is not None and number % _SHOWN_AT_ONCE == 0:
                progress.update(task, completed=number)
            _check_id(document.id, "document", "comes twice" if not seen.add(document.id) else "")
            document = _without_controls(document, contents.report)
            if _is_usable(document, contents.report):
                if document.id in wanted:
                    present.add(document.id)
                stream.write(
                    json_line(
                        {
                            "id": document.id,
                            "title": document.title,
                            "text": document.text,
                            **document.metadata,
                        }
                    )
                )
                if "language" in document.metadata:
                    languages[str(document.metadata["language"])] += 1
                written += 1
                contents.report.kept += 1
    if progress and task is not None:
        progress.remove_task(task)
    return written, present, languages


def _without_controls(document: Document, report: DropReport) -> Document:
    """The document with spaces for control characters: without it, judgments of it would be lost."""
    title, text = without_controls(document.title), without_controls(document.text)
    if (title, text) == (document.title, document.text):
        return document
    report.changed["document with control characters, which became spaces"] += 1
    return replace(document, title=title, text=text)


def _is_usable(document: Document, report: DropReport) -> bool:
    if not document.title.strip() and not document.text.strip():
        report.drop("document without text")
        return False
    if reason := fault(document.title + document.text):
        report.drop(f"document with {_a(reason)}")
        return False
    return True


def _a(reason: str) -> str:
    return reason if reason == HALF else f"a {reason}"


def _check_id(name: str, kind: str, problem: str = "") -> None:
    if not fits(name) or fault(name) or problem:
        raise InputError(
            f"a {kind}'s id cannot be used",
            where=f"{kind} {name!r}",
            expected=f"an id of its own for each {kind}, without white space",
            got=problem or repr(name),
            remedy="mend the ids in the files that it was read from",
        )


def _usable_queries(contents: Contents) -> dict[QuerySet, dict[str, str]]:
    """Texts on one line, of queries that have one."""
    usable: dict[QuerySet, dict[str, str]] = {}
    for asked, queries in contents.queries.items():
        found = usable.setdefault(asked, {})
        for query, text in queries.items():
            _check_id(query, "query")
            line = " ".join(without_controls(text).split())
            if not line:
                contents.report.drop("query without text")
                continue
            if reason := fault(line):
                contents.report.drop(f"query with {_a(reason)}")
                continue
            if line != " ".join(text.split()):
                contents.report.changed["query with control characters, which became spaces"] += 1
            found[query] = line
    return usable


def _usable_qrels(contents: Contents, queries: set[str], present: set[str]) -> dict[str, dict[str, int]]:
    """Judgments of known queries and documents, for queries with a relevant document, by id."""
    found = {}
    for query in sorted(contents.qrels):
        grades = {}
        for document, grade in sorted(contents.qrels[query].items()):
            if query not in queries or document not in present:
                known = "query" if query not in queries else "document"
                contents.report.drop(f"judgment of an unknown {known}")
            else:
                grades[document] = grade
        if any(grade > 0 for grade in grades.values()):
            found[query] = grades
    for _ in range(len(queries) - len(found)):
        contents.report.drop("query without a relevant document")
    return found


def _by_grade(qrels: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    counts = Counter(grade for grades in qrels.values() for grade in grades.values())
    return {str(grade): count for grade, count in sorted(counts.items())}


def _card(told: Mapping[str, Any]) -> str:
    """The card of a collection whose maker has none of its own."""
    grades = ", ".join(f"{count:,} of grade {grade}" for grade, count in told["judgments_by_grade"].items())
    rows = [
        f"| {row['language']} | {row['kind']} | {row['split']} | {row['queries']:,} |"
        for row in told["query_sets"]
    ]
    left_out = [f"- {count:,} × {reason}" for reason, count in told["left_out"].items()] or ["- nothing"]
    changed = [f"- {count:,} × {what}" for what, count in told.get("changed", {}).items()]
    facts = [
        f"- {part}: {told[part]}"
        for part in ("judgments", "licence", "citation", "source", "notice")
        if told[part]
    ]
    return "\n".join(
        [
            f"# {told['name']}",
            "",
            *facts,
            f"- documents: {told['documents']:,}; judgments: {grades}",
            "",
            "| language | kind of queries | split | queries |",
            "| --- | --- | --- | ---: |",
            *rows,
            "",
            "Left out:",
            "",
            *left_out,
            "",
            *(["Changed:", "", *changed, ""] if changed else []),
        ]
    )
