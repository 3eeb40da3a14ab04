"""The experiments that ask collections of other domains run through, with a tiny model and a made-up collection."""

from __future__ import annotations

import runpy
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kivuko.collections.collection import Collection
from kivuko.errors import InputError
from kivuko.experiment.config import Experiment
from kivuko.experiment.other_domains import as_collection, half_of, halves
from kivuko.experiment.scoring import page_labels
from kivuko.experiment.test_bed import test_bed as bed_of
from kivuko.languages import resolve
from tiny import ENGLISH, FOREIGN, made_up_pairs

PAIRS = made_up_pairs(64)
OROMO = resolve("om")
SCRIPT = Path(__file__).parents[1] / "experiments" / "domains.py"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Twelve English sides as articles of two passages each; their foreign sides and originals ask for them."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    asked = PAIRS[:12]
    files = {
        "documents.tsv": [f"a{n}-{part}\t\t{p.english}" for n, p in enumerate(asked) for part in (1, 2)],
        "queries.om.tsv": [f"q{n}\t{p.foreign}" for n, p in enumerate(asked)] + ["unjudged\tfaayilii"],
        "queries.en.tsv": [f"q{n}\t{p.english}" for n, p in enumerate(asked)],
        "qrels.txt": [f"q{n} 0 a{n}-{part} 1" for n in range(12) for part in (1, 2)],
    }
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_an_article_is_on_one_side_and_what_nobody_judged_on_none(elsewhere: Path) -> None:
    found = {half.split: half for half in halves(elsewhere, OROMO)}
    assert set(found) == {"development", "test"}
    assert sorted(query for half in found.values() for query in half.queries) == sorted(
        f"q{n}" for n in range(12)
    )
    for half in found.values():
        assert half.queries.keys() == half.qrels.keys()
        assert {half_of(document) for judged in half.qrels.values() for document in judged} == {half.split}
    assert [len(half.queries) for half in halves(elsewhere, OROMO, 1)] == [1, 1]
    assert halves(elsewhere, resolve("sw")) == []


def test_plain_files_are_a_collection_of_both_halves(elsewhere: Path, own_cache: Path) -> None:
    collection = Collection.open(as_collection(elsewhere, "question"))
    assert len(collection.documents) == 24
    assert set(collection.languages) == {OROMO, resolve("en")}
    for half in halves(elsewhere, OROMO):
        assert collection.queries("question", half.split, OROMO) == half.queries
        english = collection.queries("english-question", half.split)
        assert english.keys() == half.queries.keys()
        assert english != half.queries
    assert as_collection(elsewhere, "question") == collection.path


def test_of_many_documents_the_relevant_ones_are_searched_first(elsewhere: Path, own_cache: Path) -> None:
    with (elsewhere / "documents.tsv").open("a", encoding="utf-8") as file:
        file.writelines(f"other{n}\t\tanother page {n}\n" for n in range(40))
    some = Collection.open(as_collection(elsewhere, "question", 30)).documents
    assert [document.id for document in some[:24]] == [f"a{n}-{part}" for n in range(12) for part in (1, 2)]
    assert len(some) == 30
    with pytest.raises(InputError, match="24"):
        as_collection(elsewhere, "question", 23)


def test_documents_of_an_artefact_are_all_searched(elsewhere: Path, own_cache: Path) -> None:
    artefact = as_collection(elsewhere, "question")
    listed = {"folder": str(artefact), "name": "all", "queries": "question", "documents": 5}
    experiment = Experiment.model_validate(
        {
            "name": "x",
            "title": "x",
            "seeds": [0],
            "languages": ["om"],
            "collections": [listed],
            "regime": [{"name": "zero-shot", "budgets": ["none"]}],
        }
    )
    with pytest.raises(InputError, match="plain files"):
        bed_of(experiment)


def test_an_experiment_asks_plain_files_and_knows_what_queries_are_about(
    elsewhere: Path, own_cache: Path
) -> None:
    experiment = Experiment.model_validate(
        {
            "name": "x",
            "title": "x",
            "seeds": [0],
            "languages": ["om"],
            "collections": [{"folder": str(elsewhere), "queries": "question"}],
            "regime": [{"name": "zero-shot", "budgets": ["none"]}],
        }
    )
    bed = bed_of(experiment)
    oromo, english = bed.topics
    assert (oromo.collection, oromo.kind, english.language.tag) == ("elsewhere", "question", "eng-Latn")
    assert oromo.english == english.queries
    labels = page_labels(bed)
    # The same ids in both languages: one list of labels a half, a label for each article.
    assert len(labels) == 2
    assert sorted(map(len, labels.values())) == sorted(map(len, oromo.queries.values()))
    assert len({label for found in labels.values() for label in found}) == 12


