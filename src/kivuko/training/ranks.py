"""Several processes that train one model together, as torchrun starts them; a process alone is the first of one.

All of them do the same, each on its share of every batch; the first one writes what is written, and says what is
said.
"""

from __future__ import annotations

import atexit
import functools
import os
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from kivuko.models.late_interaction import device

Said = TypeVar("Said")


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this is the one that writes and speaks."""
    return int(os.environ.get("RANK", "0")) == 0


def agreed(said: Said) -> Said:
    """What the first process says, which all others wait for.

    Args:
        said: anything that pickles; what the others say does not matter.
    """
    if count() == 1:
        return said
    _meet()
    box = [said]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def labels_of_others(labels: Tensor) -> list[int]:
    """The numbers that the other processes' shares of a batch have, in the order of the processes.

    Args:
        labels: [batch], this one's.
    """
    return with_others(labels)[len(labels) :].tolist()


def with_others(own: Tensor) -> Tensor:
    """[all, …], rows of this process, then those of the others in their order; gradients flow back to all.

    Args:
        own: [batch, …]; further axes may be longer in one process than in another, and are padded with zeros.
    """
    if count() == 1:
        return own
    _meet()
    longest = torch.tensor(own.shape, device=own.device)
    distributed.all_reduce(longest, distributed.ReduceOp.MAX)
    padded = own.new_zeros(longest.tolist())
    padded[tuple(slice(size) for size in own.shape)] = own
    rows = _Gathered.apply(padded)  # type: ignore[no-untyped-call]
    this = distributed.get_rank()
    return torch.cat([padded, *rows[:this], *rows[this + 1 :]])


class _Gathered(torch.autograd.Function):
    """[processes, batch, …] of all; what each of them makes of a row comes back to whose row it is."""

    @staticmethod
    def forward(context: Any, own: Tensor) -> Tensor:
        """Rows of all processes."""
        sent = own if own.is_floating_point() else own.long()  # not every backend sends truth values
        rows = [torch.empty_like(sent) for _ in range(count())]
        distributed.all_gather(rows, sent.contiguous())
        return torch.stack(rows).to(own.dtype)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        """The sum of all processes' gradients of this one's rows."""
        gradient = gradient.contiguous()
        distributed.all_reduce(gradient)
        return gradient[distributed.get_rank()]


@functools.cache
def _meet() -> None:
    """Connect the processes, as accelerate does when training begins."""
    from accelerate import PartialState

    PartialState(cpu=device() == "cpu")
    # A process that ends while it is connected may be aborted by threads of the connection.
    atexit.register(distributed.destroy_process_group)
