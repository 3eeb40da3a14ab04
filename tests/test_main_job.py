"""The main job on a part of the real Oromo collection, with the tiny encoder in place of the real one."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kivuko.artifact import write_artifact
from kivuko.cli.main import app
from kivuko.collections.bitext import Bitext
from kivuko.collections.collection import Collection
from kivuko.collections.split import HELD_OUT, split_of
from kivuko.engine import Engine
from kivuko.evaluation.measures import evaluate
from kivuko.experiment import main_job
from kivuko.experiment.main_job import PARTS, QUERY_KINDS, SYSTEMS, MainJob, run_main_job
from kivuko.files.tables import write_jsonl, write_tsv
from kivuko.languages import resolve
from kivuko.models import late_interaction
from kivuko.public.bitext import build_bitext
from kivuko.public.collections import build_collection
from kivuko.public.help_pages import load_pages
from kivuko.ranking import Qrels, ranked
from kivuko.retrieval.fusion import choose_weight, score_fusion
from kivuko.retrieval.index import Index
from kivuko.training import teacher
from kivuko.training.optical import OpticalSettings
from tiny import build_tiny_encoder

pytestmark = pytest.mark.network

OROMO = resolve("om")
#: Encoders as they are, for each of which all pages are encoded.
UNTRAINED = {"zero-shot", "zero-shot-centred"}
EFFORT = replace(main_job.FULL, student=OpticalSettings(steps=2, batch_size=8))


def shrink(
    collection: Collection, path: Path, change: Callable[[str, str], str] = lambda _, text: text
) -> None:
    """Write a collection of 25 development, 25 test and 50 training pages; ``change`` edits a query's text."""
    kept: set[str] = set()
    both = collection.queries("title", "test").keys() & collection.queries("paragraph", "test").keys()
    kept.update(sorted(both)[::8][:25])
    held = collection.queries("title", "development").keys()
    kept.update(sorted(held & collection.queries("paragraph", "development").keys())[::3][:25])
    kept.update([d.id for d in collection.documents if split_of(d.id) == "train"][:50])
    with write_artifact(path, "collection", meta=dict(collection.manifest.meta)) as folder:
        documents = [
            {"id": each.id, "title": each.title, "text": each.text, **each.metadata}
            for each in collection.documents
            if each.id in kept
        ]
        write_jsonl(folder / "documents.jsonl", documents)
        write_tsv(folder / "training-titles.tsv", [])
        shutil.copy(collection.path / "qrels.txt", folder)
        (folder / "queries").mkdir()
        for asked in collection.query_sets:
            rows = [
                (query, change(query, text))
                for query, text in collection.queries(*asked).items()
                if query in kept and asked.split in HELD_OUT
            ]
            write_tsv(folder / asked.file, sorted(rows))


@pytest.fixture(scope="module")
def real() -> tuple[Collection, Bitext, Path]:
    """The whole Oromo collection and bitext, and the English pages, in the user's cache."""
    collection = Collection.open(build_collection(OROMO))
    load_pages(resolve("en"))
    return collection, Bitext.open(build_bitext(OROMO)), collection.path.parents[1] / "eng-Latn"


