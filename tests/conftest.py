"""Fixtures of the tests that train (a tiny encoder, a cache of its own for each test), no deadlines, one width."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tiny import build_tiny_encoder, made_up_pairs

# Machines are shared and noisy: how long an example took says nothing of the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
# The console takes its width when it is first imported, by whichever test that is.
os.environ["COLUMNS"] = "200"


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain Hugging Face folder that trains in seconds."""
    return build_tiny_encoder(tmp_path_factory.mktemp("tiny-encoder"), seed=0)


@pytest.fixture(scope="session")
def other_tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another tiny encoder: the same tokenizer, other weights."""
    return build_tiny_encoder(tmp_path_factory.mktemp("other-tiny-encoder"), seed=1)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for this test alone."""
    monkeypatch.setenv("KIVUKO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny_teacher(own_cache: Path, tiny_encoder: Path) -> Path:
    """The tiny encoder as a centred late-interaction teacher, in this test's own cache."""
    from kivuko.training.teacher import untrained_teacher

    return untrained_teacher(str(tiny_encoder), [pair.english for pair in made_up_pairs(40)])
