"""In which numbers a machine multiplies: measured, remembered, overridden."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from kivuko import processor
from kivuko.errors import UnknownNameError
from kivuko.models import precision
from kivuko.models.precision import uses_bfloat16

AMX = "processor\t: 0\nmodel name\t: Some Xeon\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16\n\nprocessor\t: 1\n"
PLAIN = "processor\t: 0\nmodel name\t: Some EPYC\nflags\t\t: fpu avx2\n"
Says = Callable[[str], None]


@pytest.fixture
def measured(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which purposes were timed; bfloat16 is twice as fast for encoding, and slower for training."""
    asked: list[str] = []

    def seconds(purpose: str, kind: torch.dtype) -> float:
        asked.append(purpose)
        return 1.0 if kind == torch.float32 else {"encoding": 0.5, "training": 1.5}[purpose]

    monkeypatch.setattr(precision, "seconds", seconds)
    monkeypatch.delenv(precision.VARIABLE, raising=False)
    return asked


@pytest.fixture
def is_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Says]:
    """``is_processor(text)``: /proc/cpuinfo says so."""

    def says(text: str) -> None:
        file = tmp_path / "cpuinfo"
        file.write_text(text, encoding="utf-8")
        monkeypatch.setattr(processor, "_CPUINFO", file)
        processor._facts.cache_clear()
        precision._gains.cache_clear()

    yield says
    processor._facts.cache_clear()
    precision._gains.cache_clear()


def test_each_purpose_takes_what_is_faster_and_is_measured_once(
    measured: list[str], is_processor: Says
) -> None:
    is_processor(AMX)
    assert [uses_bfloat16("encoding"), uses_bfloat16("training")] == [True, False]
    assert sorted(measured) == ["encoding", "encoding", "training", "training"]
    is_processor(AMX)  # another process
    assert [uses_bfloat16("encoding"), uses_bfloat16("training")] == [True, False]
    assert len(measured) == 4
    is_processor(AMX.replace("Some Xeon", "Another Xeon"))
    assert uses_bfloat16("encoding")
    assert len(measured) == 8


def test_without_instructions_for_bfloat16_nothing_is_measured(
    measured: list[str], is_processor: Says
) -> None:
    is_processor(PLAIN)
    assert processor.instruction_sets() == ("avx2",)
    assert not uses_bfloat16("encoding")
    assert not measured


def test_what_the_environment_says_comes_first(
    measured: list[str], is_processor: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_processor(AMX)
    monkeypatch.setenv(precision.VARIABLE, "float32")
    assert not uses_bfloat16("encoding")
    monkeypatch.setenv(precision.VARIABLE, "bfloat16")
    assert uses_bfloat16("training")
    monkeypatch.setenv(precision.VARIABLE, "int8")
    with pytest.raises(UnknownNameError, match="bfloat16, float32"):
        uses_bfloat16("training")
    assert not measured


def test_a_measurement_that_was_cut_short_is_made_again(
    measured: list[str], is_processor: Says, own_cache: Path
) -> None:
    is_processor(AMX)
    assert uses_bfloat16("encoding")
    (file,) = (own_cache / "precision").iterdir()
    file.write_text(file.read_text(encoding="utf-8")[:20], encoding="utf-8")
    is_processor(AMX)
    assert uses_bfloat16("encoding")
    assert len(measured) == 8


def test_products_are_timed_in_both_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        precision, "_TOKENS", 8
    )  # bfloat16 is slow where the processor has no instructions for it
    for purpose in ("training", "encoding"):
        for kind in (torch.float32, torch.bfloat16):
            assert precision.seconds(purpose, kind) > 0  # type: ignore[arg-type]


def test_training_is_timed_wherever_the_first_question_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    # An engine that is made of a ready model encodes first, and asks inside of that.
    monkeypatch.setattr(precision, "_TOKENS", 8)
    for around in (torch.inference_mode(), torch.no_grad()):
        with around:
            assert precision.seconds("training", torch.float32) > 0
