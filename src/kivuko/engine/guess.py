"""Which of an engine's languages a query is in.

Queries are short, so statistics over letters say little of them; what a lexicon knows says more. A word counts for a
language whose lexicon translates it, and for the documents' language if the documents have it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
) -> Language:
    """The language a query is most probably in.

    Args:
        query: what was asked.
        lexicons: the languages it may be in beside that of the documents, with their lexicons.
        document_language: of the documents.
        document_words: every word of the documents.

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
    for language in candidates:
        lexicon = lexicons.get(language)
        if language == document_language:
            known = sum(word in document_words for word in asked)
        else:
            known = 0 if lexicon is None else len(asked & _translated(lexicon, query, asked))
        evidence[language] += known / len(asked)
    if find_spec("pycld2") and (found := identify(query)) and found.language in evidence:
        evidence[found.language] += _IDENTIFIED * found.share
    return max(candidates, key=lambda language: evidence[language])


def _translated(lexicon: Lexicon, query: str, asked: Collection[str]) -> set[str]:
    """Words of a query that a lexicon translates, alone or in a phrase, but for what it translates as itself.

    Names and terms that a language has taken over as they are say nothing.
    """
    alone = {word for word in asked if lexicon.has(word) and word not in lexicon.translations(word)}
    phrases = [each.text for each in lexicon.look_up(query) if each.own and each.text not in each.senses]
    return alone.union(*map(words, phrases))
