"""What all losses on translation pairs against a frozen teacher share.

A loss of this family sees, for each pair of a batch, the student's tokens of the foreign side and the teacher's
tokens of the English side. The regimes differ in :meth:`AlignmentLoss.parts` alone, so that a comparison of them
compares nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from kivuko.errors import InputError
from kivuko.training.similarity import in_batch_contrast
from kivuko.training.teacher_cache import TeacherCache

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


@dataclass(frozen=True, eq=False)
class AlignedBatch:
    """Both sides of a batch of translation pairs, as token vectors.

    Attributes:
        student: [batch, student_tokens, dim], unit vectors of the foreign sides; gradients flow through these.
        student_mask: [batch, student_tokens], True = keep.
        target: [batch, teacher_tokens, dim], the teacher's unit vectors of the English sides.
        target_mask: [batch, teacher_tokens], True = keep.
        english: [batch], ids that are equal for equal English sides.
        labels: [batch], rows of the teacher's cache.

    Raises:
        InputError: a side of a pair keeps no token.
    """

    student: Tensor
    student_mask: Tensor
    target: Tensor
    target_mask: Tensor
    english: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        for side, mask in (("foreign", self.student_mask), ("English", self.target_mask)):
            kept = mask.any(dim=1)
            if not bool(kept.all()):
                pair = int((~kept).nonzero()[0])
                raise InputError(
                    f"the {side} side of a pair has no content token",
                    where=f"row {int(self.labels[pair])} of the teacher's cache",
                    expected="at least one token on both sides",
                    got="none",
                    remedy="drop pairs without content before batching",
                )


class AlignmentLoss(nn.Module, ABC):
    """Base of the losses on translation pairs, with sentence-transformers' loss interface.

    Pure regression to the teacher loses discrimination, so a contrastive companion may stand beside any of them:
    among the English sides of the batch, the student's tokens must score their own translation highest by MaxSim.

    Args:
        model: the student, a ``MultiVectorEncoder`` whose vectors live in the teacher's space.
        teacher: the teacher's frozen token vectors; text i is the English side of pair i.
        english: [pairs] ids of English sides, equal for equal texts, so that a text that stands twice in a batch
            is no false negative; by default every pair is taken to have its own.
        contrast_weight: weight of the contrastive companion beside a weight of 1; 0 leaves it out.
        contrast_scale: inverse temperature of the mean-MaxSim scores in it.

    Attributes:
        tokens: the student's content tokens seen so far.
        diagnostics: numbers about the last batch, by name.

    Requirements:
        One text column (the foreign side) and a label column with the pair's position in ``teacher``.

    Inputs:
        +----------------+----------------------------+
        | Texts          | Labels                     |
        +================+============================+
        | foreign side   | row of the teacher's cache |
        +----------------+----------------------------+

    Raises:
        InputError: ``english`` and ``teacher`` differ in length.
    """

    def __init__(
        self,
        model: MultiVectorEncoder,
        teacher: TeacherCache,
        *,
        english: Sequence[int] | None = None,
        contrast_weight: float = 0.0,
        contrast_scale: float = 20.0,
    ) -> None:
        super().__init__()
        if english is not None and len(english) != len(teacher):
            raise InputError(
                "English ids and teacher do not fit together",
                expected=f"{len(teacher)} ids, one for each text of the teacher's cache",
                got=f"{len(english)} ids",
            )
        self.model = model
        self.teacher = teacher
        self.english = torch.arange(len(teacher)) if english is None else torch.as_tensor(list(english))
        self.contrast_weight = contrast_weight
        self.contrast_scale = contrast_scale
        self.diagnostics: dict[str, float] = {}
        self.tokens = 0

    @abstractmethod
    def parts(self, batch: AlignedBatch) -> dict[str, Tensor]:
        """The regime's own parts of the loss by name, scalars in float32; ``"contrast"`` is the companion's name."""

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> dict[str, Tensor]:
        """The named parts of the loss, which the trainer sums.

        Args:
            sentence_features: one batch of tokenised foreign sides.
            labels: [batch] rows of the teacher's cache.

        Raises:
            InputError: a side of a pair has no content token.
        """
        (features,) = sentence_features
        output = self.model(dict(features), task="query")
        student, student_mask = output["token_embeddings"].float(), output["attention_mask"].bool()
        target, target_mask = self.teacher.padded(labels.tolist())
        device = student.device
        self.tokens += int(student_mask.sum())
        with torch.autocast(device.type, enabled=False):
            batch = AlignedBatch(
                student=student,
                student_mask=student_mask,
                target=target.to(device),
                target_mask=target_mask.to(device),
                english=self.english[labels.cpu()].to(device),
                labels=labels,
            )
            losses = self.parts(batch)
            if self.contrast_weight:
                losses["contrast"] = self.contrast_weight * in_batch_contrast(
                    batch.student,
                    batch.student_mask,
                    batch.target,
                    batch.target_mask,
                    batch.english,
                    scale=self.contrast_scale,
                )
        return losses
