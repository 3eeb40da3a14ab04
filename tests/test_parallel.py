"""A batch through a model by several threads gives what one gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from kivuko.models import late_interaction
from kivuko.training.fit import freeze
from kivuko.training.parallel import encoded

TEXTS = [
    "open the file",
    "print",
    "save a big red table",
    "page",
    "window",
    "a small page",
    "file",
    "open",
    "red",
]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def run(
    model: Path, number: int, *, bfloat16: bool = False
) -> tuple[torch.Tensor, dict[str, Any], dict[str, Any]]:
    """Vectors, other output and gradients by so many threads."""
    torch.set_num_threads(number)
    encoder = late_interaction.load(model)
    freeze(encoder, train_word_embeddings=False)
    features = late_interaction.features_of(encoder, TEXTS, "query")
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        vectors, output = encoded(encoder, features, "query")
    weights = torch.linspace(-1, 1, vectors.numel()).reshape(vectors.shape)
    (vectors * weights).sum().backward()
    assert torch.get_num_threads() == number
    gradients = {name: value.grad for name, value in encoder.named_parameters() if value.requires_grad}
    return vectors.detach(), output, gradients


@pytest.mark.parametrize("bfloat16", [False, True])
def test_threads_change_vectors_and_gradients_by_rounding_alone(tiny_teacher: Path, bfloat16: bool) -> None:
    near = 0.05 if bfloat16 else 1e-4

    def differs(found: torch.Tensor, wanted: torch.Tensor) -> float:
        return float((found - wanted).norm() / wanted.norm())

    alone, output, gradients = run(tiny_teacher, 1, bfloat16=bfloat16)
    for number in (2, 3):
        vectors, others, found = run(tiny_teacher, number, bfloat16=bfloat16)
        assert differs(vectors, alone) < near
        assert torch.equal(others["attention_mask"], output["attention_mask"])
        assert others.keys() == output.keys()
        assert [name for name in found if found[name] is None] == [
            n for n in gradients if gradients[n] is None
        ]
        whole, parts = (
            torch.cat([value.flatten() for value in each.values() if value is not None])
            for each in (gradients, found)
        )
        assert differs(parts, whole) < near


def test_the_same_threads_give_the_same_bytes(tiny_teacher: Path) -> None:
    first, again = (run(tiny_teacher, 2) for _ in range(2))
    assert torch.equal(first[0], again[0])
    for name, gradient in first[2].items():
        assert gradient is None or torch.equal(gradient, again[2][name])


def test_an_error_in_a_thread_is_raised(tiny_teacher: Path) -> None:
    torch.set_num_threads(2)
    encoder = late_interaction.load(tiny_teacher)
    features = late_interaction.features_of(encoder, TEXTS, "query")
    features["input_ids"][0, 0] = 10**6
    with pytest.raises(IndexError):
        encoded(encoder, features, "query")
    assert torch.get_num_threads() == 2
