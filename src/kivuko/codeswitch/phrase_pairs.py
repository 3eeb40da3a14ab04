"""Short translations cut out of longer ones: runs of words that translate each other in several texts.

People ask with two or three words, and bitext is sentences. Words are linked where each is the other's likeliest
translation; a run of linked words whose links stay within one run of the other side is a pair (the consistent phrases
of Och & Ney, Computational Linguistics 30(4), 2004), and is kept where it is found in more than one text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from kivuko.codeswitch.alignment import likely_translations
from kivuko.codeswitch.induce import LONGEST, PairOfTexts
from kivuko.text import comparison_key
from kivuko.text.segmentation import words_with_spans

_Words = Sequence[tuple[str, tuple[int, int]]]


def phrase_pairs(pairs: Sequence[PairOfTexts], *, longest: int = 4, fewest: int = 2) -> list[tuple[str, str]]:
    """Short pairs of a bitext, the most frequent first.

    Args:
        pairs: the bitext; texts without words or of more than :data:`~kivuko.codeswitch.induce.LONGEST` are passed
            over, and whole texts of at most ``longest`` words are no new pairs.
        longest: words of a phrase of either side, at least 1.
        fewest: texts that have it on both sides, at least 1.

    Returns:
        English and foreign phrases, as they are written where they are first found.
    """
    sides = [(words_with_spans(pair.english), words_with_spans(pair.foreign)) for pair in pairs]
    used = [i for i, both in enumerate(sides) if all(0 < len(side) <= LONGEST for side in both)]
    if not used:
        return []
    english, foreign = ([[word for word, _ in sides[i][side]] for i in used] for side in (0, 1))
    likely = likely_translations(english, foreign)
    seen: Counter[tuple[str, str]] = Counter()
    written: dict[tuple[str, str], tuple[str, str]] = {}
    whole = {(comparison_key(pair.english), comparison_key(pair.foreign)) for pair in pairs}
    for i, own, other in zip(used, english, foreign, strict=True):
        links = _links(own, other, likely)
        found = {
            (_part(pairs[i].english, sides[i][0], *a), _part(pairs[i].foreign, sides[i][1], *b))
            for a, b in _consistent(links, len(other), longest)
        }
        for key, phrase in {(comparison_key(a), comparison_key(b)): (a, b) for a, b in sorted(found)}.items():
            seen[key] += 1
            written.setdefault(key, phrase)
    return [written[key] for key, count in seen.most_common() if count >= fewest and key not in whole]


def _links(
    english: Sequence[str], foreign: Sequence[str], likely: dict[tuple[str, str], float]
) -> dict[int, int]:
    """Foreign position → English position where each is the other's likeliest."""
    table = np.array([[likely.get((e, f), 0.0) for e in english] for f in foreign])
    best, back = table.argmax(axis=1), table.argmax(axis=0)
    return {f: int(e) for f, e in enumerate(best) if table[f, e] > 0 and back[e] == f}


def _consistent(
    links: dict[int, int], foreign: int, longest: int
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """English and foreign runs (first, last) that begin and end with links and have none to elsewhere."""
    back = {e: f for f, e in links.items()}
    for first in sorted(links):
        for last in range(first, min(first + longest, foreign)):
            if last not in links:
                continue
            inside = [links[f] for f in range(first, last + 1) if f in links]
            low, high = min(inside), max(inside)
            if high - low >= longest or 2 * len(inside) < last - first + 1 + (high - low + 1) - len(inside):
                continue
            if all(first <= back[e] <= last for e in range(low, high + 1) if e in back):
                yield (low, high), (first, last)


def _part(text: str, words: _Words, first: int, last: int) -> str:
    return text[words[first][1][0] : words[last][1][1]]
