"""Run an experiment's cells, one after the other or by several processes at once; finished ones are never run again.

A cell is one line of the comparison at one budget with one seed. Its result is a small JSON file whose name carries
the hash of everything that determined it, so a grid that was stopped goes on anywhere the files are brought to.
"""

from __future__ import annotations

import functools
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from kivuko.artifact import cache_folder, hash_json, read_manifest, try_exclusive, write_atomically
from kivuko.codeswitch import Lexicon
from kivuko.errors import UnknownNameError
from kivuko.evaluation.provenance import commit, machine, now, package_versions
from kivuko.experiment.cell_files import FOLDER, finished_keys
from kivuko.experiment.config import Budget, Experiment, RegimeConfig
from kivuko.experiment.materials import PAIRS, lexicon_of, materials
from kivuko.experiment.scoring import (
    DEPTH,
    RECIPE,
    TestBed,
    Topics,
    fuse,
    index_folder,
    lexical_runs,
    lexicon_runs,
    score_rows,
    student_runs,
    test_bed,
)
from kivuko.languages import Language, resolve
from kivuko.models import late_interaction
from kivuko.ranking import Run
from kivuko.retrieval.apertium import ApertiumTranslator
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.machine_translation import (
    Skipped,
    open_or_skip,
    search_translated_queries,
    translate_documents,
)
from kivuko.training.rank_in_batch import RankingSettings
from kivuko.training.regimes import Models, Slot
from kivuko.training.resources import Need, Resources
from kivuko.training.stages import Cost, Stage, cost_of, run_stage
from kivuko.training.teacher import BASE, centred_encoder, help_pairs, train_teacher, untrained_teacher


@dataclass(frozen=True)
class Cell:
    """One cell of the grid."""

    line: RegimeConfig
    budget: Budget
    seed: int

    @property
    def name(self) -> str:
        """As in file names and messages."""
        return f"{self.line.name}.{self.budget}.{self.seed}"

    @property
    def draw(self) -> int:
        """Seed of the sample of pairs; 0 where the budget draws none, so that all seeds share one lexicon."""
        return self.seed if self.budget in PAIRS else 0

    def is_called(self, name: str) -> bool:
        """Whether ``name`` is this cell's name or the beginning of it, up to a full stop."""
        return f"{self.name}.".startswith(f"{name}.")


def cells_of(experiment: Experiment, only: Sequence[str] = ()) -> list[Cell]:
    """All cells, one seed after the other, so that a grid that is stopped early has compared everything once.

    Args:
        experiment: the experiment.
        only: names of cells, or how they begin: ``"optical"``, ``"optical.1k"``, ``"optical.1k.0"``.

    Raises:
        UnknownNameError: a name in ``only`` belongs to no cell.
    """
    seeds_of = {line.name: line.seeds or experiment.seeds for line in experiment.regimes}
    cells = [
        Cell(line, budget, seed)
        for seed in dict.fromkeys(seed for seeds in seeds_of.values() for seed in seeds)
        for line in experiment.regimes
        if seed in seeds_of[line.name]
        for budget in line.budgets
    ]
    for name in only:
        if not any(cell.is_called(name) for cell in cells):
            raise UnknownNameError(
                "cell of this experiment", name, {part for c in cells for part in (c.line.name, c.name)}
            )
    return [cell for cell in cells if not only or any(cell.is_called(name) for name in only)]


def missing_cells(experiment: Experiment, finished: Sequence[Mapping[str, Any]]) -> list[Cell]:
    """Cells of the experiment that are not among the finished ones."""
    have = {(cell["regime"], cell["budget"], cell["seed"]) for cell in finished}
    return [c for c in cells_of(experiment) if (c.line.name, c.budget, c.seed) not in have]


