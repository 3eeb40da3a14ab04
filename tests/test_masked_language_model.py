"""Masked language modelling: what is masked, that it learns, and that a resumed run is the uninterrupted one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

from kivuko.errors import InputError
from kivuko.models import late_interaction
from kivuko.training.fit import FitSettings, Job
from kivuko.training.masked_language_model import MaskedLanguageModelLoss
from tiny import made_up_pairs

PAIRS = made_up_pairs(60)
TEXTS = [pair.foreign for pair in PAIRS]
MASK = "["
"""A piece of the tiny tokenizer that no text here has."""


def opened(path: Path) -> Any:
    encoder = late_interaction.load(path)
    encoder.tokenizer.mask_token = MASK
    return encoder


def new_loss(encoder: Any) -> MaskedLanguageModelLoss:
    return MaskedLanguageModelLoss(encoder, [pair.english for pair in PAIRS], negatives=20, scale=10.0)


def tokenised(encoder: Any, texts: list[str]) -> dict[str, torch.Tensor]:
    features = encoder.preprocess(texts, task="query")
    return {name: value for name, value in features.items() if isinstance(value, torch.Tensor)}


def held_loss(loss: MaskedLanguageModelLoss, encoder: Any) -> float:
    torch.manual_seed(5)
    with torch.no_grad():
        return sum(loss([tokenised(encoder, TEXTS)])["masked"].item() for _ in range(5)) / 5


def train(path: Path, checkpoints: Path, settings: FitSettings) -> tuple[Any, float, float]:
    encoder = opened(path)
    loss = new_loss(encoder)
    before = held_loss(loss, encoder)
    lengths = [len(ids) for ids in late_interaction.pieces_of(encoder, TEXTS)]
    job = Job(checkpoints, {"of": "test"}, "masked words")
    job.fit(encoder, Dataset.from_dict({"text": TEXTS}), loss, lengths, settings)
    return encoder, before, held_loss(loss, encoder)


def test_loss_falls_and_embeddings_stay(tiny_teacher: Path, tmp_path: Path) -> None:
    settings = FitSettings(steps=120, batch_size=12, learning_rate=3e-3)
    encoder, before, after = train(tiny_teacher, tmp_path / "run", settings)
    assert after < 0.75 * before
    untrained = opened(tiny_teacher)[0].auto_model
    assert torch.equal(
        untrained.get_input_embeddings().weight, encoder[0].auto_model.get_input_embeddings().weight
    )
    assert not any(True for _ in new_loss(encoder).named_parameters() if not _[0].startswith("model."))


def test_resumed_run_ends_with_the_weights_of_the_whole_one(tiny_teacher: Path, tmp_path: Path) -> None:
    settings = FitSettings(steps=14, batch_size=8, learning_rate=3e-3, checkpoint_every=5)
    whole, _, _ = train(tiny_teacher, tmp_path / "whole", settings)
    # Killed after step 12: checkpoint 10 is the newest complete one, in the middle of the second epoch.
    killed = tmp_path / "killed"
    train(tiny_teacher, killed, settings)
    assert sorted(path.name for path in killed.glob("checkpoint-*")) == ["checkpoint-10", "checkpoint-14"]
    (killed / "checkpoint-14" / "trainer_state.json").unlink()
    assert json.loads((killed / "checkpoint-10" / "trainer_state.json").read_text())["global_step"] == 10
    torch.manual_seed(1234)
    resumed, _, _ = train(tiny_teacher, killed, settings)
    other, _, _ = train(tiny_teacher, tmp_path / "other", FitSettings(**{**vars(settings), "seed": 1}))
    for (name, expected), got in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(expected, got), name
    assert any(
        not torch.equal(a, b)
        for a, b in zip(whole.state_dict().values(), other.state_dict().values(), strict=True)
    )


def test_masks_lie_on_content_and_do_not_depend_on_the_batch(tiny_teacher: Path) -> None:
    encoder = opened(tiny_teacher)
    loss = new_loss(encoder)
    long = " ".join(TEXTS[:20])
    ids = tokenised(encoder, [*TEXTS, long, "§ §", ""])["input_ids"]
    special = torch.isin(ids, torch.tensor(encoder.tokenizer.all_special_ids))
    shown, masked = loss.masking(ids, 7)
    assert not (masked & special).any()
    assert torch.equal(shown[~masked], ids[~masked])
    content = (~special).sum(dim=1)
    expected = [min(int(n), max(1, round(0.15 * int(n)))) for n in content]
    assert masked.sum(dim=1).tolist() == expected
    assert expected[-2:] == [0, 0]  # unknown characters alone, and nothing
    # Reversed, and with other padding, each text keeps its masks; another step has others.
    again = loss.masking(torch.nn.functional.pad(ids.flip(0), (0, 9), value=1), 7)[1].flip(0)[:, :-9]
    assert torch.equal(again, masked)
    assert not torch.equal(loss.masking(ids, 8)[1], masked)


def test_of_the_masked_eight_in_ten_are_hidden_one_is_random_and_one_kept(tiny_teacher: Path) -> None:
    encoder = opened(tiny_teacher)
    loss = new_loss(encoder)
    ids = tokenised(encoder, TEXTS)["input_ids"]
    hidden = kept = total = 0
    for step in range(60):
        shown, masked = loss.masking(ids, step)
        hidden += int((shown[masked] == loss.mask).sum())
        kept += int((shown[masked] == ids[masked]).sum())
        total += int(masked.sum())
        assert not torch.isin(shown[masked & (shown != loss.mask)], torch.tensor([0, 1, 2, 3])).any()
    assert hidden / total == pytest.approx(0.8, abs=0.03)
    assert kept / total == pytest.approx(0.1, abs=0.03)


def test_masked_positions_alone_count(tiny_teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = opened(tiny_teacher)
    loss = new_loss(encoder)
    features = tokenised(encoder, TEXTS[:4])
    where = torch.zeros_like(features["input_ids"], dtype=torch.bool)
    where[0, 1] = where[2, 2] = True
    monkeypatch.setattr(loss, "masking", lambda ids, step: (ids, where))
    vectors = encoder[0](dict(features))["token_embeddings"].detach().requires_grad_()
    monkeypatch.setattr(encoder[0], "forward", lambda features, **_: {"token_embeddings": vectors})
    loss([features])["masked"].backward()
    assert vectors.grad is not None
    assert torch.equal(vectors.grad.abs().sum(dim=2) > 0, where)


def test_loss_is_the_cross_entropy_of_the_candidates(tiny_teacher: Path) -> None:
    encoder = opened(tiny_teacher)
    loss = new_loss(encoder)
    features = tokenised(encoder, TEXTS[:6])
    loss.negatives = 5000  # draws every piece of the tiny vocabulary: the softmax is the whole one
    torch.manual_seed(3)
    got = loss([features])["masked"]
    torch.manual_seed(3)
    shown, masked = loss.masking(features["input_ids"], int(torch.randint(2**62, (1,))))
    vectors = encoder[0]({**features, "input_ids": shown})["token_embeddings"][masked]
    table = encoder[0].auto_model.get_input_embeddings().weight[loss.allowed]
    predicted = vectors @ loss.head + loss.head_bias
    cosines = torch.nn.functional.cosine_similarity(
        predicted[:, None], (table - table.mean(dim=0))[None], dim=2
    )
    place = {int(piece): i for i, piece in enumerate(loss.allowed)}
    targets = torch.tensor([place[int(piece)] for piece in features["input_ids"][masked]])
    assert got.item() == pytest.approx(
        torch.nn.functional.cross_entropy(10.0 * cosines, targets).item(), rel=1e-4
    )


def test_head_reads_the_encoder_as_it_comes(tiny_teacher: Path) -> None:
    encoder = opened(tiny_teacher)
    loss = new_loss(encoder)
    features = tokenised(encoder, [pair.english for pair in PAIRS])
    content = torch.isin(features["input_ids"], loss.allowed)
    pieces = features["input_ids"][content]
    vectors = encoder[0](dict(features))["token_embeddings"][content]
    scores = loss._cosines(vectors, loss.allowed)
    fitted = (loss.allowed[scores.argmax(dim=1)] == pieces).float().mean()
    assert fitted > 0.9


def test_batch_without_content_costs_nothing_and_has_a_gradient(tiny_teacher: Path) -> None:
    encoder = opened(tiny_teacher)
    value = new_loss(encoder)([tokenised(encoder, ["§", ""])])["masked"]
    value.backward()
    assert value.item() == 0


def test_encoder_without_a_mask_and_head_without_text_are_refused(tiny_teacher: Path) -> None:
    with pytest.raises(InputError, match="mask token"):
        new_loss(late_interaction.load(tiny_teacher))
    with pytest.raises(InputError, match="fit the head"):
        MaskedLanguageModelLoss(opened(tiny_teacher), ["§"])
