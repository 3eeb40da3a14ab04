"""For each English text the document that the teacher ranks first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import Progress

from kivuko.errors import InputError
from kivuko.models.late_interaction import device, uses_bfloat16
from kivuko.models.token_vectors import TokenVectors
from kivuko.training.teacher_cache import TeacherCache

TEXT_TOKENS_AT_ONCE = 1_024
DOCUMENT_TOKENS_AT_ONCE = 32_768


def best_documents(
    teacher: TeacherCache, documents: TokenVectors, *, progress: Progress | None = None
) -> npt.NDArray[np.int64]:
    """[texts], the row of the document with the highest MaxSim score; of equal ones the first.

    Every text is scored with every document, 2 · text tokens · document tokens · dim operations, a repeated text
    once; similarities exist only a chunk at a time (at most ~1,024 × ~32,768). Where the processor multiplies
    bfloat16 in hardware that is used, so of documents whose scores agree to three digits either may come out.

    Args:
        teacher: the teacher's token vectors of the texts; one without content tokens gets −1.
        documents: the pool, in the same space.
        progress: a rich display for the bar.

    Raises:
        InputError: the pool is empty, or a document in it has no token.

    Reference:
        Khattab & Zaharia, ColBERT, SIGIR 2020, arXiv 2004.12832 (MaxSim).
    """
    require_content(documents)
    places, first, row_of = np.unique(teacher.place, axis=0, return_index=True, return_inverse=True)
    lengths = teacher.lengths[first]
    best = np.full(len(places), -1, dtype=np.int64)
    score = np.full(len(places), -np.inf, dtype=np.float32)
    texts = np.flatnonzero(lengths)
    groups = [texts[low:high] for low, high in _groups(lengths[texts], TEXT_TOKENS_AT_ONCE)]
    chunks = list(_groups(documents.lengths, DOCUMENT_TOKENS_AT_ONCE))
    bar = progress.add_task("best documents", total=len(chunks) * len(groups)) if progress else None
    for low, high in chunks:
        begin, end = documents.offsets[low], documents.offsets[high]
        columns = _matrix(documents.vectors[begin:end]).T
        document_starts = documents.offsets[low:high] - begin
        for group in groups:
            rows = _matrix(np.concatenate([teacher.shards[shard][text] for shard, text in places[group]]))
            similarity = (rows @ columns).float().cpu().numpy()
            nearest = np.maximum.reduceat(similarity, document_starts, axis=1)
            text_starts = np.cumsum(lengths[group]) - lengths[group]
            found = np.add.reduceat(nearest, text_starts, axis=0)
            highest = found.max(axis=1)
            better = highest > score[group]
            best[group[better]] = low + found.argmax(axis=1)[better]
            score[group[better]] = highest[better]
            if progress and bar is not None:
                progress.advance(bar)
    return best[row_of.reshape(-1)]


def require_content(documents: TokenVectors) -> None:
    """Refuse a pool that cannot be scored.

    Raises:
        InputError: it is empty, or a document in it has no token.
    """
    empty = np.flatnonzero(documents.lengths == 0)
    if not len(documents) or len(empty):
        raise InputError(
            "the pool of documents cannot be scored",
            where=f"row {empty[0]}" if len(empty) else None,
            expected="at least one document, and a content token in each",
            got=f"{len(documents)} documents, {len(empty)} of them without a token",
            remedy="leave documents without content out of the pool",
        )


def _matrix(vectors: npt.NDArray[np.float16]) -> torch.Tensor:
    """[tokens, dim] in the type that this machine multiplies fastest at sufficient precision."""
    dtype = torch.bfloat16 if uses_bfloat16() else torch.float32
    return torch.from_numpy(np.array(vectors)).to(device(), dtype)


def _groups(lengths: npt.NDArray[np.int64], tokens: int) -> Iterator[tuple[int, int]]:
    """Ranges of whole texts with at most ``tokens`` tokens each, or one longer text."""
    ends = np.cumsum(lengths)
    low = 0
    while low < len(lengths):
        limit = (ends[low - 1] if low else 0) + tokens
        high = max(low + 1, int(np.searchsorted(ends, limit, side="right")))
        yield low, high
        low = high
