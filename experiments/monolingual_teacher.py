"""The paper's teacher, a monolingual English model with a multilingual student of another kind, beside the usual one.

    python experiments/monolingual_teacher.py [--threads N] [--collections FOLDER …]

OPTICAL's teacher knows English alone. Here it is all-MiniLM-L6, whose token vectors are assembled and trained to find
English help pages as the usual teacher's are; its student is multilingual-e5-small with a layer for its space. A
second question is answered beside it: whether a teacher that marks queries and documents by prompts should read the
English side of a pair as a query or as a document. Results: docs/results/monolingual-teacher/.

Collections of other domains are folders with documents.tsv, qrels.txt and a queries.LANGUAGE.tsv, of which those in
the languages measured are asked. Students, teachers and indexes are kept in the cache.
"""

from __future__ import annotations

import argparse
import functools
import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress

from kivuko.artifact import cache_folder, is_complete
from kivuko.cli.display import bars
from kivuko.cli.resources import chosen_pairs
from kivuko.collections.collection import Collection
from kivuko.collections.split import HELD_OUT
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.results import write_results
from kivuko.experiment.other_domains import halves
from kivuko.experiment.scoring import collection_index
from kivuko.experiment.test_bed import ENGLISH
from kivuko.languages import Language, resolve
from kivuko.models import get, late_interaction
from kivuko.models.identity import model_hash
from kivuko.models.token_vectors import Task
from kivuko.public.collections import build_collection, collections_for
from kivuko.ranking import Qrels
from kivuko.readers.documents import read_documents
from kivuko.retrieval.build import build_index
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction
from kivuko.training.optical import QUICK_SETTINGS, train_optical
from kivuko.training.teacher import (
    BASE,
    DOCUMENT_LENGTH,
    centred_encoder,
    centring_texts,
    help_pairs,
    train_teacher,
    untrained_teacher,
    with_hard_negatives,
)
from kivuko.training.teacher import QUICK_SETTINGS as QUICK_TEACHER

MONOLINGUAL = "all-minilm-l6-v2"
PROMPTS = {"query": "query: ", "document": "passage: "}
MEASURE = "nDCG@10"


@dataclass(frozen=True)
class Line:
    """A teacher, and how its students are trained.

    Attributes:
        teacher: its model folder.
        student: what students start from; the teacher itself where it is None.
        side: what the teacher reads the English side as.
    """

    teacher: Path
    student: str | None = None
    side: Task = "document"


def main() -> None:
    """Train teachers and students, ask test queries, write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--languages", nargs="+", default=["om", "sw"])
    parser.add_argument("--steps", type=int, default=QUICK_SETTINGS.steps, help="of each student")
    parser.add_argument("--teacher-steps", type=int, default=QUICK_TEACHER.steps)
    parser.add_argument("--collections", type=Path, nargs="*", default=[], help="of other domains")
    parser.add_argument("--only", nargs="*", help="these teachers alone")
    parser.add_argument("--queries", type=int, default=100, help="of each kind and split, at most")
    parser.add_argument("--output", type=Path, default=Path("docs/results/monolingual-teacher"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    languages = [resolve(name) for name in arguments.languages]
    settings = replace(QUICK_SETTINGS, steps=arguments.steps)
    rows: list[dict[str, Any]] = []
    with bars() as progress:
        chosen = lines(arguments.teacher_steps, progress, arguments.only)
        for language in languages:
            pairs = chosen_pairs(None, language)
            for name, line in chosen.items():
                student = (
                    cache_folder() / "monolingual-teacher" / f"{language.tag}-{_slug(name)}-{settings.steps}"
                )
                train_optical(
                    pairs,
                    language,
                    line.teacher,
                    student,
                    student=line.student,
                    settings=replace(settings, teacher_side=line.side),
                    progress=progress,
                )
                rows += scores(language, name, line.teacher, student, arguments.queries, progress)
                for folder in arguments.collections:
                    rows += scores_elsewhere(
                        folder, language, name, line.teacher, student, arguments.queries, progress
                    )
                print("\n" + "\n".join(json.dumps(row) for row in rows[-4:]), flush=True)
    write_results(
        arguments.output,
        "A monolingual English teacher, and what it reads the English side as",
        rows,
        command=" ".join(["python experiments/monolingual_teacher.py", *map(shlex.quote, sys.argv[1:])]),
        notes=f"""At most {arguments.queries} queries of each kind and split, asked of students of {settings.steps}
steps on all public bitext of their language, whose words start from English (kivuko.training.words); teachers of
{arguments.teacher_steps} steps on {QUICK_TEACHER.max_length} pieces, as the quick demo has; one seed. The teacher
encodes documents, and is asked the English queries. Collections of other domains are halved by a hash of the articles
that their queries are about; what is chosen is chosen on development rows.

