"""What translation pairs of one domain are worth on text of others: lexicons, glosses, students, and all together.

    python experiments/domains.py experiments/domains.toml --shared FOLDER [--threads 1]

FOLDER has ``collections/`` and ``bitext/``. A collection is a folder with documents.tsv, qrels.txt and a
queries.LANGUAGE.tsv for each language (kivuko.experiment.other_domains); a language is asked of those that
have it. Pairs are NAME.LANGUAGE.tsv, and what is public of the language. The configuration says which, and what
is to be said of the results. Writes docs/results/NAME/, by the configuration's name, after every language.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from rich.progress import Progress

from kivuko.artifact import cache_folder, hash_json
from kivuko.cli.display import bars
from kivuko.cli.resources import chosen_pairs
from kivuko.codeswitch import Lexicon, induce, merge
from kivuko.collections.bitext import Pair
from kivuko.collections.split import HELD_OUT
from kivuko.engine.state import WEIGHT
from kivuko.evaluation.measures import Scores, evaluate
from kivuko.evaluation.results import write_results
from kivuko.evaluation.run import read_run, write_run
from kivuko.evaluation.significance import compare, holm
from kivuko.experiment.other_domains import Half, halves
from kivuko.experiment.scoring import DEPTH
from kivuko.experiment.test_bed import ENGLISH
from kivuko.languages import Language, resolve
from kivuko.models.encoder import Encoder
from kivuko.models.identity import model_hash
from kivuko.public.lexicons import public_lexicon, read_lexicon
from kivuko.ranking import Run
from kivuko.readers.bitext import read_pairs
from kivuko.readers.documents import read_documents
from kivuko.retrieval.build import build_index
from kivuko.retrieval.fusion import score_fusion
from kivuko.retrieval.gloss import FORM, GLOSS_WEIGHT
from kivuko.retrieval.index import Index
from kivuko.retrieval.query_translation import WAY
from kivuko.retrieval.search import Searcher
from kivuko.text import words
from kivuko.training.interpolation import interpolated
from kivuko.training.optical import QUICK_SETTINGS, OpticalSettings, train_optical
from kivuko.training.teacher import default_teacher

MEASURE = "nDCG@10"
OUTPUT = Path("docs/results")
#: Words of a query, from which on it is in the next group.
LENGTHS = (1, 4, 7, 11, 1000)


class Plan(BaseModel):
    """A language: files of bitext of other domains, and of dictionaries beside the public ones; pairs that students
    are trained on, of these asked as trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    other: tuple[str, ...] = ()
    dictionaries: tuple[str, ...] = ()
    students: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()


class Configuration(BaseModel):
    """See experiments/domains.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    notes: str
    queries: int
    steps: int = 0
    pairs: bool = True
    dictionaries: bool = False
    languages: dict[str, Plan]


@dataclass
class Measured:
    """What was measured so far: rows, tests by (collection, language, split, system, rival), scores by length."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    tests: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    by_length: dict[tuple[int, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    gaps: list[dict[str, Any]] = field(default_factory=list)


