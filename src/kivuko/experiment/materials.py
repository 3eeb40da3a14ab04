"""What a cell of the grid may train on: the public data of its languages, cut to its budget."""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Sequence

from kivuko.codeswitch import EnglishTable, Lexicon, Switcher, induce, invert
from kivuko.collections.bitext import Bitext, Pair
from kivuko.collections.collection import LIBREOFFICE_HELP
from kivuko.collections.split import split_of
from kivuko.experiment.config import Budget
from kivuko.languages import Language
from kivuko.public import help_pages
from kivuko.public.bitext import build_bitext
from kivuko.public.collections import collections_for
from kivuko.public.help_pages import english_pages, load_pages
from kivuko.public.leakage import held_out_terms, held_out_texts
from kivuko.public.lexicons import public_lexicon
from kivuko.text import comparison_key, words
from kivuko.training.resources import Need, Resources
from kivuko.training.teacher import centring_texts, help_pairs

PAIRS = {"1k": 1000, "5k": 5000}
#: Shorter interface strings say too little to learn a language from.
FEWEST_WORDS = 4


def materials(languages: Sequence[Language], budget: Budget, seed: int, needs: frozenset[Need]) -> Resources:
    """Gather training data.

    ``none`` and ``monolingual`` have no bitext and no lexicon; ``lexicon`` has public dictionaries; ``1k``, ``5k``
    and ``all`` have that many translation pairs of every language, drawn by the seed, and the lexicon induced
    from them. Monolingual text (the foreign sides of all pairs, and translated training pages) goes with every
    budget whose regime needs it. English pairs, pages and text are free.

    Args:
        languages: the languages to train on; one for which there is nothing of a kind is left out of that kind.
        budget: see above.
        seed: draws the pairs.
        needs: kinds of data wanted; the others stay empty.
    """
    bitext = {language: pairs_of(language, budget, seed) for language in languages}
    bitext = {language: pairs for language, pairs in bitext.items() if pairs}
    tables = {}
    if needs & {Need.LEXICON, Need.TRANSLATED}:
        tables = {
            language: table
            for language in languages
            if (table := _table(language, budget, seed)) is not None and table.senses
        }
    english_pairs = help_pairs() if needs & {Need.ENGLISH_PAIRS, Need.TRANSLATED} else []
    return Resources(
        english_pairs=english_pairs if Need.ENGLISH_PAIRS in needs else [],
        bitext=bitext if Need.BITEXT in needs else {},
        tables=tables if Need.LEXICON in needs else {},
        monolingual={language: texts for language in languages if (texts := _texts(language))}
        if Need.MONOLINGUAL in needs
        else {},
        linked=_linked(languages) if Need.LINKED in needs else {},
        translated=_translated(english_pairs, tables) if Need.TRANSLATED in needs and tables else {},
        documents=_training_documents() if Need.DOCUMENTS in needs else (),
        english_texts=centring_texts() if Need.ENGLISH_TEXT in needs else (),
    )


def pairs_of(language: Language, budget: Budget, seed: int) -> list[Pair]:
    """The translation pairs of a budget: all, or a sample drawn by the seed; none without bitext."""
    if budget not in ("1k", "5k", "all"):
        return []
    pairs = _bitext(language)
    if budget == "all" or len(pairs) <= PAIRS[budget]:
        return pairs
    return random.Random(f"{seed} {budget} {language.tag}").sample(pairs, PAIRS[budget])


@functools.cache
def lexicon_of(language: Language, budget: Budget, seed: int) -> Lexicon | None:
    """The lexicon of a budget: public dictionaries, or one induced from the pairs; None without either."""
    if budget == "lexicon":
        return _dictionaries(language)
    pairs = pairs_of(language, budget, seed)
    return induce(pairs, language) if pairs else None


@functools.cache
def _bitext(language: Language) -> list[Pair]:
    return Bitext.open(build_bitext(language)).pairs


@functools.cache
def _dictionaries(language: Language) -> Lexicon | None:
    """All public dictionaries, without what the vocabulary probes ask for."""
    found = public_lexicon(language)
    if found is None:
        return None
    probes = set(collections_for(language)) - {LIBREOFFICE_HELP}
    answers = {_spelled(answer) for name in probes for answer in held_out_terms(language, name)}
    entries = {
        foreign: english
        for foreign, english in found.lexicon.entries.items()
        if _spelled(foreign) not in answers
    }
    return Lexicon(
        language, entries, {**found.lexicon.meta, "held_out": len(found.lexicon.entries) - len(entries)}
    )


def _spelled(term: str) -> str:
    """A term as both lexicons and probes can be compared: lexicons keep words, without hyphens and the like."""
    return comparison_key(" ".join(words(term)))


@functools.cache
def _table(language: Language, budget: Budget, seed: int) -> EnglishTable | None:
    """The budget's lexicon from English, its senses weighed by how often the pairs have them."""
    lexicon = lexicon_of(language, budget, seed)
    if lexicon is None:
        return None
    counts = Counter(word for pair in pairs_of(language, budget, seed) for word in words(pair.foreign))
    return invert(lexicon, counts=counts or None)


@functools.cache
def _texts(language: Language) -> list[str]:
    """Text in the language alone, in an order that says nothing about what is whose translation."""
    texts = ["\n".join(paragraphs.values()) for paragraphs in _translated_pages(language).values()]
    strings = {pair.foreign for pair in _bitext(language) if len(words(pair.foreign)) >= FEWEST_WORDS}
    texts += sorted(strings - {line for text in texts for line in text.split("\n")})
    random.Random(f"monolingual {language.tag}").shuffle(texts)
    return texts


@functools.cache
def _translated_pages(language: Language) -> dict[str, dict[str, str]]:
    """Training page → paragraph id → translation, of paragraphs that are translated and on no held-out page.

    Empty for a language without help pages.
    """
    if not help_pages.covers(language):
        return {}
    english, held_out = english_pages(None).pages, held_out_texts(language)
    translated = {}
    for name, page in load_pages(language).pages.items():
        if name not in english or split_of(name) != "train":
            continue
        translated[name] = {
            key: text
            for key, text in page.paragraphs.items()
            if text != english[name].paragraphs.get(key) and text not in held_out
        }
    return {name: paragraphs for name, paragraphs in translated.items() if paragraphs}


def _linked(languages: Sequence[Language]) -> dict[Language, list[tuple[str, str]]]:
    """Linked but not parallel: what is translated of a page's first half, and the second half of the English one."""
    english = english_pages(None).pages
    linked = {}
    for language in languages:
        pairs = []
        for name, translated in _translated_pages(language).items():
            ours = english[name].paragraphs
            keys = list(ours)
            first = [translated[key] for key in keys[: len(keys) // 2] if key in translated]
            second = [ours[key] for key in keys[len(keys) // 2 :]]
            if first and second:
                pairs.append(("\n".join(first), "\n".join(second)))
        if pairs:
            linked[language] = pairs
    return linked


def _translated(
    english: Sequence[tuple[str, str]], tables: dict[Language, EnglishTable]
) -> dict[Language, list[tuple[str, str]]]:
    """The English pairs with queries translated word by word, shared out among the languages."""
    languages = sorted(tables, key=lambda language: language.tag)
    switcher = Switcher(tables, rate=1.0, phrases=True, senses="best")
    return {
        language: [
            (switcher.switch(query, seed=0, key="", language=language).text, document)
            for query, document in english[place :: len(languages)]
        ]
        for place, language in enumerate(languages)
    }


def _training_documents() -> list[str]:
    return [document for _, document in help_pairs(paragraphs=False)]
