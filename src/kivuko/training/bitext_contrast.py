"""Contrast on bitext: a text must find its English side, encoded by the teacher, among those of its batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from torch import Tensor

from kivuko.errors import UnknownNameError
from kivuko.training.align_to_teacher import AlignedBatch, AlignmentLoss, ContrastSettings, train_aligned
from kivuko.training.fit import Job
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources
from kivuko.training.similarity import contrast, in_batch_contrast, sentence_vectors
from kivuko.training.teacher_vectors import TeacherVectors

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

Similarity = Literal["mean-maxsim", "single-vector"]


class BitextContrastLoss(AlignmentLoss):
    """In-batch negatives against the frozen teacher, with no regression beside them.

    Args:
        model, teacher, english: see :class:`~kivuko.training.align_to_teacher.AlignmentLoss`; equal English sides
            are no negatives of each other.
        similarity: ``"mean-maxsim"``: the mean over student tokens of their best similarity with a teacher token;
            ``"single-vector"``: the cosine of the mean token vectors.
        scale: inverse temperature of the similarity.

    Relations:
        With ``"mean-maxsim"`` it is the contrastive companion of the other losses, alone and at weight 1.
        ``MultiVectorMultipleNegativesRankingLoss`` trains both sides.

    Raises:
        UnknownNameError: no such similarity.

    References:
        Khattab & Zaharia, SIGIR 2020, arXiv 2004.12832 (MaxSim); van den Oord, Li, Vinyals, 2018, arXiv 1807.03748
        (the loss).
    """

    def __init__(
        self,
        model: MultiVectorEncoder,
        teacher: TeacherVectors,
        *,
        similarity: Similarity = "mean-maxsim",
        scale: float = 20.0,
        english: Sequence[int] | None = None,
    ) -> None:
        super().__init__(model, teacher, english=english)
        if similarity not in get_args(Similarity):
            raise UnknownNameError("similarity", similarity, get_args(Similarity))
        self.similarity = similarity
        self.scale = scale

    def parts(self, batch: AlignedBatch) -> dict[str, Tensor]:
        """The cross-entropy."""
        if self.similarity == "mean-maxsim":
            found = in_batch_contrast(
                batch.student,
                batch.student_mask,
                *batch.candidates,
                batch.english,
                scale=self.scale,
                negatives=batch.negatives,
            )
        else:
            student = sentence_vectors(batch.student, batch.student_mask)
            target = sentence_vectors(*batch.candidates)
            found = contrast(self.scale * student @ target.T, batch.english, batch.negatives)
        return {"contrast": found}


@dataclass(frozen=True)
class BitextContrastSettings(ContrastSettings):
    """What is compared.

    Attributes:
        similarity: ``"mean-maxsim"`` or ``"single-vector"``.
    """

    similarity: Similarity = "mean-maxsim"


def train(start: Models, resources: Resources, settings: BitextContrastSettings, job: Job) -> Trained:
    """Learn to find translations."""
    return train_aligned(
        start,
        resources,
        settings,
        job,
        lambda read, teacher, shared: BitextContrastLoss(
            read.student,
            teacher,
            similarity=settings.similarity,
            scale=settings.contrast_scale,
            english=shared["english"],
        ),
    )


REGIME = Regime(
    name="bitext-contrastive",
    slot=Slot.ALIGN,
    needs=frozenset({Need.BITEXT, Need.TEACHER}),
    settings=BitextContrastSettings,
    train=train,
    summary="in-batch contrast on bitext against the frozen teacher",
    reference="van den Oord, Li, Vinyals, 2018, arXiv 1807.03748 (the loss)",
)
