"""How many numbers a token vector needs: teachers of several lengths, their students, and the indexes of each kind.

    python experiments/projection.py [--dimensions 384 128] [--languages om km] [--teacher quick] [--threads N]

Every teacher is trained alike, from the encoder as it is: a shorter one starts from the principal components of its
token vectors. Students learn from their own teacher. Bytes are those of what a search by vectors reads and of the
vectors that rank, the words of the documents not among them. Writes docs/results/projection/.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import Progress

from kivuko.artifact import cache_folder, hash_json
from kivuko.cli.display import bars
from kivuko.collections.bitext import Bitext
from kivuko.collections.collection import Collection
from kivuko.collections.split import HELD_OUT
from kivuko.evaluation.measures import Scores, evaluate
from kivuko.evaluation.results import write_results
from kivuko.evaluation.significance import compare, holm
from kivuko.languages import Language, resolve
from kivuko.models.encoding import pooled
from kivuko.models.identity import model_hash, space_of
from kivuko.models.token_vectors import TokenVectors
from kivuko.public.bitext import build_bitext
from kivuko.public.collections import build_collection
from kivuko.retrieval import changes
from kivuko.retrieval.build import documents_hash, encoded
from kivuko.retrieval.index import Index
from kivuko.retrieval.kinds import Kind
from kivuko.retrieval.late_interaction import search_late_interaction
from kivuko.retrieval.segment import EncodedDocuments
from kivuko.training import optical, teacher
from kivuko.training.regimes import Models
from kivuko.training.resources import Resources
from kivuko.training.stages import run_stage

MEASURE = "nDCG@10"
OUTPUT = Path("docs/results/projection")
WHOLE = 384
TEACHERS = {"quick": teacher.QUICK_SETTINGS, "full": teacher.SETTINGS}
#: Kinds of index, and tokens that become one vector on average.
KEPT: tuple[tuple[Kind, float], ...] = (("exact", 1), ("compressed", 1), ("codes", 1), ("codes", 2))
QUERIES = ("title", "paragraph")
#: Of each kind and split, by id: exact search of the longest vectors takes most of the time there is.
QUERIES_AT_MOST = 100
NOTES = """Systems are numbers in a token vector and the kind of index (`kivuko.retrieval.kinds`); `pooled`: two
tokens become one vector on average, whose code is twice as long. Teachers are trained for {teacher_steps} steps over
{pieces} pieces of a page, students for {student_steps} steps; queries are read by the language's student, without
gloss or lexicon. `B/token`: bytes in the index for each token of the documents, pooled or not. The bitext is software
interface text, as the pages are. One seed, {most} queries of each kind and split at most. What codes keep, their
lengths and bits, was chosen on development queries of 384 numbers."""


def main() -> None:
    """Train what is missing, build every index, ask, write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dimensions", type=int, nargs="+", default=[WHOLE, 128, 64])
    parser.add_argument("--languages", nargs="+", default=["om", "km"])
    parser.add_argument("--teacher", choices=TEACHERS, default="full")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    languages = [resolve(name) for name in given.languages]
    found: dict[tuple[str, ...], Scores] = {}
    sizes: list[dict[str, Any]] = []
    with bars() as progress:
        for dimension in given.dimensions:
            model = _teacher(dimension, given.teacher, progress)
            for language in languages:
                collection = Collection.open(build_collection(language))
                student = _student(model, language, progress)
                for name, index, size in _indexes(collection, model, dimension, progress):
                    if language is languages[0]:
                        sizes.append(size)
                    for kind in QUERIES:
                        for split in HELD_OUT:
                            asked = sorted(collection.queries(kind, split).items())[:QUERIES_AT_MOST]
                            queries, qrels = dict(asked), collection.qrels(kind, split)
                            run = search_late_interaction(index, student, queries, progress=progress)
                            key = (kind, split, name, language.tag)
                            found[key] = evaluate(run, {name: qrels[name] for name in queries}, [MEASURE])
            _write(given, found, sizes)


def _teacher(dimension: int, kind: str, progress: Progress) -> Path:
    start = teacher.centred_encoder(progress, dimension=None if dimension == WHOLE else dimension)
    pairs = teacher.with_hard_negatives(teacher.help_pairs())
    return teacher.train_teacher(start, pairs, settings=TEACHERS[kind], progress=progress)


