"""Which of an engine's languages a query is in.

Queries are short, so statistics over letters say little of them; what a lexicon knows says more. A word counts for a
language whose lexicon translates it, and for the documents' language if the documents have it. One that is nowhere
counts for those that have it as people type it (:func:`kivuko.text.fold`).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from kivuko.codeswitch import Lexicon
from kivuko.languages import Language
from kivuko.retrieval.lexical import LexicalIndex
from kivuko.text import script_of, words
from kivuko.text.identification import identify

#: What CLD2's answer counts beside the share of known words, where it trusts its answer at all.
_IDENTIFIED = 0.75


def guess(
    query: str,
    lexicons: Mapping[Language, Lexicon | None],
    document_language: Language,
    documents: LexicalIndex,
) -> Language:
    """The language a query is most probably in.

    Args:
        query: what was asked.
        lexicons: the languages it may be in beside that of the documents, with their lexicons.
        document_language: of the documents.
        documents: their words.

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
    nowhere = {
        word
        for word in asked
        if word not in documents.vocabulary
        and not any(lexicon.translations(word) for lexicon in lexicons.values() if lexicon is not None)
    }
    for language in candidates:
        lexicon = lexicons.get(language)
        if language == document_language:
            known = sum(word in documents.vocabulary for word in asked)
            known += sum(bool(documents.as_spelled({word: 1.0}, language)) for word in nowhere)
        elif lexicon is not None:
            # Names and terms that a language has taken over as they are say nothing.
            known = sum(_says_otherwise(lexicon.entries.get(word), word) for word in asked)
            known += sum(_says_otherwise(lexicon.translations_as_typed(word), word) for word in nowhere)
        else:
            known = 0
        evidence[language] += known / len(asked)
    if find_spec("pycld2") and (found := identify(query)) and found.language in evidence:
        evidence[found.language] += _IDENTIFIED * found.share
    return max(candidates, key=lambda language: evidence[language])


def _says_otherwise(translations: Mapping[str, float] | None, word: str) -> bool:
    return bool(translations) and word not in (translations or {})
