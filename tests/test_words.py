"""A student's word embeddings: started from English, and trained for the pieces of its texts alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from kivuko.artifact import read_manifest
from kivuko.errors import InputError
from kivuko.languages import resolve
from kivuko.models import late_interaction
from kivuko.training.optical import OpticalSettings, train_optical
from kivuko.training.regimes import without_later_defaults
from kivuko.training.words import start_from_english, trained_rows
from tiny import made_up_pairs

PAIRS = made_up_pairs(60)
OROMO = resolve("om")


def embeddings(encoder: Any) -> torch.Tensor:
    return encoder[0].auto_model.get_input_embeddings().weight.detach()  # type: ignore[no-any-return]


def test_a_piece_starts_as_a_mixture_of_itself_and_what_it_translates(tiny_teacher: Path) -> None:
    encoder = late_interaction.load(tiny_teacher)
    before = embeddings(encoder).clone()
    # Each word stands beside one English word throughout, so that what it translates is no question.
    english = ["open", "print", "save", "table", "page"] * 8
    foreign = ["ກ", "ຂ", "ຄ", "ງ", "ຈ"] * 8
    pieces = dict(zip(foreign, late_interaction.pieces_of(encoder, foreign, "query"), strict=True))
    if len({tuple(ids) for ids in pieces.values()}) < len(pieces):  # the tiny tokenizer has no such letters
        foreign = ["red", "big", "small", "window", "file"] * 8
        pieces = dict(zip(foreign, late_interaction.pieces_of(encoder, foreign, "query"), strict=True))
    moved = start_from_english(encoder, english, foreign, 0.5)
    after = embeddings(encoder)
    changed = (after != before).any(dim=1).nonzero()[:, 0].tolist()
    special = set(encoder.tokenizer.all_special_ids)
    assert moved == len(changed)
    assert set(changed) == {piece for ids in pieces.values() for piece in ids} - special
    (own,) = set(pieces[foreign[0]]) - special
    (meant,) = set(late_interaction.pieces_of(encoder, ["open"], "query")[0]) - special
    w = (after[own] - before[own]).norm() / (before[meant] - before[own]).norm()
    assert 0.4 < w < 0.5
    torch.testing.assert_close(after[own], (1 - w) * before[own] + w * before[meant])


def test_without_content_nothing_is_moved(tiny_teacher: Path) -> None:
    encoder = late_interaction.load(tiny_teacher)
    before = embeddings(encoder).clone()
    assert start_from_english(encoder, ["", "open"], ["open", ""], 1.0) == 0
    assert torch.equal(embeddings(encoder), before)


def test_rows_of_the_texts_alone_are_trained(tiny_teacher: Path, own_cache: Path, tmp_path: Path) -> None:
    settings = OpticalSettings(steps=4, batch_size=8, learning_rate=1e-6, word_learning_rate=1e-2)
    student = train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "om", settings=settings)
    before, after = (embeddings(late_interaction.load(folder)) for folder in (tiny_teacher, student))
    encoder = late_interaction.load(tiny_teacher)
    cut = late_interaction.pieces_of(encoder, [pair.foreign for pair in PAIRS], "query")
    read = {piece for ids in cut for piece in ids} | set(encoder.tokenizer.all_special_ids)
    changed = set((after != before).any(dim=1).nonzero()[:, 0].tolist())
    assert changed
    assert changed <= read
    assert after.shape == before.shape
    # Their own rate, not that of the layers.
    assert (after - before).abs().max() > 1e-3
    assert "pieces_started_from_english" not in read_manifest(student, late_interaction.KIND).meta


def test_the_start_is_counted(tiny_teacher: Path, own_cache: Path, tmp_path: Path) -> None:
    settings = OpticalSettings(steps=1, batch_size=8, lexical_start=0.5)
    student = train_optical(PAIRS, OROMO, tiny_teacher, tmp_path / "om", settings=settings)
    assert read_manifest(student, late_interaction.KIND).meta["pieces_started_from_english"] > 0
    before, after = (embeddings(late_interaction.load(folder)) for folder in (tiny_teacher, student))
    assert not torch.equal(before, after)


def test_embeddings_come_back_after_an_error(tiny_teacher: Path) -> None:
    encoder = late_interaction.load(tiny_teacher)
    whole = encoder[0].auto_model.get_input_embeddings()
    with pytest.raises(KeyboardInterrupt), trained_rows(encoder, [15, 13, 15]) as rows:  # noqa: PT012
        assert rows(torch.tensor([[13, 15]])).shape == (1, 2, whole.weight.shape[1])
        with pytest.raises(IndexError):
            rows(torch.tensor([len(whole.weight) - 1]))
        raise KeyboardInterrupt
    assert encoder[0].auto_model.get_input_embeddings() is whole


@pytest.mark.parametrize(
    "wrong",
    [
        {"word_learning_rate": -1.0},
        {"lexical_start": 1.5},
        {"lexical_start": -0.1},
        {"word_learning_rate": 1e-3, "train_word_embeddings": True},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        OpticalSettings(**wrong)


def test_what_was_trained_before_there_was_a_choice_counts() -> None:
    settings = {"steps": 1, "word_learning_rate": 0.0, "lexical_start": 0.0, "teacher_side": "document"}
    assert without_later_defaults(settings) == {"steps": 1}
    assert without_later_defaults({"lexical_start": 0.5}) == {"lexical_start": 0.5}
