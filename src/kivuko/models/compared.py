"""Whether two models give texts the same vectors: the texts, and how they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from kivuko.models.encoding import batch_vectors
from kivuko.models.late_interaction import length_limit
from kivuko.models.token_vectors import Task, TokenEncoder

TASKS: tuple[Task, ...] = get_args(Task)
_SENTENCES = "Open the file. Print 12 pages (in colour)! Fungua dirisha jipya? Gabatee bal'isuu; Leihoa itxi."
_COMPARED = 8


def sample_texts(encoder: TokenEncoder) -> list[str]:
    """Of one word up to more than is read of either side."""
    words = _SENTENCES.split()
    limit = max(length_limit(encoder, task) for task in TASKS)
    lengths = np.geomspace(1, limit, _COMPARED).astype(int)
    return [" ".join((words * limit)[number : number + length]) for number, length in enumerate(lengths)]


def vectors_of(encoder: TokenEncoder, texts: Sequence[str]) -> NDArray[np.float64]:
    """[tokens, dim] of texts as queries and as documents: all together, so that most have pads, then each alone."""
    with torch.inference_mode():
        groups = [list(texts), *([text] for text in texts)]
        found = [own for task in TASKS for group in groups for own in batch_vectors(encoder, group, task)]
    vectors: NDArray[np.float64] = torch.cat(found).double().numpy()
    return vectors
