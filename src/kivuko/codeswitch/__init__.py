"""Lexicons: opening them, and inducing them from bitext."""

from __future__ import annotations

from kivuko.codeswitch.induce import induce
from kivuko.codeswitch.lexicon import Lexicon

__all__ = ["Lexicon", "induce"]
