"""How student and teacher tokens are best aligned: transport plans of several kinds, each beside greedy alignment.

    python experiments/alignment.py --shared FOLDER [--languages om ha] [--seeds 0 1 2] [--threads N]

Every arm trains one student on all public pairs of one language, by the settings of quick training, and is asked the
development queries of help pages (titles, paragraphs) and of FOLDER/collections (kivuko.experiment.other_domains),
there as it is trained and half-way back to its teacher. Where the language has no help pages, only the others are
asked. The arm that does best on all of these together is then asked the test queries, with its rival and the arm that
was the default, and nothing else is. Finished cells are kept in the cache. Writes docs/results/alignment/.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from questions import QUERIES_AT_MOST, Asked, asked
from rich.progress import Progress

from kivuko.artifact import cache_folder, hash_json, write_atomically
from kivuko.cli.display import bars
from kivuko.cli.resources import chosen_pairs
from kivuko.collections.bitext import Pair
from kivuko.evaluation.effects import Trials, paired_effect
from kivuko.evaluation.measures import evaluate
from kivuko.evaluation.results import write_results
from kivuko.evaluation.significance import holm
from kivuko.experiment.scoring import DEPTH
from kivuko.languages import Language, resolve
from kivuko.models.encoder import Encoder
from kivuko.models.identity import model_hash
from kivuko.retrieval.index import Index
from kivuko.retrieval.search import Searcher
from kivuko.training.interpolation import interpolated
from kivuko.training.optical import QUICK_SETTINGS
from kivuko.training.regimes import Models, find_regime
from kivuko.training.resources import Resources
from kivuko.training.stages import Stage, cost_of, make_stage, run_stage
from kivuko.training.teacher import default_teacher, help_pairs

MEASURE = "nDCG@10"
OUTPUT = Path("docs/results/alignment")
HALF_WAY = 0.5
DEFAULT = "transport of pieces"


@dataclass(frozen=True)
class Arm:
    """A way to align.

    Attributes:
        regime: its name.
        settings: that differ from quick training's.
        rival: the arm that aligns the same units otherwise.
    """

    regime: str
    settings: Mapping[str, Any]
    rival: str | None = None


#: Greedy distances are twice transport's cost, so that the same balance needs twice the weight.
_GREEDY = {"contrast_weight": 1.0}
_WORDS, _LINKS = {"units": "words"}, {"units": "words", "links": 0.5}
ARMS = {
    "scores of eight passages": Arm("score-distillation", {"passages": 8}),
    "contrast of English words": Arm("lexical-contrast", {"contrast_weight": 0.0}),
    "contrast alone": Arm("bitext-contrastive", {"contrast_weight": 0.0}),
    "greedy of pieces": Arm("greedy", _GREEDY),
    DEFAULT: Arm("optical", {}, "greedy of pieces"),
    "the same, hardened": Arm("optical", {"hard": True}, "greedy of pieces"),
    "partial of pieces": Arm("optical", {"solver": "partial"}, "greedy of pieces"),
    "greedy of words": Arm("greedy", _GREEDY | _WORDS),
    "transport of words": Arm("optical", _WORDS, "greedy of words"),
    "partial of words": Arm("optical", _WORDS | {"solver": "partial"}, "greedy of words"),
    "unbalanced of words": Arm("optical", _WORDS | {"solver": "unbalanced"}, "greedy of words"),
    "greedy of words with links": Arm("greedy", _GREEDY | _LINKS),
    "partial of words with links": Arm(
        "optical", _LINKS | {"solver": "partial"}, "greedy of words with links"
    ),
}
NOTES = """`pieces` are the tokenizer's, all of one mass; `words` weigh by their rarity in the pairs, and each of a
word's pieces is pulled towards the words that the plan says (kivuko.training.units). `transport` moves all mass;
`hardened` sends a piece's mass where its plan sends most; `partial` moves mass only where that costs less than the
lower fifth of what it costs to come as near as possible to a text that is no translation; `unbalanced` pays for
missing the marginals. `links`: word links of the same pairs lower the cost at first. `greedy` is one to one. All
have an in-batch contrast beside them, of one balance. `contrast of English words` contrasts the weights of English
words that a text means, after Milco; `scores of eight passages` aligns no tokens: it imitates the teacher's scores of
its own eight best English training pages for a pair, as Translate-Distill does. Students: {steps} steps of 32 public
pairs, which are software interface and help text, words that start from English, the teacher of the main job.
`half-way`: weights half-way back to the teacher. At most {most} queries of each collection, kind and half, found in
compressed indexes. Tests take the mean over seeds of each query's score, and collections as equals; p are by Holm
over all tests of this page."""


def main() -> None:
    """Train and ask the cells, write what there is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--languages", nargs="+", default=["om", "ha"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report", action="store_true", help="measure nothing, write what is there")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with bars() as progress:
        bench = Bench(default_teacher(progress), progress, given.report)
        bed = {
            language: list(asked(language, given.shared, bench.teacher, progress))
            for language in map(resolve, given.languages)
        }

        def measured(arms: Iterable[str], split: str) -> list[dict[str, Any]]:
            return [
                row
                for seed, language, arm in itertools.product(given.seeds, bed, arms)
                for row in bench.measured(
                    Student(arm, language, seed), [each for each in bed[language] if each.half.split == split]
                )
            ]

        found = measured(given.arms, "development")
        # Arms are chosen among on the students that all of them have.
        students = [
            {(cell["language"], cell["seed"]) for cell in found if cell["arm"] == arm} for arm in given.arms
        ]
        common = set.intersection(*students)
        if not common:
            raise SystemExit("no student that all arms have: run it without --report, or name fewer --arms")
        shared = [cell for cell in found if (cell["language"], cell["seed"]) in common]
        best = max(given.arms, key=lambda arm: _mean(shared, arm))
        chosen = [arm for arm in (best, ARMS[best].rival, DEFAULT) if arm in given.arms]
        found += measured(dict.fromkeys(chosen), "test")
    _write(given, found, shared, chosen)


