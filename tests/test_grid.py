"""The experiment runner on a part of the real Oromo collection, with the tiny encoder in place of the real one."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress
from typer.testing import CliRunner

from kivuko.artifact import read_manifest, write_artifact
from kivuko.cli.main import app
from kivuko.collections.bitext import Bitext
from kivuko.collections.collection import Collection
from kivuko.collections.split import HELD_OUT
from kivuko.errors import InputError, UnknownNameError
from kivuko.evaluation.effects import Trials
from kivuko.evaluation.measures import evaluate
from kivuko.experiment import grid, scoring, test_bed
from kivuko.experiment.asked import Dose
from kivuko.experiment.cell_files import finished_cells, pack_cells
from kivuko.experiment.config import Experiment, read_experiment
from kivuko.experiment.grid import cells_of, missing_cells, run_grid
from kivuko.experiment.report.cells import Variant, read_cells
from kivuko.experiment.report.contrasts import dose_table
from kivuko.files.tables import write_jsonl, write_tsv
from kivuko.languages import resolve
from kivuko.models.late_interaction import KIND as MODEL
from kivuko.public.bitext import build_bitext
from kivuko.public.collections import build_collection
from kivuko.public.help_pages import KIND as PAGES
from kivuko.public.help_pages import load_pages
from kivuko.ranking import Qrels, Run
from kivuko.retrieval.build import build_index
from kivuko.retrieval.fusion import choose_weight, score_fusion
from kivuko.retrieval.index import Index
from kivuko.retrieval.late_interaction import search_late_interaction, search_single_vector
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.training import materials, teacher
from kivuko.training.materials import Materials
from kivuko.training.rank_in_batch import RankingSettings
from kivuko.training.sources import Draw
from kivuko.training.teacher import centred_encoder
from test_main_job import shrink
from tiny import build_tiny_encoder, made_up_pairs

pytestmark = pytest.mark.network

OROMO = resolve("om")
MANIFESTS = shutil.ignore_patterns("manifest.json")
TOML = """
name = "tiny"
title = "A tiny comparison"
seeds = [0, 1]
languages = ["om"]
test_queries = 20
development_queries = 15

[defaults]
optical = { steps = 2, batch_size = 4 }
english = { steps = 1, batch_size = 4, max_length = 16 }
codeswitch = { steps = 1, batch_size = 4, max_length = 16 }

[[regime]]
name = "ceiling"
baseline = "ceiling"
budgets = ["none"]
seeds = [0]

[[regime]]
name = "bm25-untranslated"
baseline = "bm25-untranslated"
budgets = ["none"]
seeds = [0]

[[regime]]
name = "lexicon-bm25"
baseline = "lexicon-bm25"
budgets = ["1k", "all"]

[[regime]]
name = "zero-shot-centred"
budgets = ["none"]
seeds = [0]

[[regime]]
name = "zero-shot-single-vector"
centred = false
similarity = "single-vector"
budgets = ["none"]
seeds = [0]

[[regime]]
name = "english"
stages = [{ use = "english", seed = 0 }, "english"]
budgets = ["none"]
seeds = [0]

[[regime]]
name = "codeswitch"
stages = [{ use = "english", seed = 0 }, "codeswitch"]
budgets = ["1k"]
seeds = [0]

