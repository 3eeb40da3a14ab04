"""Words that are spelled alike, by the runs of three characters they share.

No table is built: the words stand in one array, which is read through once for each run that is asked for, a
millisecond for ten thousand words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

#: How alike a word must be, and how many of them are taken.
LEAST_ALIKE, MOST = 0.6, 5
#: Characters of a word below which its spelling says too little.
SHORTEST = 5
#: Stands before and behind a word; no word has one.
_BORDER = "\n"
_RUN = 3


class NearWords:
    """Finds words of a list that are spelled like another.

    Likeness is Dice's coefficient of the runs of three characters of two words, the borders of a word counting as
    characters: twice the runs in common over those of both words (Adamson, Boreham, Information Storage and Retrieval
    10, 1974, doi:10.1016/0020-0271(74)90020-5; for translating queries: Pirkola, Toivonen, Keskustalo, Visala,
    Järvelin, SIGIR 2003, doi:10.1145/860435.860498).

    Args:
        words: each once, without line breaks.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = list(words)
        text = _BORDER + _BORDER.join(self._words) + _BORDER
        self._text = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        #: Where each word ends: at the border behind it.
        self._ends = np.cumsum(np.fromiter(map(len, self._words), dtype=np.int64) + 1)

    def find(self, word: str) -> Mapping[str, float]:
        """The words that are most like another, at most :data:`MOST`, those of equal likeness by the alphabet.

        Returns:
            Word → likeness in [:data:`LEAST_ALIKE`, 1]; none where none is alike enough, or the word is shorter than
            :data:`SHORTEST` or has a digit: a number is no other that looks like it.
        """
        if len(word) < SHORTEST or not self._words or any(map(str.isdigit, word)):
            return {}
        asked = _runs(word)
        shared = np.zeros(len(self._words), dtype=np.int64)
        for run in asked:
            here = np.ones(len(self._text) - _RUN + 1, dtype=bool)
            for place, character in enumerate(run):
                here &= self._text[place : len(here) + place] == ord(character)
            shared[np.searchsorted(self._ends, np.flatnonzero(here), side="right")] += 1
        # As many as both have at least: fewer runs than these cannot reach the likeness.
        likely = np.flatnonzero(2 * shared >= LEAST_ALIKE * (len(asked) + shared))
        likeness = {
            other: 2 * len(asked & runs) / (len(asked) + len(runs))
            for other in (self._words[number] for number in likely.tolist())
            for runs in [_runs(other)]
        }
        near = (other for other in likeness if likeness[other] >= LEAST_ALIKE)
        return {
            other: likeness[other] for other in sorted(near, key=lambda each: (-likeness[each], each))[:MOST]
        }


def _runs(word: str) -> set[str]:
    whole = f"{_BORDER}{word}{_BORDER}"
    return {whole[place : place + _RUN] for place in range(len(whole) - _RUN + 1)}
