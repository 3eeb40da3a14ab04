"""Which of an engine's languages a query is in.

Queries are short, so statistics over letters say little of them; what a lexicon knows says more. A word counts for a
language whose lexicon translates it, and for the documents' language if the documents have it. One that is nowhere
counts for those that have it as people type it (:func:`kivuko.text.fold`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib.util import find_spec

from kivuko.codeswitch import Lexicon
from kivuko.languages import Language
from kivuko.text import script_of, words
from kivuko.text.identification import identify

#: What CLD2's answer counts beside the share of known words, where it trusts its answer at all.
_IDENTIFIED = 0.75


def guess(
    query: str,
    lexicons: Mapping[Language, Lexicon | None],
    document_language: Language,
    document_words: Collection[str],
    *,
    is_typed_for_one: Callable[[str], bool] = lambda word: False,
) -> Language:
    """The language a query is most probably in.

    Args:
        query: what was asked.
        lexicons: the languages it may be in beside that of the documents, with their lexicons.
        document_language: of the documents.
        document_words: every word of the documents.
        is_typed_for_one: whether a word that is none of these is what people type for one of them.

    Returns:
        One of them; the documents' language where nothing tells.
    """
    candidates = [document_language, *(language for language in lexicons if language != document_language)]
    script = script_of(query)
    written_so = [language for language in candidates if language.script == script]
    candidates = written_so or candidates
    asked = set(words(query))
    if len(candidates) == 1 or not asked:
        return candidates[0]
    evidence = dict.fromkeys(candidates, 0.0)
    exactly = [_looked_up(lexicon, query) for lexicon in lexicons.values() if lexicon is not None]
    nowhere = {word for word in asked if word not in document_words}.difference(*exactly)
    for language in candidates:
        lexicon = lexicons.get(language)
        if language == document_language:
            known = sum(word in document_words for word in asked)
            known += sum(map(is_typed_for_one, nowhere))
        elif lexicon is not None:
            known = len(asked & _translated(lexicon, query, asked))
            known += sum(_says_otherwise(lexicon.translations_as_typed(word), word) for word in nowhere)
        else:
            known = 0
        evidence[language] += known / len(asked)
    if find_spec("pycld2") and (found := identify(query)) and found.language in evidence:
        evidence[found.language] += _IDENTIFIED * found.share
    return max(candidates, key=lambda language: evidence[language])


def _translated(lexicon: Lexicon, query: str, asked: Collection[str]) -> set[str]:
    """Words of a query that a lexicon translates, alone or in a phrase, but for what it translates as itself.

    Names and terms that a language has taken over as they are say nothing.
    """
    alone = {
        word for word in asked if lexicon.has(word) and _says_otherwise(lexicon.translations(word), word)
    }
    phrases = [each.text for each in lexicon.look_up(query) if each.own and each.text not in each.senses]
    return alone.union(*map(words, phrases))


def _looked_up(lexicon: Lexicon, query: str) -> set[str]:
    """Words of a query that a lexicon finds, alone, by their beginnings or in a phrase."""
    return {word for each in lexicon.look_up(query) if each.senses for word in words(each.text)}


def _says_otherwise(translations: Mapping[str, float], word: str) -> bool:
    return bool(translations) and word not in translations
