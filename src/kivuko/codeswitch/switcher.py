"""Code-switching: some words of an English text replaced by their translations.

The words that may be switched are found with their places; a translation is written in the case of what it replaces,
and with the border between words that its script has. Each text says what was done to it, and many are counted.

Litschko, Artemova, Plank, "Boosting Zero-shot Cross-lingual Retrieval by Training on Artificially
Code-Switched Data", Findings of ACL 2023, arXiv 2305.05295.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from kivuko.codeswitch.english_table import EnglishTable, Senses
from kivuko.codeswitch.lexicon import LONGEST_PHRASE
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language
from kivuko.text import words
from kivuko.text.normal import WORD_BORDER

SENSES = ("sampled", "best")
# Between the words of a phrase; punctuation or a line's end shows that they are none.
_WITHIN_PHRASE = re.compile(r"[^\S\r\n]+|[-‐‑]")
# Georgian capitals exist in Unicode but hardly in text.
_WITH_CASE = frozenset({"Latn", "Cyrl", "Grek", "Armn"})
_DOTTED_CAPITAL_I = frozenset({"aze", "tur"})
_TSHEG = "\u0f0b"
_BORDERS = {"Khmr": WORD_BORDER, "Tibt": _TSHEG}
# A letter or digit with what may stand inside a word: combining marks, joiners, soft hyphens, variation
# selectors. Letters of other scripts are in, so that no English word is found at the edge of a foreign one.
_MARKS = r"\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
_LETTER = rf"[\w{_MARKS}\u200c\u200d\u00ad\u2060\ufeff]"
_RUN = rf"\w{_LETTER}*(?:['’]{_LETTER}+)*"
_TOKEN = re.compile(
    rf"""
    [A-Za-z][A-Za-z0-9+.-]*://\S+ | www\.\S+          # web addresses
  | </?[A-Za-z][^<>]*> | &\#?\w+;                     # tags and entities
  | \{{\{{[^{{}}]*\}}\}} | [$%\#]?\{{[^{{}}\s]*\}}    # {{{{templates}}}}, {{0}}, ${{name}}
  | \$\[[^\[\]\s]*\] | \$\([^()\s]*\) | \$\w+         # $[officename], $(ARG1), $1
  | %\([^()\s]*\)\w? | %[-+.\d$]*[A-Za-z]\w*          # %(name)s, %s, %1$d, %PRODUCTNAME
  | \\\w+                                             # \n, \alpha
  | {_RUN}(?:[.@\\=&~]{_RUN})+                        # file.txt, name@host, e.g, R&D, mnemonics: Fi~le
  | (?P<word>{_RUN})
    """,
    re.VERBOSE,
)


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


class WordSpan(NamedTuple):
    """A word at ``text[start:stop]``; ``key`` is its form in :func:`kivuko.text.words`."""

    start: int
    stop: int
    key: str


def word_spans(text: str) -> list[WordSpan]:
    """The words of an English text, in order and without overlap.

    Words are those of :func:`kivuko.text.words`: the parts of a hyphenated compound are words, an apostrophe
    inside belongs to the word. Left out, because translating them would be wrong: numbers and anything with a
    digit or underscore; placeholders, markup, addresses; and words joined by ``. @ = & ~`` or a backslash.
    """
    found = []
    for token in _TOKEN.finditer(text):
        run = token["word"]
        if run and "_" not in run and not any(map(str.isnumeric, run)):
            found.append(WordSpan(token.start(), token.end(), " ".join(words(run))))
    return found


def in_case_of(english: str, translation: str, language: Language) -> str:
    """The translation in the case pattern of the English text it replaces.

    CAPITALS (two letters or more) give capitals; a capital first letter gives one; anything else ("iPhone")
    leaves the translation as it is, and so do scripts without case.
    """
    if language.script not in _WITH_CASE:
        return translation
    if english.isupper() and sum(map(str.isalpha, english)) > 1:
        return _dotted(translation, language).upper()
    if english[:1].isupper():
        first = next((at for at, character in enumerate(translation) if character.isalpha()), 0)
        capital = _dotted(translation[first : first + 1], language).title()
        return translation[:first] + capital + translation[first + 1 :]
    return translation


def border_between(language: Language) -> str:
    """What stands between two words of the language where English has one space.

    Scripts without spaces write nothing there, Khmer U+200B (which text normalisation keeps as the border of
    words) and Tibetan the tsheg: running text of the language looks so, and an encoder's pieces differ after
    a space.
    """
    return _BORDERS.get(language.script, "") if language.spaceless else " "


def _dotted(text: str, language: Language) -> str:
    return text.replace("i", "İ") if language.iso639_3 in _DOTTED_CAPITAL_I else text
