"""The page's words in other languages: MediaWiki's volunteers have translated the same ones."""

from __future__ import annotations

from collections.abc import Iterable

from kivuko.cleaning.interface_text import plain_text
from kivuko.languages import Language
from kivuko.public.catalogues import MEDIAWIKI

#: What the page calls a text → what MediaWiki does. What is in English there, English is what the page says too.
_MESSAGES = {
    "search": "languages/i18n:searchbutton",
    "results": "languages/i18n:searchresults",
    "language": "languages/i18n:yourlanguage",
    "beside": "languages/i18n:compare-submit",
    "nothing": "languages/i18n:search-nonefound",
    "cancel": "languages/i18n:cancel",
    "retry": "resources/lib/ooui/i18n:ooui-dialog-process-retry",
    "failed": "resources/lib/ooui/i18n:ooui-dialog-process-error",
}


def interface_strings(languages: Iterable[Language]) -> dict[str, dict[str, str]]:
    """Language's short code → what the page calls a text → its public translation.

    The package ``mediawiki`` (GPL-2.0-or-later) is fetched into the cache unless it is there. Languages without a
    translation of ``search`` are left out: a page of which nothing is translated is English.

    Raises:
        FetchError: the package cannot be brought.
    """
    found = {}
    for language in languages:
        if not MEDIAWIKI.covers(language):
            continue
        raw = MEDIAWIKI.read(language)
        translated = {} if raw is None else {pair.id: plain_text(pair.foreign) for pair in raw.pairs}
        own = {
            name: text.rstrip(" :៖፡")
            for name, message in _MESSAGES.items()
            if (text := translated.get(f"{MEDIAWIKI.name}:{message}"))
        }
        if "search" in own:
            found[language.short] = own
    return found
