"""What code-switching did to a text, and to many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Switched:
    """A code-switched text.

    Attributes:
        text: the result.
        words: words of the English text, without numbers and placeholders.
        switchable: those of them for which there was a translation, alone or in a phrase.
        switched: those that were replaced.
        by_language: language tag → English words replaced by that language; sums to ``switched``.
    """

    text: str
    words: int
    switchable: int
    switched: int
    by_language: Mapping[str, int]


@dataclass
class SwitchReport:
    """Counts over many texts; the realised rate belongs beside the requested one wherever results are shown.

    Attributes:
        texts: texts added.
        words: their words.
        switchable: words with a translation.
        switched: words replaced.
        by_language: language tag → words replaced by it.
    """

    texts: int = 0
    words: int = 0
    switchable: int = 0
    switched: int = 0
    by_language: Counter[str] = field(default_factory=Counter)

    def add(self, result: Switched) -> None:
        """Count one text."""
        self.texts += 1
        self.words += result.words
        self.switchable += result.switchable
        self.switched += result.switched
        self.by_language.update(result.by_language)

    @property
    def coverage(self) -> float:
        """Share of words that have a translation, in [0, 1]; 0 without words."""
        return self.switchable / self.words if self.words else 0.0

    @property
    def realised_rate(self) -> float:
        """Share of words that were replaced, in [0, 1]; 0 without words."""
        return self.switched / self.words if self.words else 0.0

    def as_json(self) -> dict[str, object]:
        """For a manifest."""
        return {
            "texts": self.texts, "words": self.words, "switchable": self.switchable, "switched": self.switched,
            "coverage": round(self.coverage, 4), "realised rate": round(self.realised_rate, 4),
            "by language": dict(sorted(self.by_language.items())),
        }  # fmt: skip
