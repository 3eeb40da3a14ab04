"""The public sources there are, all in this file: of bitext, of test collections and of lexicons.

A source says what it is called, what it is licensed under, which packages it is in, which languages it has and how
it is read. Adding one means adding an entry to one of the three tables below; the program's gettext catalogues in a
Debian package need no more than a line in ``gettext_catalogues.tsv``. The order counts: of equal pairs of two
sources of bitext the earlier one's stays, and collections and lexicons are named in theirs.

What gives both text to learn from and text to test on stands in two tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from kivuko.collections.bitext import RawPairs
from kivuko.languages import Language
from kivuko.public import catalogues, cldr, freedict, gnome_help, help_pages, ict_terms, udhr
from kivuko.public.help_pages import HelpPages
from kivuko.public.recipe import NOTICE
from kivuko.readers.dictionaries import RawTranslations


@dataclass(frozen=True, kw_only=True)
class Source:
    """A public source.

    Attributes:
        name: what it is called, everywhere.
        licence: SPDX expression, or what decides it where packages have licences of their own.
        packages: names of the packages that have a language.
        covers: whether it has a language.
    """

    name: str
    licence: str
    packages: Callable[[Language], tuple[str, ...]]
    covers: Callable[[Language], bool]


@dataclass(frozen=True, kw_only=True)
class BitextSource(Source):
    """Pairs of English and another language.

    Attributes:
        read: the pairs, from a folder that a person gave or the packages; None if the folder does not have them.
    """

    read: Callable[[Language, Path | None], RawPairs | None]


@dataclass(frozen=True, kw_only=True)
class CollectionSource(Source):
    """Pages with an English and a translated title, of which a test collection is made.

    Attributes:
        label: what it is, for a line of text that ends in "in LANGUAGE".
        notice: what results on it do not show.
        kinds: the kinds of queries it has.
        has: whether a folder that a person gave has the pages of a language.
        load: the pages of a language (English too), from a folder that a person gave or a package.
        hides_titles: whether a document is a definition without its title, which is what the queries translate.
    """

    label: str
    notice: str
    kinds: tuple[str, ...]
    has: Callable[[Language, Path], bool]
    load: Callable[[Language, Path | None], HelpPages]
    hides_titles: bool = False


@dataclass(frozen=True, kw_only=True)
class LexiconSource(Source):
    """Translations of words and short phrases.

    Attributes:
        read: all of them in a language.
    """

    read: Callable[[Language], RawTranslations]


def _interface(texts: catalogues.Interface) -> BitextSource:
    return BitextSource(
        name=texts.name,
        licence=texts.licence,
        packages=texts.packages,
        covers=texts.covers,
        read=texts.read,
    )


_BITEXT = (
    BitextSource(
        name=help_pages.NAME,
        licence=help_pages.LICENCE,
        packages=help_pages.packages,
        covers=help_pages.covers,
        read=help_pages.read_pairs,
    ),
    _interface(catalogues.LIBREOFFICE_L10N),
    _interface(catalogues.MEDIAWIKI),
    _interface(catalogues.GETTEXT),
    _interface(catalogues.WORDPRESS),
    _interface(catalogues.KOLIBRI),
    _interface(catalogues.DJANGO),
    BitextSource(
        name=udhr.NAME,
        licence=udhr.LICENCE,
        packages=udhr.packages,
        covers=udhr.covers,
        read=udhr.read_pairs,
    ),
)
_COLLECTIONS = (
    CollectionSource(
        name=help_pages.NAME,
        label="LibreOffice help",
        licence=help_pages.LICENCE,
        notice=NOTICE,
        kinds=("title", "paragraph", "english-title"),
        packages=help_pages.packages,
        covers=help_pages.covers,
        has=help_pages.has,
        load=help_pages.load_pages,
    ),
    CollectionSource(
        name=gnome_help.NAME,
        label="GNOME help",
        licence=gnome_help.LICENCE,
        notice=NOTICE,
        kinds=("title", "paragraph", "english-title"),
        packages=gnome_help.packages,
        covers=gnome_help.covers,
        has=gnome_help.has,
        load=gnome_help.load_pages,
    ),
    # The next two ask for a concept by its bare name, which is vocabulary and not search.
    CollectionSource(
        name=ict_terms.NAME,
        label="list of ICT terms",
        licence=ict_terms.LICENCE,
        notice="Terms of information technology and their definitions, by the ICT Development Office and "
        "the Ethiopian Languages Research Center (ELRC): a vocabulary probe. A query is a bare term, and "
        "lexicons made of the same list know the answer.",
        kinds=("title", "english-title"),
        packages=ict_terms.packages,
        covers=ict_terms.covers,
        has=ict_terms.has,
        load=ict_terms.term_pages,
        hides_titles=True,
    ),
    CollectionSource(
        name=cldr.PROBE,
        label="list of emoji names",
        licence=cldr.LICENCE,
        notice="Names and keywords of emoji and symbols: a vocabulary probe, not search. A document is a few words "
        "long, a query is a bare name, and lexicons made of CLDR know the answer.",
        kinds=("title", "english-title"),
        packages=cldr.annotation_packages,
        covers=cldr.has_annotations,
        has=cldr.in_folder,
        load=cldr.emoji_pages,
    ),
)
_LEXICONS = (
    LexiconSource(
        name=cldr.EMOJI,
        licence=cldr.LICENCE,
        packages=cldr.annotation_packages,
        covers=cldr.has_emoji,
        read=cldr.read_emoji,
    ),
    LexiconSource(
        name=cldr.NAMES,
        licence=cldr.LICENCE,
        packages=cldr.name_packages,
        covers=cldr.has_names,
        read=cldr.read_names,
    ),
    LexiconSource(
        name=freedict.NAME,
        licence=freedict.LICENCE,
        packages=freedict.packages,
        covers=freedict.covers,
        read=freedict.read_translations,
    ),
    LexiconSource(
        name=ict_terms.NAME,
        licence=ict_terms.LICENCE,
        packages=ict_terms.packages,
        covers=ict_terms.covers,
        read=ict_terms.read_translations,
    ),
)

BITEXT: Mapping[str, BitextSource] = MappingProxyType({source.name: source for source in _BITEXT})
"""Sources of bitext by name, the earlier first among equal pairs."""
COLLECTIONS: Mapping[str, CollectionSource] = MappingProxyType(
    {source.name: source for source in _COLLECTIONS}
)
"""Sources of test collections by name: those of running text first."""
LEXICONS: Mapping[str, LexiconSource] = MappingProxyType({source.name: source for source in _LEXICONS})
"""Sources of translations by name, in the order in which they are merged."""
