"""Token distillation after a greedy one-to-one alignment: the ablation of transport."""

from __future__ import annotations

from kivuko.training.align import AlignSettings, train_aligned
from kivuko.training.greedy import GreedyLoss
from kivuko.training.regimes.regime import Job, Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources


def train(start: Models, resources: Resources, settings: AlignSettings, job: Job) -> Trained:
    """Distil token vectors along a greedy alignment."""
    return train_aligned(
        start,
        resources,
        settings,
        job,
        lambda student, cache, english: GreedyLoss(student, cache, english=english, **settings.companion()),
    )


REGIME = Regime(
    name="greedy",
    slot=Slot.ALIGN,
    needs=frozenset({Need.BITEXT, Need.TEACHER}),
    settings=AlignSettings,
    train=train,
    summary="token distillation with greedy one-to-one alignment (DR.DECR)",
    reference="Li et al., NAACL 2022",
)
