"""Resource tiers of languages: whether the encoder has seen the language, and how much bitext there is."""

from __future__ import annotations

from kivuko.languages import Language
from kivuko.models.catalogue import CatalogueEntry

UNSEEN = "unseen by the encoder"
#: Tier → fewest pairs of bitext, from the top.
SEEN = {"seen, bitext > 20k": 20_001, "seen, bitext 5k to 20k": 5_000, "seen, bitext < 5k": 0}


def is_seen(language: Language, entry: CatalogueEntry | None) -> bool | None:
    """Whether a language was in an encoder's pre-training text; None where the catalogue does not say."""
    if entry is None or not entry.languages:
        return None
    # "Norwegian" without more is Bokmål in such lists.
    codes = {language.short.split("-")[0], *(["no"] if language.short == "nb" else [])}
    return not codes.isdisjoint(entry.languages)


def resource_tier(seen: bool | None, pairs: int | None) -> str | None:
    """The tier by these facts, without building anything; None where a fact is lacking."""
    if seen is False:
        return UNSEEN
    if seen is None or pairs is None:
        return None
    return _by_pairs(pairs)


def _by_pairs(pairs: int) -> str:
    return next(name for name, fewest in SEEN.items() if pairs >= fewest)
