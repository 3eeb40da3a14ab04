"""Draw the examples of a training run: as many as it has room for, the same number from every language."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from kivuko.languages import Language

Item = TypeVar("Item")


@dataclass(frozen=True)
class Drawn(Generic[Item]):
    """One example of a training run.

    Attributes:
        language: whose data it comes from.
        item: the pair or text.
        number: its position in the language's data.
        epoch: how many times the language's data had been gone through before.
    """

    language: Language
    item: Item
    number: int
    epoch: int

    @property
    def key(self) -> str:
        """Names the example for everything that is random about it."""
        return f"{self.language.tag} {self.epoch} {self.number}"


def distinct(data: Mapping[Language, Sequence[Item]]) -> int:
    """How many examples :func:`draw` gives before the smallest language's data comes up again."""
    sizes = [len(items) for items in data.values() if items]
    return min(sizes, default=0) * len(sizes)


def draw(data: Mapping[Language, Sequence[Item]], count: int, seed: int) -> list[Drawn[Item]]:
    """Take ``count`` examples, languages in turn, each language's data shuffled anew every epoch.

    A language's examples do not depend on which other languages take part, but for how many are drawn.

    Args:
        data: language → its items; a language without any is passed over.
        count: examples wanted.
        seed: any integer.
    """
    streams = [(language, items) for language, items in sorted(data.items(), key=lambda d: d[0].tag) if items]
    drawn: list[Drawn[Item]] = []
    orders: dict[tuple[Language, int], list[int]] = {}
    for turn in range(count if streams else 0):
        language, items = streams[turn % len(streams)]
        epoch, place = divmod(turn // len(streams), len(items))
        if (language, epoch) not in orders:
            order = list(range(len(items)))
            random.Random(f"{seed} examples {language.tag} {epoch}").shuffle(order)
            orders[language, epoch] = order
        number = orders[language, epoch][place]
        drawn.append(Drawn(language, items[number], number, epoch))
    return drawn