def run_grid(
    experiment: Experiment,
    folder: Path,
    *,
    only: Sequence[str] = (),
    minutes: float | None = None,
    say: Callable[[str], None] = print,
    progress: Progress | None = None,
) -> None:
    """Run what is not finished yet.

    Several processes may run the same grid: each takes cells that no other is at work on.

    Args:
        experiment: what to run.
        folder: its folder of results; cells go to ``cells`` in it.
        only: which cells, see :func:`cells_of`.
        minutes: start no further cell after this long.
        say: told about every cell.
        progress: a rich display for the bars.

    Raises:
        UnknownNameError: see :func:`cells_of`.
        FetchError, StorageError: what a cell needs cannot be brought or written; finished cells stay.
    """
    started = time.monotonic()
    cells = cells_of(experiment, only)
    bed = test_bed(experiment)
    finished = finished_keys(folder)
    for cell in cells:
        if minutes is not None and time.monotonic() - started > 60 * minutes:
            return
        inputs = _inputs(experiment, bed, cell)
        key = hash_json(inputs)[:16]
        path = folder / FOLDER / f"{cell.name}.{key[:8]}.json"
        with try_exclusive(cache_folder() / "experiment" / "at-work" / path.stem) as free:
            if not free or key in finished or path.is_file():
                continue
            say(f"{cell.name} …")
            result = {
                "key": key,
                "experiment": experiment.name,
                "regime": cell.line.name,
                "budget": cell.budget,
                "seed": cell.seed,
                "similarity": cell.line.similarity,
                "languages": [language.tag for language in experiment.languages_of(cell.line)],
                "inputs": inputs,
                **_measure(experiment, bed, cell, progress),
                "provenance": {
                    "commit": commit(), "machine": machine(), "date": now(), "versions": package_versions(),
                },
            }  # fmt: skip
            with write_atomically(path) as temporary:
                text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
                temporary.write_text(text, encoding="utf-8")
                temporary.chmod(0o644)
            for outdated in set(path.parent.glob(f"{cell.name}.*.json")) - {path}:
                outdated.unlink()
            say(f"{cell.name}: {_gist(result)}")
            if progress:  # finished bars of so many cells would fill the screen
                for bar in progress.task_ids:
                    progress.remove_task(bar)


def _inputs(experiment: Experiment, bed: TestBed, cell: Cell) -> dict[str, Any]:
    """Everything that determines a cell's result; the experiment's name and comments do not."""
    languages = experiment.languages_of(cell.line)
    stages = experiment.stages_of(cell.line, cell.seed)
    needs = _needs(stages)
    data: dict[str, Any] = {"test bed": bed.hash}
    # Every cell is asked for its key, finished ones too: what many share is gathered and hashed once.
    given = tuple(languages), cell.budget, cell.draw
    data |= {need.value: _material_hash(need, *given) for need in sorted(needs)}
    data["lexicons"] = _lexicons_hash(*given)
    return {
        "recipe": RECIPE,
        "stages": [{"regime": stage.regime.name, "settings": asdict(stage.settings)} for stage in stages],
        "baseline": cell.line.baseline,
        "centred": cell.line.centred,
        "similarity": cell.line.similarity,
        "languages": [language.tag for language in languages],
        "encoder": BASE,
        "data": data,
    }


def _needs(stages: Sequence[Stage]) -> frozenset[Need]:
    return frozenset().union(*(stage.regime.needs for stage in stages)) - {Need.TEACHER}


@functools.cache
def _material_hash(need: Need, languages: tuple[Language, ...], budget: Budget, seed: int) -> str:
    return materials(languages, budget, seed, frozenset({need})).digest(frozenset({need}))[need.value]


@functools.cache
def _lexicons_hash(languages: tuple[Language, ...], budget: Budget, seed: int) -> str:
    lexicons = _lexicons(languages, budget, seed)
    return hash_json({language.tag: dict(lexicon.entries) for language, lexicon in lexicons.items()})


def _lexicons(languages: Sequence[Language], budget: Budget, seed: int) -> dict[Language, Lexicon]:
    """The lexicons that a budget allows, of those languages that have one."""
    found = {language: lexicon_of(language, budget, seed) for language in languages}
    return {language: lexicon for language, lexicon in found.items() if lexicon is not None}


