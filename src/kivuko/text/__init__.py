"""Text in any language: one normal form, words for lexical search, scripts. No torch, no language packs."""

from __future__ import annotations

from kivuko.text.folding import fold
from kivuko.text.normal import comparison_key, normalise
from kivuko.text.scripts import script_of, script_share
from kivuko.text.segmentation import words

__all__ = ["comparison_key", "fold", "normalise", "script_of", "script_share", "words"]
