"""A student between its start and what training made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from kivuko.cli.models import app
from kivuko.errors import ArtifactError, InputError
from kivuko.languages import resolve
from kivuko.models import late_interaction
from kivuko.models.identity import model_hash, space_of
from kivuko.training.interpolation import interpolated
from kivuko.training.optical import OpticalSettings, train_optical
from tiny import made_up_pairs

WORDS = "word_embeddings"


def test_layers_and_words_end_on_the_way(tiny_teacher: Path, own_cache: Path, tmp_path: Path) -> None:
    whole = OpticalSettings(steps=4, batch_size=8, learning_rate=1e-2, word_learning_rate=1e-2)
    start, trained, between = (
        load_file(folder / "model.safetensors")
        for folder in (
            tiny_teacher,
            *(
                train_optical(
                    made_up_pairs(60),
                    resolve("om"),
                    tiny_teacher,
                    tmp_path / str(share),
                    settings=replace(whole, interpolation=share),
                )
                for share in (1.0, 0.25)
            ),
        )
    )
    moved = [name for name in start if not torch.equal(start[name], trained[name])]
    assert any(WORDS in name for name in moved)
    assert any(WORDS not in name for name in moved)
    for name, value in between.items():
        expected = 0.75 * start[name] + 0.25 * trained[name]
        torch.testing.assert_close(value, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("share", [0.0, -0.5, 1.5])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(InputError):
        OpticalSettings(interpolation=share)


def test_a_trained_student_is_taken_back_later(tiny_teacher: Path, own_cache: Path, tmp_path: Path) -> None:
    settings = OpticalSettings(steps=4, batch_size=8, learning_rate=1e-2, word_learning_rate=1e-2)
    trained, at_once = (
        train_optical(
            made_up_pairs(60),
            resolve("om"),
            tiny_teacher,
            tmp_path / str(share),
            settings=replace(settings, interpolation=share),
        )
        for share in (1.0, 0.5)
    )
    later = interpolated(tiny_teacher, trained, tmp_path / "later", 0.5)
    assert space_of(later) == space_of(tiny_teacher)
    for name, value in load_file(later / "model.safetensors").items():
        torch.testing.assert_close(value, load_file(at_once / "model.safetensors")[name])
    manifest = (later / "manifest.json").read_bytes()
    assert interpolated(tiny_teacher, trained, later, 0.5) == later
    assert (later / "manifest.json").read_bytes() == manifest
    by_hand = ["interpolate", str(tiny_teacher), str(trained), "--output", str(tmp_path / "by-hand")]
    assert "50% of the way" in CliRunner().invoke(app, by_hand).output
    assert model_hash(tmp_path / "by-hand") == model_hash(later)
    with pytest.raises(InputError, match="share"):
        interpolated(tiny_teacher, trained, later, 0.0)


def test_models_of_two_spaces_have_nothing_between_them(tiny_teacher: Path, tmp_path: Path) -> None:
    stranger = late_interaction.save(
        late_interaction.load(tiny_teacher),
        tmp_path / "stranger",
        space=None,
        parents={},
        meta={"other": True},
    )
    with pytest.raises(ArtifactError, match="vector space"):
        interpolated(tiny_teacher, stranger, tmp_path / "between", 0.5)
