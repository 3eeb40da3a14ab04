"""English supervision alone, then used in other languages as it is (zero-shot)."""

from __future__ import annotations

from collections.abc import Sequence

from kivuko.languages import resolve
from kivuko.training.examples import draw
from kivuko.training.fit import Job
from kivuko.training.rank_in_batch import RankingSettings, train_to_rank
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources


def drawn_pairs(resources: Resources, settings: RankingSettings) -> Sequence[tuple[str, ...]]:
    """The English pairs of a run in order, the same for every regime that changes their texts only."""
    count = settings.steps * settings.batch_size
    return [drawn.item for drawn in draw({resolve("en"): resources.english_pairs}, count, settings.seed)]


def train(start: Models, resources: Resources, settings: RankingSettings, job: Job) -> Trained:
    """Learn to find English documents by English queries."""
    pairs = drawn_pairs(resources, settings)
    return train_to_rank(start, pairs, settings, job, distinct=len(resources.english_pairs))


REGIME = Regime(
    name="english",
    slot=Slot.SUPERVISE,
    needs=frozenset({Need.ENGLISH_PAIRS}),
    settings=RankingSettings,
    train=train,
    summary="English queries and documents; other languages by transfer alone",
)
