"""Adaptation on linked documents: a text in a language must find the English text it is linked with."""

from __future__ import annotations

from kivuko.training.contrastive import ContrastiveSettings, train_contrastive
from kivuko.training.examples import distinct, draw
from kivuko.training.regimes.regime import Job, Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources


def train(start: Models, resources: Resources, settings: ContrastiveSettings, job: Job) -> Trained:
    """Learn to find linked documents, the languages in turn."""
    drawn = draw(resources.linked, settings.steps * settings.batch_size, settings.seed)
    pairs = [example.item for example in drawn]
    return train_contrastive(start, pairs, settings, job, distinct=distinct(resources.linked))


REGIME = Regime(
    name="comparable",
    slot=Slot.ADAPT,
    needs=frozenset({Need.LINKED}),
    settings=ContrastiveSettings,
    train=train,
    summary="contrast on documents that are linked but not parallel (C3)",
    reference="Yang et al., C3, SIGIR 2022, arXiv 2204.11989",
)