def main() -> None:
    """Make what each language needs, ask every collection, write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("configuration", type=Path)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    chosen = Configuration(**tomllib.loads(arguments.configuration.read_text(encoding="utf-8")))
    folders = sorted(each for each in (arguments.shared / "collections").iterdir() if each.is_dir())
    measured = Measured()
    english: dict[tuple[str, str], Run] = {}
    with bars() as progress:
        teacher = default_teacher(progress)
        for language, plan in ((resolve(name), plan) for name, plan in chosen.languages.items()):
            bitext = arguments.shared / "bitext"
            pairs = _pairs(language, plan, bitext) if chosen.pairs else {}
            lexicons = {kind: induce(of_kind, language) for kind, of_kind in pairs.items()}
            lexicons |= _dictionaries(language, plan, bitext) if chosen.dictionaries else {}
            students = _students(language, plan, pairs, teacher, chosen.steps, progress)
            for folder in folders:
                asked = halves(folder, language, chosen.queries)
                if not asked:
                    continue
                documents = list(read_documents(folder / "documents.tsv"))
                place = cache_folder() / "domains" / f"{folder.name}-{model_hash(teacher)[:16]}"
                index = Index.open(build_index(documents, teacher, place, progress=progress))
                for half in asked:
                    original = english.setdefault((folder.name, half.split), {})
                    original |= _english(folder, half, original, index, teacher, progress)
                    runs = ranked(half, index, teacher, students, lexicons, progress)
                    ceiling = {query: original.get(query, {}) for query in half.queries}
                    _add(
                        measured,
                        {"collection": folder.name, "language": language.tag, "split": half.split},
                        half,
                        runs,
                        ceiling,
                    )
                print(f"{folder.name} {language.name}: {len(measured.rows)} rows", flush=True)
            _write(arguments.output or OUTPUT / arguments.configuration.stem, measured, chosen)


def ranked(
    half: Half,
    index: Index,
    teacher: Path,
    students: Mapping[str, Path],
    lexicons: Mapping[str, Lexicon],
    progress: Progress,
) -> dict[str, Run]:
    """System → its ranking of a half's queries.

    Args:
        half: queries of one language.
        index: of the collection.
        teacher: encoded it.
        students: name of the system → model.
        lexicons: kind of pairs → lexicon.
        progress: a display for the bars.
    """

    def search(model: Path | None, lexicon: Lexicon | None, gloss: float = 0.0) -> Run:
        asked = [
            index.manifest.hash,
            None if model is None else model_hash(model),
            None if lexicon is None else lexicon.entries,
            [gloss, FORM] if gloss else gloss,
            WAY,
            half.queries,
        ]

        def ask() -> Run:
            method = None if model is None else "late-interaction"
            opened = None if model is None else _open(model)
            searcher = Searcher(index, model=opened, lexicon=lexicon, method=method, gloss=gloss)
            return searcher.rank(half.queries, depth=DEPTH, progress=progress)

        return _kept(asked, ask)

    def fused(run: Run, kind: str) -> Run:
        return score_fusion(run, runs[f"lexicon-bm25 ({kind})"], weight=WEIGHT, depth=DEPTH)

    runs = {"untranslated-bm25": search(None, None)}
    runs |= {f"lexicon-bm25 ({kind})": search(None, lexicon) for kind, lexicon in lexicons.items()}
    runs["teacher"] = search(teacher, None)
    runs |= {name: search(model, None) for name, model in students.items()}
    for kind in (kind for kind in ("software", "both", "dictionary") if kind in lexicons):
        readers = {"teacher": teacher} | {
            name: model
            for name, model in students.items()
            if kind == ("both" if "both" in name else "software") and "whole" not in name
        }
        for name, model in readers.items():
            glossed = f"{name} + gloss ({kind})"
            runs[glossed] = search(model, lexicons[kind], GLOSS_WEIGHT)
            runs[f"{name} + gloss + lexicon ({kind})"] = fused(runs[glossed], kind)
        runs[f"teacher + lexicon ({kind})"] = fused(runs["teacher"], kind)
    return runs


def _kept(asked: Sequence[object], ask: Callable[[], Run]) -> Run:
    """A run from the cache: a program that was stopped goes on, and another weight of the fusion searches nothing."""
    file = cache_folder() / "domains" / "runs" / f"{hash_json(asked)[:16]}.run"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_run(file, ask(), tag="domains")
    return read_run(file)


def _pairs(language: Language, plan: Plan, folder: Path) -> dict[str, list[Pair]]:
    """Kind → pairs: ``software``, and where there are others ``other`` and ``both``."""
    software = chosen_pairs(None, language)
    other = [
        pair
        for name in plan.other
        for pair in read_pairs(folder / f"{name}.{language.short}.tsv", language)[0]
    ]
    return {"software": software} | ({"other": other, "both": [*software, *other]} if other else {})


def _dictionaries(language: Language, plan: Plan, folder: Path) -> dict[str, Lexicon]:
    """``dictionary``: the public ones of a language and the plan's, merged; nothing where there are none."""
    public = public_lexicon(language)
    found = [] if public is None else [public.lexicon]
    found += [
        read_lexicon(str(folder / f"{name}.{language.short}.tsv"), language, "gatitos")
        for name in plan.dictionaries
    ]
    return {"dictionary": merge(found)} if found else {}


def _students(
    language: Language,
    plan: Plan,
    pairs: Mapping[str, Sequence[Pair]],
    teacher: Path,
    steps: int,
    progress: Progress,
) -> dict[str, Path]:
    """Name of the system → its model."""
    found = {}
    for kind in plan.students:
        home = cache_folder() / "domains" / f"{language.tag}-{kind}-{steps}-phrases"
        if kind == "main-job":
            trained, settings = cache_folder() / "main-job" / language.tag / "student", OpticalSettings()
        else:
            trained, settings = home / "trained", replace(QUICK_SETTINGS, steps=steps, phrases=True)
        train_optical(
            pairs["software" if kind == "main-job" else kind],
            language,
            teacher,
            trained,
            settings=settings,
            progress=progress,
        )
        found[f"student ({kind})"] = interpolated(teacher, trained, home / "0.5", 0.5)
        if kind in plan.whole:
            found[f"student ({kind}), whole"] = trained
    return found


_ENCODERS: dict[Path, Encoder] = {}


def _open(model: Path) -> Encoder:
    return _ENCODERS.setdefault(model, Encoder.open(model))


def _english(folder: Path, half: Half, known: Run, index: Index, teacher: Path, progress: Progress) -> Run:
    """The teacher's ranking of the human translations of a half's queries, but for those that are known."""
    texts = next((each.queries for each in halves(folder, ENGLISH) if each.split == half.split), {})
    asked = {query: texts[query] for query in half.queries if query in texts and query not in known}
    if not asked:
        return {}
    searched = [index.manifest.hash, model_hash(teacher), asked]
    return _kept(
        searched, lambda: Searcher(index, model=_open(teacher)).rank(asked, depth=DEPTH, progress=progress)
    )


