"""What a student of software bitext is worth on text of other domains, and how near its teacher it should stay.

    python experiments/domains.py --collections FOLDER … [--languages om sw ha yo] [--full om]

Collections are folders with documents.tsv, qrels.txt and a queries.LANGUAGE.tsv for each language
(kivuko.experiment.other_domains); a language is asked of those that have it. Students learn from all public bitext of
their language, within minutes each, or as long as the main job's where --full names the language; they are
asked as they were trained, and on the way there from the teacher (kivuko.training.interpolation). Writes
docs/results/domains/.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress

from kivuko.artifact import cache_folder
from kivuko.cli.display import bars
from kivuko.cli.resources import chosen_pairs
from kivuko.codeswitch import induce
from kivuko.evaluation.measures import Scores, evaluate
from kivuko.evaluation.results import write_results
from kivuko.evaluation.significance import compare, holm
from kivuko.experiment.other_domains import Half, halves
from kivuko.experiment.scoring import DEPTH, ENGLISH
from kivuko.languages import Language, resolve
from kivuko.models.encoder import Encoder
from kivuko.models.identity import model_hash
from kivuko.ranking import Run
from kivuko.readers.documents import read_documents
from kivuko.retrieval.build import build_index
from kivuko.retrieval.fusion import score_fusion
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.training.interpolation import interpolated
from kivuko.training.optical import QUICK_SETTINGS, OpticalSettings, train_optical
from kivuko.training.teacher import default_teacher

MEASURE = "nDCG@10"
SHARES = (0.5, 0.75, 1.0)
OUTPUT = Path("docs/results/domains")
NOTES = """Queries of published collections of other domains. A student's pairs are all public bitext of its language,
almost all of it software interface and help text, which was not compared with these collections for overlap.
`teacher` is the model that encoded the documents, asked in the language without any bitext; `student α` is its
student at α of the way to where training took its weights; α 1 is the student as trained. Fusions join a ranking with
`lexicon-bm25` by scores, half and half, which nobody chose; the lexicon is induced from the same pairs. `english` is
the teacher, asked the human translation: the ceiling. One seed. Collections are halved by article: what is chosen (α)
is chosen on development rows.

Students of {steps} steps whose words start from English (kivuko.training.words), but of {full} 2,000 steps of
the layers alone, as the main job has."""


def main() -> None:
    """Train students, ask every collection, write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collections", type=Path, nargs="+", required=True)
    parser.add_argument("--languages", nargs="+", default=["om", "sw", "ha", "yo"])
    parser.add_argument("--full", nargs="*", default=[], help="languages whose students are the main job's")
    parser.add_argument("--steps", type=int, default=QUICK_SETTINGS.steps, help="of the other students")
    parser.add_argument("--queries", type=int, help="of each half, at most")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows: list[dict[str, Any]] = []
    against: dict[tuple[str, ...], Mapping[str, Any]] = {}
    with bars() as progress:
        teacher = default_teacher(progress)
        for language in map(resolve, arguments.languages):
            full = language.short in arguments.full
            pairs = chosen_pairs(None, language)
            readers = {"teacher": teacher, **students(language, teacher, arguments.steps, full, progress)}
            lexicon = induce(pairs, language)
            for folder in arguments.collections:
                if not halves(folder, language):
                    continue
                documents = list(read_documents(folder / "documents.tsv"))
                place = cache_folder() / "domains" / f"{folder.name}-{model_hash(teacher)[:16]}"
                index = Index.open(build_index(documents, teacher, place, progress=progress))
                translator = QueryTranslator(lexicon, LexicalIndex(documents))
                english = {half.split: half for half in halves(folder, ENGLISH)}
                for half in halves(folder, language, arguments.queries):
                    runs = ranked(half, english.get(half.split), index, readers, translator, progress)
                    facts = {"collection": folder.name, "language": language.tag, "split": half.split}
                    scores = {name: evaluate(run, half.qrels, [MEASURE]) for name, run in runs.items()}
                    rows += [
                        {
                            **facts,
                            "system": name,
                            "measure": MEASURE,
                            **vars(score.summary(MEASURE)),
                            "seed": 0,
                        }
                        for name, score in scores.items()
                    ]
                    against.update(_against_teacher((*facts.values(),), scores))
                print(f"{folder.name} {language.name}: {len(rows)} rows", flush=True)
    write_results(
        arguments.output,
        "Other domains: what a student of software bitext is worth there",
        rows,
        command=" ".join(["python experiments/domains.py", *sys.argv[1:]]),
        notes=NOTES.format(steps=arguments.steps, full=", ".join(arguments.full) or "none"),
        extra={"Students against their teacher": _tests(against)},
    )


