"""Batches of like length, so that little of a batch is padding."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from sentence_transformers.base.sampler import DefaultBatchSampler

BATCHES_PER_POOL = 32


class LengthBuckets(DefaultBatchSampler):
    """Takes examples in their order by pools of 32 batches, sorts each pool by length, and shuffles its batches.

    A pool never holds more than ``distinct`` examples: copies of one text have one length, would meet in one batch
    and be each other's negatives. The order depends on seed and epoch alone, so a resumed run sees the batches it
    would have seen. Incomplete batches are left out.

    Args:
        dataset: ignored but for its size; the trainer passes it.
        lengths: [examples], pieces of each text, in the order of training.
        batch_size: examples a batch.
        seed: any integer.
        distinct: examples in a row that surely have no repetition; all, by default.
    """

    def __init__(
        self, dataset: Any, *, lengths: Sequence[int], batch_size: int, seed: int, distinct: int | None = None
    ) -> None:
        super().__init__(range(len(lengths)), batch_size=batch_size, drop_last=True)
        self.lengths, self.seed, self.epoch = list(lengths), seed, 0
        in_pool = min(BATCHES_PER_POOL, (distinct or len(lengths)) // batch_size)
        self.pool = batch_size * max(1, in_pool)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration gives."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths) // self.batch_size

    def __iter__(self) -> Iterator[list[int]]:
        shuffled = random.Random(f"{self.seed} batches {self.epoch}")
        for start in range(0, len(self.lengths), self.pool):
            pool = list(range(start, min(start + self.pool, len(self.lengths))))
            pool.sort(key=lambda example: (self.lengths[example], example))
            batches = [pool[i : i + self.batch_size] for i in range(0, len(pool), self.batch_size)]
            batches = [batch for batch in batches if len(batch) == self.batch_size]
            shuffled.shuffle(batches)
            yield from batches
