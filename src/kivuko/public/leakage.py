"""Keep the text of development and test pages out of everything that is trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from kivuko.cleaning.pairs import clean_text
from kivuko.collections.bitext import Pair
from kivuko.collections.collection import LIBREOFFICE_HELP
from kivuko.collections.counts import DropReport
from kivuko.collections.split import split_of
from kivuko.languages import Language, foreign_language
from kivuko.public.collections import collection_source, collections_for, covering_source, english_side
from kivuko.public.help_pages import Page
from kivuko.text import comparison_key


class HeldOut:
    """Titles and paragraphs of the held-out pages, in English and in the other language.

    Two texts are the same if their :func:`kivuko.text.comparison_key` is; the held-out texts count both as
    they stand and cleaned, since training text is cleaned.

    Args:
        pages: pages of all languages concerned; those of the training split are ignored.
        further: name of a further collection → its pages likewise; a reason names the collection.

    Attributes:
        titles, paragraphs: comparison keys of the texts of ``pages``.
        collections: names of the further collections, in their order.
    """

    def __init__(self, pages: Iterable[Page], further: Mapping[str, Iterable[Page]] | None = None) -> None:
        self.titles, self.paragraphs = _held_out_keys(pages)
        self._further = {name: _held_out_keys(each) for name, each in (further or {}).items()}
        self.collections = tuple(self._further)

    def __contains__(self, text: str) -> bool:
        """Whether a text is one of the held-out titles or paragraphs."""
        key = comparison_key(text)
        held = [(self.titles, self.paragraphs), *self._further.values()]
        return any(key in texts for both in held for texts in both)

    def reason(self, pair: Pair) -> str | None:
        """Why ``pair`` would leak, or None."""
        sides = [
            ("English", comparison_key(pair.english)),
            ("foreign", comparison_key(pair.foreign)),
        ]
        for side, key in sides:
            if key in self.titles:
                return f"{side} side is a held-out title"
            if key in self.paragraphs:
                return f"{side} side is a held-out paragraph"
        for name, (titles, paragraphs) in self._further.items():
            for side, key in sides:
                if key in titles:
                    return f"{side} side is a held-out title of {name}"
                if key in paragraphs:
                    return f"{side} side is a held-out paragraph of {name}"
        return None


def held_out_texts(language: Language | str, source_folder: Path | None = None) -> HeldOut:
    """What no training pair of English and ``language`` may contain: the held-out pages of all its collections.

    The English LibreOffice help is held out from every language. Of the other collections, English and
    translated titles and texts are held out from the languages that have the collection: their English titles
    are common words, which elsewhere are no test. A student of several languages can therefore have seen the
    English side of a probe in a pair with another language.

    Args:
        language: any known language but English.
        source_folder: where a person's packages stand; collections that are not in there are not held out (the
            English help always is), and ``HeldOut.collections`` tells.

    Raises:
        UnknownNameError: no such language.
        InputError: it is English, or a page in ``source_folder`` is damaged.
        FetchError: a package cannot be brought.
    """
    language = foreign_language(language)
    present: dict[str, list[Page]] = {}
    for name in collections_for(language):
        source = collection_source(name)
        if source_folder is None or source.has(language, source_folder):
            sides = english_side(source, source_folder), source.load(language, source_folder)
            present[name] = [page for side in sides for page in side.pages.values()]
    if LIBREOFFICE_HELP not in present:
        english = english_side(collection_source(LIBREOFFICE_HELP), source_folder)
        present[LIBREOFFICE_HELP] = list(english.pages.values())
    return HeldOut(present.pop(LIBREOFFICE_HELP), present)


def held_out_terms(language: Language | str, name: str, source_folder: Path | None = None) -> frozenset[str]:
    """Comparison keys of the held-out titles of a collection in ``language``.

    A lexicon made of the list that a vocabulary probe is made of knows every answer. Without the entries whose
    foreign side (by :func:`kivuko.text.comparison_key`) is among these, it knows those of the training split.

    Args:
        language: a language that has the collection.
        name: the collection, such as ``"cldr-probe"``.
        source_folder: unpacked package, instead of fetching.

    Raises:
        UnknownNameError: no such language or collection.
        InputError: the language is English, or does not have the collection.
        FetchError: the package cannot be brought.
    """
    language = foreign_language(language)
    titles, _ = _held_out_keys(covering_source(name, language).load(language, source_folder).pages.values())
    return titles


def drop_leaking(pairs: Iterable[Pair], held_out: HeldOut, report: DropReport) -> list[Pair]:
    """Pairs that do not leak; the others are counted in ``report``."""
    kept = []
    for pair in pairs:
        reason = held_out.reason(pair)
        if reason:
            report.drop(reason)
        else:
            kept.append(pair)
    return kept


def _held_out_keys(pages: Iterable[Page]) -> tuple[frozenset[str], frozenset[str]]:
    """Keys of the titles and of the paragraphs of the pages that are not for training."""
    held_out = [page for page in pages if split_of(page.id) != "train"]
    paragraphs = (text for page in held_out for text in page.paragraphs.values())
    return _keys(page.title for page in held_out), _keys(paragraphs)


def _keys(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(comparison_key(form) for text in texts for form in (text, clean_text(text)))