def students(
    language: Language, teacher: Path, steps: int, full: bool, progress: Progress
) -> dict[str, Path]:
    """A language's student, trained once, at each share of the way; by the name of the system."""
    home = cache_folder() / "domains" / f"{language.tag}-{'full' if full else steps}"
    settings = OpticalSettings() if full else replace(QUICK_SETTINGS, steps=steps)
    trained = cache_folder() / "main-job" / language.tag / "student" if full else home / "trained"
    train_optical(
        chosen_pairs(None, language), language, teacher, trained, settings=settings, progress=progress
    )
    return {
        f"student {share:g}": interpolated(teacher, trained, home / f"{share:g}", share)
        if share < 1
        else trained
        for share in SHARES
    }


def ranked(
    half: Half,
    english: Half | None,
    index: Index,
    readers: Mapping[str, Path],
    translator: QueryTranslator,
    progress: Progress,
) -> dict[str, Run]:
    """System → its ranking of a half's queries."""
    runs: dict[str, Run] = {
        "untranslated-bm25": {q: translator.index.search(text, DEPTH) for q, text in half.queries.items()},
        "lexicon-bm25": translator.run(half.queries, DEPTH),
    }
    for name, model in readers.items():
        encoder = Encoder.open(model)
        runs[name] = search_late_interaction(index, encoder, half.queries, depth=DEPTH, progress=progress)
        runs[f"{name} + lexicon"] = score_fusion(runs[name], runs["lexicon-bm25"], depth=DEPTH)
        if name == "teacher" and english is not None:
            asked = {query: english.queries[query] for query in half.queries if query in english.queries}
            if len(asked) == len(half.queries):
                runs["english"] = search_late_interaction(
                    index, encoder, asked, depth=DEPTH, progress=progress
                )
    return runs


def _against_teacher(
    facts: tuple[str, ...], scores: Mapping[str, Scores]
) -> dict[tuple[str, ...], dict[str, Any]]:
    """Each student against the teacher, and with the lexicon against the better of the two: a paired test."""
    found = {}
    for name, score in scores.items():
        if not name.startswith("student"):
            continue
        rivals = ["teacher"]
        if name.endswith("lexicon"):
            rivals = [name.removesuffix(" + lexicon"), "lexicon-bm25"]
        rival = max(rivals, key=lambda each: scores[each].mean(MEASURE))
        result = compare(score.per_query[MEASURE], scores[rival].per_query[MEASURE], seed=0)
        found[(*facts, name)] = {
            "rival": rival,
            "difference": result.difference,
            "low": result.low,
            "high": result.high,
            "p": result.p,
        }
    return found


def _tests(against: Mapping[tuple[str, ...], Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the tests, their p corrected over all tests of a split."""
    rows = []
    for split in ("development", "test"):
        own = {" ".join(key): (key, facts) for key, facts in against.items() if key[2] == split}
        corrected = holm({name: facts["p"] for name, (_, facts) in own.items()}) if own else {}
        for name, (key, facts) in own.items():
            collection, language, _, system = key
            rows.append(
                {
                    "collection": collection,
                    "language": language,
                    "split": split,
                    "system": system,
                    **{k: round(v, 3) if isinstance(v, float) else v for k, v in facts.items()},
                    "p (Holm)": round(corrected[name], 3),
                }
            )
    return rows


if __name__ == "__main__":
    main()
