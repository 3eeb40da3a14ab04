"""Score distillation: the student must rank documents by the foreign side as the teacher does by the English one.

Yang, Lawrie, Mayfield, Oard, Miller, "Translate-Distill: Learning Cross-Language Dense Retrieval by Translation and
Distillation", ECIR 2024, arXiv 2401.04810.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from rich.progress import Progress
from torch import Tensor

from kivuko.errors import InputError
from kivuko.models import encoding
from kivuko.models.late_interaction import device
from kivuko.models.precision import uses_bfloat16
from kivuko.models.token_vectors import TokenVectors
from kivuko.training.align_to_teacher import (
    AlignedBatch,
    AlignmentLoss,
    AlignSettings,
    ReadPairs,
    Shared,
    train_aligned,
)
from kivuko.training.fit import Job
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources
from kivuko.training.similarity import mean_maxsim
from kivuko.training.teacher_vectors import TeacherVectors

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

TEXT_TOKENS_AT_ONCE = 1_024
DOCUMENT_TOKENS_AT_ONCE = 32_768


class ScoreDistillationLoss(AlignmentLoss):
    """KL(teacher ‖ student) over softmaxed MaxSim scores of documents.

    With several documents a pair, the teacher's best for its English side, a pair is scored against these alone, as
    the paper does. With one, every pair is scored against all different documents of the batch: the candidates are
    one near document and others' near documents, and a document that several pairs bring counts once. Scores are
    means over the text's tokens, so that texts of few and many pieces get equally sharp distributions.

    ``diagnostics["candidates"]`` is the number of documents that a pair is scored against; where it is 1 there is
    nothing to learn.

    Args:
        model, teacher, shared: see :class:`~kivuko.training.align_to_teacher.AlignmentLoss`.
        documents: the teacher's frozen token vectors of a pool of documents.
        best: [pairs], or [pairs, documents of each], rows of ``documents``, see :func:`best_documents`; −1 where
            the English side has no content token.
        temperature: divides the mean-MaxSim scores of teacher and student, > 0; 0.05 is a scale of 20.

    Relations:
        The paper's teacher is a cross-encoder, with some 6 passages of its own for each query; ours is the frozen
        late-interaction teacher. :class:`~kivuko.training.bitext_contrast.BitextContrastLoss` scores English sides in
        place of documents, with hard labels.

    Raises:
        InputError: ``best`` does not fit ``teacher`` and ``documents``, a document has no token, or the temperature
            is not above 0.

    References:
        Yang, Lawrie, Mayfield, Oard, Miller, ECIR 2024, arXiv 2401.04810.
    """

    def __init__(
        self,
        model: MultiVectorEncoder,
        teacher: TeacherVectors,
        documents: TokenVectors,
        best: Sequence[int] | npt.NDArray[np.int64],
        *,
        temperature: float = 0.05,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(model, teacher, **shared)
        if not temperature > 0:
            raise InputError("the temperature is out of range", expected="a number above 0", got=temperature)
        require_content(documents)
        self.documents = documents
        self.best = _checked_best(np.asarray(best, dtype=np.int64), teacher, documents)
        self.temperature = temperature

    def parts(self, batch: AlignedBatch) -> dict[str, Tensor]:
        """The divergence, averaged over the batch."""
        own = self.best[batch.labels.cpu().numpy()]
        if own.ndim == 1:
            others = [] if batch.further is None else self.best[batch.further.labels.cpu().numpy()]
            candidates, place = np.unique(np.concatenate([own, others]).astype(np.int64)), None
        else:
            candidates, place = np.unique(own, return_inverse=True)
        documents, mask = self.documents.padded(candidates.tolist())
        documents, mask = documents.to(batch.student), mask.to(batch.student.device)
        if place is not None:
            chosen = torch.from_numpy(place.reshape(own.shape)).to(documents.device)
            documents, mask = documents[chosen], mask[chosen]
        self.diagnostics = {"candidates": float(documents.shape[-3])}
        student = mean_maxsim(batch.student, batch.student_mask, documents, mask) / self.temperature
        with torch.no_grad():
            teacher = mean_maxsim(batch.target, batch.target_mask, documents, mask) / self.temperature
        divergence = functional.kl_div(
            student.log_softmax(dim=1), teacher.log_softmax(dim=1), reduction="batchmean", log_target=True
        )
        return {"scores": divergence}


def _checked_best(
    best: npt.NDArray[np.int64], teacher: TeacherVectors, documents: TokenVectors
) -> npt.NDArray[np.int64]:
    if best.ndim not in (1, 2) or len(best) != len(teacher):
        raise InputError(
            "best documents and teacher do not fit together",
            expected=f"{len(teacher)} rows, one for each text of the teacher's cache",
            got=f"shape {list(best.shape)}",
        )
    # An English side without content never gets into a batch, so it needs no document.
    columns = best.reshape(len(best), -1)
    outside = (columns >= len(documents)).any(axis=1) | ((columns < 0).any(axis=1) & (teacher.lengths > 0))
    wrong = np.flatnonzero(outside)
    if len(wrong):
        raise InputError(
            "a pair's best document is not in the pool",
            where=f"pair {wrong[0]}",
            expected=f"a row from 0 to {len(documents) - 1}",
            got=columns[wrong[0]].tolist(),
        )
    return best


def best_documents(
    teacher: TeacherVectors, documents: TokenVectors, *, most: int = 1, progress: Progress | None = None
) -> npt.NDArray[np.int64]:
    """[texts, most], rows of the documents with the highest MaxSim scores, from the best; of equal ones the first.

    Every text is scored with every document, 2 · text tokens · document tokens · dim operations, a repeated text
    once; similarities exist only a chunk at a time (at most ~1,024 × ~32,768). Where the processor multiplies
    bfloat16 in hardware that is used, so of documents whose scores agree to three digits either may come out.

    Args:
        teacher: the teacher's token vectors of the texts; one without content tokens gets −1.
        documents: the pool, in the same space.
        most: how many of each text.
        progress: a rich display for the bar.

    Raises:
        InputError: the pool is empty or has fewer documents than ``most``, or one in it has no token.

    Reference:
        Khattab & Zaharia, ColBERT, SIGIR 2020, arXiv 2004.12832 (MaxSim).
    """
    require_content(documents)
    if not 1 <= most <= len(documents):
        raise InputError(
            "so many best documents there are not",
            expected=f"1 to {len(documents)}, the size of the pool",
            got=most,
        )
    places, first, row_of = np.unique(teacher.place, axis=0, return_index=True, return_inverse=True)
    lengths = teacher.lengths[first]
    best = np.full((len(places), most), -1, dtype=np.int64)
    score = np.full((len(places), most), -np.inf, dtype=np.float32)
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
            found = np.concatenate([score[group], np.add.reduceat(nearest, text_starts, axis=0)], axis=1)
            numbers = np.broadcast_to(np.arange(low, high), (len(group), high - low))
            known = np.concatenate([best[group], numbers], axis=1)
            # Those of former chunks stand first, so that of equal ones the first stays.
            order = np.argsort(-found, axis=1, kind="stable")[:, :most]
            best[group] = np.take_along_axis(known, order, axis=1)
            score[group] = np.take_along_axis(found, order, axis=1)
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
    dtype = torch.bfloat16 if uses_bfloat16("encoding") else torch.float32
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


@dataclass(frozen=True)
class ScoreDistillationSettings(AlignSettings):
    """Which documents are scored.

    Attributes:
        documents: size of the pool, taken from the front of the documents given.
        document_length: pieces read of each.
        temperature: of both softmaxes.
        passages: documents of its own that a pair is scored against, the teacher's best for its English side; 1
            scores it against the batch's.
    """

    documents: int = 500
    document_length: int = 64
    temperature: float = 0.05
    passages: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.passages < 1:
            raise InputError("passages is out of range", expected="at least 1", got=self.passages)


def train(start: Models, resources: Resources, settings: ScoreDistillationSettings, job: Job) -> Trained:
    """Imitate the teacher's scores of each English side's best documents."""
    encoder = encoding.open_encoder(start.teacher)
    pool = encoding.encode(
        encoder,
        resources.documents[: settings.documents],
        task="document",
        max_length=settings.document_length,
        progress=job.progress,
    )

    def make_loss(read: ReadPairs, teacher: TeacherVectors, shared: Shared) -> ScoreDistillationLoss:
        best = np.maximum(best_documents(teacher, pool, most=settings.passages, progress=job.progress), 0)
        rows = best[:, 0] if settings.passages == 1 else best
        return ScoreDistillationLoss(
            read.student, teacher, pool, rows, temperature=settings.temperature, **shared
        )

    return train_aligned(start, resources, settings, job, make_loss)


REGIME = Regime(
    name="score-distillation",
    slot=Slot.ALIGN,
    needs=frozenset({Need.BITEXT, Need.TEACHER, Need.DOCUMENTS}),
    settings=ScoreDistillationSettings,
    train=train,
    summary="KL divergence from the teacher's document scores",
    reference="Yang, Lawrie, Mayfield, Oard, Miller, ECIR 2024, arXiv 2401.04810",
)
