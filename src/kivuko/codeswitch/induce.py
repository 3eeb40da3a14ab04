"""A probabilistic lexicon from bitext: align words, back off to their beginnings, keep what is probable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, get_args

from kivuko.codeswitch import eflomal
from kivuko.codeswitch.alignment import align
from kivuko.codeswitch.lexicon import PREFIX_MARK, Lexicon
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language
from kivuko.text import words

Aligner = Literal["model-1", "eflomal"]


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
    longest: int = 50,
    iterations: int = 2,
    diagonal: float = 1.0,
    prefix: int = 5,
    backoff: float = 0.5,
    least: float = 0.01,
    most: int = 20,
) -> Lexicon:
    """Induce a lexicon.

    Words are aligned by :func:`kivuko.codeswitch.alignment.align`, or by
    :func:`kivuko.codeswitch.eflomal.align`. Inflected forms share what is known about them: all words with the
    same first ``prefix`` characters form a class, a word's translations are smoothed towards those of its class
    (a Dirichlet prior of mass ``backoff``, so frequent words hardly move), and the class itself becomes an entry
    for words that were never seen.

    Args:
        pairs: the bitext; a pair in which a side has no word or more than ``longest`` words is left out, and
            counted in ``meta``.
        language: of the foreign side.
        aligner: ``"model-1"``, or ``"eflomal"`` if it is installed.
        longest: words a side may have, at least 1.
        iterations: rounds of EM in each direction; of model 1 only.
        diagonal: strength of the preference for like positions; of model 1 only.
        prefix: characters that make a class, at least 1.
        backoff: weight of the class, in expected links.
        least: smallest probability that is kept.
        most: translations kept for a word; the kept ones are made to sum to 1.

    Returns:
        The same lexicon for the same pairs in the same order; by eflomal, which takes no seed, nearly the same.

    Raises:
        InputError: no pair is left, or ``longest`` is more than eflomal can take and a text is.
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
        elif max(map(len, sides)) > longest:
            long += 1
        else:
            english.append(sides[0])
            foreign.append(sides[1])
    if not english:
        raise InputError(
            "no lexicon without translated pairs",
            expected=f"pairs of 1 to {longest} words on each side",
            got=f"{len(pairs)} pairs: {empty} with an empty side, {long} too long",
        )
    how: dict[str, Any]
    if aligner == "eflomal":
        alignment = eflomal.align(english, foreign)
        how = {"aligner": f"eflomal {eflomal.version()}"}
    else:
        alignment = align(english, foreign, iterations=iterations, diagonal=diagonal)
        how = {"iterations": iterations, "diagonal": diagonal}

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
        entries[word] = _probable(_smoothed(counts[word], of_class, backoff), least, most)
    for beginning in sorted(classes):
        if len(beginning) == prefix:
            entries[beginning + PREFIX_MARK] = _probable(_smoothed(classes[beginning], {}, 0.0), least, most)
    meta = {
        "pairs": len(pairs),
        "aligned": len(english),
        "dropped": {"empty side": empty, f"over {longest} words": long},
        "words": len(alignment.foreign_words),
        "settings": {**how, "prefix": prefix, "backoff": backoff, "least": least, "most": most},
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


def _probable(probabilities: dict[str, float], least: float, most: int) -> dict[str, float]:
    order = sorted(probabilities, key=lambda translation: (-probabilities[translation], translation))
    kept = [translation for translation in order[:most] if probabilities[translation] >= least]
    total = sum(probabilities[translation] for translation in kept)
    return {translation: probabilities[translation] / total for translation in kept}
