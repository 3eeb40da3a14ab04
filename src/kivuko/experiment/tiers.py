"""Resource tiers of languages: whether the encoder has seen the language, and how much bitext there is."""

from __future__ import annotations

from kivuko.data import Bitext, build_bitext
from kivuko.errors import UnknownNameError
from kivuko.experiment.config import Experiment
from kivuko.languages import Language, resolve
from kivuko.models.catalogue import catalogue, find
from kivuko.training.teacher import BASE

UNSEEN = "unseen by the encoder"
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
    if language.short.split("-")[0] not in entry.languages:
        return UNSEEN
    pairs = len(Bitext.open(build_bitext(language)).pairs)
    return next(name for name, fewest in SEEN.items() if pairs >= fewest)


def tiers_of(experiment: Experiment) -> dict[str, str]:
    """Language tag → tier, for the languages of an experiment and English."""
    languages = [resolve(name) for name in (*experiment.languages, *experiment.further_languages)]
    return {"eng-Latn": "English"} | {language.tag: tier(language, BASE) for language in languages}
