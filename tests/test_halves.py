"""Half precision made float32 by arithmetic on bits: what numpy's own conversion gives."""

from __future__ import annotations

import numpy as np
import pytest

from kivuko.retrieval import halves
from kivuko.retrieval.halves import as_float32

ALL = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
FINITE = ALL[np.isfinite(ALL)]


def same_bits(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.dtype == np.float32 and np.array_equal(found.view(np.uint32), expected.view(np.uint32))


def test_every_finite_number_comes_out_as_from_numpy_bit_for_bit() -> None:
    assert len(FINITE) == 63_488  # normal and subnormal ones, and a zero of each sign (IEEE 754 binary16)
    assert same_bits(as_float32(FINITE), FINITE.astype(np.float32))


@pytest.mark.parametrize("at_once", [1, 1000, 1 << 16])
@pytest.mark.parametrize("kind", [np.float16, ">f2", np.float32, np.float64])
def test_any_layout_type_and_division_into_blocks_gives_the_same(
    kind: type | str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halves, "_AT_ONCE", at_once)
    table = np.ascontiguousarray(FINITE[:: 1 << 3][:7_900].reshape(79, 100)).astype(kind)
    for view in (table, table.T, table[::2], table[::-3, 1::7], table[:0], table[:, :0], table[5]):
        assert same_bits(as_float32(view), np.ascontiguousarray(view.astype(np.float32)))
    assert not np.shares_memory(as_float32(table), table)
