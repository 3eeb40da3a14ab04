"""Plain torch: one matrix product with all tokens, ``segment_reduce`` to documents, a sum over query tokens.

Options: ``dtype``, ``float32`` or ``bfloat16``. The vectors are in memory; its bytes are those.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from protocol import TOP, Built, Inputs, Setting, measure

BLOCK = 1 << 16


@dataclass(frozen=True)
class FlatTokens:
    vectors: torch.Tensor
    lengths: torch.Tensor


def build(inputs: Inputs) -> Built:
    torch.set_num_threads(inputs.threads)
    vectors = torch.empty(inputs.vectors.shape, dtype=getattr(torch, inputs.options["dtype"]))
    for begin in range(0, len(vectors), BLOCK):
        vectors[begin : begin + BLOCK] = torch.from_numpy(inputs.vectors[begin : begin + BLOCK].copy())
    return Built(FlatTokens(vectors, torch.from_numpy(inputs.lengths)), vectors.nbytes)


@torch.inference_mode()
def search(index: FlatTokens, query: np.ndarray, setting: Setting) -> Sequence[int]:
    similarities = index.vectors @ torch.from_numpy(query).to(index.vectors.dtype).T
    best = torch.segment_reduce(similarities, "max", lengths=index.lengths, axis=0, unsafe=True)
    scores = functools.reduce(torch.add, best.float().unbind(1))
    return scores.topk(min(TOP, len(scores))).indices.tolist()


if __name__ == "__main__":
    measure(build, search, lambda options: [{}], {"torch": torch.__version__})
