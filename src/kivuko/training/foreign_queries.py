"""Contrast on pairs that the data brings: a text in a language must find the English text that belongs to it.

Two regimes, which differ in where their pairs come from: documents that are linked though not parallel adapt an
encoder to a language, queries that were translated teach it to search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kivuko.languages import Language
from kivuko.training.examples import distinct, draw
from kivuko.training.fit import Job
from kivuko.training.rank_in_batch import RankingSettings, train_to_rank
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources


def train_comparable(start: Models, resources: Resources, settings: RankingSettings, job: Job) -> Trained:
    """Learn to find linked documents, the languages in turn."""
    return _train(start, resources.linked, settings, job)


def train_translated(start: Models, resources: Resources, settings: RankingSettings, job: Job) -> Trained:
    """Learn to find documents by translated queries (mMARCO's, or a translator's), the languages in turn."""
    return _train(start, resources.translated, settings, job)


def _train(
    start: Models, pairs: Mapping[Language, Sequence[tuple[str, ...]]], settings: RankingSettings, job: Job
) -> Trained:
    drawn = draw(pairs, settings.steps * settings.batch_size, settings.seed)
    return train_to_rank(start, [each.item for each in drawn], settings, job, distinct=distinct(pairs))


COMPARABLE = Regime(
    name="comparable",
    slot=Slot.ADAPT,
    needs=frozenset({Need.LINKED}),
    settings=RankingSettings,
    train=train_comparable,
    summary="contrast on documents that are linked but not parallel (C3)",
    reference="Yang et al., C3, SIGIR 2022, arXiv 2204.11989",
)

TRANSLATE_TRAIN = Regime(
    name="translate-train",
    slot=Slot.SUPERVISE,
    needs=frozenset({Need.TRANSLATED}),
    settings=RankingSettings,
    train=train_translated,
    summary="translated queries and their documents",
    reference="Bonifacio et al., mMARCO, 2021, arXiv 2108.13897",
)
