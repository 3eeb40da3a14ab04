"""Make running text of interface strings, and say why a pair is no translation."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from kivuko.data.bitext import Pair
from kivuko.data.drops import DropReport
from kivuko.languages import Language
from kivuko.text import comparison_key, normalise, script_share, words

LONGEST_RATIO = 4.0
MOSTLY_ENGLISH = 0.6
_CJK = frozenset({"Hans", "Hant", "Jpan", "Kore"})

_SPECIAL = re.compile(r"[~_&%$#{}\[\]<>'=*:;]|//")
_CHOICE = re.compile(r"\{\{(PLURAL|GENDER|GRAMMAR)\s*:[^{}|]*\|([^{}]*)\}\}", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_WIKI_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_WEB_LINK = re.compile(r"\[(?:https?:|//|\$\d)\S*\s+([^\[\]]*)\]|(?:https?:)?//\S+")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_LAYOUT = re.compile(r"'{2,5}|__[A-Z]+__|^[=*#:;]+|=+$", re.MULTILINE)
_HOLLOW = re.compile(r"\"\s*\"|“\s*”|«\s*»|'\s+'|\(\s*\)|\[\s*\]")
_PLACEHOLDER = re.compile(
    r"\$\(\w+\)|\$\[\w+\]|\$\{\w*\}|\$\w+\$?|%\{\w+\}|%\(\w+\)\w?|%[A-Z][A-Z0-9_]+%?|%\d+(?!\$)(?![.\d]*[a-z]\b)"
    # printf and strftime, also right before letters of another script: Khmer and Thai put no space there.
    r"|%(?:\d+\$)?[-+#0'^_]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh?|ll?|[zjtqLEO])?[A-Za-z](?![A-Za-z])"
    r"|%%|%@|\{[\w.]*\}|#\d+"
)
_CJK_MNEMONIC = re.compile(r"\s*\([~_&][A-Za-z0-9]\)")
_CREDITS = re.compile(r"translator[\s_-]*credits?\b|\byour (?:names|emails)\b", re.IGNORECASE)
_MNEMONIC = re.compile(r"~(?=\S)|(?<![A-Za-z0-9])&(?=\w)|(?<=[A-Za-z])&(?=[a-z])")


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
    text = _CJK_MNEMONIC.sub("", _LAYOUT.sub("", text))
    text = _HOLLOW.sub(" ", _PLACEHOLDER.sub(" ", _MNEMONIC.sub("", text)))
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
    english_words, foreign_words = _spelled(english), _spelled(foreign)
    if not english_words or not foreign_words:
        return "empty, or without words"
    if comparison_key(english) == comparison_key(foreign):
        return "identical to the English"
    if _CREDITS.search(english):
        return "names of translators"
    known = set(english_words)
    own = [word for word in foreign_words if word not in known]
    if 1 - len(own) / len(foreign_words) > MOSTLY_ENGLISH:
        return "mostly English"
    if script_share(" ".join(own), language.script) < 0.5:
        return "wrong script"
    lengths = sorted([len(english), _length(foreign, language)])
    if lengths[1] > LONGEST_RATIO * lengths[0]:
        return f"length ratio above {LONGEST_RATIO:g}"
    return None


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


def _spelled(text: str) -> list[str]:
    """The words that are not mere numbers."""
    return [word for word in words(text) if not word.isdigit()]


def _length(text: str, language: Language) -> int:
    """Length in letters of an alphabet; a Chinese, Japanese or Korean character stands for about three."""
    return 3 * len(text) if language.script in _CJK else len(text)
