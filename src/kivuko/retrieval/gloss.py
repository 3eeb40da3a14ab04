"""A query's gloss: its words translated one by one, which a model reads beside the query.

A multilingual encoder knows some of a language, and a lexicon some of its words; each misses what the other has. What
MaxSim finds is added up over the tokens of a query, so the gloss can bring further tokens. Read as a text of its own
it does not disturb how the model reads the query, and at less than a whole token's weight it leaves the query the say
where that is understood (docs/results/domains).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.text.terms import piece_spans

#: How much a token of the gloss counts beside one of the query; chosen on development queries of other domains.
GLOSS_WEIGHT = 0.5
Span = tuple[int, int]


@dataclass(frozen=True)
class Gloss:
    """A gloss, and what each of its parts stands for.

    Attributes:
        text: the likeliest translation of each word or phrase, in the query's order; a word that has none as it is.
            Empty where none has any.
        words: of each of these, the query's word or phrase, and its span there.
        ends: of each, where it ends in ``text``.
    """

    text: str
    words: tuple[tuple[str, Span], ...]
    ends: tuple[int, ...]

    def word_at(self, place: int) -> tuple[str, Span]:
        """What the part stands for that has a character of ``text``."""
        return self.words[next(number for number, end in enumerate(self.ends) if place < end)]


def gloss(query: str, translator: QueryTranslator) -> Gloss:
    """The gloss of a query."""
    places = piece_spans(query)
    words: list[tuple[str, Span]] = []
    text, ends, known = "", [], False
    for asked in translator.read(query):
        span = places[asked.begin][0], places[asked.end - 1][1]
        known = known or bool(asked.senses)
        translation = _likeliest(asked.senses) if asked.senses else query[slice(*span)]
        text += f" {translation}" if text else translation
        words.append((asked.text, span))
        ends.append(len(text))
    return Gloss(text if known else "", tuple(words), tuple(ends))


def _likeliest(senses: Mapping[str, float]) -> str:
    return max(senses, key=lambda sense: (senses[sense], sense))
