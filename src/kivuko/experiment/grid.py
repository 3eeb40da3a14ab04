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
from kivuko.errors import UnknownNameError
from kivuko.evaluation.results import commit, machine, now, package_versions
from kivuko.experiment.cell_files import FOLDER, finished_keys
from kivuko.experiment.config import Experiment, RegimeConfig, read_experiment
from kivuko.experiment.scoring import (
    DEPTH,
    MEASURES,
    RECIPE,
    fuse,
    index_folder,
    lexical_runs,
    lexicon_runs,
    page_labels,
    score_rows,
    student_runs,
)
from kivuko.experiment.test_bed import TestBed, Topics, test_bed
from kivuko.languages import resolve
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
from kivuko.training.materials import Materials, most_drawn, needs_of
from kivuko.training.rank_in_batch import RankingSettings
from kivuko.training.regimes import Models, Slot
from kivuko.training.resources import Need
from kivuko.training.sources import PAIRS, Budget, Draw, EnglishSources
from kivuko.training.stages import Cost, Stage, cost_of, hashed_settings, run_stage
from kivuko.training.teacher import BASE, train_teacher, untrained_teacher


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
    bench: Bench | None = None,
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
        bench: of an earlier run in this process; gathered anew by default.

    Raises:
        UnknownNameError: see :func:`cells_of`.
        FetchError, StorageError: what a cell needs cannot be brought or written; finished cells stay.
    """
    started = time.monotonic()
    cells = cells_of(experiment, only)
    bench = bench or Bench(experiment, say=say, progress=progress)
    finished = finished_keys(folder)
    for cell in cells:
        if minutes is not None and time.monotonic() - started > 60 * minutes:
            return
        inputs = bench.inputs(cell)
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
                **bench.measure(cell),
                "pages": page_labels(bench.bed),
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


def run_cell(config: Path, folder: Path, name: str) -> list[str]:
    """Run one cell of a grid, as a worker does (:mod:`kivuko.workers`), unless it is finished.

    Args:
        config: the experiment's file.
        folder: its folder of results.
        name: the cell's.

    Returns:
        What there is to say of it.
    """
    said: list[str] = []
    bench = _bench_of(config)
    run_grid(bench.experiment, folder, only=[name], say=said.append, bench=bench)
    return said


@functools.lru_cache(maxsize=1)
def _bench_of(config: Path) -> Bench:
    return Bench(read_experiment(config))


class Bench:
    """What the cells of one run have in common: where they search, and what they train on, gathered once.

    Args:
        experiment: what is run.
        say: told what was left out of data that a person gives.
        progress: a rich display for the bars.

    Raises:
        InputError: files that the experiment names are not there.
    """

    def __init__(
        self,
        experiment: Experiment,
        *,
        say: Callable[[str], None] = lambda _: None,
        progress: Progress | None = None,
    ) -> None:
        self.experiment = experiment
        self.progress = progress
        self.bed = test_bed(experiment)
        given = {resolve(name): sources for name, sources in experiment.data.items()}
        self.materials = Materials(
            given, experiment.english, held_out=self.bed.held_out, say=say, progress=progress
        )
        self.materials.check()

    def inputs(self, cell: Cell) -> dict[str, Any]:
        """Everything that determines a cell's result; the experiment's name and comments do not."""
        line, draw = cell.line, self._draw(cell)
        stages = self.experiment.stages_of(line, cell.seed)
        most = most_drawn(stages)
        data: dict[str, Any] = {"test bed": self.bed.hash}
        # Every cell is asked for its key, finished ones too: what many share is gathered and hashed once.
        data |= {
            need.value: self.materials.digest(need, draw, most.get(need)) for need in sorted(needs_of(stages))
        }
        data["lexicons"] = self.materials.lexicons_hash(draw)
        # What follows was the same for all once, and is named only where it is not.
        if self.experiment.english != EnglishSources():
            data["centred on"] = hash_json(self.materials.english_texts())
            if line.baseline == "ceiling":
                data["English pairs"] = hash_json(self._ceiling_pairs())
        fused = (
            {"fusion": self.experiment.fusion}
            if self.experiment.fusion != "ranks" and not line.baseline
            else {}
        )
        further = {"measures": self.experiment.measures} if self.experiment.measures else {}
        return {
            "recipe": RECIPE,
            "stages": [{"regime": stage.regime.name, "settings": hashed_settings(stage)} for stage in stages],
            "baseline": line.baseline,
            "centred": line.centred,
            "similarity": line.similarity,
            "languages": [language.tag for language in draw.languages],
            "encoder": BASE,
            "data": data,
            **fused,
            **further,
        }

    def measure(self, cell: Cell) -> dict[str, Any]:
        """Train what a cell trains, search with it, and score what it finds."""
        if cell.line.baseline:
            rows, facts = self._baseline(cell)
            return {"stages": [], "cost": asdict(Cost()), "facts": facts, "scores": rows}
        draw = self._draw(cell)
        stages = self.experiment.stages_of(cell.line, cell.seed)
        resources = self.materials.resources(draw, needs_of(stages), most_drawn(stages))
        first = self._first(centred=cell.line.centred)
        models = Models(first, first)
        cost, facts = Cost(), {}
        for stage in stages:
            models = run_stage(
                stage.regime,
                stage.settings,
                models,
                resources,
                progress=self.progress,
                label=f"{cell.name}, {stage.regime.name}",
            )
            cost += cost_of(models.student)
            name = stage.regime.name if stage.regime.name not in facts else f"{stage.regime.name} again"
            facts[name] = dict(read_manifest(models.student, late_interaction.KIND).meta)
        alone = student_runs(self.bed, models, cell.line.similarity, self.progress)
        measures = self._measures
        rows = score_rows(self.bed, alone, measures=measures)
        lexicons = self.materials.lexicons(draw)
        if lexicons:
            fused = fuse(self.bed, alone, lexicon_runs(self.bed, lexicons), self.experiment.fusion)
            rows += score_rows(self.bed, fused, "fused", measures=measures)
        if not cell.line.keep and not self._another_goes_on_from(stages, centred=cell.line.centred):
            _remove(self.bed, stages, models)
        return {
            "stages": [stage.regime.name for stage in stages],
            "cost": asdict(cost),
            "facts": facts,
            "scores": rows,
        }

    def _draw(self, cell: Cell) -> Draw:
        return Draw(tuple(self.experiment.languages_of(cell.line)), cell.budget, cell.draw)

    def _first(self, *, centred: bool = True) -> Path:
        """The encoder that students start from."""
        texts = self.materials.english_texts() if centred else []
        return untrained_teacher(BASE, texts, centred=centred, progress=self.progress)

    def _ceiling_pairs(self) -> Sequence[tuple[str, ...]]:
        # What every line with a trained teacher starts from: simpler than the main job's, so as to be a regime.
        settings = RankingSettings()
        most = {Need.ENGLISH_PAIRS: settings.steps * settings.batch_size}
        return self.materials.resources(Draw(()), frozenset({Need.ENGLISH_PAIRS}), most).english_pairs

    def _baseline(self, cell: Cell) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        bed = self.bed
        skipped: dict[str, str] = {}
        match cell.line.baseline:
            case "ceiling":
                teacher = train_teacher(
                    self._first(), self._ceiling_pairs(), settings=RankingSettings(), progress=self.progress
                )
                runs = student_runs(bed, Models(teacher, teacher), "maxsim", self.progress, in_english=True)
            case "bm25-untranslated":
                runs = lexical_runs(
                    bed, "untranslated", lambda index, _: lambda queries: _untranslated(index, queries)
                )
            case "lexicon-bm25":
                runs = lexicon_runs(bed, self.materials.lexicons(self._draw(cell)))
            case baseline:
                runs = lexical_runs(
                    bed,
                    str(baseline),
                    lambda index, topics: _apertium(bed, str(baseline), index, topics, skipped),
                )
        rows = score_rows(bed, runs, measures=self._measures)
        return rows, {"skipped": skipped} if skipped else {}

    @property
    def _measures(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*MEASURES, *self.experiment.measures)))

    def _another_goes_on_from(self, stages: Sequence[Stage], *, centred: bool) -> bool:
        """Whether a cell of another line trains further what these stages, with these settings, leave."""
        lines = [line for line in self.experiment.regimes if len(line.stages) > len(stages)]
        return any(
            line.centred == centred and self.experiment.stages_of(line, seed)[: len(stages)] == list(stages)
            for line in lines
            for seed in line.seeds or self.experiment.seeds
        )


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


def _remove(bed: TestBed, stages: Sequence[Stage], models: Models) -> None:
    """A cell's last model is large, and of no use once it is scored if nothing goes on from it."""
    if not stages:
        return
    if stages[-1].regime.slot != Slot.ALIGN:
        for collection in bed.collections.values():
            shutil.rmtree(index_folder(collection, models.teacher), ignore_errors=True)
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
