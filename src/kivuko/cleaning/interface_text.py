"""The syntax of interface text: placeholders, shortcut letters, ICU messages and MediaWiki's message files.

What stands in such a text for something else must be the same in its translation, whatever order and digits the
language puts it in.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections import Counter

from kivuko.errors import InputError

PLACEHOLDER = re.compile(
    r"\$\(\w+\)|\$\[\w+\]|\$\{\w*\}|\$\w+\$?|%\{\w+\}|%\(\w+\)\w?|%[A-Z][A-Z0-9_]+%?|%\d+(?!\$)(?![.\d]*[a-z]\b)"
    # printf and strftime, also right before letters of another script: Khmer and Thai put no space there.
    r"|%(?:\d+\$)?[-+#0'^_]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh?|ll?|[zjtqLEO])?[A-Za-z](?![A-Za-z])"
    r"|%%|%@|\{[\w.]*\}|#\d+"
)
CJK_MNEMONIC = re.compile(r"\s*\([~_&][A-Za-z0-9]\)")
MNEMONIC = re.compile(r"~(?=\S)|(?<![A-Za-z0-9])&(?=\w)|(?<=[A-Za-z])&(?=[a-z])")

# A percentage with an ending of its language is no placeholder: 50%-i (Azerbaijani), 10 %-a (Hungarian), 50%li, %20a
# (Basque). printf's are 5%s and 5%d, %-10s with its width, and %20d with letters that are printf's there.
_NUMBER = r"[0-9]+(?:[.,][0-9]+)*"
_PERCENTAGE = (
    rf"(?u:(?<![\w%$#.,{{}}]){_NUMBER}(?:\s?%(?=-[^\W\d_])|%(?=[A-Za-z])(?![sd](?![A-Za-z]))))"
    r"|%(?:[0-9]{2,}|[0-9]+[.,][0-9]+)(?=-?[abhjklmnqrtvwyz](?![A-Za-z]))|%[0-9](?=-?[an](?![A-Za-z]))"
)
# As above, but with ASCII names: Khmer puts no space between ``$1`` and its next word.
_COMPARED = re.compile(rf"(?P<percentage>{_PERCENTAGE})|\$\d+|{PLACEHOLDER.pattern}", re.ASCII)
_POSITION = re.compile(r"^%\d+\$")
# {{PLURAL:$1|page|$1 pages}}: how many forms there are, and whether gender matters, is the language's business.
_CHOICE_START = re.compile(r"\{\{\s*(?:PLURAL|GENDER|GRAMMAR)\s*:[^{}|]*\|", re.IGNORECASE)
_AMOUNT = re.compile(r"\$\d{2,}|\$\d[.,]?\d|%\d+[.,]\d+(?!\w)")
_NUMBERED = re.compile(r"([$#])([0-9]+)")
_PERCENT_FIRST = re.compile(rf"%({_NUMBER})")

_ICU_CHOICE = re.compile(r"\s*\w+\s*,\s*(?:plural|select|selectordinal)\s*,(?:\s*offset:\d+)?")
_ICU_SELECTOR = re.compile(r"\s*(=?\w+)\s*\{")
_ICU_PLAIN = re.compile(r"[^{}]*")


def placeholders(text: str) -> Counter[str]:
    """The placeholders of a raw text, each as often as it comes: ``%s``, ``%1$s`` (as ``%s``), ``{0}``, ``$1``.

    A percent sign that is doubled to mean itself is none, ``$15``, ``$1.50`` and ``%2,5`` are amounts, and ``50%-i``
    and ``%20a`` percentages. So are ``$5`` and ``#5`` where ``$1`` or ``#1``, with which those who count placeholders
    begin, is missing: an amount, and a number.
    """
    found: Counter[str] = Counter()
    for match in _COMPARED.finditer(text):
        if match["percentage"] is None and match[0] != "%%" and not _AMOUNT.match(text, match.start()):
            found[_POSITION.sub("%", match[0])] += 1
    for name in list(found):
        numbered = _NUMBERED.fullmatch(name)
        if numbered and numbered[1] + "1" not in found:
            del found[name]
    return found


def placeholders_disagree(first: str, second: str) -> bool:
    """Whether one raw text has a placeholder that the other has not, or another number of it.

    Their number does not matter in texts with MediaWiki's plural and gender forms, nor what those are chosen by.
    ``%50`` is a percentage, as Turkish and Basque write it, where the other text has ``50%``, ``50 %`` or ``50
    percent``; ``$1`` and ``#1`` are an amount and a number where the other text has the number by itself.
    """
    here, there = (placeholders(_CHOICE_START.sub(" ", html.unescape(text))) for text in (first, second))
    if _CHOICE_START.search(first) or _CHOICE_START.search(second):
        here, there = Counter(set(here)), Counter(set(there))
    return any(
        not _stands_for_itself(name, other)
        for only, other in ((here - there, second), (there - here, first))
        for name in only
    )


def _stands_for_itself(name: str, other: str) -> bool:
    """Whether another text shows that what looks like a placeholder is a percentage or a number."""
    other = "".join(str(unicodedata.decimal(each, each)) for each in other)
    if percent := _PERCENT_FIRST.match(name):
        number = re.sub("[.,]", "[.,٫]", percent[1])
        return re.search(rf"(?<!\d){number}\s?(?:[%٪％]|per\s?cent)", other) is not None
    # The numbers of placeholders are none of the text.
    numbered, other = _NUMBERED.fullmatch(name), _COMPARED.sub(" ", other)
    return numbered is not None and re.search(rf"(?<!\d){numbered[2]}(?!\d)", other) is not None


def mnemonics(text: str) -> int:
    """How many letters of a raw text are marked as shortcuts by ``&`` or ``~``: ``&File``, ``~File``, ``文件(&F)``.

    GTK's ``_File`` is not looked at, because it cannot be told from names such as ``my_file``.
    """
    plain = html.unescape(text)
    in_brackets = len(CJK_MNEMONIC.findall(plain))
    return in_brackets + len(MNEMONIC.findall(CJK_MNEMONIC.sub("", plain)))


def plain_text(message: str) -> str:
    """The message without its arguments; of a choice the form ``other`` stays, as of gettext's plurals.

    Example: ``"{n, number} {n, plural, one {page} other {pages}} of {book}"`` becomes ``"  pages of  "``.

    A message whose braces do not match, or whose choice has no ``other``, stays as it is.
    """
    try:
        text, end = _icu_message(message, 0)
    except ValueError:
        return message
    return text if end == len(message) else message


def _icu_message(source: str, start: int) -> tuple[str, int]:
    """Text from ``start`` to the brace that closes it (or the end), and where that is."""
    text = ""
    while True:
        plain = _ICU_PLAIN.match(source, start)
        assert plain is not None  # it matches nothing at all too
        text, start = text + plain[0], plain.end()
        if start == len(source) or source[start] == "}":
            return text, start
        choice = _ICU_CHOICE.match(source, start + 1)
        form, start = _icu_choice(source, choice.end()) if choice else (" ", source.find("}", start) + 1)
        if start == 0:
            raise ValueError("an argument does not end")
        text += form


def _icu_choice(source: str, start: int) -> tuple[str, int]:
    """Form ``other`` of the choice whose selectors begin at ``start``, and where the choice has ended."""
    forms = {}
    while selector := _ICU_SELECTOR.match(source, start):
        form, end = _icu_message(source, selector.end())
        if end == len(source):
            raise ValueError("a form does not end")
        forms[selector[1]], start = form.replace("#", " "), end + 1
    end = source.find("}", start)
    if "other" not in forms or source[start:end].strip() or end < 0:
        raise ValueError("a choice without the form other")
    return forms["other"], end + 1


def read_messages(data: bytes, where: object) -> dict[str, str]:
    """Messages of one file by key; the ``@metadata`` entry is left out.

    Args:
        data: the file's content.
        where: its path, for errors.

    Raises:
        InputError: the file is not a JSON object of strings in UTF-8.
    """
    try:
        body = json.loads(data.decode("utf-8"))
    except ValueError as error:
        raise InputError("this is not a JSON message file in UTF-8", where=where, got=str(error)) from error
    if not isinstance(body, dict):
        raise InputError("this is not a JSON object", where=where, got=type(body).__name__)
    return {key: text for key, text in body.items() if not key.startswith("@") and isinstance(text, str)}
