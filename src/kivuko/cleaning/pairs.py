"""Make running text of interface strings, and say why a pair is no translation."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterable

from kivuko.cleaning.filters import (
    Credits,
    Empty,
    Identical,
    LengthRatio,
    MostlyEnglish,
    PairFilter,
    WrongScript,
)
from kivuko.cleaning.interface_text import CJK_MNEMONIC, MNEMONIC, PLACEHOLDER
from kivuko.collections.bitext import Pair
from kivuko.collections.counts import DropReport
from kivuko.languages import Language
from kivuko.text import comparison_key, normalise

_SPECIAL = re.compile(r"[~_&%$#{}\[\]<>'=*:;]|//")
_CHOICE = re.compile(r"\{\{(PLURAL|GENDER|GRAMMAR)\s*:[^{}|]*\|([^{}]*)\}\}", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_WIKI_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_WEB_LINK = re.compile(r"\[(?:https?:|//|\$\d)\S*\s+([^\[\]]*)\]|(?:https?:)?//\S+")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_LAYOUT = re.compile(r"'{2,5}|__[A-Z]+__|^[=*#:;]+|=+$", re.MULTILINE)
_HOLLOW = re.compile(r"\"\s*\"|“\s*”|«\s*»|'\s+'|\(\s*\)|\[\s*\]")


def clean_text(text: str) -> str:
    """Interface text without mnemonics, placeholders and markup.

    Of plural and gender syntax (``{{PLURAL:$1|page|pages}}``) the last form stays; templates, tags, link
    targets and placeholders (``%1``, ``$1``, ``%s``, ``%PRODUCTNAME``) go.
    """
    if not _SPECIAL.search(text):
        return normalise(text)
    former = None
    while former != text:
        former = text
        text = _CHOICE.sub(lambda found: found[2].split("|")[-1].split("=")[-1], text)
        text = _TEMPLATE.sub(" ", text)
    text = html.unescape(_TAG.sub(" ", text))
    text = _WEB_LINK.sub(r" \1 ", _WIKI_LINK.sub(r"\1", text))
    text = CJK_MNEMONIC.sub("", _LAYOUT.sub("", text))
    text = _HOLLOW.sub(" ", PLACEHOLDER.sub(" ", MNEMONIC.sub("", text)))
    if text.count("_") == 1:
        text = text.replace("_", "")
    return normalise(text)


def drop_reason(english: str, foreign: str, language: Language) -> str | None:
    """Why the two texts are no translation pair, or None if they may be one.

    Args:
        english: normalised English text.
        foreign: normalised text that should be its translation.
        language: the language ``foreign`` should be in.
    """
    for each in _usual_filters(language):
        if each.drops(english, foreign):
            return each.reason
    return None


@functools.cache
def _usual_filters(language: Language) -> tuple[PairFilter, ...]:
    """What every bitext of ours is filtered by, in this order. None of them remembers anything."""
    usual = (Empty, Identical, Credits, MostlyEnglish, WrongScript, LengthRatio)
    return tuple(each(language) for each in usual)


def clean_pairs(pairs: Iterable[Pair], language: Language, report: DropReport) -> list[Pair]:
    """Cleaned pairs of one source; what goes is counted in ``report``."""
    kept = []
    for pair in pairs:
        english, foreign = clean_text(pair.english), clean_text(pair.foreign)
        reason = drop_reason(english, foreign, language)
        if reason:
            report.drop(reason)
        else:
            kept.append(Pair(pair.id, english, foreign, pair.source))
    return kept


def drop_duplicates(pairs: Iterable[Pair], seen: set[tuple[str, str]], report: DropReport) -> list[Pair]:
    """Pairs whose two sides are not in ``seen`` yet, which is added to; the first of equal ones stays."""
    kept = []
    for pair in pairs:
        key = (comparison_key(pair.english), comparison_key(pair.foreign))
        if key in seen:
            report.drop("duplicate")
        else:
            seen.add(key)
            kept.append(pair)
    return kept
