"""How to fuse a student with its lexicon: by ranks, or by scores on one of several scales. Development queries only.

    python experiments/fusion.py

Reads the development runs of the main job (``make results`` makes them). Every way of fusing has its weight, and
ranks their constant, chosen on the other languages; the last rows have no choice in them. Writes
docs/results/fusion/.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from kivuko.evaluation.measures import Scores, evaluate
from kivuko.evaluation.results import write_results
from kivuko.experiment.main_job import PARTS, QUERY_KINDS, MainJob, run_main_job
from kivuko.experiment.scoring import DEPTH
from kivuko.languages import resolve
from kivuko.ranking import Run, ranked
from kivuko.retrieval.fusion import WEIGHTS, reciprocal_rank_fusion, score_fusion

LANGUAGES = ("om", "km", "eu", "hi", "et")
MEASURE = "nDCG@10"
RANK_CONSTANTS = (1, 3, 10, 30, 60)
NOTES = """Development queries of the main job's students (docs/results/main-job), fused with BM25 by the lexicon.
Weights, and the constant of reciprocal ranks, are the best of the four other languages for these queries; with
`weight ½` nothing is chosen.

`heights over their mean` is what Kivuko does: a score's height above the run's hundredth, over the mean of these
heights (`kivuko.retrieval.fusion.score_fusion`). `heights over the largest` is min–max scaling, `heights over their
deviation` the standard score.

The scales were compared here and one was chosen here; they differ by less than the intervals are wide. That scores
fuse better than ranks does not hang on that choice."""

Fuse = Callable[[Run, Run], Run]


def scaled(first: Run, second: Run, *, weight: float, scale: Callable[[list[float]], Any]) -> Run:
    """Scores above each run's last, over some scale of theirs, added with a weight of the first."""
    fused: Run = {}
    for query in first.keys() | second.keys():
        scores: dict[str, float] = {}
        for run, share in ((first, weight), (second, 1 - weight)):
            own = run.get(query, {})
            heights = {document: score - min(own.values()) for document, score in own.items()}
            unit = scale(list(heights.values())) if heights else 1.0
            for document, height in heights.items():
                scores[document] = scores.get(document, 0.0) + share * height / (unit or 1.0)
        fused[query] = {document: scores[document] for document in ranked(scores)[:DEPTH]}
    return fused


#: Name → every setting that is tried.
WAYS: dict[str, list[Fuse]] = {
    "reciprocal ranks": [
        partial(reciprocal_rank_fusion, weight=weight, k=k, depth=DEPTH)
        for weight in WEIGHTS
        for k in RANK_CONSTANTS
    ],
    "heights over their mean": [partial(score_fusion, weight=weight, depth=DEPTH) for weight in WEIGHTS],
    "heights over their deviation": [partial(scaled, weight=weight, scale=np.std) for weight in WEIGHTS],
    "heights over the largest": [partial(scaled, weight=weight, scale=max) for weight in WEIGHTS],
    "reciprocal ranks, weight ½, k 10": [partial(reciprocal_rank_fusion, weight=0.5, k=10, depth=DEPTH)],
    "heights over their mean, weight ½": [partial(score_fusion, weight=0.5, depth=DEPTH)],
}


def main() -> None:
    """Score every setting on every language, then choose each language's on the others."""
    jobs = [run_main_job(resolve(name), kinds=QUERY_KINDS) for name in LANGUAGES]
    rows: list[dict[str, Any]] = []
    for kind in QUERY_KINDS:
        parts = [[job.run(part, kind, "development") for part in PARTS] for job in jobs]
        for number, part in enumerate(PARTS):
            rows += [
                _row(job, kind, part, _scores(job, kind, own[number]))
                for job, own in zip(jobs, parts, strict=True)
            ]
        for name, settings in WAYS.items():
            found = [
                [_scores(job, kind, fuse(*own)) for job, own in zip(jobs, parts, strict=True)]
                for fuse in settings
            ]
            for place, job in enumerate(jobs):
                best = max(found, key=lambda scores: _mean_elsewhere(scores, place))
                rows.append(_row(job, kind, name, best[place]))
            print(kind, name, fmean(row["mean"] for row in rows[-len(jobs) :]), flush=True)
    write_results(
        Path("docs/results/fusion"),
        "Fusing a student with its lexicon",
        rows,
        command="python experiments/fusion.py",
        notes=NOTES,
    )


def _scores(job: MainJob, kind: str, run: Run) -> Scores:
    return evaluate(run, job.qrels(kind, "development"), [MEASURE])


def _mean_elsewhere(scores: list[Scores], place: int) -> float:
    return fmean(own.mean(MEASURE) for number, own in enumerate(scores) if number != place)


def _row(job: MainJob, kind: str, system: str, scores: Scores) -> dict[str, Any]:
    facts = {"language": job.language.tag, "queries": kind, "system": system, "measure": MEASURE}
    return {**facts, **vars(scores.summary(MEASURE)), "split": "development"}


if __name__ == "__main__":
    main()