@dataclass(frozen=True)
class Student:
    """One that an arm trains."""

    arm: str
    language: Language
    seed: int

    def __str__(self) -> str:
        return f"{self.arm}, {self.language.name}, seed {self.seed}"


@dataclass(frozen=True)
class Bench:
    """What all students have in common.

    Attributes:
        teacher: of all of them, and of the indexes.
        progress: a display for the bars.
        finished: whether only what was measured before is wanted.
    """

    teacher: Path
    progress: Progress
    finished: bool

    def measured(self, student: Student, questions: Sequence[Asked]) -> list[dict[str, Any]]:
        """A student's scores of each query of a half, by collection and share of its weights, from the cache.

        Of one that was not measured, nothing if only what is finished is wanted.
        """
        regime = find_regime(ARMS[student.arm].regime)
        names = set(regime.settings.__dataclass_fields__)
        quick = {name: value for name, value in asdict(QUICK_SETTINGS).items() if name in names}
        stage = make_stage(regime, quick | dict(ARMS[student.arm].settings) | {"seed": student.seed})
        pairs = chosen_pairs(None, student.language)
        inputs = [
            stage.regime.name,
            asdict(stage.settings),
            model_hash(self.teacher),
            [pair.foreign for pair in pairs],
            [[each.name, each.half.queries] for each in questions],
        ]
        cell = cache_folder() / "alignment" / "cells" / f"{hash_json(inputs)[:16]}.json"
        if not cell.is_file():
            if self.finished:
                return []
            with write_atomically(cell) as temporary:
                temporary.write_text(
                    json.dumps(self._measure(student, stage, pairs, questions)), encoding="utf-8"
                )
        kept = json.loads(cell.read_text(encoding="utf-8"))
        split = questions[0].half.split
        print(f"{student}, {split}: {mean(map(_average, kept['rows'])):.3f}", flush=True)
        facts = {"arm": student.arm, "language": student.language.tag, "seed": student.seed, "split": split}
        return [facts | {"minutes": kept["minutes"]} | row for row in kept["rows"]]

    def _measure(
        self, student: Student, stage: Stage, pairs: Sequence[Pair], questions: Sequence[Asked]
    ) -> dict[str, Any]:
        """Train it, ask it as it is and half-way back, and remove it."""
        home = cache_folder() / "alignment" / "cells" / str(student).replace(", ", "-").replace(" ", "-")
        pages = [page for _, page in help_pairs(paragraphs=False)]
        trained = run_stage(
            stage.regime,
            stage.settings,
            Models(self.teacher, self.teacher),
            Resources(bitext={student.language: pairs}, documents=pages),
            output=home,
            progress=self.progress,
            label=f"{student.arm}, {student.language.name}",
        ).student
        minutes = cost_of(trained).cpu_minutes
        half_way = interpolated(self.teacher, trained, home.with_name(f"{home.name}-half"), HALF_WAY)
        rows = []
        for share, model in (("trained", trained), ("half-way", half_way)):
            encoder = Encoder.open(model)
            for each in questions:
                run = Searcher(Index.open(each.index), model=encoder).rank(each.half.queries, depth=DEPTH)
                scores = evaluate(run, each.half.qrels, [MEASURE]).per_query[MEASURE]
                rows.append({"queries": each.name, "weights": share, "scores": scores})
        for folder in (trained, half_way):
            shutil.rmtree(folder)
        return {"minutes": minutes, "rows": rows}


