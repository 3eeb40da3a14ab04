"""Entries of a lexicon: the one form in which they are kept, and how they are found in a text.

Whatever way an entry came in (a dictionary, a person's table, alignment, merging), its foreign side is a term's
:func:`~kivuko.text.terms.spelling` and its English side words with single spaces, both in lower case.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kivuko.text import words
from kivuko.text.segmentation import is_plain_run, lowered
from kivuko.text.terms import Piece, is_spaceless, keys_of_beginnings, pieces, spelling, term_key

#: Ends an entry that stands for every word beginning so. No word of ``kivuko.text.words`` contains it.
PREFIX_MARK = "*"
NO_WORDS = "a side without words"
Senses = Mapping[str, float]


@dataclass(frozen=True)
class Found:
    """A word or phrase of a text, looked up.

    Attributes:
        text: as :func:`kivuko.text.words` has it, a space between the words of a phrase; what a script without
            spaces writes as one is one.
        senses: English word or phrase → probability; empty where the lexicon has none.
        own: whether it has an entry of its own, and not only one for its beginning.
        begin: number of its first piece (:func:`kivuko.text.terms.pieces`) in the text.
        end: one more than the number of its last piece.
    """

    text: str
    senses: Senses
    own: bool
    begin: int
    end: int


def entry_key(foreign: str) -> str:
    """What foreign sides that are the same entry have in common; empty if there is no word in it."""
    return _key_and_spelling(foreign)[0]


def plainest(spellings: Iterable[str]) -> str:
    """One of several spellings of an entry: the shortest, which does without zero-width spaces."""
    return min(spellings, key=lambda each: (len(each), each))


def in_normal_form(entries: Mapping[str, Senses]) -> tuple[dict[str, dict[str, float]], Counter[str]]:
    """Entries by their normal forms; those that become the same are added up, and scaled to 1 where above it.

    Returns:
        The entries, in the order of the first that became each, and how many translations were left out, by reason.
    """
    spellings: dict[str, set[str]] = {}
    senses: dict[str, dict[str, float]] = {}
    joined: set[str] = set()
    left_out: Counter[str] = Counter()
    phrase_of = functools.cache(_phrase)
    for foreign, translations in entries.items():
        key, written = _key_and_spelling(foreign)
        if key in senses:
            joined.add(key)
        own = senses.setdefault(key, {})
        for english, probability in translations.items():
            phrase = phrase_of(english)
            if not key or not phrase:
                left_out[NO_WORDS] += 1
                continue
            if phrase in own:
                joined.add(key)
            spellings.setdefault(key, set()).add(written)
            own[phrase] = own.get(phrase, 0.0) + probability
    for key in joined:
        total = sum(senses[key].values())
        if total > 1:
            senses[key] = {english: probability / total for english, probability in senses[key].items()}
    found = {plainest(spellings[key]): own for key, own in senses.items() if own}
    return found, left_out


def _key_and_spelling(foreign: str) -> tuple[str, str]:
    """See :func:`entry_key` and :func:`kivuko.text.terms.spelling`; a beginning is not taken apart."""
    if is_plain_run(foreign):
        return foreign, foreign
    if foreign.endswith(PREFIX_MARK):
        beginning = lowered(foreign[: -len(PREFIX_MARK)])
        key = beginning and beginning + PREFIX_MARK
        return key, key
    term = pieces(foreign)
    return (term_key(term), spelling(term)) if term else ("", "")


def _phrase(english: str) -> str:
    return english if is_plain_run(english) else " ".join(words(english))


class EntryIndex:
    """Finds the entries of a lexicon in texts, longest first.

    Args:
        entries: foreign word or phrase → its translations.
    """

    def __init__(self, entries: Mapping[str, Senses]) -> None:
        self._entries = entries
        #: Form in which an entry is asked for → its key, where that is another.
        self._keys: dict[str, str] = {}
        for foreign in entries:
            if not is_plain_run(foreign) and not foreign.endswith(PREFIX_MARK) and (term := pieces(foreign)):
                for key in (term_key(term), term_key(term, closed=True)):
                    if key not in entries:
                        self._keys.setdefault(key, foreign)
        #: First character → characters of the longest entry that begins so.
        self._longest: dict[str, int] = {}
        for key in itertools.chain(entries, self._keys):
            self._longest[key[:1]] = max(len(key), self._longest.get(key[:1], 0))

    def entry(self, key: str) -> Senses | None:
        """The entry of a word or phrase; None if it has none of its own."""
        return self._entries.get(self._keys.get(key, key))

    def at(
        self, text: Sequence[Piece], place: int, serves: Callable[[Senses], bool]
    ) -> tuple[str, int, Senses] | None:
        """The longest entry that begins at a piece: what is found, of how many pieces, and its translations.

        A phrase that does not serve gives way to shorter ones; what a script without spaces writes as one does not,
        for what else is found inside it would be no words. None where no entry begins.
        """
        first = text[place]
        longest = self._longest.get(first.text[0], 0)
        beginnings = keys_of_beginnings(text[place : place + max(1, longest)])
        short = itertools.takewhile(lambda key: len(key) <= longest, beginnings)
        for size, key in reversed(list(enumerate(short, start=1))):
            senses = self.entry(key)
            if senses and (size == 1 or is_spaceless(first) or serves(senses)):
                return key, size, senses
        return None
