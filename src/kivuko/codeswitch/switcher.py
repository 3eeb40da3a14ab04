"""Code-switching: some words of an English text replaced by their translations.

Litschko, Artemova, Plank, "Boosting Zero-shot Cross-lingual Retrieval by Training on Artificially
Code-Switched Data", Findings of ACL 2023, arXiv 2305.05295.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from kivuko.codeswitch.english_table import LONGEST_PHRASE, EnglishTable, Senses
from kivuko.codeswitch.spans import WordSpan, word_spans
from kivuko.codeswitch.spelling import border_between, in_case_of
from kivuko.codeswitch.switched import Switched
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language

SENSES = ("sampled", "best")
# Between the words of a phrase; punctuation or a line's end shows that they are none.
_WITHIN_PHRASE = re.compile(r"[^\S\r\n]+|[-‐‑]")


class Switcher:
    """Replaces words of English texts by translations.

    A text is read once from left to right and cut into units: the longest phrase of up to 3 words that a
    table has (single words without ``phrases``). Each unit is replaced with probability ``rate``, as a whole
    or not at all, so that the expected share of replaced words is ``rate`` times the share that has
    translations. What stands between words is kept byte for byte, except that one space between two replaced
    words of a language without spaces becomes what that language writes there.

    Bilingual: all words of a text go to one language. Multilingual: each replaced unit draws its language
    uniformly from those whose tables have it. The paper draws from five languages with lexicons of like size;
    drawing from all of ours and leaving the word where the drawn one lacks it would give the same choice of
    languages for a replaced word, but a rate that falls with every small lexicon added.

    A higher rate replaces a superset of what a lower one replaces, by the same translations.

    Args:
        tables: language → its table, as :func:`kivuko.codeswitch.invert` makes them.
        rate: probability of replacing a unit, in [0, 1]; 0 gives every text back unchanged.
        multilingual: draw a language for each unit instead of one for the text.
        phrases: look for phrases before words.
        senses: ``"sampled"`` by their probabilities, or the ``"best"`` (with rate 1: word-by-word
            translation).

    Raises:
        InputError: the rate is out of range, no table has an entry, or a table stands under another language.
        UnknownNameError: no such ``senses``.
    """

    def __init__(
        self,
        tables: Mapping[Language, EnglishTable],
        *,
        rate: float,
        multilingual: bool = False,
        phrases: bool = False,
        senses: Literal["sampled", "best"] = "sampled",
    ) -> None:
        if not 0 <= rate <= 1:
            raise InputError(
                "the rate of code-switching is a probability", expected="a number from 0 to 1", got=rate
            )
        if senses not in SENSES:
            raise UnknownNameError("choice of senses", senses, SENSES)
        for language, table in tables.items():
            if table.language != language:
                raise InputError(
                    "a table stands under another language",
                    where=language.tag,
                    expected=f"translations into {language.name}",
                    got=f"translations into {table.language.name}",
                )
        empty = [language.tag for language, table in tables.items() if not table.senses]
        if empty or not tables:
            raise InputError(
                "nothing can be switched without translations",
                where=", ".join(empty) or None,
                expected="a table with entries for each language",
                got="an empty table" if empty else "no table",
                remedy="leave the language out, or give a larger lexicon",
            )
        self.rate = rate
        self.multilingual = multilingual
        self._tables = {
            language.tag: tables[language] for language in sorted(tables, key=lambda each: each.tag)
        }
        self._longest = LONGEST_PHRASE if phrases else 1
        self._best = senses == "best"

    def switch(self, text: str, *, seed: int, key: str, language: Language | None = None) -> Switched:
        """Code-switch one text.

        Args:
            text: English.
            seed: of the experiment.
            key: names the text within it, such as ``f"{epoch} {pair_id} query"``. The same seed and key give
                the same draws whatever else is switched before; texts that should be drawn apart (the two
                sides of a pair) need different keys.
            language: of a bilingual switch; drawn uniformly from the tables' languages by default.

        Raises:
            UnknownNameError: there is no table for ``language``.
            InputError: ``language`` is given although the switcher is multilingual.
        """
        rng = random.Random(f"{seed} codeswitch {key}")
        tables = self._tables_for(language, rng)
        found = word_spans(text)
        pieces: list[str] = []
        by_language: Counter[str] = Counter()
        switchable = at = done = 0  # found[at] is the next word, text[done:] is not written yet
        previous: Language | None = None
        while at < len(found):
            size, choices = self._unit(text, found, at, tables)
            if choices:
                switchable += size
                # Three draws for each unit, used or not: so another rate changes none that follow.
                decision, which, sense = rng.random(), rng.random(), rng.random()
                if decision < self.rate:
                    target, senses = choices[int(which * len(choices))]
                    start, stop = found[at].start, found[at + size - 1].stop
                    gap = text[done:start]
                    if gap == " " and target == previous:
                        gap = border_between(target)
                    translation = senses[0][0] if self._best else _drawn(senses, sense)
                    pieces += [gap, in_case_of(text[start:stop], translation, target)]
                    by_language[target.tag] += size
                    previous, done = target, stop
            at += size
        pieces.append(text[done:])
        return Switched("".join(pieces), len(found), switchable, by_language.total(), dict(by_language))

    def _tables_for(self, language: Language | None, rng: random.Random) -> list[EnglishTable]:
        if self.multilingual:
            if language is not None:
                raise InputError(
                    "a multilingual switcher draws the languages itself",
                    expected="no language",
                    got=language.tag,
                    remedy="make a switcher with multilingual=False to switch a text to one language",
                )
            return list(self._tables.values())
        if language is None:
            return [self._tables[rng.choice(list(self._tables))]]
        if language.tag not in self._tables:
            raise UnknownNameError("language of this switcher", language.tag, self._tables)
        return [self._tables[language.tag]]

    def _unit(
        self, text: str, found: Sequence[WordSpan], at: int, tables: Sequence[EnglishTable]
    ) -> tuple[int, list[tuple[Language, Senses]]]:
        """Words of the longest unit that begins at word ``at``, and who can translate it; (1, []) if none."""
        key, sizes = found[at].key, [(1, found[at].key)]
        for word, following in zip(found[at:], found[at + 1 : at + self._longest], strict=False):
            if not _WITHIN_PHRASE.fullmatch(text, word.stop, following.start):
                break
            key = f"{key} {following.key}"
            sizes.append((len(sizes) + 1, key))
        for size, phrase in reversed(sizes):
            choices = [(table.language, table.senses[phrase]) for table in tables if phrase in table.senses]
            if choices:
                return size, choices
        return 1, []


def _drawn(senses: Senses, draw: float) -> str:
    """The sense at ``draw`` (in [0, 1)) of their cumulative probabilities."""
    for translation, probability in senses:
        draw -= probability
        if draw < 0:
            return translation
    return senses[-1][0]  # rounding: the probabilities sum to a little less than 1
