"""What is aligned: pieces, or the words that a model's pieces stand in; and what comes near by chance."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import resolve
from kivuko.models import encoding
from kivuko.training import greedy, optical
from kivuko.training.align_to_teacher import AlignedBatch
from kivuko.training.greedy import GreedyLoss
from kivuko.training.optical import OpticalLoss, OpticalSettings, PlanSettings, hardened
from kivuko.training.regimes import Models, Regime
from kivuko.training.resources import Resources
from kivuko.training.stages import run_stage
from kivuko.training.units import ByWords, TokenAlignSettings, Words, pieces
from test_optical_loss import cache_of
from tiny import made_up_pairs

ROOT = math.sqrt(0.5)


def batch_of(student: Tensor, target: Tensor, english: list[int] | None = None) -> AlignedBatch:
    """A batch without pads."""
    keep_student, keep_target = (torch.ones(x.shape[:2], dtype=torch.bool) for x in (student, target))
    numbers = torch.arange(len(student))
    own = numbers if english is None else torch.tensor(english)
    return AlignedBatch(student, keep_student, target, keep_target, own, numbers)


def words_of(*texts: tuple[list[int], list[str]]) -> Words:
    return Words([np.array(numbers) for numbers, _ in texts], [names for _, names in texts])


def test_pieces_of_one_word_share_its_number_and_what_is_no_word_stands_for_itself(
    tiny_teacher: Path,
) -> None:
    encoder = encoding.open_encoder(tiny_teacher)
    # The tokenizer knows "open", characters, and marks; "opens" is "open" and "##s".
    read = Words.read(encoder, ["opens, file", "open", "OPENS, file"], "query", 48)
    assert read.names[0] == ["opens", ",", "file"]
    assert read.of_piece[0].tolist() == [0, 0, 1, 2] or read.of_piece[0].tolist()[-2:] == [1, 2]
    assert [len(numbers) for numbers in read.of_piece] == [
        len(encoding.tokens(encoder, text, "query", max_length=48))
        for text in ("opens, file", "open", "OPENS, file")
    ]
    assert read.names[1] == ["open"]
    assert read.names[2] == read.names[0]


def test_a_text_that_is_cut_has_the_words_of_what_was_read(tiny_teacher: Path) -> None:
    encoder = encoding.open_encoder(tiny_teacher)
    read = Words.read(encoder, ["open file page"], "query", 4)  # two pieces between the special ones
    assert read.names == [["open", "file"]]


def test_in_a_script_without_borders_a_piece_stands_for_itself(tiny_teacher: Path) -> None:
    # Six characters without a border are read as five overlapping pairs of characters, none of which is a word.
    (names,) = Words.read(
        encoding.open_encoder(tiny_teacher), ["\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 open"], "query", 48
    ).names
    assert names[-1] == "open"
    assert len(names) >= 2


def test_rarity_by_hand() -> None:
    words = words_of(([0, 1], ["a", "b"]), ([0], ["a"]), ([0, 1], ["a", "b"]), ([0], ["c"]))
    # Three different texts: "a" is in two of them, "b" and "c" in one.
    expected = [[math.log(4 / 2), math.log(4)], [math.log(2)], [math.log(2), math.log(4)], [math.log(4)]]
    for found, own in zip(words.rarity(), expected, strict=True):
        np.testing.assert_allclose(found, own, rtol=1e-6)


def test_words_worked_by_hand() -> None:
    # One student word of two pieces, (1, 0) and (0, 1), and one of one piece; two English words of a piece each.
    student = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]])
    target = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    by_words = ByWords(words_of(([0, 0, 1], ["ab", "c"])), words_of(([0, 1], ["x", "y"])))
    units = by_words(batch_of(student, target))
    torch.testing.assert_close(units.student, torch.tensor([[[ROOT, ROOT], [0.6, 0.8]]]))
    torch.testing.assert_close(units.cost, torch.tensor([[[1 - ROOT, 1 - ROOT], [0.4, 0.2]]]))
    # The first word's pieces lie 0 and 1 from the first English word, and 1 and 0 from the second.
    torch.testing.assert_close(units.pull, torch.tensor([[[0.5, 0.5], [0.4, 0.2]]]))
    # All words are equally rare.
    torch.testing.assert_close(units.student_mass, torch.full((1, 2), 0.5))
    torch.testing.assert_close(units.teacher_mass, torch.full((1, 2), 0.5))
    loss = OpticalLoss(torch.nn.Identity(), cache_of(target[0]), units=by_words)  # type: ignore[arg-type]
    # The plan sends the second word to "y", where it is cheapest: (.5 + .2) / 2.
    assert loss.parts(batch_of(student, target))["transport"].item() == pytest.approx(0.35, abs=1e-6)
    rival = GreedyLoss(torch.nn.Identity(), cache_of(target[0]), units=by_words)  # type: ignore[arg-type]
    assert rival.parts(batch_of(student, target))["greedy"].item() == pytest.approx(0.7, abs=1e-6)


def test_chance_is_how_near_a_stranger_comes() -> None:
    student = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[0.6, 0.8]]])
    target = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[0.8, 0.6]]])
    units = pieces(batch_of(student, target))
    # Of each text with the two strangers: (1, .2), (1, .4), (.4, .2); the least two of six are .2.
    assert units.chance(torch.arange(3), 0.01) == pytest.approx(0.2, abs=1e-6)
    assert units.chance(torch.arange(3), 0.999) == pytest.approx(1.0, abs=1e-2)
    # Texts of the same English are no strangers to each other, and one alone has none.
    assert units.chance(torch.tensor([0, 0, 0]), 0.2) == 2.0
    assert units.chance(torch.tensor([0, 0, 1]), 0.01) == pytest.approx(0.2, abs=1e-6)


def test_partial_plans_leave_what_comes_no_nearer_than_a_stranger() -> None:
    # The first text's second piece is as far from its own English as from the other's; the rest is at home.
    student = torch.tensor([[[1.0, 0, 0, 0], [0, 0, 0, 1.0]], [[0, 1.0, 0, 0], [0, 1.0, 0, 0]]])
    target = torch.tensor([[[1.0, 0, 0, 0], [0, 0, 1.0, 0]], [[0, 1.0, 0, 0], [0, 1.0, 0, 0]]])
    batch = batch_of(student, target)
    partial = OpticalLoss(torch.nn.Identity(), cache_of(*target), plans=PlanSettings("partial"))  # type: ignore[arg-type]
    assert partial.parts(batch)["transport"].item() == pytest.approx(0.0, abs=1e-6)
    assert partial.diagnostics["moved"] == pytest.approx(0.75)  # half of the first, all of the second
    whole = OpticalLoss(torch.nn.Identity(), cache_of(*target))  # type: ignore[arg-type]
    assert whole.parts(batch)["transport"].item() == pytest.approx(0.25, abs=1e-6)


def test_a_pair_of_which_nothing_is_moved_costs_nothing_and_pulls_nowhere() -> None:
    student = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]], requires_grad=True)
    target = torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]])  # each lies on the other's
    loss = OpticalLoss(torch.nn.Identity(), cache_of(*target), plans=PlanSettings("partial"))  # type: ignore[arg-type]
    cost = loss.parts(batch_of(student, target))["transport"]
    cost.backward()
    assert cost.item() == 0
    assert student.grad is not None
    assert not student.grad.any()


def test_a_hard_plan_sends_each_row_to_one_place() -> None:
    plan = torch.tensor([[[0.3, 0.2, 0.0], [0.0, 0.25, 0.25]]])
    torch.testing.assert_close(hardened(plan), torch.tensor([[[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]]))


def test_links_lower_the_cost_of_words_that_translate_each_other_and_fade() -> None:
    # "a" translates "x" and "b" translates "y" in every text.
    texts = [([0], ["a"]), ([0], ["b"])] * 8
    english = [([0], ["x"]), ([0], ["y"])] * 8
    by_words = ByWords(words_of(*texts), words_of(*english), links=0.5)
    assert by_words.likely["x", "a"] > 0.9
    vectors = torch.tensor([[[1.0, 0.0]]]).expand(16, 1, 2)
    units = by_words(batch_of(vectors, torch.tensor([[[0.0, 1.0]]]).expand(16, 1, 2)))
    taken_off = (units.pull - units.cost).flatten()
    assert taken_off[0].item() == pytest.approx(0.5 * by_words.likely["x", "a"], abs=1e-6)
    assert bool((taken_off[:8].diff() < 0).all())
    assert not taken_off[8:].any()


@pytest.mark.parametrize("regime", [optical.REGIME, greedy.REGIME], ids=lambda regime: regime.name)
def test_a_student_learns_by_words(regime: Regime, tiny_teacher: Path, tmp_path: Path) -> None:
    settings = regime.settings(steps=3, batch_size=8, units="words", links=0.5)
    resources = Resources(bitext={resolve("om"): made_up_pairs(24)})
    models = run_stage(
        regime, settings, Models(tiny_teacher, tiny_teacher), resources, output=tmp_path / "student"
    )
    assert models.student == tmp_path / "student"


def test_settings_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="pieces"):
        TokenAlignSettings(units="letters")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="links is out of range"):
        OpticalSettings(links=0.5)
    for wrong in ({"chance": 1.0}, {"beta": 0.0}, {"relaxation": -1.0}, {"epsilon": 0.0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            OpticalSettings(**wrong)  # type: ignore[arg-type]
    assert OpticalSettings(solver="partial", chance=0.1).plans == PlanSettings("partial", chance=0.1)
