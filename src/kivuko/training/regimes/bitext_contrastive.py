"""Contrast on bitext: a text must find its English side, encoded by the teacher, among those of its batch."""

from __future__ import annotations

from dataclasses import dataclass

from kivuko.errors import InputError
from kivuko.training.align import AlignSettings, train_aligned
from kivuko.training.bitext_contrast import BitextContrastLoss, Similarity
from kivuko.training.regimes.regime import Job, Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources


@dataclass(frozen=True)
class BitextContrastiveSettings(AlignSettings):
    """What is compared; the contrast is the loss itself here, so its weight beside the loss stays 0.

    Attributes:
        similarity: ``"maxsim"`` or ``"single-vector"``.
    """

    similarity: Similarity = "maxsim"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.contrast_weight:
            raise InputError(
                "this regime is a contrast, and takes no second one beside it",
                expected="contrast_weight 0",
                got=self.contrast_weight,
            )


def train(start: Models, resources: Resources, settings: BitextContrastiveSettings, job: Job) -> Trained:
    """Learn to find translations."""
    return train_aligned(
        start,
        resources,
        settings,
        job,
        lambda student, cache, english: BitextContrastLoss(
            student, cache, similarity=settings.similarity, scale=settings.contrast_scale, english=english
        ),
    )


REGIME = Regime(
    name="bitext-contrastive",
    slot=Slot.ALIGN,
    needs=frozenset({Need.BITEXT, Need.TEACHER}),
    settings=BitextContrastiveSettings,
    train=train,
    summary="in-batch contrast on bitext against the frozen teacher",
    reference="van den Oord, Li, Vinyals, 2018, arXiv 1807.03748 (the loss)",
)