def _measure(experiment: Experiment, bed: TestBed, cell: Cell, progress: Progress | None) -> dict[str, Any]:
    languages = experiment.languages_of(cell.line)
    if cell.line.baseline:
        rows, facts = _baseline(bed, cell, languages, progress)
        return {"stages": [], "cost": asdict(Cost()), "facts": facts, "scores": rows}
    stages = experiment.stages_of(cell.line, cell.seed)
    needs = _needs(stages)
    resources = materials(languages, cell.budget, cell.draw, needs) if needs else Resources()
    first = centred_encoder(progress) if cell.line.centred else untrained_teacher(BASE, [], centred=False)
    models = Models(first, first)
    cost, facts = Cost(), {}
    for stage in stages:
        models = run_stage(
            stage.regime,
            stage.settings,
            models,
            resources,
            progress=progress,
            label=f"{cell.name}, {stage.regime.name}",
        )
        cost += cost_of(models.student)
        name = stage.regime.name if stage.regime.name not in facts else f"{stage.regime.name} again"
        facts[name] = dict(read_manifest(models.student, late_interaction.KIND).meta)
    alone = student_runs(bed, models, cell.line.similarity, progress)
    rows = score_rows(bed, alone)
    lexicons = _lexicons(languages, cell.budget, cell.draw)
    if lexicons:
        rows += score_rows(bed, fuse(bed, alone, lexicon_runs(bed, lexicons)), "fused")
    if not cell.line.keep:
        _remove_what_no_other_cell_needs(experiment, bed, stages, models)
    return {
        "stages": [stage.regime.name for stage in stages],
        "cost": asdict(cost),
        "facts": facts,
        "scores": rows,
    }


def _baseline(
    bed: TestBed, cell: Cell, languages: Sequence[Language], progress: Progress | None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    skipped: dict[str, str] = {}
    match cell.line.baseline:
        case "ceiling":
            # What every line with a trained teacher starts from: simpler than the main job's, so as to be a regime.
            teacher = train_teacher(
                centred_encoder(progress), help_pairs(), settings=RankingSettings(), progress=progress
            )
            runs = student_runs(bed, Models(teacher, teacher), "maxsim", progress, in_english=True)
        case "bm25-untranslated":
            runs = lexical_runs(
                bed, "untranslated", lambda index, _: lambda queries: _untranslated(index, queries)
            )
        case "lexicon-bm25":
            runs = lexicon_runs(bed, _lexicons(languages, cell.budget, cell.draw))
        case baseline:
            runs = lexical_runs(
                bed,
                str(baseline),
                lambda index, topics: _apertium(bed, str(baseline), index, topics, skipped),
            )
    return score_rows(bed, runs), {"skipped": skipped} if skipped else {}


def _untranslated(index: LexicalIndex, queries: Mapping[str, str]) -> Run:
    return {query: index.search(text, DEPTH) for query, text in queries.items()}


def _apertium(
    bed: TestBed, baseline: str, index: LexicalIndex, topics: Topics, skipped: dict[str, str]
) -> Callable[[Mapping[str, str]], Run] | None:
    """The search of one language with Apertium; None, with the reason in ``skipped``, where there is no engine."""
    language, english = topics.language, resolve("en")
    source, target = (language, english) if baseline == "apertium-query" else (english, language)
    translator = open_or_skip(lambda: ApertiumTranslator(source, target))
    if isinstance(translator, Skipped):
        skipped[language.tag] = translator.reason
        return None
    if baseline == "apertium-query":
        return lambda queries: search_translated_queries(index, queries, translator, DEPTH)
    translated = LexicalIndex(translate_documents(bed.collections[topics.collection].documents, translator))
    return lambda queries: _untranslated(translated, queries)


def _remove_what_no_other_cell_needs(
    experiment: Experiment, bed: TestBed, stages: Sequence[Stage], models: Models
) -> None:
    """A cell's last model is large and of no use once it is scored, unless another line goes on from it."""
    if not stages:
        return
    names = [stage.regime.name for stage in stages]
    goes_on = any(
        len(line.stages) > len(names) and [stage["use"] for stage in line.stages[: len(names)]] == names
        for line in experiment.regimes
    )
    if goes_on:
        return
    if stages[-1].regime.slot != Slot.ALIGN:
        for name in bed.collections:
            shutil.rmtree(index_folder(bed, name, models.teacher), ignore_errors=True)
    shutil.rmtree(models.student, ignore_errors=True)


def _gist(result: Mapping[str, Any]) -> str:
    """nDCG@10 on the test queries of the first collection, by language."""
    shown = [
        f"{row['language'].split('-')[0]} {sum(values) / len(values):.3f}"
        for row in result["scores"]
        if (row["system"], row["split"], row["collection"])
        == ("alone", "test", result["scores"][0]["collection"])
        for values in [row["per_query"]["nDCG@10"]]
    ]
    return f"{' '.join(shown)} ({result['cost']['cpu_minutes']:.1f} CPU minutes of training)"
