"""The words of an English text that may be switched, with their places."""

from __future__ import annotations

import re
from typing import NamedTuple

from kivuko.text import words

# A letter or digit with what may stand inside a word: combining marks, joiners, soft hyphens, variation
# selectors. Letters of other scripts are in, so that no English word is found at the edge of a foreign one.
_MARKS = r"\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
_LETTER = rf"[\w{_MARKS}\u200c\u200d\u00ad\u2060\ufeff]"
_RUN = rf"\w{_LETTER}*(?:['’]{_LETTER}+)*"
_TOKEN = re.compile(
    rf"""
    [A-Za-z][A-Za-z0-9+.-]*://\S+ | www\.\S+          # web addresses
  | </?[A-Za-z][^<>]*> | &\#?\w+;                     # tags and entities
  | \{{\{{[^{{}}]*\}}\}} | [$%\#]?\{{[^{{}}\s]*\}}    # {{{{templates}}}}, {{0}}, ${{name}}
  | \$\[[^\[\]\s]*\] | \$\([^()\s]*\) | \$\w+         # $[officename], $(ARG1), $1
  | %\([^()\s]*\)\w? | %[-+.\d$]*[A-Za-z]\w*          # %(name)s, %s, %1$d, %PRODUCTNAME
  | \\\w+                                             # \n, \alpha
  | {_RUN}(?:[.@\\=&~]{_RUN})+                        # file.txt, name@host, e.g, R&D, mnemonics: Fi~le
  | (?P<word>{_RUN})
    """,
    re.VERBOSE,
)


class WordSpan(NamedTuple):
    """A word at ``text[start:stop]``; ``key`` is its form in :func:`kivuko.text.words`."""

    start: int
    stop: int
    key: str


def word_spans(text: str) -> list[WordSpan]:
    """The words of an English text, in order and without overlap.

    Words are those of :func:`kivuko.text.words`: the parts of a hyphenated compound are words, an apostrophe
    inside belongs to the word. Left out, because translating them would be wrong: numbers and anything with a
    digit or underscore; placeholders, markup, addresses; and words joined by ``. @ = & ~`` or a backslash.
    """
    found = []
    for token in _TOKEN.finditer(text):
        run = token["word"]
        if run and "_" not in run and not any(map(str.isnumeric, run)):
            found.append(WordSpan(token.start(), token.end(), " ".join(words(run))))
    return found
