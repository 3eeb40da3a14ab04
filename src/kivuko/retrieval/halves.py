"""Half precision made float32: exact, and several times as fast as numpy where that converts number by number."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

#: Numbers converted together: 256 KiB of float32 stay in the second-level cache while they are gone over.
_AT_ONCE = 1 << 16
#: Sign, exponent and fraction of a half-precision number that was shifted to where float32 has them.
_KEPT = np.uint32(0x8FFFE000)
#: What float32's exponents count further from 0 than half precision's: 127 − 15.
_SCALE = np.float32(2.0**112)


def as_float32(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """A float32 copy of an array of vectors, the numbers that ``astype`` gives.

    Args:
        vectors: [rows, …], in any memory layout. Half precision must be finite, for infinities and NaN become other
            numbers; its subnormal numbers become 0 in a thread that flushes denormal numbers.
    """
    if vectors.dtype != np.float16:
        return vectors.astype(np.float32)
    found = np.empty(vectors.shape, dtype=np.float32)
    rows = max(1, _AT_ONCE // max(1, math.prod(vectors.shape[1:])))
    for begin in range(0, len(vectors), rows):
        numbers = found[begin : begin + rows]
        # As integers they keep their sign, and copies of it in the bits that a larger exponent would have.
        np.copyto(numbers.view(np.int32), vectors[begin : begin + rows].view(np.int16))
        bits = numbers.view(np.uint32)
        bits <<= np.uint32(13)
        bits &= _KEPT
        numbers *= _SCALE
    return found
