"""Supervision on pairs whose queries were translated: mMARCO's, or a translator's of English pairs."""

from __future__ import annotations

from kivuko.training.contrastive import ContrastiveSettings, train_contrastive
from kivuko.training.examples import distinct, draw
from kivuko.training.regimes.regime import Job, Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources


def train(start: Models, resources: Resources, settings: ContrastiveSettings, job: Job) -> Trained:
    """Learn to find documents by translated queries, the languages in turn."""
    drawn = draw(resources.translated, settings.steps * settings.batch_size, settings.seed)
    pairs = [example.item for example in drawn]
    return train_contrastive(start, pairs, settings, job, distinct=distinct(resources.translated))


REGIME = Regime(
    name="translate-train",
    slot=Slot.SUPERVISE,
    needs=frozenset({Need.TRANSLATED}),
    settings=ContrastiveSettings,
    train=train,
    summary="translated queries and their documents",
    reference="Bonifacio et al., mMARCO, 2021, arXiv 2108.13897",
)
