"""A probabilistic lexicon from a dictionary's lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from kivuko.codeswitch.lexicon import Lexicon
from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.text import words

#: Words that a side of an entry may have; longer ones are explanations more often than terms.
LONGEST_PHRASE = 3


class WeightedTranslation(Protocol):
    """A line of a dictionary, as in :class:`kivuko.data.translations.Translation`."""

    @property
    def english(self) -> str:
        """The English side."""

    @property
    def foreign(self) -> str:
        """The translation."""

    @property
    def weight(self) -> float:
        """Above 0; lines of one foreign word share its probability in proportion."""


def from_translations(
    rows: Iterable[WeightedTranslation], language: Language, *, meta: Mapping[str, Any] | None = None
) -> Lexicon:
    """Build a lexicon: P(english | foreign) = weight of the pair / weight of all pairs with this foreign side.

    Both sides are taken apart by :func:`kivuko.text.words` and joined with single spaces, so an entry of
    several words is found by its words in a row. A pair that comes again adds its weight.

    Args:
        rows: the translations, in any order.
        language: of the foreign side.
        meta: facts to keep in the lexicon's own, where counts of rows used and dropped are added.

    Raises:
        InputError: a weight is not above 0, or no row is left.
    """
    counts: dict[str, dict[str, float]] = {}
    dropped: Counter[str] = Counter()
    total = 0
    for row in rows:
        total += 1
        if not 0 < row.weight < float("inf"):
            raise InputError("a translation's weight must be above 0", where=row.foreign, got=row.weight)
        english, foreign = words(row.english), words(row.foreign)
        if not english or not foreign:
            dropped["a side without words"] += 1
        elif max(len(english), len(foreign)) > LONGEST_PHRASE:
            dropped[f"over {LONGEST_PHRASE} words"] += 1
        else:
            of_word = counts.setdefault(" ".join(foreign), {})
            key = " ".join(english)
            of_word[key] = of_word.get(key, 0.0) + row.weight
    if not counts:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
        raise InputError(
            "no lexicon without translations",
            expected=f"words or phrases of up to {LONGEST_PHRASE} words",
            got=f"{total} rows{': ' if reasons else ''}{reasons}",
        )
    entries = {word: _shares(counts[word]) for word in sorted(counts)}
    kept = total - dropped.total()
    return Lexicon(language, entries, {**(meta or {}), "rows": total, "used": kept, "unused": dict(dropped)})


def _shares(weights: dict[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    order = sorted(weights, key=lambda english: (-weights[english], english))
    return {english: weights[english] / total for english in order}
