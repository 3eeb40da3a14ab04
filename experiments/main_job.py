"""The main job's numbers: every system on the test queries of several languages.

    python experiments/main_job.py [--languages om km eu hi et]

Runs the pipeline of ``kivuko demo`` for each language (finished steps are read from the cache) and writes
docs/results/main-job/: means with bootstrap intervals, paired permutation tests with Holm's correction over the
languages, and the share of the English ceiling that is reached.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from kivuko.artifact import read_manifest
from kivuko.cli.display import bars
from kivuko.evaluation.measures import MEASURES, Scores, evaluate
from kivuko.evaluation.results import write_results
from kivuko.evaluation.significance import compare, holm
from kivuko.experiment.main_job import QUERY_KINDS, SYSTEMS, MainJob, run_main_job
from kivuko.languages import resolve

LANGUAGES = ("om", "km", "eu", "hi", "et")
OUTPUT = Path("docs/results/main-job")
#: Each claim to test: name → (system, what it should beat).
CLAIMS = {
    "OPTICAL against centred zero-shot": ("optical", "zero-shot-centred"),
    "OPTICAL against its teacher, zero-shot": ("optical", "zero-shot-teacher"),
    "OPTICAL against lexicon BM25": ("optical", "lexicon-bm25"),
    "fusion against OPTICAL": ("fusion", "optical"),
    "fusion against lexicon BM25": ("fusion", "lexicon-bm25"),
}
NOTES = """Queries are page titles (and, harder, first paragraphs) of LibreOffice help in the language; the relevant
document is the one English page of the same name, among all 2,560 pages. Splits are by page; training pairs
whose English or foreign side occurs as a title or paragraph of a development or test page were removed.
Everything was chosen on development pages, with one confession: that teachers forget long queries was noticed on
test paragraphs of earlier runs; the remedies were chosen and checked on development pages (docs/results/teachers).

Limits: the bitext is software help and interface text of the same domain as the test pages, and the teacher
was trained on English titles and paragraphs of the training pages, so expect less elsewhere; titles count
five times in BM25, which title queries favour; each student is one seed; the encoder comes from a 4-bit
package."""


def main() -> None:
    """Run the pipeline for every language, then score, test and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--languages", nargs="*", default=list(LANGUAGES))
    parser.add_argument("--threads", type=int, help="CPU threads; all cores by default")
    parser.add_argument("--train-only", action="store_true", help="fill the cache, write nothing")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    jobs = []
    for name in arguments.languages:
        with bars() as progress:
            jobs.append(run_main_job(resolve(name), kinds=QUERY_KINDS, progress=progress))
    if arguments.train_only:
        return
    scores = {
        (job.language.tag, kind, system): evaluate(job.run(system, kind), job.qrels(kind), MEASURES)
        for job in jobs
        for kind in QUERY_KINDS
        for system in job.systems(kind)
    }
    command = "python experiments/main_job.py --languages " + " ".join(arguments.languages)
    extra = {
        "Share of the English-title ceiling (nDCG@10, titles)": _shares(jobs, scores),
        "Paired permutation tests (nDCG@10, titles; Holm over the languages)": _tests(jobs, scores),
        "What each language had": [_facts(job) for job in jobs],
    }
    write_results(OUTPUT, "The main job", _rows(jobs, scores), command=command, notes=NOTES, extra=extra)


def _rows(jobs: list[MainJob], scores: dict[tuple[str, str, str], Scores]) -> list[dict[str, Any]]:
    seeds = {job.language.tag: read_manifest(job.student, "model").meta["settings"]["seed"] for job in jobs}
    return [
        {
            "language": tag,
            "queries": kind,
            "system": system,
            "measure": measure,
            **vars(scored.summary(measure)),
            "seed": seeds[tag],
        }
        for (tag, kind, system), scored in scores.items()
        for measure in MEASURES
    ]


def _shares(jobs: list[MainJob], scores: dict[tuple[str, str, str], Scores]) -> list[dict[str, Any]]:
    table = []
    for system in SYSTEMS:
        row: dict[str, Any] = {"system": system}
        for job in jobs:
            tag = job.language.tag
            ceiling = scores[tag, "title", "english-title"].mean("nDCG@10")
            row[tag] = round(scores[tag, "title", system].mean("nDCG@10") / ceiling, 3)
        row["average"] = round(sum(row[job.language.tag] for job in jobs) / len(jobs), 3)
        table.append(row)
    return table


def _tests(jobs: list[MainJob], scores: dict[tuple[str, str, str], Scores]) -> list[dict[str, Any]]:
    table = []
    for claim, (system, other) in CLAIMS.items():
        found = {
            job.language.tag: compare(
                scores[job.language.tag, "title", system].per_query["nDCG@10"],
                scores[job.language.tag, "title", other].per_query["nDCG@10"],
                seed=0,
            )
            for job in jobs
        }
        adjusted = holm({tag: result.p for tag, result in found.items()})
        for tag, result in found.items():
            before = scores[tag, "title", other].mean("nDCG@10")
            table.append(
                {
                    "claim": claim,
                    "language": tag,
                    "difference": round(result.difference, 4),
                    "low": round(result.low, 4),
                    "high": round(result.high, 4),
                    "ratio": round(1 + result.difference / before, 2),
                    "p": result.p,
                    "p (Holm)": adjusted[tag],
                    "n": result.n,
                }
            )
    return table


def _facts(job: MainJob) -> dict[str, Any]:
    student = read_manifest(job.student, "model").meta
    return {
        "language": job.language.tag,
        "training pairs": student["pairs"][job.language.tag],
        "steps": student["settings"]["steps"],
        "development titles": len(job.qrels("title", "development")),
        "test titles": len(job.qrels("title", "test")),
        "test paragraphs": len(job.qrels("paragraph", "test")),
        **{f"fusion on {kind}s": f"student's weight {job.fusion(kind).weight:g}" for kind in QUERY_KINDS},
    }


if __name__ == "__main__":
    main()
