"""A probabilistic lexicon from bitext: align words, back off to their beginnings, keep what is probable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, get_args

from kivuko.codeswitch import eflomal
from kivuko.codeswitch.alignment import align
from kivuko.codeswitch.entries import PREFIX_MARK
from kivuko.codeswitch.lexicon import Lexicon
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language
from kivuko.text import words

Aligner = Literal["model-1", "eflomal"]

LONGEST = 50
"""Words a side of a pair may have."""
DIAGONAL = 1.0
"""Strength of model 1's preference for like positions."""
LEAST = 0.01
"""The smallest probability that is kept."""
MOST = 20
"""Translations kept for a word; the kept ones are made to sum to 1."""


class PairOfTexts(Protocol):
    """An English text and its translation, as in :class:`kivuko.collections.bitext.Pair`."""

    @property
    def english(self) -> str:
        """The English side."""

    @property
    def foreign(self) -> str:
        """The translation."""


def induce(
    pairs: Sequence[PairOfTexts],
    language: Language,
    *,
    aligner: Aligner = "model-1",
    iterations: int = 2,
    prefix: int = 5,
    backoff: float = 0.5,
) -> Lexicon:
    """Induce a lexicon.

    Words are aligned by :func:`kivuko.codeswitch.alignment.align`, or by
    :func:`kivuko.codeswitch.eflomal.align`. Inflected forms share what is known about them: all words with the
    same first ``prefix`` characters form a class, a word's translations are smoothed towards those of its class
    (a Dirichlet prior of mass ``backoff``, so frequent words hardly move), and the class itself becomes an entry
    for words that were never seen.

    Args:
        pairs: the bitext; a pair in which a side has no word or more than :data:`LONGEST` words is left out, and
            counted in ``meta``.
        language: of the foreign side.
        aligner: ``"model-1"``, or ``"eflomal"`` if it is installed.
        iterations: rounds of EM in each direction; of model 1 only.
        prefix: characters that make a class, at least 1.
        backoff: weight of the class, in expected links.

    Returns:
        The same lexicon for the same pairs in the same order; by eflomal, which takes no seed, nearly the same.

    Raises:
        InputError: no pair is left.
        UnknownNameError: no such aligner.
        MissingExtraError: eflomal is not installed.
        KivukoError: eflomal ran and failed.
    """
    check_aligner(aligner)
    english, foreign = [], []
    empty = long = 0
    for pair in pairs:
        sides = words(pair.english), words(pair.foreign)
        if not all(sides):
            empty += 1
        elif max(map(len, sides)) > LONGEST:
            long += 1
        else:
            english.append(sides[0])
            foreign.append(sides[1])
    if not english:
        raise InputError(
            "no lexicon without translated pairs",
            expected=f"pairs of 1 to {LONGEST} words on each side",
            got=f"{len(pairs)} pairs: {empty} with an empty side, {long} too long",
        )
    how: dict[str, Any]
    if aligner == "eflomal":
        alignment = eflomal.align(english, foreign)
        how = {"aligner": f"eflomal {eflomal.version()}"}
    else:
        alignment = align(english, foreign, iterations=iterations, diagonal=DIAGONAL)
        how = {"iterations": iterations, "diagonal": DIAGONAL}

    counts: dict[str, dict[str, float]] = {word: {} for word in alignment.foreign_words}
    classes: dict[str, dict[str, float]] = {}
    kept = (alignment.count > 1e-3).nonzero()[0].tolist()  # the rest is dust that would only cost time
    for cell in kept:
        word = alignment.foreign_words[alignment.foreign[cell]]
        translation = alignment.english_words[alignment.english[cell]]
        count = float(alignment.count[cell])
        counts[word][translation] = count
        of_class = classes.setdefault(word[:prefix], {})
        of_class[translation] = of_class.get(translation, 0.0) + count

    entries: dict[str, dict[str, float]] = {}
    for word in sorted(counts):
        of_class = classes.get(word[:prefix], {})
        entries[word] = _probable(_smoothed(counts[word], of_class, backoff))
    for beginning in sorted(classes):
        if len(beginning) == prefix:
            entries[beginning + PREFIX_MARK] = _probable(_smoothed(classes[beginning], {}, 0.0))
    meta = {
        "pairs": len(pairs),
        "aligned": len(english),
        "dropped": {"empty side": empty, f"over {LONGEST} words": long},
        "words": len(alignment.foreign_words),
        "settings": {**how, "prefix": prefix, "backoff": backoff, "least": LEAST, "most": MOST},
    }
    return Lexicon(language, {word: found for word, found in entries.items() if found}, meta)


def check_aligner(name: str) -> None:
    """Find out before long work whether an aligner is known and installed.

    Raises:
        UnknownNameError: it is not known.
        MissingExtraError: it is not installed.
    """
    if name not in get_args(Aligner):
        raise UnknownNameError("aligner", name, get_args(Aligner))
    if name == "eflomal":
        eflomal.find_command()


def _smoothed(counts: dict[str, float], of_class: dict[str, float], mass: float) -> dict[str, float]:
    """(count + mass · P(translation | class)) / (total + mass)."""
    total, class_total = sum(counts.values()), sum(of_class.values())
    if not class_total or not mass:  # a word that was never linked has its class or nothing
        return {translation: count / total for translation, count in counts.items()}
    return {
        translation: (counts.get(translation, 0.0) + mass * count / class_total) / (total + mass)
        for translation, count in of_class.items()
    }


def _probable(probabilities: dict[str, float]) -> dict[str, float]:
    order = sorted(probabilities, key=lambda translation: (-probabilities[translation], translation))
    kept = [translation for translation in order[:MOST] if probabilities[translation] >= LEAST]
    total = sum(probabilities[translation] for translation in kept)
    return {translation: probabilities[translation] / total for translation in kept}