def _average(row: Mapping[str, Any]) -> float:
    return mean(row["scores"].values())


def _mean(found: list[dict[str, Any]], arm: str) -> float:
    """Of an arm's development cells, help pages and other domains as equals, and so trained and half-way."""
    by_kind: dict[tuple[bool, str], list[float]] = defaultdict(list)
    for cell in found:
        if cell["arm"] == arm and cell["split"] == "development":
            by_kind[cell["queries"].startswith("help"), cell["weights"]].append(_average(cell))
    return mean(map(mean, by_kind.values()))


def _write(
    given: argparse.Namespace,
    found: list[dict[str, Any]],
    shared: list[dict[str, Any]],
    chosen: list[str],
) -> None:
    rows = [
        {name: cell[name] for name in ("split", "queries", "weights", "language", "seed")}
        | {"system": cell["arm"], "measure": MEASURE, "mean": _average(cell), "n": len(cell["scores"])}
        for cell in found
    ]
    means = []
    for arm in given.arms:
        own = [cell for cell in found if cell["arm"] == arm and cell["split"] == "development"]
        columns = {
            f"{'help' if is_help else 'other domains'}, {weights}": round(
                mean(
                    _average(cell)
                    for cell in own
                    if cell["queries"].startswith("help") == is_help and cell["weights"] == weights
                ),
                4,
            )
            for is_help, weights in itertools.product((True, False), ("trained", "half-way"))
            if any(cell["queries"].startswith("help") == is_help for cell in own)
        }
        facts = {
            "all": round(_mean(found, arm), 4),
            "all, of the students that every arm has": round(_mean(shared, arm), 4),
            "students": len({(cell["language"], cell["seed"]) for cell in own}),
            "CPU minutes": round(mean(cell["minutes"] for cell in own), 2),
        }
        means.append({"arm": arm, **columns, **facts})
    development = [
        _test(found, arm, rival, "development")
        for arm, rival in [(arm, ARMS[arm].rival) for arm in given.arms]
        if rival in given.arms
    ]
    test = [_test(found, chosen[0], rival, "test") for rival in chosen[1:] if rival != chosen[0]]
    tests = [row for of_pair in (*development, *test) for row in of_pair]
    adjusted = holm({str(number): row["p"] for number, row in enumerate(tests)})
    write_results(
        given.output,
        "How tokens are best aligned",
        rows,
        command=" ".join(["python experiments/alignment.py", *sys.argv[1:]]),
        notes=NOTES.format(steps=QUICK_SETTINGS.steps, most=QUERIES_AT_MOST),
        extra={
            "Development, mean over languages, seeds and collections": means,
            f"Tests (chosen on development: {chosen[0]})": [
                row | {"p": round(row["p"], 4), "p by Holm": round(adjusted[str(number)], 4)}
                for number, row in enumerate(tests)
            ],
        },
    )


def _test(found: list[dict[str, Any]], arm: str, rival: str, split: str) -> list[dict[str, Any]]:
    """An arm against a rival, on help pages and elsewhere, trained and half-way, by students that both have."""
    rows = []
    students = [
        {(cell["language"], cell["seed"]) for cell in found if (cell["arm"], cell["split"]) == (name, split)}
        for name in (arm, rival)
    ]
    both = students[0] & students[1]
    for is_help, weights in itertools.product((True, False), ("trained", "half-way")):
        sides: list[dict[str, dict[str, list[float]]]] = []
        for name in (arm, rival):
            scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
            for cell in found:
                same = (cell["arm"], cell["split"], cell["weights"]) == (name, split, weights)
                if (
                    same
                    and cell["queries"].startswith("help") == is_help
                    and (cell["language"], cell["seed"]) in both
                ):
                    for query, score in cell["scores"].items():
                        scores[f"{cell['language']} {cell['queries']}"][query].append(score)
            sides.append(scores)
        if not sides[0]:
            continue
        pairs = {
            group: tuple(
                np.array([mean(side[group][query]) for query in sorted(sides[0][group])]) for side in sides
            )
            for group in sides[0]
        }
        effect = paired_effect(pairs, Trials(permutations=10_000))  # type: ignore[arg-type]
        rows.append(
            {"split": split, "arm": arm, "over": rival}
            | {"queries": "help" if is_help else "other domains", "weights": weights}
            | {"difference": round(effect.difference, 4), "low": round(effect.low, 4)}
            | {"high": round(effect.high, 4), "p": effect.p}
        )
    return rows


if __name__ == "__main__":
    main()