[[regime]]
name = "optical"
stages = [{ use = "english", seed = 0 }, "optical"]
budgets = ["1k"]
"""
NAMES = [
    "ceiling.none.0", "bm25-untranslated.none.0", "lexicon-bm25.1k.0", "lexicon-bm25.all.0",
    "zero-shot-centred.none.0", "zero-shot-single-vector.none.0", "english.none.0", "codeswitch.1k.0",
    "optical.1k.0", "lexicon-bm25.1k.1", "lexicon-bm25.all.1", "optical.1k.1",
]  # fmt: skip
CHEAP = ["bm25-untranslated", "lexicon-bm25"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with ``data`` alone, as in a fresh cache, and ``cache``, which is in use."""
    collection, bitext = Collection.open(build_collection(OROMO)), Bitext.open(build_bitext(OROMO))
    pages = list(load_pages(resolve("en")).pages.values())
    root = tmp_path_factory.mktemp("grid")
    shrink(collection, root / "data/orm-Latn/collection")
    with write_artifact(root / "data/orm-Latn/bitext", "bitext", meta=dict(bitext.manifest.meta)) as folder:
        write_jsonl(folder / "pairs.jsonl", [asdict(pair) for pair in bitext.pairs[:400]])
    english = read_manifest(collection.path.parents[1] / "eng-Latn/pages", PAGES)
    with write_artifact(root / "data/eng-Latn/pages", PAGES, meta=dict(english.meta)) as folder:
        write_jsonl(folder / "pages.jsonl", [asdict(page) for page in pages[:200]])
    shutil.copytree(root / "data", root / "cache/data")
    base = str(build_tiny_encoder(root / "encoder", seed=0))
    (root / "tiny.toml").write_text(TOML, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIVUKO_CACHE", str(root / "cache"))
        patch.setattr(grid, "BASE", base)
        patch.setattr(teacher, "BASE", base)
        patch.setattr(teacher, "CENTRING_PAGES", 40)
        patch.setattr(grid, "RankingSettings", lambda: RankingSettings(steps=1, max_length=16))
        patch.setattr(materials, "PAIRS", {"1k": 100, "5k": 200})
        yield root


@pytest.fixture(scope="module")
def experiment(root: Path) -> Experiment:
    return read_experiment(root / "tiny.toml")


@pytest.fixture(scope="module")
def results(root: Path, experiment: Experiment) -> Path:
    """The whole experiment, run while looking at test queries' judgments in a choice is an error."""
    development = Collection.open(build_collection(OROMO)).queries("title", "development").keys()
    choosing: list[bool] = []
    choose, score = scoring.choose_weight, scoring.evaluate

    def guarded_choice(fuse: Callable[[float], Run], *rest: Any, **more: Any) -> Any:
        assert fuse(0.5).keys() <= development, "a fusion weight was chosen on test queries"
        choosing.append(True)
        try:
            return choose(fuse, *rest, **more)
        finally:
            choosing.pop()

    def guarded_scores(run: Run, qrels: Qrels, *rest: Any) -> Any:
        if choosing:
            assert qrels.keys() <= development, "a fusion weight was chosen by test judgments"
        return score(run, qrels, *rest)

    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch, Progress(disable=True) as progress:
        patch.setattr(scoring, "choose_weight", guarded_choice)
        patch.setattr(scoring, "evaluate", guarded_scores)
        run_grid(experiment, root / "results", say=said.append, progress=progress)
        assert progress.task_ids == [], "bars of finished cells stay on the screen"
    assert [line.removesuffix(" …") for line in said if line.endswith(" …")] == NAMES
    return root / "results"


@pytest.fixture
def copy(results: Path, tmp_path: Path) -> Path:
    """The finished experiment in a folder that a test may spoil."""
    return Path(shutil.copytree(results, tmp_path / "results"))


def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the cells that are really measured from now on."""
    names: list[str] = []
    measure = grid.Bench.measure

    def noting(bench: grid.Bench, cell: grid.Cell) -> dict[str, Any]:
        names.append(cell.name)
        return measure(bench, cell)

    monkeypatch.setattr(grid.Bench, "measure", noting)
    return names


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def cell_of(results: Path, name: str) -> dict[str, Any]:
    (path,) = (results / "cells").glob(f"{name}.*.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def values(
    cell: dict[str, Any], split: str = "test", system: str = "alone", language: str = "orm-Latn"
) -> Any:
    (row,) = [
        row
        for row in cell["scores"]
        if (row["split"], row["system"], row["language"]) == (split, system, language)
    ]
    return row["per_query"]


# What a cell is


def test_every_cell_is_a_file_of_the_documented_form(results: Path) -> None:
    names = sorted(path.name for path in (results / "cells").iterdir())
    assert [name.rsplit(".", 2)[0] for name in names] == sorted(NAMES)
    for name in names:
        cell = json.loads((results / "cells" / name).read_text(encoding="utf-8"))
        assert cell.keys() == {
            "key", "experiment", "regime", "budget", "seed", "similarity", "languages", "inputs", "stages", "cost",
            "facts", "scores", "pages", "provenance",
        }  # fmt: skip
        assert {f"{row['collection']} {row['ids']}" for row in cell["scores"]} <= cell["pages"].keys()
        assert name == f"{cell['regime']}.{cell['budget']}.{cell['seed']}.{cell['key'][:8]}.json"
        assert cell["cost"].keys() == {"tokens", "steps", "cpu_minutes", "minutes"}
        assert cell["provenance"].keys() == {"commit", "machine", "date", "versions"}
        assert (cell["experiment"], cell["languages"]) == ("tiny", ["orm-Latn"])
        for row in cell["scores"]:
            assert row.keys() == {
                "collection", "language", "queries", "system", "split", "ids", "per_query",
            }  # fmt: skip
            assert (row["collection"], row["queries"]) == ("libreoffice-help", "title")
            assert row["per_query"].keys() == {"nDCG@10", "R@100"}
            number = {"test": 20, "development": 15}[row["split"]]
            for found in row["per_query"].values():
                assert len(found) == number
                assert all(0 <= value <= 1 for value in found)


def test_who_has_a_lexicon_is_fused_and_who_has_none_is_not(results: Path) -> None:
    for name in NAMES:
        cell = cell_of(results, name)
        rows = {(row["language"], row["system"], row["split"]) for row in cell["scores"]}
        systems = ["alone", "fused"] if name.startswith(("codeswitch", "optical")) else ["alone"]
        expected = {("orm-Latn", system, split) for system in systems for split in HELD_OUT}
        if "bm25" not in name:  # English asked in English says nothing of a search over words
            expected |= {("eng-Latn", "alone", split) for split in HELD_OUT}
        assert rows == expected, name


def test_training_is_recorded(results: Path) -> None:
    optical, english = cell_of(results, "optical.1k.0"), cell_of(results, "english.none.0")
    assert optical["stages"] == ["english", "optical"]
    assert optical["cost"]["steps"] == 1 + 2
    assert optical["cost"]["tokens"] > 0
    assert optical["facts"]["optical"]["pairs"] == {"orm-Latn": 100}
    assert optical["facts"]["optical"]["settings"]["seed"] == 0
    assert cell_of(results, "optical.1k.1")["facts"]["optical"]["settings"]["seed"] == 1
    assert cell_of(results, "optical.1k.1")["facts"]["english"]["settings"]["seed"] == 0
    assert (english["stages"], english["cost"]["steps"]) == (["english", "english"], 2)
    assert cell_of(results, "zero-shot-centred.none.0")["cost"]["steps"] == 0


def test_seeds_and_budgets_make_a_difference_where_they_should(results: Path) -> None:
    def inputs(name: str) -> Any:
        return cell_of(results, name)["inputs"]

    assert inputs("lexicon-bm25.1k.0") != inputs("lexicon-bm25.1k.1")
    assert inputs("lexicon-bm25.all.0") == inputs("lexicon-bm25.all.1")
    assert inputs("optical.1k.0")["data"]["bitext"] != inputs("optical.1k.1")["data"]["bitext"]
    assert inputs("optical.1k.0")["data"]["lexicons"] == inputs("lexicon-bm25.1k.0")["data"]["lexicons"]


def test_the_model_that_others_start_from_stays_and_the_others_go(results: Path, root: Path) -> None:
    models = list((root / "cache/stages").glob("*/manifest.json"))
    regimes = [json.loads(model.read_text(encoding="utf-8"))["meta"]["regime"] for model in models]
    # The common first stage, and the teacher of the ceiling.
    assert regimes == ["english", "english"]
    assert all(json.loads(model.read_text(encoding="utf-8"))["kind"] == MODEL for model in models)


# The numbers


@pytest.mark.parametrize("split", HELD_OUT)
def test_scores_of_an_encoder_are_those_of_a_run_made_by_hand(
    results: Path, tmp_path: Path, split: str
) -> None:
    collection = Collection.open(build_collection(OROMO))
    model = centred_encoder()
    index = Index.open(build_index(collection.documents, model, tmp_path / "index"))
    queries = collection.queries("title", split)
    found = search_late_interaction(index, model, queries, depth=100)
    assert_scored(values(cell_of(results, "zero-shot-centred.none.0"), split), found)


def test_scores_of_single_vectors_and_translations_by_hand(results: Path, tmp_path: Path) -> None:
    collection = Collection.open(build_collection(OROMO))
    queries = collection.queries("title", "test")
    model = teacher.untrained_teacher(teacher.BASE, [], centred=False)
    index = Index.open(build_index(collection.documents, model, tmp_path / "index"))
    found = search_single_vector(index, model, queries, depth=100)
    assert_scored(values(cell_of(results, "zero-shot-single-vector.none.0")), found)
    lexicon = Materials().lexicon(OROMO, Draw((OROMO,)))
    assert lexicon is not None
    found = QueryTranslator(lexicon, LexicalIndex(collection.documents)).run(queries, 100)
    scored = assert_scored(values(cell_of(results, "lexicon-bm25.all.0")), found)
    assert scored.missing, "every Oromo title has a word of a lexicon of 400 pairs?"


def test_the_ceiling_is_the_regimes_teacher_with_english_titles(results: Path, tmp_path: Path) -> None:
    collection = Collection.open(build_collection(OROMO))
    settings = RankingSettings(steps=1, max_length=16)
    model = teacher.train_teacher(centred_encoder(), teacher.help_pairs(), settings=settings)
    index = Index.open(build_index(collection.documents, model, tmp_path / "index"))
    found = search_late_interaction(index, model, collection.queries("english-title", "test"), depth=100)
    assert_scored(values(cell_of(results, "ceiling.none.0")), found)


def assert_scored(kept: Any, run: Run) -> Any:
    """The kept values are those of the first twenty (or fifteen) queries by hash, in the order of their ids."""
    number = len(kept["nDCG@10"])
    asked = test_bed._first(dict.fromkeys(run, ""), number)
    scores = evaluate(run, {query: {query: 1} for query in asked}, scoring.MEASURES)
    for measure, by_query in scores.per_query.items():
        assert kept[measure] == [round(by_query[query], 4) for query in sorted(asked)]
    return scores


def test_which_queries_are_asked_does_not_hang_on_how_many_there_are() -> None:
    queries = {f"page/{i}": str(i) for i in range(50)}
    few, many = test_bed._first(queries, 10), test_bed._first(queries, 30)
    assert few.keys() < many.keys()
    assert list(few) == sorted(few)
    assert test_bed._first({key: queries[key] for key in sorted(queries)[:40]}, 50).keys() < queries.keys()


def test_other_test_queries_change_no_choice(
    results: Path, root: Path, experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = Collection.open(build_collection(OROMO))
    held_out = collection.queries("title", "test").keys()
    real = tmp_path / "cache"
    shutil.copytree(root / "cache", real)
    monkeypatch.setenv("KIVUKO_CACHE", str(real))
    with write_artifact(
        real / "data/orm-Latn/collection", "collection", meta=dict(collection.manifest.meta)
    ) as folder:
        shutil.copytree(collection.path, folder, dirs_exist_ok=True, ignore=MANIFESTS)
        other = next(each for each in collection.query_sets if each[:2] == ("title", "test"))
        write_tsv(folder / other.file, [(query, "zzz") for query in sorted(held_out)])
    run_grid(experiment, tmp_path / "results", only=["optical.1k.0"], say=lambda _: None)
    before, after = cell_of(results, "optical.1k.0"), cell_of(tmp_path / "results", "optical.1k.0")
    for system in ("alone", "fused"):
        assert values(before, "development", system) == values(after, "development", system)
    assert before["inputs"]["data"]["test bed"] != after["inputs"]["data"]["test bed"]
    assert values(before) != values(after)


# Going on


def test_a_second_run_does_nothing(
    results: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, names = state(results), measured(monkeypatch)
    run_grid(experiment, results, say=lambda line: pytest.fail(line))
    assert state(results) == before
    assert names == []


def test_a_stopped_grid_goes_on(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, results: Path
) -> None:
    def stop(line: str) -> None:
        if line.startswith("lexicon-bm25.all.0 …"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_grid(experiment, tmp_path, only=CHEAP, say=stop)
    before = state(tmp_path)
    assert [Path(name).name.rsplit(".", 2)[0] for name in sorted(before)] == [
        "bm25-untranslated.none.0", "lexicon-bm25.1k.0",
    ]  # fmt: skip
    names = measured(monkeypatch)
    run_grid(experiment, tmp_path, only=CHEAP, say=lambda _: None)
    assert names == ["lexicon-bm25.all.0", "lexicon-bm25.1k.1", "lexicon-bm25.all.1"]
    assert state(tmp_path).items() > before.items()
    for name in names:
        assert cell_of(tmp_path, name)["scores"] == cell_of(results, name)["scores"]


def test_cells_brought_to_another_machine_count(
    copy: Path, root: Path, experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(root / "data", tmp_path / "cache/data")
    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path / "cache"))
    before, names = state(copy), measured(monkeypatch)
    run_grid(experiment, copy, say=lambda line: pytest.fail(line))
    assert names == []
    assert state(copy) == before
    assert not (tmp_path / "cache/stages").exists()


def test_packed_cells_count_too(copy: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    before = finished_cells(copy)
    assert pack_cells(copy) == len(before)
    names = measured(monkeypatch)
    run_grid(experiment, copy, say=lambda line: pytest.fail(line))
    assert names == []
    assert finished_cells(copy) == before


def test_a_lost_cell_is_measured_again_and_comes_out_the_same(
    copy: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [cell_of(copy, name) for name in ("optical.1k.1", "codeswitch.1k.0")]
    for cell in lost:
        next((copy / "cells").glob(f"{cell['regime']}.1k.{cell['seed']}.*")).unlink()
    assert [cell.name for cell in missing_cells(experiment, finished_cells(copy))] == [
        "codeswitch.1k.0", "optical.1k.1",
    ]  # fmt: skip
    names = measured(monkeypatch)
    run_grid(experiment, copy, say=lambda _: None)
    assert names == ["codeswitch.1k.0", "optical.1k.1"]
    for cell in lost:
        again = cell_of(copy, f"{cell['regime']}.1k.{cell['seed']}")
        assert (again["scores"], again["key"]) == (cell["scores"], cell["key"])


def test_a_changed_setting_measures_its_cells_anew(
    copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "changed.toml").write_text(
        TOML.replace("optical = { steps = 2", "optical = { steps = 3"), encoding="utf-8"
    )
    before, names = state(copy), measured(monkeypatch)
    run_grid(read_experiment(tmp_path / "changed.toml"), copy, say=lambda _: None)
    assert names == ["optical.1k.0", "optical.1k.1"]
    after = state(copy)
    assert len(after) == len(before)
    assert {Path(name).name.split(".")[0] for name in before.keys() ^ after.keys()} == {"optical"}
    assert cell_of(copy, "optical.1k.0")["cost"]["steps"] == 1 + 3


def test_further_measures_are_kept_of_every_query(
    copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = TOML.replace("title =", 'measures = ["AP(rel=2)", "RR@10"]\ntitle =', 1)
    (tmp_path / "changed.toml").write_text(asked, encoding="utf-8")
    names = measured(monkeypatch)
    run_grid(read_experiment(tmp_path / "changed.toml"), copy, only=["bm25-untranslated"], say=lambda _: None)
    assert len(names) == 1
    (kept, *_) = cell_of(copy, names[0])["scores"]
    assert list(kept["per_query"]) == ["nDCG@10", "R@100", "AP(rel=2)", "RR@10"]
    assert max(kept["per_query"]["RR@10"]) == 1
    assert set(kept["per_query"]["AP(rel=2)"]) == {0}  # nobody gave a help page grade 2


def test_names_and_comments_of_an_experiment_change_nothing(
    copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed = "# A comment.\n" + TOML.replace("A tiny", "Another").replace('name = "tiny"', 'name = "other"')
    (tmp_path / "changed.toml").write_text(changed, encoding="utf-8")
    names = measured(monkeypatch)
    run_grid(read_experiment(tmp_path / "changed.toml"), copy, say=lambda _: None)
    assert names == []


def test_what_is_not_searched_changes_nothing(
    copy: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Collection.documents.func
    with_a_year = property(lambda c: [replace(d, metadata={"year": 2020}) for d in read(c)])
    monkeypatch.setattr(Collection, "documents", with_a_year)
    names = measured(monkeypatch)
    run_grid(experiment, copy, say=lambda _: None)
    assert names == []


def test_a_damaged_cell_is_named(copy: Path) -> None:
    path = next((copy / "cells").glob("optical.1k.0.*"))
    whole = path.read_text(encoding="utf-8")
    for content in (whole[:200], "", "[]", '{"regime": "optical"}'):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match="a finished cell cannot be read") as caught:
            finished_cells(copy)
        assert str(path) in str(caught.value)
        assert "remove it" in str(caught.value)


# Which cells


def test_seeds_come_one_after_the_other(experiment: Experiment) -> None:
    assert [cell.name for cell in cells_of(experiment)] == NAMES


@pytest.mark.parametrize(
    ("only", "found"),
    [
        (["optical"], ["optical.1k.0", "optical.1k.1"]),
        (["lexicon-bm25.all"], ["lexicon-bm25.all.0", "lexicon-bm25.all.1"]),
        (["lexicon-bm25.1k.1", "ceiling"], ["ceiling.none.0", "lexicon-bm25.1k.1"]),
        (["english"], ["english.none.0"]),
    ],
)
def test_only_some(experiment: Experiment, only: list[str], found: list[str]) -> None:
    assert [cell.name for cell in cells_of(experiment, only)] == found


@pytest.mark.parametrize("name", ["optica", "optical.1", "optical.1k.2", "zero-shot", ""])
def test_a_name_of_no_cell(
    experiment: Experiment, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(grid, "test_bed", lambda _: pytest.fail("asked too late"))
    with pytest.raises(UnknownNameError, match="unknown cell of this experiment"):
        run_grid(experiment, tmp_path, only=["ceiling", name])


def test_no_cell_is_started_after_the_time(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = measured(monkeypatch)
    run_grid(experiment, tmp_path, minutes=0)
    assert names == []
    clock = iter([0.0, 1.0, 61.0])
    monkeypatch.setattr(grid.time, "monotonic", lambda: next(clock))
    run_grid(experiment, tmp_path, only=CHEAP, minutes=1, say=lambda _: None)
    assert names == ["bm25-untranslated.none.0"]


# Together


def test_what_another_process_is_at_work_on_is_left_to_it(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = measured(monkeypatch)

    def meanwhile(line: str) -> None:
        if line == "bm25-untranslated.none.0 …":  # its lock is held now, and is not ours to pass
            run_grid(experiment, tmp_path, only=CHEAP, say=lambda _: None)

    run_grid(experiment, tmp_path, only=CHEAP, say=meanwhile)
    expected = [name for name in NAMES if name.startswith(tuple(CHEAP))]
    assert names == [*expected[1:], expected[0]]
    assert len(finished_cells(tmp_path)) == len(expected)


def _work(experiment: Experiment, folder: Path, start: Any, log: Path) -> None:
    start.wait(60)
    said: list[str] = []
    run_grid(experiment, folder, only=CHEAP, say=said.append)
    log.write_text("\n".join(said), encoding="utf-8")


def test_two_processes_measure_each_cell_once(root: Path, experiment: Experiment, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, logs = context.Barrier(2), [tmp_path / "first", tmp_path / "second"]
    workers = [
        context.Process(target=_work, args=(experiment, tmp_path / "results", start, log), daemon=True)
        for log in logs
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    begun = [line for log in logs for line in log.read_text(encoding="utf-8").splitlines() if "…" in line]
    assert sorted(begun) == sorted(f"{name} …" for name in NAMES if name.startswith(tuple(CHEAP)))
    assert len(finished_cells(tmp_path / "results")) == len(begun)


# On the command line, and into the report


def test_run_and_report_on_the_command_line(root: Path, copy: Path) -> None:
    next((copy / "cells").glob("bm25-untranslated*")).unlink()
    next((copy / "cells").glob("optical.1k.1.*")).unlink()
    config, folder = str(root / "tiny.toml"), ["--results", str(copy)]
    before = set(state(copy))
    done = CliRunner().invoke(
        app, ["experiment", "run", config, *folder, "--only", "bm25-untranslated"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert "bm25-untranslated.none.0: orm 0." in done.output
    assert "1 cells are missing" in done.output
    assert f"kivuko experiment report {config}" in done.output
    (new,) = set(state(copy)) - before
    assert Path(new).name.startswith("bm25-untranslated.none.0.")
    done = CliRunner().invoke(app, ["experiment", "report", config, *folder], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "report on 11 cells" in done.output
    page = (copy / "README.md").read_text(encoding="utf-8")
    assert page.startswith("# A tiny comparison")
    assert "1 expected cells are missing" in page
    assert "| optical | 1k | [1] |" in page
    done = CliRunner().invoke(
        app, ["experiment", "report", config, *folder, "--json"], catch_exceptions=False
    )
    rows = json.loads(done.stdout)["scores"]
    kept = values(cell_of(copy, "optical.1k.0"), "test", "fused")["nDCG@10"]
    (row,) = [
        row
        for row in rows
        if (row["regime"], row["budget"], row["seed"], row["language"], row["system"], row["measure"])
        == ("optical", "1k", 0, "orm-Latn", "fused", "nDCG@10")
    ]
    assert (row["n"], row["mean"]) == (20, pytest.approx(sum(kept) / 20, abs=1e-4))


def test_nothing_is_set_aside_in_the_report(results: Path, experiment: Experiment) -> None:
    found = read_cells(finished_cells(results), experiment)
    assert found.set_aside == []
    assert found.seeds(Variant("optical", "1k")) == [0, 1]


def test_the_realised_rate_reaches_the_report(results: Path, experiment: Experiment) -> None:
    dose = Dose(
        title="Rate",
        label="rate",
        axis="share",
        lines={"english": 0, "codeswitch": 0.5},
        beside="codeswitch",
        fact="realised rate",
    )
    rows = dose_table(
        read_cells(finished_cells(results), experiment), dose, Trials(permutations=99, resamples=20)
    )
    rate = cell_of(results, "codeswitch.1k.0")["facts"]["codeswitch"]["switched_query"]["realised rate"]
    assert rate > 0
    assert [row["rate realised"] for row in rows if row["rate asked"] == 0.5] == [
        pytest.approx(rate, abs=1e-3)
    ]


def test_a_bad_experiment_on_the_command_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["experiment", "run", str(tmp_path / "absent.toml")])
    assert isinstance(done.exception, InputError)
    assert "absent.toml" in str(done.exception)


# Over a person's own collection and data

OWN = """
name = "own"
title = "Somebody's own"
seeds = [0]
languages = ["om"]
collections = [{ folder = "mine" }]

[data.om]
bitext = "pairs.tsv"
lexicon = "lexicon.tsv"
linked = "linked.tsv"

[data.en]
documents = "documents.tsv"

[defaults]
optical = { steps = 2, batch_size = 4 }
english = { steps = 1, batch_size = 4, max_length = 16 }
comparable = { steps = 1, batch_size = 4, max_length = 16 }

[[regime]]
name = "ceiling"
baseline = "ceiling"
budgets = ["none"]

[[regime]]
name = "lexicon-bm25"
baseline = "lexicon-bm25"
budgets = ["lexicon", "all"]

[[regime]]
name = "comparable"
stages = ["comparable", "english"]
budgets = ["monolingual"]

[[regime]]
name = "optical"
stages = ["english", "optical"]
budgets = ["all"]
"""


@pytest.fixture
def own(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment without public data, which are an error to ask for."""
    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path / "cache"))
    for place, names in {
        materials: (
            "build_bitext",
            "load_pages",
            "english_pages",
            "public_lexicon",
            "held_out_texts",
            "held_out_terms",
        ),
        test_bed: ("build_collection",),
        teacher: ("english_pages",),
    }.items():
        for name in names:
            monkeypatch.setattr(place, name, lambda *_, name=name, **__: pytest.fail(f"{name} was asked"))
    shutil.copytree(root / "data/orm-Latn/collection", tmp_path / "mine")
    pairs = made_up_pairs(40)
    files = {
        "pairs.tsv": [f"{pair.english}\t{pair.foreign}" for pair in pairs],
        "lexicon.tsv": ["dima\tred\t1", "faayila\tfile\t1"],
        "linked.tsv": [f"{pair.foreign}\t{pair.english}" for pair in pairs],
        "documents.tsv": [f"d{i}\ttitle {i}\t{pair.english} and more" for i, pair in enumerate(pairs)],
        "own.toml": OWN.split("\n"),
    }
    for name, lines in files.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_an_experiment_without_public_data(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = read_experiment(own / "own.toml")
    run_grid(experiment, own / "results", say=lambda _: None)
    cells = {f"{cell['regime']}.{cell['budget']}": cell for cell in finished_cells(own / "results")}
    assert cells.keys() == {
        "ceiling.none", "lexicon-bm25.lexicon", "lexicon-bm25.all", "comparable.monolingual", "optical.all",
    }  # fmt: skip
    rows = {
        (row["collection"], row["language"], row["system"], row["split"])
        for row in cells["optical.all"]["scores"]
    }
    assert ("mine", "orm-Latn", "fused", "test") in rows
    assert cells["comparable.monolingual"]["facts"]["comparable"]["regime"] == "comparable"
    names = measured(monkeypatch)
    run_grid(experiment, own / "results", say=lambda _: None)
    assert names == []
    # Other pairs, other students; what was not trained on them stays.
    (own / "pairs.tsv").write_text(
        "".join(f"{pair.english}\t{pair.foreign}\n" for pair in made_up_pairs(30)), encoding="utf-8"
    )
    run_grid(experiment, own / "results", say=lambda _: None)
    assert names == ["lexicon-bm25.all.0", "optical.all.0"]
    # All start from an encoder centred on the documents.
    (own / "documents.tsv").write_text("d\ttitle\tanother text\n", encoding="utf-8")
    names.clear()
    for cell in cells_of(experiment, ["ceiling"]):
        assert grid.Bench(experiment).inputs(cell) != cells["ceiling.none"]["inputs"]


def test_files_that_are_not_there_are_told_at_once(own: Path) -> None:
    (own / "pairs.tsv").unlink()
    (own / "documents.tsv").unlink()
    with pytest.raises(InputError, match=r"pairs\.tsv.*documents\.tsv"):
        run_grid(read_experiment(own / "own.toml"), own / "results", only=["lexicon-bm25"])


def test_workers_measure_a_cell_each(own: Path) -> None:
    config, folder = str(own / "own.toml"), own / "results"
    command = [
        "experiment",
        "run",
        config,
        "--results",
        str(folder),
        "--only",
        "lexicon-bm25",
        "--workers",
        "1",
    ]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    for budget in ("lexicon", "all"):
        assert f"lexicon-bm25.{budget}.0: orm" in done.output
    assert len(finished_cells(folder)) == 2
    again = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "lexicon-bm25.all.0:" not in again.output


def test_a_collection_without_development_queries(own: Path) -> None:
    collection = Collection.open(own / "mine")
    test = collection.queries("title", "test")
    sets = [each for each in collection.manifest.meta["query_sets"] if each["split"] != "development"]
    meta = {**collection.manifest.meta, "query_sets": sets}
    with write_artifact(own / "only-test", "collection", meta=meta) as folder:
        shutil.copytree(collection.path, folder, dirs_exist_ok=True, ignore=MANIFESTS)
    text = OWN.replace('"mine"', '"only-test"')
    (own / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"no development queries[\s\S]*halve"):
        test_bed.test_bed(read_experiment(own / "own.toml"))
    for choice, halved in (("halve", True), ("none", False)):
        (own / "own.toml").write_text(
            text.replace('"only-test"', f'"only-test", development = "{choice}"'), encoding="utf-8"
        )
        bed = test_bed.test_bed(read_experiment(own / "own.toml"))
        queries = next(topics.queries for topics in bed.topics if topics.language == OROMO)
        assert len(queries["development"]) == (len(test) // 2 if halved else 0)
        assert queries["development"] | queries["test"] == test
        runs = {
            ("only-test", "orm-Latn", split): {q: {"d": 1.0} for q in queries[split]} for split in HELD_OUT
        }
        runs = {place: run for place, run in runs.items() if run}
        assert bool(scoring.fuse(bed, runs, runs, "scores")) == halved


def test_the_english_of_any_kind_of_query_is_the_ceiling(own: Path) -> None:
    """An imported collection's are of the kind "query", and their English of "english-query"."""
    collection = Collection.open(own / "mine")
    renamed = {"title": "query", "english-title": "english-query"}
    sets = [
        {**each, "kind": renamed[each["kind"]]}
        for each in collection.manifest.meta["query_sets"]
        if each["kind"] in renamed
    ]
    with write_artifact(
        own / "asked", "collection", meta={**collection.manifest.meta, "query_sets": sets}
    ) as folder:
        shutil.copytree(collection.path, folder, dirs_exist_ok=True, ignore=MANIFESTS)
        for path in list((folder / "queries").iterdir()):
            language, kind, split, _ = path.name.split(".")
            if kind in renamed:
                path.rename(path.with_name(f"{language}.{renamed[kind]}.{split}.tsv"))
            else:
                path.unlink()
    text = OWN.replace('{ folder = "mine" }', '{ folder = "asked", queries = "query" }')
    (own / "own.toml").write_text(text, encoding="utf-8")
    topics = {each.language.tag: each for each in test_bed.test_bed(read_experiment(own / "own.toml")).topics}
    assert topics["eng-Latn"].queries["test"] == collection.queries("english-title", "test")
    assert topics["orm-Latn"].queries["test"] == collection.queries("title", "test")


def test_fusion_is_the_products_with_the_weight_best_on_development_queries(
    root: Path, experiment: Experiment
) -> None:
    bed = test_bed.test_bed(experiment)
    topics = next(topics for topics in bed.topics if topics.language == OROMO)
    index = LexicalIndex(bed.collections["libreoffice-help"].documents)

    def searched(change: Callable[[str], str]) -> scoring.Runs:
        return {
            ("libreoffice-help", "orm-Latn", split): {
                q: index.search(change(text), 100) for q, text in asked.items()
            }
            for split, asked in topics.english.items()
        }

    first, second = searched(lambda text: text), searched(lambda text: text.split(" ")[0])
    fused = scoring.fuse(bed, first, second, "scores")
    place = ("libreoffice-help", "orm-Latn", "development")
    chosen = choose_weight(
        lambda weight: score_fusion(first[place], second[place], weight=weight, depth=100),
        lambda run: evaluate(run, topics.qrels["development"], ["nDCG@10"]).mean("nDCG@10"),
    )
    test = ("libreoffice-help", "orm-Latn", "test")
    assert fused[test] == score_fusion(first[test], second[test], weight=chosen.weight, depth=100)
    assert fused[test] != scoring.fuse(bed, first, second, "ranks")[test]


def test_only_a_model_that_others_go_on_from_is_kept(root: Path, tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(
        TOML
        + """
[[regime]]
name = "english-longer"
stages = [{ use = "english", steps = 2, seed = 0 }]
budgets = ["none"]

[[regime]]
name = "english-as-others"
stages = [{ use = "english", seed = 0 }]
budgets = ["none"]
""",
        encoding="utf-8",
    )
    bench = grid.Bench(read_experiment(tmp_path / "two.toml"))
    found = {
        line.name: bench._another_goes_on_from(bench.experiment.stages_of(line, 0), centred=line.centred)
        for line in bench.experiment.regimes
        if line.name.startswith("english-")
    }
    assert found == {"english-longer": False, "english-as-others": True}
