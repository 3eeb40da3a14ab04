"""Resource tiers of languages: whether the encoder has seen the language, and how much bitext there is."""

from __future__ import annotations

from kivuko.data import Bitext, build_bitext
from kivuko.errors import UnknownNameError
from kivuko.experiment.config import UNSEEN, Experiment
from kivuko.languages import Language, resolve
from kivuko.models.catalogue import CatalogueEntry, catalogue, find
from kivuko.training.teacher import BASE

#: Tier → fewest pairs of bitext, from the top.
SEEN = {"seen, bitext > 20k": 20_001, "seen, bitext 5k to 20k": 5_000, "seen, bitext < 5k": 0}


def tier(language: Language, encoder: str) -> str:
    """The tier of a language for an encoder.

    Args:
        language: any but English.
        encoder: a name of the catalogue, whose entry says what the encoder was pre-trained on.

    Raises:
        UnknownNameError: the catalogue has no such encoder.
        FetchError: the bitext cannot be built.
    """
    entry = find(encoder)
    if entry is None:
        raise UnknownNameError("encoder", encoder, [known.name for known in catalogue()])
    if not is_seen(language, entry):
        return UNSEEN
    return _by_pairs(len(Bitext.open(build_bitext(language)).pairs))


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


def tiers_of(experiment: Experiment) -> dict[str, str]:
    """Language tag → tier, for the languages of an experiment and English."""
    languages = [resolve(name) for name in (*experiment.languages, *experiment.further_languages)]
    return {"eng-Latn": "English"} | {language.tag: tier(language, BASE) for language in languages}
