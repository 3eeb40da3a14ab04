"""Translate the query, then search: a probabilistic lexicon turns its words into weighted English words."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from kivuko.codeswitch import Lexicon
from kivuko.ranking import Run
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.text import words

#: How much a word with the same stem as a translation counts beside the translation itself.
STEM_WEIGHT = 0.5


class QueryTranslator:
    """Queries in a language, made into structured queries over the words of an English index.

    A word becomes its translations with their probabilities; each of them brings along the index's words of
    the same stem (Snowball English), at ``stem_weight`` of its probability. A word without translations
    stands for itself where the index knows it (names, function names, numbers). One that neither knows is looked up
    in both, in this order, as people type it (:func:`kivuko.text.fold`); what that does not find either is dropped.

    Args:
        lexicon: the translations.
        index: the index that will be searched.
        stem_weight: in [0, 1]; 0 leaves the stems out.
    """

    def __init__(self, lexicon: Lexicon, index: LexicalIndex, *, stem_weight: float = STEM_WEIGHT) -> None:
        self._lexicon = lexicon
        self.index = index
        self._stem_weight = stem_weight

    def translate(self, query: str) -> list[dict[str, float]]:
        """For each word that can be translated or passed through, English word → weight; may be empty."""
        structured = []
        for word in words(query):
            translations = self._lexicon.translations(word)
            if not translations and word in self.index.vocabulary:
                translations = {word: 1.0}
            if not translations:
                typed = self._lexicon.translations_as_typed(word)
                translations = typed or self.index.as_spelled({word: 1.0})
            if translations:
                structured.append(self._with_relatives(translations))
        return structured

    def search(self, query: str, depth: int = 1000) -> dict[str, float]:
        """The best documents for a query; none when none of its words leads to a word of the index."""
        return self.index.search_structured(self.translate(query), depth)

    def run(self, queries: Mapping[str, str], depth: int = 1000) -> Run:
        """Search each query; one that finds nothing has no documents in the run."""
        return {query: self.search(text, depth) for query, text in queries.items()}

    def _with_relatives(self, translations: Mapping[str, float]) -> dict[str, float]:
        weights: dict[str, float] = {}
        for english, probability in translations.items():
            weights[english] = weights.get(english, 0.0) + probability
            if self._stem_weight:
                for relative in self._families.get(self._stem(english), ()):
                    if relative != english:
                        weights[relative] = weights.get(relative, 0.0) + self._stem_weight * probability
        return weights

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
