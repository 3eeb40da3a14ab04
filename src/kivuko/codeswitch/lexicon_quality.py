"""How good a lexicon is: how large, how much of a text it knows, and how far another lexicon agrees with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kivuko.codeswitch.entries import PREFIX_MARK
from kivuko.codeswitch.lexicon import Lexicon
from kivuko.errors import InputError


@dataclass(frozen=True)
class LexiconInfo:
    """Size of a lexicon.

    Attributes:
        words: entries of a single foreign word.
        phrases: entries of several foreign words.
        beginnings: entries that stand for all words beginning so.
        translations: pairs of a word or phrase and one of its translations.
        senses: mean number of translations of a word or phrase.
        identical: share (0 to 1) of words and phrases whose best translation is spelled the same.
    """

    words: int
    phrases: int
    beginnings: int
    translations: int
    senses: float
    identical: float


@dataclass(frozen=True)
class Coverage:
    """How much of some texts a lexicon knows.

    Attributes:
        tokens: running words.
        types: different words.
        known_tokens: share (0 to 1) of the tokens that have an entry of their own.
        known_types: the same of the types.
        reached_tokens: share of the tokens that have one or are served by that of their beginning.
        reached_types: the same of the types.
    """

    tokens: int
    types: int
    known_tokens: float
    known_types: float
    reached_tokens: float
    reached_types: float


@dataclass(frozen=True)
class Agreement:
    """A lexicon held against another.

    Attributes:
        shared: words and phrases that both have.
        agreeing: those whose best translation is among the other's translations.
    """

    shared: int
    agreeing: int

    @property
    def precision(self) -> float:
        """Share (0 to 1) of the shared ones that agree; 0 if none is shared."""
        return self.agreeing / self.shared if self.shared else 0.0


def info(lexicon: Lexicon) -> LexiconInfo:
    """Count a lexicon's entries."""
    own = _own(lexicon)
    phrases = sum(" " in foreign for foreign in own)
    translations = sum(map(len, own.values()))
    return LexiconInfo(
        words=len(own) - phrases,
        phrases=phrases,
        beginnings=len(lexicon.entries) - len(own),
        translations=translations,
        senses=translations / len(own) if own else 0.0,
        identical=sum(best(of) == foreign for foreign, of in own.items()) / len(own) if own else 0.0,
    )


def coverage(lexicon: Lexicon, texts: Iterable[str]) -> Coverage:
    """How many words of texts in the lexicon's language it translates; a number is a word too.

    Only entries of single words count: a word inside a known phrase is known if it has an entry. In scripts without
    spaces the words are those that the lexicon finds, and what is left between them.

    Raises:
        InputError: the texts have no word.
    """
    counts = Counter(word for text in texts for word in lexicon.running_words(text))
    if not counts:
        raise InputError(
            "no coverage without words", expected=f"texts in {lexicon.language.name}", got="none with a word"
        )
    known = [word for word in counts if lexicon.has(word)]
    reached = [word for word in counts if lexicon.translations(word)]
    tokens, types = counts.total(), len(counts)
    return Coverage(
        tokens=tokens,
        types=types,
        known_tokens=sum(counts[word] for word in known) / tokens,
        known_types=len(known) / types,
        reached_tokens=sum(counts[word] for word in reached) / tokens,
        reached_types=len(reached) / types,
    )


def agreement(lexicon: Lexicon, reference: Lexicon) -> Agreement:
    """Hold a lexicon against one that is believed, over the words and phrases that both have.

    A best translation that the reference does not list may still be right, so this is a lower bound.

    Raises:
        InputError: they are of different languages.
    """
    if lexicon.language != reference.language:
        raise InputError(
            "only lexicons of one language can be compared",
            expected=lexicon.language.tag,
            got=reference.language.tag,
        )
    mine, theirs = _own(lexicon), _own(reference)
    shared = mine.keys() & theirs.keys()
    return Agreement(len(shared), sum(best(mine[foreign]) in theirs[foreign] for foreign in shared))


def best(translations: Mapping[str, float]) -> str:
    """The most probable translation; of several the first by spelling."""
    return min(translations, key=lambda english: (-translations[english], english))


def _own(lexicon: Lexicon) -> dict[str, Mapping[str, float]]:
    """The entries of words and phrases, without those of beginnings."""
    return {word: found for word, found in lexicon.entries.items() if not word.endswith(PREFIX_MARK)}
