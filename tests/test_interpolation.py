"""A student between its start and what training made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kivuko.errors import InputError
from kivuko.languages import resolve
from kivuko.training.optical import OpticalSettings, train_optical
from tiny import made_up_pairs

WORDS = "word_embeddings"


def test_layers_end_on_the_way_and_words_as_trained(
    tiny_teacher: Path, own_cache: Path, tmp_path: Path
) -> None:
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
        expected = trained[name] if WORDS in name else 0.75 * start[name] + 0.25 * trained[name]
        torch.testing.assert_close(value, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("share", [0.0, -0.5, 1.5])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(InputError):
        OpticalSettings(interpolation=share)
