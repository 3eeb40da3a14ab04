"""A lexicon read the other way round, by Bayes' rule: English words and phrases with their translations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from kivuko.codeswitch.entries import PREFIX_MARK
from kivuko.codeswitch.lexicon import LONGEST_PHRASE, Lexicon
from kivuko.errors import InputError
from kivuko.languages import Language
from kivuko.text import script_share, words

#: Translations of one English word or phrase with their probabilities, the most probable first.
Senses = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class EnglishTable:
    """Translations of English into one language.

    Attributes:
        language: of the translations.
        senses: English words (as :func:`kivuko.text.words` has them, a space between those of a phrase, at
            most 3) → translations with probabilities that sum to 1, the most probable first.
        dropped: reason → number of lexicon pairs that were left out for it.
    """

    language: Language
    senses: Mapping[str, Senses]
    dropped: Mapping[str, int] = field(default_factory=dict)


def invert(
    lexicon: Lexicon, *, counts: Mapping[str, int] | None = None, least: float = 0.1, most: int = 5
) -> EnglishTable:
    """Turn P(English e | foreign f) into P(f | e), by Bayes' rule::

        P(f | e) = P(e | f) · n(f) / Σ_g P(e | g) · n(g)

    n(f) is how often f occurs. It decides what an induced lexicon gives: a word seen once, in a sentence with
    "file", translates as "file" with certainty, and there are more such words than right ones. Without
    counts all foreign words are taken as equally frequent, which suits only lexicons made by people.

    Senses below ``least`` of the best one go first; then those that would switch nothing (the English word
    itself, text without a letter of the language's script) or say another thing (words with digits, such as
    "45tti" for "angles"). In this order a word whose right translation is itself ("HTML") has no sense left,
    instead of being switched to whatever came second. In scripts without spaces a sense inside a better one
    goes too: it comes from text without borders, which :func:`kivuko.text.words` cuts into bigrams. Classes
    of words with one beginning (``*``) are no words and are left out.

    Args:
        lexicon: P(e | f); both sides may be phrases.
        counts: occurrences of foreign words, such as ``Counter(words(...))`` over the foreign sides of the
            bitext the lexicon comes from; an entry that is not in it counts as seen once.
        least: share of the best sense's probability that a sense needs, in [0, 1].
        most: senses kept, at least 1; the kept ones are made to sum to 1.

    Raises:
        InputError: ``least`` or ``most`` is out of range.
    """
    if not 0 <= least <= 1 or most < 1:
        raise InputError(
            "no senses can be chosen so",
            expected="least in [0, 1] and most of at least 1",
            got=f"least={least}, most={most}",
        )
    dropped: Counter[str] = Counter()
    weights: dict[str, dict[str, float]] = {}
    for foreign, translations in lexicon.entries.items():
        if foreign.endswith(PREFIX_MARK):
            continue
        frequency = 1 if counts is None else max(counts.get(foreign, 0), 1)
        for english, probability in translations.items():
            spelled = words(english)
            key = " ".join(spelled)
            if len(spelled) > LONGEST_PHRASE:
                dropped[f"English side of more than {LONGEST_PHRASE} words"] += 1
            elif script_share(key, "Latn") < 1 or any(map(str.isnumeric, key)):
                dropped["English side with digits or other scripts, or without letters"] += 1
            else:
                of_key = weights.setdefault(key, {})
                of_key[foreign] = of_key.get(foreign, 0.0) + probability * frequency
    senses = {
        key: found
        for key in sorted(weights)
        if (found := _senses(key, weights[key], lexicon.language, least, most, dropped))
    }
    return EnglishTable(lexicon.language, senses, dict(sorted(dropped.items())))


def _senses(
    key: str,
    weights: Mapping[str, float],
    language: Language,
    least: float,
    most: int,
    dropped: Counter[str],
) -> Senses:
    """The senses that stay, by falling probability; ties by spelling."""
    best = max(weights.values())
    kept: list[str] = []
    for foreign in sorted(weights, key=lambda foreign: (-weights[foreign], foreign)):
        if weights[foreign] < least * best:
            dropped["improbable"] += 1
        elif " ".join(words(foreign)) == key:
            dropped["the English itself"] += 1
        elif script_share(foreign, language.script) == 0:
            dropped["not in the language's script"] += 1
        elif any(map(str.isnumeric, foreign)):
            dropped["with digits"] += 1
        elif language.spaceless and any(foreign in better for better in kept):
            dropped["a piece of a better sense"] += 1
        elif len(kept) == most:
            dropped[f"beyond {most} senses"] += 1
        else:
            kept.append(foreign)
    total = sum(weights[foreign] for foreign in kept)
    return tuple((foreign, weights[foreign] / total) for foreign in kept)
