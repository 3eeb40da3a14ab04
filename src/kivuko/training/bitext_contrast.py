"""Contrast on bitext alone: a foreign text must find its own English side among those of the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

from torch import Tensor

from kivuko.errors import UnknownNameError
from kivuko.training.alignment import AlignedBatch, AlignmentLoss
from kivuko.training.similarity import contrast, in_batch_contrast, sentence_vectors
from kivuko.training.teacher_cache import TeacherCache

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

Similarity = Literal["maxsim", "single-vector"]


class BitextContrastLoss(AlignmentLoss):
    """In-batch negatives against the frozen teacher, with no regression beside them.

    Args:
        model: the student, a ``MultiVectorEncoder`` whose vectors live in the teacher's space.
        teacher: the teacher's frozen token vectors; text i is the English side of pair i.
        similarity: ``"maxsim"``: the mean over student tokens of their best similarity with a teacher token;
            ``"single-vector"``: the cosine of the mean token vectors.
        scale: inverse temperature of the similarity.
        english: [pairs] ids of English sides, see :class:`~kivuko.training.alignment.AlignmentLoss`; equal ones
            are no negatives of each other.

    Requirements:
        One text column (the foreign side) and a label column with the pair's position in ``teacher``.

    Inputs:
        +----------------+----------------------------+
        | Texts          | Labels                     |
        +================+============================+
        | foreign side   | row of the teacher's cache |
        +----------------+----------------------------+

    Relations:
        With ``"maxsim"`` it is the contrastive companion of the other losses, alone and at weight 1.
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
        teacher: TeacherCache,
        *,
        similarity: Similarity = "maxsim",
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
        if self.similarity == "maxsim":
            found = in_batch_contrast(
                batch.student,
                batch.student_mask,
                batch.target,
                batch.target_mask,
                batch.english,
                scale=self.scale,
            )
        else:
            student = sentence_vectors(batch.student, batch.student_mask)
            target = sentence_vectors(batch.target, batch.target_mask)
            found = contrast(self.scale * student @ target.T, batch.english)
        return {"contrast": found}
