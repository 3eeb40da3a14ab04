"""Lexicons: opening, inducing, building and merging them, and switching English text by them."""

from __future__ import annotations

from kivuko.codeswitch.induce import induce
from kivuko.codeswitch.lexicon import EnglishTable, Lexicon, from_translations, invert, merge
from kivuko.codeswitch.switcher import Switched, Switcher, SwitchReport

__all__ = [
    "EnglishTable",
    "Lexicon",
    "SwitchReport",
    "Switched",
    "Switcher",
    "from_translations",
    "induce",
    "invert",
    "merge",
]
