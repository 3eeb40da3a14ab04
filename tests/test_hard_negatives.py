"""Training with explicit hard negatives: from files of triples to the loss."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kivuko.artifact import read_manifest
from kivuko.collections.counts import DropReport
from kivuko.errors import InputError
from kivuko.languages import resolve
from kivuko.models import late_interaction
from kivuko.readers import msmarco
from kivuko.readers.msmarco import Triple, read_msmarco_examples, with_negatives
from kivuko.training import codeswitch, english, foreign_queries
from kivuko.training.codeswitch import CodeswitchSettings
from kivuko.training.fit import Job
from kivuko.training.rank_in_batch import RankingLoss, RankingSettings
from kivuko.training.regimes import Models
from kivuko.training.resources import Need, Resources
from kivuko.training.stages import make_stage, run_stages
from kivuko.training.teacher import CANDIDATES, with_hard_negatives, without_queries
from test_msmarco import PASSAGES, QUERIES, folder, kivuko, table, write  # noqa: F401 (folder is a fixture)
from test_ranking_loss import DOCUMENTS, Given, X, Y, padded
from test_ranking_loss import QUERIES as TOKENS
from tiny import made_up_pairs

OROMO = resolve("om")
TEXTS = [pair.english for pair in made_up_pairs(24)]
#: Query, document, two negatives.
EXAMPLES = [
    (text.split()[0], text, TEXTS[(i + 5) % len(TEXTS)], TEXTS[(i + 9) % len(TEXTS)])
    for i, text in enumerate(TEXTS)
]


PAGES = [f"{name}\n{text}" for name, text in (
    ("Page Margins", "Set the margins of the page."),
    ("Page Numbers", "Insert a number on every page."),
    ("Rows", "Insert a row above the cursor."),
    ("Zoom", "Enlarges the view."),
)]  # fmt: skip


def test_a_mined_negative_shares_words_with_the_query_and_is_not_its_page() -> None:
    # "page" stands on one other page, "a" and "on" on one, "Numbers" on none.
    pairs = [("Page Margins", PAGES[0]), ("cursor on a row", PAGES[2]), ("Numbers", PAGES[1])]
    for seed in range(8):
        first, second, third = with_hard_negatives([*pairs, ("Zoom", PAGES[3])], seed=seed)[:3]
        assert first == (*pairs[0], PAGES[1])
        assert second == (*pairs[1], PAGES[1])
        assert third[2] in {PAGES[0], PAGES[2], PAGES[3]}


def test_negatives_are_drawn_from_the_best_few() -> None:
    rows = [(f"Row {i}", f"Row {i}\nThe row number {i}.") for i in range(30)]
    drawn = {with_hard_negatives([("the row 7", rows[7][1]), *rows], seed=seed)[0][2] for seed in range(99)}
    assert len(drawn) == CANDIDATES
    assert rows[7][1] not in drawn


def test_where_no_page_shares_a_word_another_one_is_drawn() -> None:
    pairs = [("Zoom", page) for page in PAGES[3:]] + [("Rows", page) for page in PAGES[:3]]
    drawn = {with_hard_negatives(pairs, seed=seed)[0][2] for seed in range(40)}
    assert drawn == set(PAGES[:3])
    assert with_hard_negatives(pairs, seed=3) == with_hard_negatives(pairs, seed=3)


def test_one_page_has_no_negatives() -> None:
    with pytest.raises(InputError, match="two different documents"):
        with_hard_negatives([("Zoom", PAGES[3]), ("View", PAGES[3])])


def test_a_query_taken_out_of_its_document_stands_there_no_longer() -> None:
    rows = "Rows\nRows are lines of cells. Insert a row above the cursor."
    assert without_queries([("Rows", rows)]) == [
        ("Rows", "are lines of cells. Insert a row above the cursor.")
    ]
    # Within a word it is no copy: "Row" stands in "Rows".
    assert without_queries([("Row", rows)]) == [("Row", rows)]
    sentence = "Insert a row above the cursor."
    assert without_queries([(sentence, rows, PAGES[0])]) == [
        (sentence, "Rows\nRows are lines of cells.", PAGES[0])
    ]


def test_a_titles_negatives_lose_their_title_as_its_document_does() -> None:
    found = without_queries(
        [("Page Margins", PAGES[0], PAGES[1]), ("Rows", "Rows\nOne two three.", PAGES[1])]
    )
    assert found == [("Page Margins", "Set the margins of the page.", "Insert a number on every page.")]


def loss_of(negatives: list[Any], labels: list[list[int]], **options: Any) -> float:
    loss = RankingLoss(Given(), **options)  # type: ignore[arg-type]
    sides = [padded(TOKENS), padded(DOCUMENTS), *map(padded, negatives)]
    return float(loss(sides, torch.tensor(labels)))


def test_two_queries_and_a_negative_each_by_hand() -> None:
    # MaxSim of the documents: 1 and 1.4 for the first query, 0 and .8 for the second; of the negatives Y and X:
    # 1 and 1 for the first, 1 and 0 for the second.
    found = loss_of([[[Y], [X]]], [[0, 2], [1, 3]])
    first = math.log(math.exp(1.0) + math.exp(1.4) + 2 * math.exp(1.0)) - 1.0
    second = math.log(math.exp(0.0) + math.exp(0.8) + math.exp(1.0) + math.exp(0.0)) - 0.8
    assert found == pytest.approx((first + second) / 2, abs=1e-6)


def test_a_negative_that_is_another_query_s_own_document_is_not_its_negative() -> None:
    # The first query's negative is the second one's document (number 1).
    found = loss_of([[[[0.6, 0.8]], [X]]], [[0, 1], [1, 3]])
    first = math.log(math.exp(1.0) + 2 * math.exp(1.4) + math.exp(1.0)) - 1.0
    second = math.log(math.exp(0.0) + math.exp(0.8) + math.exp(0.0)) - 0.8
    assert found == pytest.approx((first + second) / 2, abs=1e-6)


def test_every_negative_of_every_example_counts_once() -> None:
    both = loss_of([[[Y], [X]], [[X], [Y]]], [[0, 2, 4], [1, 3, 5]])
    first = math.log(math.exp(1.4) + 5 * math.exp(1.0)) - 1.0
    second = math.log(3 * math.exp(0.0) + math.exp(0.8) + 2 * math.exp(1.0)) - 0.8
    assert both == pytest.approx((first + second) / 2, abs=1e-6)


def test_negatives_of_a_negative_label_column_change_nothing_without_negatives() -> None:
    loss = RankingLoss(Given())  # type: ignore[arg-type]
    sides = [padded(TOKENS), padded(DOCUMENTS)]
    assert loss(sides, torch.tensor([4, 9])) == loss(sides, torch.tensor([[4], [9]]))


class Watched(Job):
    """Keeps the data set instead of training."""

    def fit(self, encoder: Any, dataset: Any, *_: Any, **__: Any) -> None:
        self.columns = {name: list(dataset[name]) for name in dataset.column_names}


def columns(regime: Any, teacher: Path, resources: Resources, settings: Any) -> dict[str, list[Any]]:
    job = Watched(Path("nowhere"), {}, "")
    regime.train(Models(teacher, teacher), resources, settings, job)
    return job.columns


SETTINGS = RankingSettings(steps=3, batch_size=8)


@pytest.mark.parametrize("regime", [english.REGIME, foreign_queries.TRANSLATE_TRAIN])
def test_regimes_hand_negatives_and_numbers_of_documents_to_the_loss(regime: Any, tiny_teacher: Path) -> None:
    resources = Resources(english_pairs=EXAMPLES, translated={OROMO: EXAMPLES})
    found = columns(regime, tiny_teacher, resources, SETTINGS)
    assert list(found) == ["query", "document", "negative_1", "negative_2", "label"]
    rows = list(zip(*(found[name] for name in list(found)[:4]), strict=True))
    assert sorted(rows) == sorted(EXAMPLES)
    number = {}
    for row, labels in zip(rows, found["label"], strict=True):
        for text, label in zip(row[1:], labels, strict=True):
            assert number.setdefault(text, label) == label
    assert len(set(number.values())) == len(set(TEXTS))


def test_codeswitching_documents_switches_negatives_and_keeps_their_numbers(tiny_teacher: Path) -> None:
    from kivuko.codeswitch import EnglishTable

    words = {word for text in TEXTS for word in text.split() if word.isalpha()}
    tables = {OROMO: EnglishTable(OROMO, {word: ((word[::-1] + "x", 1.0),) for word in sorted(words)})}
    resources = Resources(english_pairs=EXAMPLES, tables=tables)
    settings = CodeswitchSettings(steps=3, batch_size=8, side="document", rate=0.5)
    switched = columns(codeswitch.REGIME, tiny_teacher, resources, settings)
    plain = columns(english.REGIME, tiny_teacher, resources, SETTINGS)
    assert switched["query"] == plain["query"]
    assert switched["label"] == plain["label"]
    for name in ("document", "negative_1", "negative_2"):
        assert switched[name] != plain[name]
    only_queries = columns(codeswitch.REGIME, tiny_teacher, resources, replace(settings, side="query"))
    assert only_queries["negative_1"] == plain["negative_1"]


def test_training_with_negatives_learns_and_is_another_stage(tiny_teacher: Path) -> None:
    settings = {"steps": "6", "batch_size": "8", "max_length": "32", "learning_rate": "1e-3"}
    stage = make_stage(english.REGIME, settings, where="here")
    plain = Resources(english_pairs=[example[:2] for example in EXAMPLES])
    found = []
    for resources in (plain, Resources(english_pairs=EXAMPLES)):
        models = run_stages([stage], Models(tiny_teacher, tiny_teacher), resources)
        found.append(late_interaction.load(models.student).state_dict())
        assert all(torch.isfinite(value).all() for value in found[-1].values())
    assert any(not torch.equal(found[0][name], found[1][name]) for name in found[0])
    needs = frozenset({Need.ENGLISH_PAIRS})
    assert plain.digest(needs) != Resources(english_pairs=EXAMPLES).digest(needs)


def test_examples_with_different_numbers_of_negatives_are_refused(tiny_teacher: Path) -> None:
    resources = Resources(english_pairs=[*EXAMPLES[:-1], EXAMPLES[-1][:3]])
    with pytest.raises(InputError, match=r"different numbers of hard negatives[\s\S]*\[1, 2\]"):
        columns(english.REGIME, tiny_teacher, resources, SETTINGS)


# ---- files --------------------------------------------------------------------------------------------------------


def test_triples_that_follow_each_other_become_one_example() -> None:
    triples = [Triple("q", "p", n) for n in "abab"] + [Triple("q", "r", "a"), Triple("s", "p", "b")]
    report = DropReport()
    assert list(with_negatives(triples, 2, report)) == [("q", "p", "a", "b")]
    assert report.as_json() == {"before": 3, "after": 1, "dropped": {"fewer than 2 negatives": 2}}
    assert list(with_negatives(triples, 1, DropReport())) == [
        ("q", "p", "a"),
        ("q", "r", "a"),
        ("s", "p", "b"),
    ]


def test_the_first_of_three_files_that_is_there_is_read(folder: Path) -> None:  # noqa: F811
    def read(count: int, **options: Any) -> list[tuple[str, ...]]:
        return list(
            read_msmarco_examples(
                folder, count, report=(reports.append(DropReport()) or reports[-1]), **options
            )
        )

    reports: list[DropReport] = []
    rain = (QUERIES[31], PASSAGES[7])
    assert read(2) == [(*rain, PASSAGES[0], PASSAGES[9])]
    assert reports[-1].as_json()["dropped"] == {
        "fewer than 2 negatives": 1,
        "negative that is a positive": 1,
        "query without a positive": 1,
    }
    assert read(2, systems=("dense", "bm25")) == [(*rain, PASSAGES[9], PASSAGES[0])]
    (folder / msmarco.HARD_NEGATIVES).unlink()
    assert read(1) == [(*rain, PASSAGES[0]), (QUERIES[2], PASSAGES[1], PASSAGES[9])]
    with pytest.raises(InputError, match="only mined negatives"):
        read(1, systems=("bm25",))
    (folder / msmarco.ID_TRIPLES).unlink()
    assert read(1) == [(*rain, PASSAGES[9])]
    (folder / msmarco.TEXT_TRIPLES).unlink()
    with pytest.raises(InputError, match="no file with negatives"):
        read(1)


def test_recipe_trains_on_mined_negatives(
    tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, output = tmp_path / "msmarco", tmp_path / "om"
    write(data / msmarco.COLLECTION, table(enumerate(TEXTS)))
    write(data / msmarco.QUERIES, table((i, text.split()[0]) for i, text in enumerate(TEXTS)))
    mined = [
        {"qid": i, "pos": [i], "neg": {"bm25": [(i + 3) % 24], "dense": [(i + 5) % 24, (i + 6) % 24]}}
        for i in range(24)
    ]
    write(data / msmarco.HARD_NEGATIVES, [*map(json.dumps, mined), "not reached"])
    seen: list[Any] = []
    plain = RankingLoss.forward

    def watched(self: RankingLoss, features: Any, labels: torch.Tensor) -> torch.Tensor:
        features = list(features)
        seen.append((len(features), tuple(labels.shape)))
        return plain(self, features, labels)

    monkeypatch.setattr(RankingLoss, "forward", watched)
    arguments = (
        *("train", "recipe", "english", "--language", "om", "--msmarco", data, "--start", tiny_teacher),
        *("--output", output, "--set", "english.steps=2", "--set", "english.batch_size=8", "--negatives", 3),
        *("--negatives-by", "dense", "--negatives-by", "bm25"),
    )
    assert kivuko(monkeypatch, *arguments) == 0
    assert "16 of 16 texts kept" in capsys.readouterr().out
    assert seen == [(5, (8, 4))] * 2
    assert read_manifest(output, "model").meta["examples"] == 16


def test_recipe_trains_translate_train_on_mmarco_s_negatives(
    tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    write(data / msmarco.TRIPLES, table((i, i, (i + 1) % 24) for i in range(24)))
    write(
        data / "google/queries/train/hindi_queries.train.tsv",
        table((i, t.split()[0]) for i, t in enumerate(TEXTS)),
    )
    write(data / "google/collections/english_collection.tsv", table(enumerate(TEXTS)))
    arguments = (
        *(
            "train",
            "recipe",
            "translate-train",
            "--language",
            "hi",
            "--mmarco",
            data,
            "--start",
            tiny_teacher,
        ),
        *(
            "--output",
            tmp_path / "hi",
            "--set",
            "translate-train.steps=2",
            "--set",
            "translate-train.batch_size=8",
        ),
    )
    assert kivuko(monkeypatch, *arguments, "--negatives", 1) == 0
    assert "16 of 16 texts kept" in capsys.readouterr().out
    assert kivuko(monkeypatch, *arguments, "--negatives", 2) == 2
    assert "lacks training data" in capsys.readouterr().err


def test_negatives_need_a_source(
    tiny_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = kivuko(
        monkeypatch,
        *("train", "recipe", "english", "--language", "om", "--start", tiny_teacher, "--negatives", 2),
        *("--output", tmp_path / "om"),
    )
    assert code == 2
    assert "nothing to take hard negatives from" in capsys.readouterr().err
