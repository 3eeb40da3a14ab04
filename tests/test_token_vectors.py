"""Token vectors of many texts: stacking, files, memory mapping and padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kivuko.models.token_vectors import TokenVectors


def texts_of(lengths: list[int], dim: int = 4) -> list[np.ndarray]:
    random = np.random.default_rng(len(lengths))
    return [random.standard_normal((length, dim)).astype(np.float16) for length in lengths]


@given(st.lists(st.integers(0, 5), max_size=8))
def test_stacked_texts_come_back(lengths: list[int]) -> None:
    texts = texts_of(lengths)
    stacked = TokenVectors.stack(texts, 4)
    assert len(stacked) == len(texts)
    assert stacked.lengths.tolist() == lengths
    assert stacked.vectors.shape == (sum(lengths), 4)
    for position, text in enumerate(texts):
        np.testing.assert_array_equal(stacked[position], text)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.data())
def test_padding_keeps_every_vector_and_adds_only_zeros(lengths: list[int], data: st.DataObject) -> None:
    texts = texts_of(lengths)
    chosen = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=6))
    batch, mask = TokenVectors.stack(texts, 4).padded(chosen)
    assert mask.sum(dim=1).tolist() == [lengths[text] for text in chosen]
    assert not batch[~mask].any()
    for row, text in enumerate(chosen):
        np.testing.assert_array_equal(batch[row][mask[row]].numpy(), texts[text].astype(np.float32))


def test_saved_vectors_open_memory_mapped_and_read_only(tmp_path: Path) -> None:
    stacked = TokenVectors.stack(texts_of([2, 0, 3]), 4)
    stacked.save(tmp_path)
    opened = TokenVectors.open(tmp_path)
    assert isinstance(opened.vectors, np.memmap)
    assert opened.vectors.dtype == np.float16
    np.testing.assert_array_equal(opened.vectors, stacked.vectors)
    np.testing.assert_array_equal(opened.offsets, stacked.offsets)
    with pytest.raises(ValueError, match="read-only"):
        opened.vectors[0, 0] = 1


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    TokenVectors.stack(texts_of([2]), 4).save(tmp_path)
    np.save(tmp_path / "offsets.npy", np.array([{"code": "anything"}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        TokenVectors.open(tmp_path)
