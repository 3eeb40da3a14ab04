"""Which texts came before, in about ten bytes each: for de-duplicating files that do not fit in memory."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left

# More of them take more slack; in fewer of them there is more to move for each new hash.
_BUCKETS = 1 << 11


class SeenTexts:
    """A set of texts that holds a 64-bit hash of each and nothing else.

    Hashes lie sorted in 2,048 arrays, so that they take 8 bytes and a little slack, not the 80 to 100 of a Python
    set. Two different texts are taken for the same with probability n² / 2⁶⁵ for n texts: 3 in a million at ten
    million texts.
    """

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(_BUCKETS)]

    def add(self, text: str) -> bool:
        """Whether the text was not here yet; now it is."""
        value = int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())
        bucket = self._buckets[value % _BUCKETS]
        place = bisect_left(bucket, value)
        if place < len(bucket) and bucket[place] == value:
            return False
        bucket.insert(place, value)
        return True

    def __len__(self) -> int:
        return sum(map(len, self._buckets))
