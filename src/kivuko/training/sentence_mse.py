"""Sentence distillation: one vector a text is pulled to the teacher's, and no token is aligned.

Reimers & Gurevych, "Making Monolingual Sentence Embeddings Multilingual using Knowledge Distillation", EMNLP 2020,
arXiv 2004.09813.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from kivuko.training.align_to_teacher import AlignedBatch, AlignmentLoss, AlignSettings, train_aligned
from kivuko.training.fit import Job
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources
from kivuko.training.similarity import sentence_vectors


class SentenceMseLoss(AlignmentLoss):
    """Regression of the student's sentence vector onto the teacher's.

    A sentence vector is the mean of the text's unit token vectors, brought back to unit length, since search compares
    directions only. The loss is the mean over pairs of ‖s − t‖² = 2 · (1 − cos(s, t)), the unit of
    :class:`~kivuko.training.greedy.GreedyLoss`; the paper compares means that are not brought back to unit length.

    The paper adds the same regression for the English side, MSE(T(en), S(en)). That term is a matter of data:
    bring, beside each pair, one whose foreign side is the English text itself, as ``english_share`` does.

    Its arguments are those of :class:`~kivuko.training.align_to_teacher.AlignmentLoss`.

    Relations:
        :class:`~kivuko.training.bitext_contrast.BitextContrastLoss` with ``similarity="single-vector"`` compares the
        same vectors with those of the other pairs too.

    References:
        Reimers & Gurevych, EMNLP 2020, arXiv 2004.09813.
    """

    def parts(self, batch: AlignedBatch) -> dict[str, Tensor]:
        """The sentence vectors' squared distance."""
        student = sentence_vectors(batch.student, batch.student_mask)
        target = sentence_vectors(batch.target, batch.target_mask)
        return {"sentence": (student - target).square().sum(dim=1).mean()}


@dataclass(frozen=True)
class MseSettings(AlignSettings):
    """As published, half of what the student reads is English."""

    english_share: float = 0.5


def train(start: Models, resources: Resources, settings: MseSettings, job: Job) -> Trained:
    """Distil sentence vectors."""
    return train_aligned(
        start,
        resources,
        settings,
        job,
        lambda read, teacher, shared: SentenceMseLoss(read.student, teacher, **shared),
    )


REGIME = Regime(
    name="mse",
    slot=Slot.ALIGN,
    needs=frozenset({Need.BITEXT, Need.TEACHER}),
    settings=MseSettings,
    train=train,
    summary="sentence-vector distillation from the teacher",
    reference="Reimers & Gurevych, EMNLP 2020, arXiv 2004.09813",
)