@pytest.fixture(scope="module")
def cache(real: tuple[Collection, Bitext, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache with the small collection and bitext, where the tiny encoder stands for the real one."""
    collection, bitext, english = real
    root = tmp_path_factory.mktemp("main-job")
    shrink(collection, root / "cache/data/orm-Latn/collection")
    with write_artifact(
        root / "cache/data/orm-Latn/bitext", "bitext", meta=dict(bitext.manifest.meta)
    ) as folder:
        write_jsonl(folder / "pairs.jsonl", [asdict(pair) for pair in bitext.pairs[:400]])
    shutil.copytree(english, root / "cache/data/eng-Latn")
    base = str(build_tiny_encoder(root / "tiny", seed=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIVUKO_CACHE", str(root / "cache"))
        patch.setattr(main_job, "BASE", base)
        patch.setattr(teacher, "BASE", base)
        patch.setattr(teacher, "SETTINGS", replace(teacher.SETTINGS, steps=4))
        patch.setattr(teacher, "QUICK_SETTINGS", replace(teacher.SETTINGS, steps=3))
        every = teacher.help_pairs
        patch.setattr(teacher, "help_pairs", lambda: every()[:200])
        yield root / "cache"


@pytest.fixture(scope="module")
def job(cache: Path) -> MainJob:
    """The job, run while any look at test judgments is an error."""
    plain = Collection.qrels

    def guarded(self: Collection, kind: str, split: str) -> Qrels:
        assert split == "development", "the main job looked at test judgments"
        return plain(self, kind, split)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Collection, "qrels", guarded)
        return run_main_job(OROMO, effort=EFFORT, kinds=QUERY_KINDS)


def test_every_system_ranks_every_kind_and_split(job: MainJob) -> None:
    documents = {document.id for document in job.collection.documents}
    assert len(documents) == 100
    for kind in QUERY_KINDS:
        # Nothing is chosen by other systems, so nothing searches the development split with them.
        searched = {file.name for file in job.runs[kind].glob("development.*")}
        assert searched == {f"development.{part}.run" for part in PARTS}
        for split in HELD_OUT:
            queries = job.collection.queries(kind, split)
            assert len(queries) == 25
            for system in job.systems(kind) if split == "test" else (*PARTS, "fusion"):
                run = job.run(system, kind, split)
                assert run.keys() <= queries.keys()
                assert all(found.keys() <= documents for found in run.values())
                # A fusion of weight 0 is the lexicon alone, which need not find a hundred.
                if "bm25" not in system and (system != "fusion" or job.fusion(kind).weight > 0):
                    assert run.keys() == queries.keys()
                    assert all(len(found) == 100 for found in run.values())


def test_runs_differ_where_the_systems_do(job: MainJob) -> None:
    runs = {system: job.run(system) for system in SYSTEMS}
    for first, second in combinations(SYSTEMS, 2):
        assert runs[first] != runs[second], (first, second)


def test_documents_are_in_the_teacher_s_space_and_the_student_shares_it(job: MainJob) -> None:
    index = Index.open(job.index)
    assert index.space == late_interaction.space_of(job.teacher) == late_interaction.space_of(job.student)
    assert [d.id for d in index.documents] == [d.id for d in job.collection.documents if d.full_text.strip()]


def test_fusion_is_the_best_on_development_titles(job: MainJob) -> None:
    qrels = job.qrels("title", "development")
    student, lexicon = job.run("optical", split="development"), job.run("lexicon-bm25", split="development")

    def score(run: dict[str, dict[str, float]]) -> float:
        return evaluate(run, qrels, ["nDCG@10"]).mean("nDCG@10")

    chosen = choose_weight(lambda weight: score_fusion(student, lexicon, weight=weight, depth=100), score)
    assert chosen == job.fusion()
    fused = score_fusion(job.run("optical"), job.run("lexicon-bm25"), weight=chosen.weight, depth=100)
    found = job.run("fusion")
    assert {q: ranked(fused[q]) for q in fused if fused[q]} == {q: ranked(found[q]) for q in found}
    assert score(job.run("fusion", split="development")) >= max(score(student), score(lexicon))


def test_judged_query_without_results_scores_zero(job: MainJob) -> None:
    run, qrels = job.run("untranslated-bm25"), job.qrels()
    scores = evaluate(run, qrels, ["nDCG@10"])
    assert scores.missing, "every Oromo title shares a word with some English page?"
    values = scores.per_query["nDCG@10"]
    assert len(values) == len(qrels) == 25
    assert all(values[query] == 0 for query in scores.missing)
    assert scores.mean("nDCG@10") == pytest.approx(sum(values.values()) / 25)


def test_second_call_does_no_work(job: MainJob, cache: Path) -> None:
    def made() -> dict[Path, int]:
        """What there is but locks, and hashes of models, which are noted once their files have been still a while."""
        return {
            path: path.stat().st_mtime_ns
            for path in cache.rglob("*")
            if path.suffix != ".lock" and "hashes" not in path.parts
        }

    before = made()
    again = run_main_job(OROMO, effort=EFFORT, kinds=QUERY_KINDS)
    assert made() == before
    assert (again.runs, again.fusions, again.fusion()) == (job.runs, job.fusions, job.fusion())


def test_other_test_queries_change_no_choice(
    job: MainJob, real: tuple[Collection, Bitext, Path], cache: Path, tmp_path: Path
) -> None:
    held_out = job.collection.queries("title", "test").keys()
    shutil.copytree(cache, tmp_path / "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIVUKO_CACHE", str(tmp_path / "cache"))
        shrink(
            real[0],
            tmp_path / "cache/data/orm-Latn/collection",
            change=lambda query, text: "zzz" if query in held_out else text,
        )
        other = run_main_job(OROMO, effort=EFFORT)
    assert other.run("optical") != job.run("optical")
    assert other.fusion() == job.fusion()
    assert other.run("fusion", split="development") == job.run("fusion", split="development")


def test_runs_follow_a_new_student(job: MainJob, cache: Path, tmp_path: Path) -> None:
    shutil.copytree(cache, tmp_path / "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIVUKO_CACHE", str(tmp_path / "cache"))
        longer = OpticalSettings(steps=12, batch_size=8, learning_rate=3e-3)
        other = run_main_job(OROMO, effort=replace(main_job.FULL, student=longer))
    assert other.run("optical") != job.run("optical")
    assert other.run("lexicon-bm25") == job.run("lexicon-bm25")
    assert other.run("zero-shot") == job.run("zero-shot")


@pytest.mark.parametrize("option", ["quick", "--full"])
def test_demo_prints_words_the_table_three_queries_and_what_is_next(
    option: str, job: MainJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = replace(main_job.QUICK, student=EFFORT.student)
    monkeypatch.setattr(main_job, "FULL", EFFORT)
    monkeypatch.setattr(main_job, "QUICK", quick)
    arguments = ["demo", "--language", "om", *([option] if option == "--full" else [])]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert re.search(r"training in \w+:\s+about \d+\s+minutes", done.output)
    shown, left_out = (SYSTEMS.keys(), set()) if option == "--full" else (quick.systems, UNTRAINED)
    for system in shown:
        assert SYSTEMS[system] in done.output
    for system in left_out:
        assert not re.search(rf"^ *{SYSTEMS[system]}  ", done.output, re.MULTILINE)
    assert done.output.count("(in English:") == 4
    assert done.output.index("by the bitext's words alone") < done.output.index("test titles")
    for verb in ("search", "engine create", "engine add-language", "demo"):
        assert f"kivuko {verb}" in done.output
    # The engine that it leaves behind answers in both languages.
    folder = job.student.parent if option == "--full" else job.student.parents[2] / "demo/orm-Latn"
    engine = Engine.open(folder / "engine")
    assert list(engine.languages) == [resolve("en"), OROMO]
    assert engine.search("faayilii banuu", language="om")
    assert engine.search("open a file", language="en")


def test_the_quick_job_encodes_the_pages_once(job: MainJob) -> None:
    quick = run_main_job(OROMO, effort=replace(main_job.QUICK, student=EFFORT.student))
    assert quick.teacher != job.teacher
    assert quick.student != job.student
    assert set(quick.systems()) == set(SYSTEMS) - UNTRAINED
    assert not list((quick.student.parent / "runs/title").glob("*.zero-shot-centred.run"))


def test_language_without_help_is_refused(cache: Path) -> None:
    from kivuko.errors import InputError

    with pytest.raises(InputError, match="no LibreOffice help in Swahili"):
        run_main_job(resolve("sw"), effort=EFFORT)
