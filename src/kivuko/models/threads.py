"""Work by several threads of which each multiplies alone: a small encoder's products are too small to be shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Part = TypeVar("Part")
Made = TypeVar("Made")


def by_threads(work: Callable[[Part], Made], parts: Sequence[Part]) -> Iterator[Made]:
    """What ``work`` makes of each of some parts, in order, by as many threads as torch has; at least one part."""
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(min(threads, len(parts)), initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from pool.map(work, parts)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # theirs became what further threads begin with
