"""Lexicons: opening, inducing, building and merging them, and switching English text by them."""

from __future__ import annotations

from kivuko.codeswitch.english_table import EnglishTable, invert
from kivuko.codeswitch.from_translations import from_translations
from kivuko.codeswitch.induce import induce
from kivuko.codeswitch.lexicon import Lexicon
from kivuko.codeswitch.merge import merge
from kivuko.codeswitch.switched import Switched, SwitchReport
from kivuko.codeswitch.switcher import Switcher

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
