"""A query's gloss: its words translated one by one, which a model reads beside the query.

A multilingual encoder knows some of a language, and a lexicon some of its words; each misses what the other has. What
MaxSim finds is added up over the tokens of a query, so the gloss can bring further tokens. Read as a text of its own
it does not disturb how the model reads the query, and at less than a whole token's weight it leaves the query the say
where that is understood (docs/results/domains).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: How much a token of the gloss counts beside one of the query; chosen on development queries of other domains.
GLOSS_WEIGHT = 0.5
Span = tuple[int, int]


@dataclass(frozen=True)
class Gloss:
    """A gloss, and which word of the query each of its words stands for.

    Attributes:
        text: the likeliest translation of each word or phrase, in the query's order; empty where none is known.
        words: of each of these translations, what it stands for: the query's word or phrase, and its span there.
        ends: of each, where it ends in ``text``.
    """

    text: str
    words: tuple[tuple[str, Span], ...]
    ends: tuple[int, ...]

    def word_at(self, place: int) -> tuple[str, Span]:
        """What the translation stands for that has a character of ``text``."""
        return self.words[next(number for number, end in enumerate(self.ends) if place < end)]


def gloss(asked: Sequence[tuple[str, Mapping[str, float], Span]]) -> Gloss:
    """The gloss of a query.

    Args:
        asked: its words and phrases in order: the word, its translations with their weights, its span in the query.
    """
    known = [(word, _likeliest(senses), span) for word, senses, span in asked if senses]
    text, ends = "", []
    for _, translation, _ in known:
        text += f" {translation}" if text else translation
        ends.append(len(text))
    return Gloss(text, tuple((word, span) for word, _, span in known), tuple(ends))


def _likeliest(senses: Mapping[str, float]) -> str:
    return max(senses, key=lambda sense: (senses[sense], sense))
