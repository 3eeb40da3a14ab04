"""The page's words in other languages: volunteers have translated the same ones for the interfaces of free programs.

Nothing of theirs is kept here, only what to ask for: the packages are fetched by name into the cache, and every text
says which program it is of and under which licence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kivuko.cleaning.interface_text import CJK_MNEMONIC, PLACEHOLDER, plain_text
from kivuko.collections.bitext import Pair
from kivuko.languages import Language
from kivuko.public.catalogues import (
    DJANGO,
    GETTEXT,
    KOLIBRI,
    LIBREOFFICE_L10N,
    MEDIAWIKI,
    WORDPRESS,
    Interface,
)

#: Where translations are looked for, what covers most languages first.
SOURCES: tuple[Interface, ...] = (MEDIAWIKI, LIBREOFFICE_L10N, GETTEXT, DJANGO, WORDPRESS, KOLIBRI)

#: What the page calls a text → what programs say in its place in English, what fits best first, or a message of
#: MediaWiki's by its folder and key. Each says the same as the page's own, or less; the page's others stay English.
_SAID: Mapping[str, Sequence[str]] = {
    "search": ("languages/i18n:searchbutton", "Search"),
    "results": ("languages/i18n:searchresults", "Search results"),
    "language": ("languages/i18n:yourlanguage", "Language"),
    "by": ("Search by", "Search method", "Method", "Search options"),
    "beside": ("Compare with", "languages/i18n:compare-submit", "Compare"),
    "words": ("Words",),
    "interface": ("Interface language", "Display language", "Language"),
    "cancel": ("languages/i18n:cancel", "Cancel"),
    "retry": ("resources/lib/ooui/i18n:ooui-dialog-process-retry", "Try again"),
    "failed": ("resources/lib/ooui/i18n:ooui-dialog-process-error", "Something went wrong"),
    "nothing": ("languages/i18n:search-nonefound", "No results found", "No results"),
    "guess": ("Automatic", "Auto"),
    "best": ("Default",),
    "alone": ("languages/i18n:powersearch-togglenone", "None"),
    "asking": ("Searching", "Loading"),
    "slow": ("Please wait",),
    "stopped": ("Stopped",),
    "busy": ("languages/i18n:generic-pool-error", "Server overloaded"),
    "offline": ("Disconnected from server", "Disconnected"),
    "offlineNext": ("Please check your server connection and retry",),
    "spelling": ("Please check the spelling and try again", "Check spelling"),
    "passage": ("Show more", "resources/lib/ooui/i18n:ooui-toolgroup-expand", "More"),
    "less": ("Show less", "resources/lib/ooui/i18n:ooui-toolgroup-collapse", "Less"),
    "document": ("Show all", "Full text"),
    "table": ("Details", "More details"),
    "queryWord": ("Query", "Word"),
    "documentWord": ("Document",),
    "similarity": ("Similarity",),
    "dictionary": ("Dictionary",),
}
_MESSAGE = re.compile(r"[\w/]*/i18n:[\w-]+")
_MNEMONIC = re.compile(r"[_~&](?=\w)")
_END = re.compile(r"[\s.…:!៖፡：]+$")
#: Longer English is none of what is looked for.
_LONGEST = 60


@dataclass(frozen=True)
class PublicString:
    """A text of the page in another language.

    Attributes:
        text: plain text.
        source: the program that it is of, by the name of its package where that has a licence of its own.
        licence: of the program, as an SPDX expression.
    """

    text: str
    source: str
    licence: str


#: Language's short code → what the page calls a text → its translation.
Strings = Mapping[str, Mapping[str, PublicString]]


def interface_strings(languages: Iterable[Language]) -> dict[str, dict[str, PublicString]]:
    """Language's short code → what the page calls a text → its public translation.

    Packages of :data:`SOURCES` are fetched into the cache unless they are there, those of the languages alone. A
    language without a translation of ``search`` is left out: a page of which nothing is translated is English.

    Raises:
        FetchError: a package cannot be brought.
    """
    found = {}
    for language in languages:
        own: dict[str, PublicString] = {}
        if language.short != "en":
            for name, text in _said_in(language).items():
                own[name] = text
        if "search" in own:
            found[language.short] = own
    return found


def _said_in(language: Language) -> dict[str, PublicString]:
    """What the page calls a text → what fits best of all programs: by what is said, then by the program."""
    wanted = {said if _MESSAGE.fullmatch(said) else _key(said) for each in _SAID.values() for said in each}
    known: dict[str, PublicString] = {}
    for source in SOURCES:
        raw = source.read(language) if source.covers(language) else None
        said: dict[str, Counter[tuple[str, str]]] = {}
        for pair in raw.pairs if raw else ():
            message = pair.id.partition(":")[2]
            for key in {message, _key(pair.english) if len(pair.english) <= _LONGEST else message} & wanted:
                if text := _translation(pair):
                    said.setdefault(key, Counter())[text, _package(source, pair)] += 1
        for key, texts in said.items():
            # What the program says most often; of those the first in its catalogues.
            text, package = max(texts, key=texts.__getitem__)
            known.setdefault(key, PublicString(text, package, _licence(source, package)))
    found = {}
    for name, ways in _SAID.items():
        keys = (said if _MESSAGE.fullmatch(said) else _key(said) for said in ways)
        first = next((known[key] for key in keys if key in known), None)
        if first is not None:
            found[name] = first
    return found


def _key(english: str) -> str:
    """What English texts have in common that say the same on a button, in a menu and before a field."""
    return _END.sub("", _MNEMONIC.sub("", plain_text(english))).strip().casefold()


def _translation(pair: Pair) -> str:
    """A translation as the page shows it; empty where there is none, or it has a place for something."""
    if pair.foreign == pair.english or PLACEHOLDER.search(pair.foreign):
        return ""
    plain = CJK_MNEMONIC.sub("", plain_text(pair.foreign))
    return _END.sub("", _MNEMONIC.sub("", plain)).strip()


def _package(source: Interface, pair: Pair) -> str:
    """The program of a text; of what many packages bring, the package."""
    return pair.id.split(":")[1] if source is GETTEXT else source.name


def _licence(source: Interface, package: str) -> str:
    if source is GETTEXT:
        return next(each.licence for each in GETTEXT.table if each.name == package)
    return source.licence
