"""Lexicons: opening, inducing, building and merging them, and switching English text by them."""

from __future__ import annotations

from kivuko.codeswitch.english_table import EnglishTable, invert
from kivuko.codeswitch.induce import induce
from kivuko.codeswitch.lexicon import Lexicon, from_translations, merge
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
