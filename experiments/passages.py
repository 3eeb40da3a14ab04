"""Long documents: are they found better by their best passage than by their beginning?

    kivuko experiment run experiments/best.toml    # trains the student, and keeps it
    python experiments/passages.py

The help pages are indexed cut at what the model reads, as everywhere else in docs/results, and in passages. Test
pages are asked for in five languages by their title, and by the first and the last of their translated paragraphs:
what the end of a page says is not in an index of beginnings. Writes docs/results/passages/.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from multilingual_index import LANGUAGES, trained

from kivuko.artifact import cache_folder, hash_json, read_manifest
from kivuko.cli.display import bars
from kivuko.collections.collection import Collection
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.collections.split import split_of
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.results import write_results
from kivuko.evaluation.significance import compare, holm
from kivuko.languages import Language, resolve
from kivuko.models import late_interaction
from kivuko.public.collections import build_collection, paragraph_queries
from kivuko.public.help_pages import load_pages
from kivuko.ranking import Run
from kivuko.retrieval.build import build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.kinds import Kind
from kivuko.retrieval.late_interaction import search_late_interaction

OUTPUT = Path("docs/results/passages")
ENGLISH = resolve("en")
MEASURES = ("nDCG@10", "R@100")
CUT, PASSAGES, COMPRESSED = "cut", "passages", "passages, compressed"
SYSTEMS: dict[str, tuple[Kind, bool]] = {
    CUT: ("exact", False),
    PASSAGES: ("exact", True),
    COMPRESSED: ("compressed", True),
}
NOTES = """One student of five languages asks; its teacher encoded the pages, `cut` at the 160 pieces that it reads or
in `passages` of 160 pieces, of which the best one counts. The bitext that the student learned from is software help
and interface text, as the pages are: expect less elsewhere. One seed."""

Row = dict[str, Any]
Queries = Mapping[str, str]


def main() -> None:
    """Index twice, ask for pages by their title, their beginning and their end, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, help="CPU threads; all cores by default")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    student, teacher = trained()
    languages = [resolve(name) for name in LANGUAGES]
    collections = {language: Collection.open(build_collection(language)) for language in languages}
    asked = {
        (kind, language.tag): found
        for language, collection in collections.items()
        for kind, found in queries_of(language, collection).items()
    }
    indexes = build(next(iter(collections.values())).documents, teacher)
    runs = {system: search(index, student, asked) for system, index in indexes.items()}
    report(asked, runs, indexes)


def queries_of(language: Language, collection: Collection) -> dict[str, Queries]:
    """What is asked about test pages: kind → page → text."""
    english, foreign = load_pages(ENGLISH).pages, load_pages(language).pages
    reversed_ = {
        name: replace(page, paragraphs=dict(reversed(page.paragraphs.items())))
        for name, page in foreign.items()
    }
    last = paragraph_queries(english, reversed_, language, DropReport())
    held = {document.id for document in collection.documents}
    return {
        "title": collection.queries("title", "test"),
        "first paragraph": collection.queries("paragraph", "test"),
        "last paragraph": {
            page: text for page, text in last.items() if split_of(page) == "test" and page in held
        },
    }


def build(documents: list[Document], teacher: Path) -> dict[str, Index]:
    """The same pages in each of the indexes."""
    key = hash_json([read_manifest(teacher, late_interaction.KIND).hash, [vars(d) for d in documents]])[:16]
    found = {}
    for system, (kind, passages) in SYSTEMS.items():
        folder = cache_folder() / "indexes" / f"{key}-{system.replace(', ', '-')}"
        with bars() as progress:
            build_index(documents, teacher, folder, kind=kind, passages=passages, progress=progress)
        found[system] = Index.open(folder)
    return found


def search(
    index: Index, student: Path, asked: Mapping[tuple[str, str], Queries]
) -> dict[tuple[str, str], Run]:
    """The pages found for each kind of query in each language."""
    with bars() as progress:
        return {
            key: search_late_interaction(index, student, queries, progress=progress)
            for key, queries in asked.items()
        }


def report(
    asked: Mapping[tuple[str, str], Queries],
    runs: Mapping[str, Mapping[tuple[str, str], Run]],
    indexes: Mapping[str, Index],
) -> None:
    """Scores of all pages, and what passages change for the pages that were cut."""
    long = {
        document.id
        for document in indexes[PASSAGES].documents
        if len(indexes[PASSAGES].vectors_of(document.id)) > 1
    }
    rows: list[Row] = []
    changes: list[Row] = []
    for (kind, language), queries in asked.items():
        qrels = {query: {query: 1} for query in queries}
        scores = {system: evaluate(found[kind, language], qrels, MEASURES) for system, found in runs.items()}
        rows += [
            {"language": language, "queries": kind, "system": system, "measure": m, **vars(of.summary(m))}
            for system, of in scores.items()
            for m in MEASURES
        ]
        for pages, chosen in (("cut", queries.keys() & long), ("whole", queries.keys() - long)):
            per_query = {
                system: {query: of.per_query["nDCG@10"][query] for query in chosen}
                for system, of in scores.items()
            }
            found = compare(per_query[PASSAGES], per_query[CUT], seed=0)
            changes.append(
                {
                    "queries": kind,
                    "language": language,
                    "pages that were": pages,
                    "n": found.n,
                    CUT: round(sum(per_query[CUT].values()) / found.n, 4),
                    PASSAGES: round(sum(per_query[PASSAGES].values()) / found.n, 4),
                    "difference": round(found.difference, 4),
                    "low": round(found.low, 4),
                    "high": round(found.high, 4),
                    "p": found.p,
                }
            )
    adjusted = holm({str(number): row["p"] for number, row in enumerate(changes)})
    for number, row in enumerate(changes):
        row["p, Holm"] = round(adjusted[str(number)], 5)
        row["p"] = round(row["p"], 5)
    sizes = [{"system": system, **index.info(), **index.info()["bytes"]} for system, index in indexes.items()]
    shown = ("system", "documents", "passages", "tokens", "searched", "vectors")
    write_results(
        OUTPUT,
        "Long documents: cut, or in passages",
        rows,
        command="python experiments/passages.py",
        notes=NOTES,
        extra={
            f"What passages change: nDCG@10, {PASSAGES} − {CUT}": changes,
            "Sizes, bytes": [{name: row[name] for name in shown} for row in sizes],
        },
    )


if __name__ == "__main__":
    main()
