"""Multilingual sentence distillation: a text's mean vector meets that of its English side."""

from __future__ import annotations

from dataclasses import dataclass

from kivuko.training.align import AlignSettings, train_aligned
from kivuko.training.regimes.regime import Job, Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources
from kivuko.training.sentence_mse import SentenceMseLoss


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
        lambda student, cache, english: SentenceMseLoss(
            student, cache, english=english, **settings.companion()
        ),
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
