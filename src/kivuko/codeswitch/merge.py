"""Several lexicons of one language made into one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kivuko.codeswitch.lexicon import Lexicon
from kivuko.errors import InputError


def merge(lexicons: Sequence[Lexicon], weights: Sequence[float] | None = None) -> Lexicon:
    """Mix lexicons, word by word.

    With w_i the weight of lexicon i and I(f) the lexicons that have an entry f of its own::

        P(e | f) = Σ_{i ∈ I(f)} w_i · P_i(e | f) / Σ_{i ∈ I(f)} w_i

    So a word that only one lexicon has keeps its translations as they are, whatever the weights. Entries for
    beginnings (``bisha*``) are mixed with one another only: they go on serving words that no lexicon has.

    Args:
        lexicons: at least one, all of the same language.
        weights: one for each, above 0; only their ratios count. Equal ones by default.

    Returns:
        A lexicon whose ``meta`` names the parts; the order of ``lexicons`` makes no difference to its entries
        but for rounding.

    Raises:
        InputError: no lexicon, several languages, another number of weights, or a weight that is not above 0.
    """
    weights = [1.0] * len(lexicons) if weights is None else list(weights)
    languages = sorted({lexicon.language.tag for lexicon in lexicons})
    if len(languages) != 1:
        raise InputError(
            "only lexicons of one language can be merged",
            expected="at least one lexicon, all of the same language",
            got=", ".join(languages) or "none",
        )
    if len(weights) != len(lexicons) or not all(math.isfinite(w) and w > 0 for w in weights):
        raise InputError(
            "each lexicon needs a weight above 0",
            expected=f"{len(lexicons)} numbers above 0",
            got=", ".join(f"{weight:g}" for weight in weights) or "none",
        )
    entries = {}
    for word in sorted({word for lexicon in lexicons for word in lexicon.entries}):
        having = [
            (lex.entries[word], w) for lex, w in zip(lexicons, weights, strict=True) if word in lex.entries
        ]
        total = sum(weight for _, weight in having)
        mixed: dict[str, float] = {}
        for translations, weight in having:
            for english, probability in translations.items():
                mixed[english] = mixed.get(english, 0.0) + weight / total * probability
        order = sorted(mixed, key=lambda english: (-mixed[english], english))
        entries[word] = {english: mixed[english] for english in order}
    parts = [
        {"weight": weight, "entries": len(lexicon.entries), "meta": dict(lexicon.meta)}
        for lexicon, weight in zip(lexicons, weights, strict=True)
    ]
    return Lexicon(lexicons[0].language, entries, {"merged": parts})
