"""LibreOffice's help as linked documents: the same page name in every language, all of it translated English.

The pages' parser keeps no links within the help, so no document here is partly relevant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.progress import Progress

from kivuko.cleaning.pairs import drop_reason
from kivuko.errors import InputError
from kivuko.languages import Language, resolve
from kivuko.linked.documents import LinkedDocument, Reading, SourceFacts
from kivuko.public import help_pages
from kivuko.public.help_pages import HelpPages, Page, load_pages
from kivuko.text import comparison_key


class LinkedHelp:
    """The help in some languages (:class:`kivuko.linked.documents.LinkedSource`).

    Args:
        languages: at least those that will be read.
        source_folder: unpacked packages or an installed LibreOffice, instead of the cache or fetching.

    Raises:
        InputError: there is no help in one of the languages.
    """

    def __init__(self, languages: Sequence[Language], source_folder: Path | None = None) -> None:
        for language in languages:
            if not help_pages.covers(language):
                raise InputError(
                    f"there is no LibreOffice help in {language.name}",
                    where="help",
                    remedy="`kivuko data list` shows which languages have it",
                )
        self._languages = list(dict.fromkeys(languages))
        self._source_folder = source_folder
        self._loaded: dict[str, HelpPages] = {}

    @property
    def facts(self) -> SourceFacts:
        """What a data card says of it; names the versions of what has been read."""
        return SourceFacts(
            name="LibreOffice help",
            licence=help_pages.LICENCE,
            attribution="the authors and translators of LibreOffice's help",
            meaning="the same page name: one page is the translation of the other",
            versions={
                each.package: each.version or "from the folder given" for each in self._loaded.values()
            },
        )

    @property
    def files(self) -> Sequence[Path]:
        """None: its packages are in the cache, named by version."""
        return ()

    def documents(
        self, language: Language, reading: Reading, progress: Progress | None = None
    ) -> Iterator[LinkedDocument]:
        """The pages in one language, by name.

        In another language than English, a page whose title nobody translated is left out, and so are the
        paragraphs that stay English in it.

        Raises:
            InputError, FetchError: see ``kivuko.public.help_pages.load_pages``.
        """
        english_language = resolve("en")
        english = self._pages(english_language)
        for page in self._pages(language).values():
            original = english.get(page.id)
            reason = None
            if language != english_language and original is not None:
                reason = drop_reason(original.title, page.title, language)
            if reason is not None:
                reading.documents.drop(f"title {reason}")
                continue
            reading.documents.kept += 1
            counterparts = {other.tag: page.id for other in self._languages if other != language}
            reading.counterparts.kept += len(counterparts)
            compared = original if language != english_language else None
            yield LinkedDocument(
                page.id,
                language.tag,
                page.title,
                "\n".join(_paragraphs(page, compared, language)),
                counterparts,
            )

    def _pages(self, language: Language) -> dict[str, Page]:
        if language.tag not in self._loaded:
            self._loaded[language.tag] = load_pages(language, self._source_folder)
        return self._loaded[language.tag].pages


def _paragraphs(page: Page, english: Page | None, language: Language) -> Iterator[str]:
    """Paragraphs without the heading that repeats the title, and without those nobody translated."""
    title = comparison_key(page.title)
    for key, text in page.paragraphs.items():
        if comparison_key(text) == title:
            continue
        original = english.paragraphs.get(key) if english is not None else None
        if original is None or drop_reason(original, text, language) is None:
            yield text