def _add(
    measured: Measured, facts: Mapping[str, str], half: Half, runs: Mapping[str, Run], english: Run
) -> None:
    """Take down what one language's systems did on a half of a collection."""
    scores = {name: evaluate(run, half.qrels, [MEASURE]) for name, run in runs.items()}
    scores["english"] = evaluate(english, half.qrels, [MEASURE])
    for name, score in scores.items():
        summary = vars(score.summary(MEASURE))
        measured.rows.append({**facts, "system": name, "measure": MEASURE, **summary, "seed": 0})
        if half.split == "test":
            for query, value in score.per_query[MEASURE].items():
                length = len(words(half.queries[query]))
                group = max(begin for begin in LENGTHS if begin <= length) if length else LENGTHS[0]
                measured.by_length[group, name].append(value)
    for name, rival in _rivals(scores):
        result = compare(scores[name].per_query[MEASURE], scores[rival].per_query[MEASURE], seed=0)
        measured.tests[(*facts.values(), name, rival)] = {
            "difference": result.difference, "low": result.low, "high": result.high, "p": result.p
        }  # fmt: skip
    teacher, ceiling = scores["teacher"].mean(MEASURE), scores["english"].mean(MEASURE)
    for name in runs:
        if "+" in name:
            gained = scores[name].mean(MEASURE) - teacher
            share = {"share": round(gained / (ceiling - teacher), 2)} if ceiling > teacher else {}
            measured.gaps.append({**facts, "system": name, "gained": round(gained, 3), **share})


def _rivals(scores: Mapping[str, Scores]) -> Iterable[tuple[str, str]]:
    """What is tested against what: students and what has a gloss or a lexicon against the teacher, and fusions also
    against the better of their two."""
    for name in scores:
        if name.startswith("student") or "+" in name:
            yield name, "teacher"
        if "+ lexicon" in name:
            kind = name[name.rindex("(") :]
            model = name.replace(" + lexicon", "") if "gloss" in name else name.partition(" + ")[0]
            yield name, max((model, f"lexicon-bm25 {kind}"), key=lambda each: scores[each].mean(MEASURE))


def _write(output: Path, measured: Measured, chosen: Configuration) -> None:
    rarest = "lexicon-bm25 (both)" if chosen.pairs else "lexicon-bm25 (dictionary)"
    # Only what all queries were asked of: the others' means would be of other queries.
    everywhere = {row["system"] for row in measured.rows}
    everywhere = {
        name
        for name in everywhere
        if all(len(measured.by_length[n, name]) == len(measured.by_length[n, "teacher"]) for n in LENGTHS)
    }
    systems = sorted(everywhere)
    lengths = [
        {
            "words": f"{begin} to {end - 1}" if end < LENGTHS[-1] else f"{begin} and more",
            **{
                name: round(mean(values), 3)
                for name in systems
                if (values := measured.by_length.get((begin, name)))
            },
            "queries": len(measured.by_length[begin, "teacher"]),
        }
        for begin, end in pairwise(LENGTHS)
    ]
    write_results(
        output,
        chosen.title,
        measured.rows,
        command=" ".join(["python experiments/domains.py", *sys.argv[1:]]),
        notes=chosen.notes.format(
            gloss=GLOSS_WEIGHT, weight=WEIGHT, queries=chosen.queries, steps=chosen.steps
        ),
        extra={
            f"Means over the languages and collections that have {rarest}": _means(measured.rows, rarest),
            "How much of the way to the English question": [
                row for row in measured.gaps if row["split"] == "test"
            ],
            "By the words of a query, over all languages and collections (test)": lengths,
            "Tests": _tests(measured.tests),
        },
    )


def _means(rows: Sequence[Mapping[str, Any]], rarest: str) -> list[dict[str, Any]]:
    """Of each system that all cells with one system have, its mean over them."""
    found = []
    for split in HELD_OUT:
        cells: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        for row in rows:
            if row["split"] == split:
                cells[row["collection"], row["language"]][row["system"]] = row["mean"]
        those = [systems for systems in cells.values() if rarest in systems]
        found += [
            {
                "split": split,
                "system": name,
                "cells": len(those),
                "mean": round(mean(s[name] for s in those), 3),
            }
            for name in (those[0] if those else ())
            if all(name in systems for systems in those)
        ]
    return found


def _tests(tests: Mapping[tuple[str, ...], Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the tests, their p corrected over all tests of a split."""
    rows = []
    for split in ("development", "test"):
        own = {"|".join(key): (key, facts) for key, facts in tests.items() if key[2] == split}
        corrected = holm({name: facts["p"] for name, (_, facts) in own.items()}) if own else {}
        for name, (key, facts) in own.items():
            row = dict(zip(("collection", "language", "split", "system", "rival"), key, strict=True))
            row |= {each: round(value, 3) for each, value in facts.items()}
            rows.append(row | {"p (Holm)": round(corrected[name], 3)})
    return rows


if __name__ == "__main__":
    main()
