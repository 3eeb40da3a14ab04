"""A query's gloss: its words translated one by one, which a model reads beside the query.

A multilingual encoder knows some of a language, and a lexicon some of its words; each misses what the other has. What
MaxSim finds is added up over the tokens of a query, so the gloss can bring further tokens. Read as a text of its own
it does not disturb how the model reads the query, and at less than a whole token's weight it leaves the query the say
where that is understood (docs/results/domains).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kivuko.retrieval.query_translation import QueryTranslator
from kivuko.text.terms import piece_spans

#: How much a token of the gloss counts beside one of the query; chosen on development queries of other domains.
GLOSS_WEIGHT = 0.5
#: Share of a run's characters.
LEAST_KNOWN = 0.5
FORM = 2
"""Raised when glosses become other ones, so that runs kept in a cache go."""
Span = tuple[int, int]


@dataclass(frozen=True)
class Gloss:
    """A gloss, and what each of its parts stands for.

    Attributes:
        text: the likeliest translation of each word or phrase, in the query's order; what has none as it is. Empty
            where none has any. In a script that puts no spaces between words, a run of which the lexicon knows less
            than :data:`LEAST_KNOWN` stays as it is: where its words begin is a guess then.
        words: of each of these, the query's word or phrase, and its span there.
        ends: of each, where it ends in ``text``.
    """

    text: str
    words: tuple[tuple[str, Span], ...]
    ends: tuple[int, ...]

    def word_at(self, place: int) -> tuple[str, Span]:
        """What the part stands for that has a character of ``text``."""
        return self.words[next(number for number, end in enumerate(self.ends) if place < end)]


@dataclass(frozen=True)
class _Part:
    """A word or phrase of the query, its span there, and its translation; empty where it has none."""

    word: str
    span: Span
    translation: str = ""


def gloss(query: str, translator: QueryTranslator) -> Gloss:
    """The gloss of a query."""
    text, ends, known = "", [], False
    parts = [part for run in _runs(_parts(query, translator)) for part in _trusted(query, run)]
    for part in parts:
        known = known or bool(part.translation)
        text += " " * bool(text) + (part.translation or query[slice(*part.span)])
        ends.append(len(text))
    return Gloss(text if known else "", tuple((part.word, part.span) for part in parts), tuple(ends))


def _parts(query: str, translator: QueryTranslator) -> list[_Part]:
    """The parts in order: of what is read in pieces that overlap, that which has no translation in one."""
    places = piece_spans(query)
    found: list[_Part] = []
    for asked in translator.read(query):
        begin, end = places[asked.begin][0], places[asked.end - 1][1]
        former = found[-1] if found else _Part("", (-1, -1))
        if asked.senses:
            if begin < former.span[1] and not former.translation:
                found[-1] = _stretch(query, former.span[0], begin)
            found.append(_Part(asked.text, (begin, end), _likeliest(asked.senses)))
        elif begin > former.span[1]:
            found.append(_Part(asked.text, (begin, end)))
        elif former.translation:
            found.append(_stretch(query, max(begin, former.span[1]), end))
        else:
            found[-1] = _stretch(query, former.span[0], end)
    return [part for part in found if part.span[0] < part.span[1]]


def _stretch(query: str, begin: int, end: int) -> _Part:
    return _Part(query[begin:end], (begin, end))


def _runs(parts: Iterable[_Part]) -> list[list[_Part]]:
    """Parts with nothing between them, together."""
    runs: list[list[_Part]] = []
    for part in parts:
        if runs and part.span[0] <= runs[-1][-1].span[1]:
            runs[-1].append(part)
        else:
            runs.append([part])
    return runs


def _trusted(query: str, run: list[_Part]) -> list[_Part]:
    """The run itself, or as one part without a translation."""
    begin, end = run[0].span[0], run[-1].span[1]
    known = sum(part.span[1] - part.span[0] for part in run if part.translation)
    return run if known >= LEAST_KNOWN * (end - begin) or len(run) == 1 else [_stretch(query, begin, end)]


def _likeliest(senses: Mapping[str, float]) -> str:
    return max(senses, key=lambda sense: (senses[sense], sense))