def _student(model: Path, language: Language, progress: Progress) -> Path:
    resources = Resources(bitext={language: Bitext.open(build_bitext(language)).pairs})
    label = f"student of {language.name}"
    models = Models(model, model)
    settings = optical.QUICK_SETTINGS
    return run_stage(optical.REGIME, settings, models, resources, progress=progress, label=label).student


def _indexes(
    collection: Collection, model: Path, dimension: int, progress: Progress
) -> Iterator[tuple[str, Index, dict[str, Any]]]:
    """The documents in each kind of index, with its name and what it takes; they are encoded once."""
    key = hash_json([model_hash(model), documents_hash(collection.documents)])
    home, tokens = cache_folder() / "projection" / key[:16], 0
    folders = {kept: home / hash_json(list(kept))[:16] for kept in KEPT}
    if not all((folder / "manifest.json").is_file() for folder in folders.values()):
        work, documents = home / "documents", collection.documents
        with encoded(documents, model, work, passages=True, pooling=1, progress=progress) as (shards, facts):
            for (kind, pooling), folder in folders.items():
                shutil.rmtree(folder, ignore_errors=True)
                own = [_pooled(shard, pooling) for shard in shards]
                kept = {**facts, "pooling": pooling}
                changes.build(folder, own, kind=kind, space=space_of(model), parents={}, facts=kept)
    for (kind, pooling), folder in folders.items():
        index = Index.open(folder)
        info = index.info()
        tokens = tokens or info["tokens"]
        size = info["bytes"]["searched"] + info["bytes"]["vectors"]
        name = f"{dimension}, {kind}" + (", pooled" if pooling > 1 else "")
        yield name, index, {"system": name, "B/token": round(size / tokens, 1)}


def _pooled(shard: EncodedDocuments, pooling: float) -> EncodedDocuments:
    if pooling == 1 or shard.vectors is None:
        return shard
    vectors = shard.vectors
    rows = (torch.from_numpy(vectors[number].astype(np.float32)) for number in range(len(vectors)))
    own = [pooled(each, pooling).half().numpy() for each in rows]
    return replace(shard, vectors=TokenVectors.stack(own, vectors.vectors.shape[1]))


def _write(
    given: argparse.Namespace, found: dict[tuple[str, ...], Scores], sizes: list[dict[str, Any]]
) -> None:
    rows = [
        {"queries": kind, "split": split, "system": system, "language": language, "measure": MEASURE}
        | vars(scores.summary(MEASURE))
        | {"seed": 0}
        for (kind, split, system, language), scores in found.items()
    ]
    tests: list[dict[str, Any]] = []
    for kind, split, system, language in found:
        rival = found.get((kind, split, f"{WHOLE}, exact", language))
        if split == "test" and rival is not None and system != f"{WHOLE}, exact":
            own = found[kind, split, system, language]
            result = compare(own.per_query[MEASURE], rival.per_query[MEASURE], seed=0)
            numbers = {"difference": result.difference, "low": result.low, "high": result.high, "p": result.p}
            tests.append({"system": system, "queries": kind, "language": language} | numbers)
    adjusted = holm({str(number): row["p"] for number, row in enumerate(tests)})
    tests = [row | {"p": adjusted[str(number)]} for number, row in enumerate(tests)]
    means = []
    for system in dict.fromkeys(system for _, _, system, _ in found):
        cells = [
            own.mean(MEASURE) for (_, split, of, _), own in found.items() if (split, of) == ("test", system)
        ]
        means.append({"system": system, "mean of test cells": round(sum(cells) / len(cells), 4)})
    settings = TEACHERS[given.teacher]
    write_results(
        given.output,
        "How many numbers a token vector needs",
        rows,
        command=" ".join(["python experiments/projection.py", *sys.argv[1:]]),
        notes=NOTES.format(
            teacher_steps=settings.steps,
            pieces=settings.max_length,
            student_steps=optical.QUICK_SETTINGS.steps,
            most=QUERIES_AT_MOST,
        ),
        extra={
            "What an index takes": sizes,
            "Over languages and kinds of query": means,
            f"Tests against {WHOLE}, exact (p by Holm)": tests,
        },
    )


if __name__ == "__main__":
    main()
