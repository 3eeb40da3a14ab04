"""Adaptation without any supervision: two crops of one document must find each other (mContriever's way)."""

from __future__ import annotations

import random
from dataclasses import dataclass

from kivuko.errors import InputError
from kivuko.training.examples import distinct, draw
from kivuko.training.fit import Job
from kivuko.training.rank_in_batch import RankingSettings, train_to_rank
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources

#: Characters; what goes on longer than this is no word.
LONGEST_WORD = 30


@dataclass(frozen=True)
class UnsupervisedSettings(RankingSettings):
    """How to crop.

    Attributes:
        shortest_crop: smallest share of a text that a crop takes, in (0, 1].
        longest_crop: largest share, in [shortest_crop, 1].
        fewest_characters: texts below this length are left out.
    """

    max_length: int = 64
    shortest_crop: float = 0.1
    longest_crop: float = 0.5
    fewest_characters: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.shortest_crop <= self.longest_crop <= 1 or self.fewest_characters < 1:
            raise InputError(
                "no crops can be cut so",
                expected="0 < shortest_crop ≤ longest_crop ≤ 1, and fewest_characters of at least 1",
                got=f"{self.shortest_crop}, {self.longest_crop} and {self.fewest_characters}",
            )


def train(start: Models, resources: Resources, settings: UnsupervisedSettings, job: Job) -> Trained:
    """Learn to find a crop of a text by another crop of it, drawn anew whenever the text comes up again."""
    long_enough = {
        language: [text for text in texts if len(text) >= settings.fewest_characters]
        for language, texts in resources.monolingual.items()
    }
    drawn, pairs = draw(long_enough, settings.steps * settings.batch_size, settings.seed), []
    for example in drawn:
        chance = random.Random(f"{settings.seed} crop {example.key}")
        pairs.append((crop(example.item, settings, chance), crop(example.item, settings, chance)))
    facts = {"texts": {language.tag: len(texts) for language, texts in long_enough.items()}}
    return train_to_rank(
        start,
        pairs,
        settings,
        job,
        distinct=distinct(long_enough),
        originals=[(example.item,) for example in drawn],
        facts=facts,
    )


def crop(text: str, settings: UnsupervisedSettings, chance: random.Random) -> str:
    """A stretch of the text, of a random share within the settings' bounds, widened to whole words."""
    share = chance.uniform(settings.shortest_crop, settings.longest_crop)
    length = max(1, round(share * len(text)))
    start = chance.randrange(len(text) - length + 1)
    end = start + length
    left = text.rfind(" ", 0, start + 1) + 1
    right = text.find(" ", end)
    if right < 0 and " " in text:
        right = len(text)
    # Scripts without spaces have none nearby: there the cut stays where it fell.
    start = left if start - left < LONGEST_WORD else start
    end = right if 0 <= right - end < LONGEST_WORD else end
    return text[start:end].strip() or text


REGIME = Regime(
    name="unsupervised",
    slot=Slot.ADAPT,
    needs=frozenset({Need.MONOLINGUAL}),
    settings=UnsupervisedSettings,
    train=train,
    summary="contrast of two crops of one document",
    reference="Izacard et al., Contriever, TMLR 2022, arXiv 2112.09118",
)
