"""Batches of like length, so that little of a batch is padding."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from sentence_transformers.base.sampler import DefaultBatchSampler

BATCHES_PER_POOL = 32


class LengthBuckets(DefaultBatchSampler):
    """Shuffles examples, sorts each pool of 32 batches by length, and shuffles the batches.

    The order depends on seed and epoch alone, so a resumed run sees the batches it would have seen.
    Incomplete batches are left out.

    Args:
        dataset: ignored but for its size; the trainer passes it.
        lengths: [examples], pieces of each text.
        batch_size: examples a batch.
        seed: any integer.
    """

    def __init__(self, dataset: Any, *, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        super().__init__(range(len(lengths)), batch_size=batch_size, drop_last=True)
        self.lengths, self.seed, self.epoch = list(lengths), seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration gives."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths) // self.batch_size

    def __iter__(self) -> Iterator[list[int]]:
        shuffled = random.Random(f"{self.seed} batches {self.epoch}")
        examples = list(range(len(self.lengths)))
        shuffled.shuffle(examples)
        batches = []
        for start in range(0, len(examples), self.batch_size * BATCHES_PER_POOL):
            pool = examples[start : start + self.batch_size * BATCHES_PER_POOL]
            pool.sort(key=lambda example: (self.lengths[example], example))
            batches += [pool[i : i + self.batch_size] for i in range(0, len(pool), self.batch_size)]
        batches = [batch for batch in batches if len(batch) == self.batch_size]
        shuffled.shuffle(batches)
        yield from batches