`e5` is the usual teacher, whose students start as copies of it. `MiniLM` is {MONOLINGUAL}, which knows English alone:
content tokens, centred, trained on the same English pairs; its student is {BASE} with a layer for its space, which
starts as a regression between mean token vectors. `MiniLM, untrained` is the same without that training.

`e5 with prompts` marks queries and documents by the prompts that e5 was trained with, as ColBERT does by markers, so
that the two sides differ; its last words say what it read the English sides of the pairs as.""",
    )


def lines(teacher_steps: int, progress: Progress, only: Sequence[str] | None = None) -> dict[str, Line]:
    """Teachers, trained on the same English pairs, by the name they have in the tables; all, or some."""
    pairs = with_hard_negatives(help_pairs())
    settings = replace(QUICK_TEACHER, steps=teacher_steps)

    @functools.cache
    def trained(start: Path) -> Path:
        return train_teacher(start, pairs, settings=settings, progress=progress)

    def monolingual() -> Path:
        return untrained_teacher(MONOLINGUAL, centring_texts(), progress=progress)

    makers: dict[str, Callable[[], Line]] = {
        "e5": lambda: Line(trained(centred_encoder(progress))),
        "MiniLM": lambda: Line(trained(monolingual()), BASE),
        "MiniLM, untrained": lambda: Line(monolingual(), BASE),
        "e5 with prompts, as a document": lambda: Line(trained(with_prompts(progress))),
        "e5 with prompts, as a query": lambda: Line(trained(with_prompts(progress)), side="query"),
    }
    return {name: make() for name, make in makers.items() if only is None or name in only}


def with_prompts(progress: Progress) -> Path:
    """The centred encoder with the prompts of e5."""
    start = centred_encoder(progress)
    path = cache_folder() / "monolingual-teacher" / f"prompts-{model_hash(start)[:16]}"
    if is_complete(path):
        return path
    encoder = late_interaction.load(start)
    encoder.prompts.update(PROMPTS)
    meta = {
        "regime": "zero-shot",
        "base": BASE,
        "centred": True,
        "prompts": PROMPTS,
        "length": DOCUMENT_LENGTH,
    }
    return late_interaction.save(
        encoder, path, space=None, parents={"base": model_hash(get(BASE))}, meta=meta
    )


def scores(
    language: Language, name: str, teacher: Path, student: Path, most: int, progress: Progress
) -> list[dict[str, Any]]:
    """A student's scores on every collection of its language, and its teacher's on the same queries in English."""
    rows = []
    for collection_name in collections_for(language):
        collection = Collection.open(build_collection(language, name=collection_name))
        index = Index.open(collection_index(collection, teacher, progress))
        for kind in collection.query_kinds:
            reader = teacher if kind.startswith("english") else student
            for split in HELD_OUT:
                queries, judged = collection.queries(kind, split), collection.qrels(kind, split)
                facts = {"collection": collection_name, "queries": kind, "split": split}
                found = _score(index, reader, queries, judged, most, progress)
                rows += [{**facts, "language": language.tag, "system": name, **row} for row in found]
    return rows


def scores_elsewhere(
    folder: Path, language: Language, name: str, teacher: Path, student: Path, most: int, progress: Progress
) -> list[dict[str, Any]]:
    """The same on a collection of another domain; nothing where it has no queries in the language."""
    rows: list[dict[str, Any]] = []
    if not halves(folder, language):
        return rows
    place = cache_folder() / "monolingual-teacher" / f"{folder.name}-{model_hash(teacher)[:16]}"
    index = Index.open(
        build_index(read_documents(folder / "documents.tsv"), teacher, place, progress=progress)
    )
    for kind, spoken, reader in (("queries", language, student), ("english", ENGLISH, teacher)):
        for half in halves(folder, spoken):
            facts = {"collection": folder.name, "queries": kind, "split": half.split}
            found = _score(index, reader, half.queries, half.qrels, most, progress)
            rows += [{**facts, "language": language.tag, "system": name, **row} for row in found]
    return rows


def _score(
    index: Index, reader: Path, queries: Mapping[str, str], judged: Qrels, most: int, progress: Progress
) -> list[dict[str, Any]]:
    """One row, of the first of the queries; none where there are none."""
    asked = dict(sorted(queries.items())[:most])
    if not asked:
        return []
    run = search_late_interaction(index, reader, asked, progress=progress)
    summary = evaluate(run, {query: judged[query] for query in asked}, [MEASURE]).summary(MEASURE)
    return [{"measure": MEASURE, **vars(summary), "seed": 0}]


def _slug(name: str) -> str:
    return name.lower().replace(",", "").replace(" ", "-")


if __name__ == "__main__":
    main()