@pytest.mark.parametrize("name", ["domains", "dictionaries"])
def test_the_committed_configuration_makes_sense(name: str) -> None:
    configuration = runpy.run_path(str(SCRIPT), run_name="read")["Configuration"]
    chosen = configuration(**tomllib.loads(SCRIPT.with_name(f"{name}.toml").read_text(encoding="utf-8")))
    assert chosen.notes.format(gloss=1, weight=1, queries=1, steps=1)
    for name, plan in chosen.languages.items():
        assert resolve(name).short == name
        kinds = {"main-job", "software", *(("both", "other") if plan.other else ())}
        assert set(plan.whole) <= set(plan.students) <= kinds


def test_it_runs_through(
    tiny_teacher: Path, own_cache: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kivuko.cli import resources
    from kivuko.evaluation import results
    from kivuko.training import teacher

    shared = tmp_path / "shared"
    (shared / "bitext").mkdir(parents=True)
    (shared / "collections").mkdir()
    elsewhere.rename(shared / "collections" / "elsewhere")
    others = [f"{pair.english}\t{pair.foreign}\n" for pair in made_up_pairs(96)[64:]]
    (shared / "bitext" / "news.om.tsv").write_text("".join(others), encoding="utf-8")
    configuration = tmp_path / "domains.toml"
    configuration.write_text(
        'title = "t"\nnotes = "n"\nqueries = 5\nsteps = 2\n[languages.sw]\n'
        '[languages.om]\nother = ["news"]\nstudents = ["software", "both"]\nwhole = ["both"]\n'
    )
    written: dict[str, Any] = {}
    monkeypatch.setattr(teacher, "default_teacher", lambda _: tiny_teacher)
    monkeypatch.setattr(resources, "chosen_pairs", lambda *_: PAIRS)
    monkeypatch.setattr(results, "write_results", lambda *a, **k: written.update(rows=a[2], **k))
    monkeypatch.setattr(sys, "argv", ["domains.py", str(configuration), "--shared", str(shared)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    rows = written["rows"]
    # What was searched is kept: the same once more searches nothing, and finds the same.
    monkeypatch.setattr("kivuko.retrieval.search.Searcher.rank", pytest.fail)
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert written["rows"] == rows
    assert {row["language"] for row in rows} == {"orm-Latn"}  # nobody asks in Swahili
    means = {row["system"]: row["mean"] for row in rows if row["split"] == "test"}
    assert set(means) == {
        "untranslated-bm25", "teacher", "english",
        *(f"lexicon-bm25 ({kind})" for kind in ("software", "other", "both")),
        "student (software)", "student (both)", "student (both), whole",
        *(
            f"{reader} + {more} ({kind})"
            for kind in ("software", "both")
            for reader in ("teacher", f"student ({kind})")
            for more in ("gloss", "gloss + lexicon")
        ),
        "teacher + lexicon (software)", "teacher + lexicon (both)",
    }  # fmt: skip
    assert len(rows) == 2 * len(means)
    # The teacher was never taught the language, and the lexicons have its words.
    assert means["teacher"] < means["teacher + gloss (both)"]
    tests = written["extra"]["Tests"]
    fused = [row["rival"] for row in tests if row["system"] == "student (both) + gloss + lexicon (both)"]
    assert set(fused) <= {"teacher", "student (both) + gloss (both)", "lexicon-bm25 (both)"}
    assert len(fused) == 4  # two halves, against the teacher and against the better of its parts
    assert all(row["p"] <= row["p (Holm)"] <= 1 for row in tests)
    lengths = written["extra"]["By the words of a query, over all languages and collections (test)"]
    queries = sum(row["queries"] for row in lengths)
    assert queries == next(row["n"] for row in rows if row["split"] == "test")
    assert all(0 <= row["teacher"] <= 1 for row in lengths if row["queries"])


def test_a_dictionary_alone(
    tiny_teacher: Path, own_cache: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kivuko.evaluation import results
    from kivuko.public import lexicons
    from kivuko.training import teacher

    (shared / "bitext").mkdir()
    dictionary = "".join(f"{english}\t{foreign}\n" for english, foreign in zip(ENGLISH, FOREIGN, strict=True))
    (shared / "bitext" / "words.om.tsv").write_text(dictionary, encoding="utf-8")
    configuration = tmp_path / "dictionaries.toml"
    configuration.write_text(
        'title = "t"\nnotes = "n"\nqueries = 5\npairs = false\ndictionaries = true\n'
        '[languages.om]\ndictionaries = ["words"]\n'
    )
    written: dict[str, Any] = {}
    monkeypatch.setattr(teacher, "default_teacher", lambda _: tiny_teacher)
    monkeypatch.setattr(lexicons, "public_lexicon", lambda _: None)
    monkeypatch.setattr(results, "write_results", lambda *a, **k: written.update(folder=a[0], rows=a[2]))
    monkeypatch.setattr(sys, "argv", ["domains.py", str(configuration), "--shared", str(shared)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert written["folder"] == Path("docs/results/dictionaries")
    means = {row["system"]: row["mean"] for row in written["rows"] if row["split"] == "test"}
    assert set(means) == {
        "untranslated-bm25", "lexicon-bm25 (dictionary)", "teacher", "teacher + gloss (dictionary)",
        "teacher + gloss + lexicon (dictionary)", "teacher + lexicon (dictionary)", "english",
    }  # fmt: skip
    assert means["teacher"] < means["teacher + gloss (dictionary)"]


@pytest.fixture
def shared(elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The made-up collection where experiments look for it, and no help pages beside it."""
    from kivuko.public import help_pages

    folder = tmp_path / "shared"
    (folder / "collections").mkdir(parents=True)
    elsewhere.rename(folder / "collections" / "elsewhere")
    monkeypatch.setattr(help_pages, "covers", lambda _: False)
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    monkeypatch.delitem(sys.modules, "questions", raising=False)
    return folder


def test_teachers_without_queries_stand_beside_those_with(
    tiny_teacher: Path, own_cache: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kivuko.evaluation import results
    from kivuko.training import teacher

    written: dict[str, Any] = {}
    pairs = [(pair.english.split()[0], f"{pair.english}\n{pair.english} {pair.english}") for pair in PAIRS]
    short = replace(teacher.SETTINGS, steps=1, batch_size=8)
    monkeypatch.setattr(teacher, "SETTINGS", short)
    monkeypatch.setattr(teacher, "RankingSettings", lambda: short)
    monkeypatch.setattr(teacher, "help_pairs", lambda: pairs)
    monkeypatch.setattr(teacher, "centred_encoder", lambda *_: tiny_teacher)
    monkeypatch.setattr(results, "write_results", lambda *a, **k: written.update(rows=a[2], **k))
    monkeypatch.setattr(sys, "argv", ["x", "--shared", str(shared), "--languages", "en", "om"])
    runpy.run_path(str(SCRIPT.with_name("without_queries.py")), run_name="__main__")
    assert len(written["rows"]) == 5 * 2 * 2  # teachers, languages, halves
    means, tests = written["extra"].values()
    assert len(means) == 5 * 2
    assert {row["queries"] for row in tests} == {"other domains, English", "other domains, others"}
    assert len(tests) == 2 * 2 * 2


def test_ways_to_align_are_compared(
    tiny_teacher: Path, own_cache: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kivuko.cli import resources
    from kivuko.evaluation import results
    from kivuko.training import optical, stages, teacher

    written: dict[str, Any] = {}
    monkeypatch.setattr(teacher, "default_teacher", lambda _: tiny_teacher)
    monkeypatch.setattr(resources, "chosen_pairs", lambda *_: PAIRS)
    monkeypatch.setattr(optical, "QUICK_SETTINGS", replace(optical.QUICK_SETTINGS, steps=2, batch_size=8))
    monkeypatch.setattr(results, "write_results", lambda *a, **k: written.update(rows=a[2], **k))
    monkeypatch.setattr(teacher, "help_pairs", lambda **_: [("", pair.english) for pair in PAIRS])
    arms = [
        "scores of eight passages",
        "greedy of words",
        "partial of words with links",
        "transport of words",
        "transport of pieces",
    ]
    script = SCRIPT.with_name("alignment.py")
    asked = ["--shared", str(shared), "--languages", "om", "--seeds", "0", "1", "--arms", *arms]
    monkeypatch.setattr(sys, "argv", ["alignment.py", *asked])
    runpy.run_path(str(script), run_name="__main__")
    rows = written["rows"]
    # What was measured is kept: the same once more trains nothing.
    monkeypatch.setattr(stages, "run_stage", pytest.fail)
    runpy.run_path(str(script), run_name="__main__")
    assert written["rows"] == rows
    of_development = [row for row in rows if row["split"] == "development"]
    assert {row["system"] for row in of_development} == set(arms)
    assert len(of_development) == len(arms) * 2 * 2  # seeds, and trained or half-way
    # Test queries are asked of the chosen arm, its rival and the default alone.
    summary, tests = written["extra"].values()
    best = max(summary, key=lambda row: row["all, of the students that every arm has"])["arm"]
    assert {row["system"] for row in rows if row["split"] == "test"} <= {
        best, "greedy of words", "transport of pieces"
    }  # fmt: skip
    # A rival that was not measured is compared with nothing.
    assert {(row["arm"], row["over"]) for row in tests if row["split"] == "development"} == {
        ("transport of words", "greedy of words")
    }
