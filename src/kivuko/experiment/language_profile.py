"""A language's profile: what an encoder knows of it, what data is within reach, and the tier these two put it in."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from kivuko.errors import MissingExtraError, UnknownNameError
from kivuko.languages import Language, foreign_language
from kivuko.models.catalogue import CatalogueEntry, find
from kivuko.public import cldr, udhr
from kivuko.public.reach import Reach, cached_bitext, within_reach
from kivuko.text import normalise, script_share
from kivuko.text.identification import identifiable

if TYPE_CHECKING:
    from kivuko.models.tokenizer import Tokenisation, TokenizerProfile

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


SAMPLE = 2_000
"""Pairs that are measured at most."""
_Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class LanguageProfile:
    """What is known of a language before anything is trained.

    Attributes:
        language: whose profile it is.
        encoder: name of the encoder.
        seen: whether the encoder's pre-training text had the language; None where the catalogue does not say.
        tier: resource tier; None where it depends on a bitext that is not built, or on ``seen`` being known.
        text: what was measured on, a key of :data:`TEXTS`; None where there is no text.
        pairs: how many pairs of it.
        foreign, english: how the tokenizer writes the two sides; None where there is no text.
        script_pieces: pieces of the vocabulary that are wholly in the language's script.
        latin_pieces: the same for English's.
        identified: whether the language identifier knows the language; None where there is no identifier.
        reach: the data.
    """

    language: Language
    encoder: str
    seen: bool | None
    tier: str | None
    text: str | None
    pairs: int
    foreign: Tokenisation | None
    english: Tokenisation | None
    script_pieces: int
    latin_pieces: int
    identified: bool | None
    reach: Reach

    @property
    def parity(self) -> float | None:
        """Pieces that the language takes for each piece of English, for the same content.

        Works for scripts without spaces too (Petrov, La Malfa, Torr, Bibi: "Language Model Tokenizers Introduce
        Unfairness Between Languages", NeurIPS 2023, arXiv 2305.15425). Unknown letters make it look better than it
        is.
        """
        if self.foreign is None or self.english is None:
            return None
        return self.foreign.pieces / self.english.pieces


def profile(
    language: Language,
    tokenizer: TokenizerProfile,
    *,
    texts: Sequence[str] = ("bitext", "udhr", "cldr-names"),
    build: bool = False,
    seed: int = 0,
) -> LanguageProfile:
    """The profile of a language for an encoder.

    Args:
        language: any but English, which it is compared with.
        tokenizer: the encoder's.
        texts: what to measure on, of :data:`TEXTS`; the first that there is in the language is taken.
        build: bring and build bitext and dictionaries; else only the cache is looked at.
        seed: of the draw of at most 2,000 pairs.

    Raises:
        InputError: the language is English, or a source is damaged.
        UnknownNameError: a name in ``texts`` is unknown.
        FetchError: a package cannot be brought.
    """
    language = foreign_language(language)
    reach = within_reach(language, build=build)
    name, pairs = _sample(language, texts, seed)
    seen = is_seen(language, find(tokenizer.name))
    return LanguageProfile(
        language=language,
        encoder=tokenizer.name,
        seen=seen,
        tier=resource_tier(seen, reach.pairs),
        text=name,
        pairs=len(pairs),
        foreign=tokenizer.measure([foreign for _, foreign in pairs], language.script) if pairs else None,
        english=tokenizer.measure([english for english, _ in pairs], "Latn") if pairs else None,
        script_pieces=tokenizer.script_pieces(language.script),
        latin_pieces=tokenizer.script_pieces("Latn"),
        identified=_identified(language),
        reach=reach,
    )


def _identified(language: Language) -> bool | None:
    """Whether the language identifier has the language; None where it is not installed."""
    try:
        return language in identifiable()
    except MissingExtraError:
        return None


def _sample(language: Language, texts: Sequence[str], seed: int) -> tuple[str | None, _Pairs]:
    """The first of the texts there is, and at most :data:`SAMPLE` of its pairs, in the source's order."""
    for name in texts:
        if name not in TEXTS:
            raise UnknownNameError("text to measure on", name, TEXTS)
        # The normal form of everything that Kivuko reads: a tokenizer can need twice the pieces for another one.
        pairs = [(normalise(english), normalise(foreign)) for english, foreign in TEXTS[name](language)]
        if len(pairs) > SAMPLE:
            chosen = random.Random(f"{seed} profile {language.tag}").sample(range(len(pairs)), SAMPLE)
            pairs = [pairs[i] for i in sorted(chosen)]
        if pairs:
            return name, pairs
    return None, []


def _bitext(language: Language) -> _Pairs:
    bitext = cached_bitext(language)
    return [] if bitext is None else [(pair.english, pair.foreign) for pair in bitext.pairs]


def _udhr(language: Language) -> _Pairs:
    raw = udhr.read_pairs(language) if udhr.covers(language) else None
    # Some pages are in another script of the language: Central Kurdish is there in Latin letters.
    pairs = [] if raw is None else raw.pairs
    return [
        (pair.english, pair.foreign) for pair in pairs if script_share(pair.foreign, language.script) >= 0.5
    ]


def _cldr_names(language: Language) -> _Pairs:
    if not cldr.has_names(language):
        return []
    return [(row.english, row.foreign) for row in cldr.read_names(language).rows]


TEXTS: Mapping[str, Callable[[Language], _Pairs]] = MappingProxyType(
    {"bitext": _bitext, "udhr": _udhr, "cldr-names": _cldr_names}
)
"""What can be measured on: the cached bitext, the Declaration of Human Rights, names in CLDR."""
