"""Machine translation at search time: translators of one language pair, and the two baselines on top of them.

A translator is anything with a ``name`` that turns texts of one language into texts of another.
:func:`search_translated_queries` translates what is asked, :func:`translate_documents` what is searched.
Translators that cannot run on a machine (no package, no network, no pair) are reported, not left out: see
:func:`open_or_skip`.
"""

from __future__ import annotations

from kivuko.retrieval.translators import (
    Skipped,
    Translator,
    open_or_skip,
    search_translated_queries,
    translate_documents,
)

__all__ = [
    "Skipped",
    "Translator",
    "open_or_skip",
    "search_translated_queries",
    "translate_documents",
]
