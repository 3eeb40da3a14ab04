"""Translate the query, then search: a probabilistic lexicon turns its words into weighted English words."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace

from kivuko.codeswitch import Lexicon
from kivuko.codeswitch.entries import Found
from kivuko.ranking import Run
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.text import words
from kivuko.text.near_words import MOST

#: How much a word with the same stem as a translation counts beside the translation itself.
STEM_WEIGHT = 0.5
#: How queries are translated; stored runs say it, for they are searched again when it changes.
WAY = "phrases and words spelled alike"


class QueryTranslator:
    """Queries in a language, made into structured queries over the words of an English index.

    A word or phrase that the lexicon has becomes its translations with their probabilities; each of them brings
    along the index's words (of a phrase: the index's phrases) of the same stem (Snowball English), at
    ``stem_weight`` of its probability. Phrases of the query are found longest first, see
    :meth:`kivuko.codeswitch.Lexicon.look_up`; one that leads to nothing in the index gives way to its words. A
    translation of several words is searched as a phrase, its words in a row or written as one; where the index does
    not have it, it leaves its probability to the other translations. A word without an entry of its own stands for
    itself where the index knows it (names, function names, numbers). Others are looked up once more, in the lexicon
    and then in the index, as people type them (:func:`kivuko.text.fold`). What is left stands for the words of both
    that are spelled most like it (:class:`kivuko.text.near_words.NearWords`: other forms of a word, names in another
    spelling), each with the square of its likeness, or for what the lexicon says of its beginning, or is dropped.

    Args:
        lexicon: the translations.
        index: the index that will be searched.
        stem_weight: in [0, 1]; 0 leaves the stems out.
    """

    def __init__(self, lexicon: Lexicon, index: LexicalIndex, *, stem_weight: float = STEM_WEIGHT) -> None:
        self._lexicon = lexicon
        self.index = index
        self._stem_weight = stem_weight
        self._related = functools.cache(self._find_related)

    def look_up(self, query: str) -> list[tuple[str, dict[str, float]]]:
        """Words and phrases of a query that can be translated or passed through, in order.

        Returns:
            Each with the English words and phrases that are searched in its place → weight; may be empty.
        """
        return [(asked.text, dict(asked.senses)) for asked in self.found(query)]

    def found(self, query: str) -> list[Found]:
        """The same with where in the query they stand; their senses are what is searched in their place."""
        found = []
        looked_up = self._lexicon.look_up(query, serves=self._is_in_index)
        for nowhere, several in itertools.groupby(looked_up, self._is_nowhere):
            if nowhere:
                several = iter(self._lexicon.look_up_as_typed(list(several), serves=self._is_in_index))
            for asked in several:
                senses = asked.senses if nowhere and asked.senses else self.senses(asked)
                if searched := self._searched(senses):
                    found.append(replace(asked, senses=searched))
        return found

    def read(self, query: str) -> list[Found]:
        """All words and phrases of a query with what they stand for, whether or not the index knows it, in order."""
        return [replace(asked, senses=self.senses(asked)) for asked in self._lexicon.look_up(query)]

    def senses(self, asked: Found) -> Mapping[str, float]:
        """What a word or phrase that was looked up stands for: English → weight; empty where that is not known."""
        if asked.own:
            return asked.senses
        if asked.text in self.index.vocabulary:
            return {asked.text: 1.0}
        return self.index.as_spelled({asked.text: 1.0}) or self._near(asked.text) or asked.senses

    def _near(self, word: str) -> Mapping[str, float]:
        """What the words stand for that are spelled most like one, each by the square of its likeness."""
        lexicon, index = self._lexicon, self.index
        near: list[tuple[float, Mapping[str, float]]] = [
            *((alike, lexicon.translations(other)) for other, alike in lexicon.near_words.find(word).items()),
            *((alike, {other: 1.0}) for other, alike in index.near_words.find(word).items()),
        ]
        best = sorted(near, key=lambda each: -each[0])[:MOST]
        total = sum(alike**2 for alike, _ in best)
        mixed: dict[str, float] = {}
        for alike, senses in best:
            for english, weight in senses.items():
                mixed[english] = mixed.get(english, 0.0) + weight * alike**2 / total
        return mixed

    def _is_nowhere(self, asked: Found) -> bool:
        return not asked.senses and asked.text not in self.index.vocabulary

    def translate(self, query: str) -> list[dict[str, float]]:
        """The English words and phrases of :meth:`look_up`, with their weights."""
        return [dict(asked.senses) for asked in self.found(query)]

    def search(self, query: str, depth: int = 1000) -> dict[str, float]:
        """The best documents for a query; none when none of its words leads to a word of the index."""
        return self.index.search_structured(self.translate(query), depth)

    def run(self, queries: Mapping[str, str], depth: int = 1000) -> Run:
        """Search each query; one that finds nothing has no documents in the run."""
        return {query: self.search(text, depth) for query, text in queries.items()}

    def _is_in_index(self, senses: Mapping[str, float]) -> bool:
        return any(" " in english or english in self.index.vocabulary for english in self._searched(senses))

    def _searched(self, senses: Mapping[str, float]) -> dict[str, float]:
        """English words, and those phrases that the index has → weight."""
        weights: dict[str, float] = {}
        missing = 0.0
        for english, probability in senses.items():
            related = self._related(english)
            missing += 0.0 if related else probability
            for relative, weight in related.items():
                weights[relative] = weights.get(relative, 0.0) + weight * probability
        if missing and weights:
            total = sum(senses.values())
            weights = {english: weight * total / (total - missing) for english, weight in weights.items()}
        return weights

    def _find_related(self, english: str) -> Mapping[str, float]:
        """What is searched for a translation → weight beside it; nothing for a phrase that the index lacks."""
        term = words(english)
        if len(term) < 2:
            return self._with_relatives("".join(term))
        found = self.index.phrases([list(self._with_relatives(word)) for word in term])
        related = {each: 1.0 if each == " ".join(term) else self._stem_weight for each in found}
        # What a dictionary spells "e-mail" or "web site", documents write "email" and "website".
        joined = "".join(term)
        return related | {joined: 1.0} if joined in self.index.vocabulary else related

    def _with_relatives(self, word: str) -> dict[str, float]:
        """A word, and the index's words of the same stem → weight beside it."""
        relatives = self._families.get(self._stem(word), ()) if self._stem_weight else ()
        return {word: 1.0} | {each: self._stem_weight for each in relatives if each != word}

    @functools.cached_property
    def _stem(self) -> Callable[[str], str]:
        import Stemmer

        stem: Callable[[str], str] = Stemmer.Stemmer("english").stemWord
        return stem

    @functools.cached_property
    def _families(self) -> dict[str, list[str]]:
        """Stem → the index's words that have it, in order."""
        families: dict[str, list[str]] = {}
        for word in sorted(self.index.vocabulary):
            families.setdefault(self._stem(word), []).append(word)
        return families
