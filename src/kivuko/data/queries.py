"""Choose queries from translated help pages: titles and first paragraphs that somebody did translate."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from kivuko.cleaning.pairs import drop_reason
from kivuko.collections.counts import DropReport
from kivuko.collections.split import Split, split_of
from kivuko.data.sources.libreoffice_help import Page
from kivuko.languages import Language
from kivuko.text import comparison_key, words

FEWEST_WORDS = 4


def title_queries(
    english: Mapping[str, Page], foreign: Mapping[str, Page], language: Language, report: DropReport
) -> dict[str, str]:
    """Page id → translated title, of titles that name one page only.

    Args:
        english: the documents, by id; a page that is not among them has no query.
        foreign: the same pages in ``language``.
        language: the language of the queries.
        report: counts what goes, by reason.
    """
    named = Counter(comparison_key(page.title) for page in foreign.values())
    queries = {}
    for page_id in sorted(english.keys() & foreign.keys()):
        title = foreign[page_id].title
        reason = drop_reason(english[page_id].title, title, language)
        if reason:
            report.drop(f"title {reason}")
        elif named[comparison_key(title)] > 1:
            report.drop("several pages have this title")
        else:
            queries[page_id] = title
            report.kept += 1
    return queries


def paragraph_queries(
    english: Mapping[str, Page], foreign: Mapping[str, Page], language: Language, report: DropReport
) -> dict[str, str]:
    """Page id → its first translated paragraph of at least four words that no other page has.

    The page's title, repeated as its heading, does not count. Arguments as for :func:`title_queries`.
    """
    pages_with = Counter(
        key
        for page in foreign.values()
        for key in {comparison_key(text) for text in page.paragraphs.values()}
    )
    queries = {}
    for page_id in sorted(english.keys() & foreign.keys()):
        reason = f"no translated paragraph of {FEWEST_WORDS} words"
        for text in _translated_paragraphs(english[page_id], foreign[page_id], language):
            if pages_with[comparison_key(text)] == 1:
                queries[page_id] = text
                report.kept += 1
                break
            reason = "every translated paragraph is on other pages too"
        else:
            report.drop(reason)
    return queries


def training_titles(english: Iterable[Page]) -> list[tuple[str, str]]:
    """(English title, page id) of training pages, without titles that a held-out page has too."""
    pages = list(english)
    held_out = {comparison_key(page.title) for page in pages if split_of(page.id) != "train"}
    return [
        (page.title, page.id)
        for page in pages
        if split_of(page.id) == "train" and page.title and comparison_key(page.title) not in held_out
    ]


def unique_paragraphs(english: Iterable[Page], split: Split) -> list[tuple[str, str]]:
    """(page id, paragraph) of a split's pages: of the paragraphs that stand on that page alone, one by its hash."""
    pages = list(english)
    pages_with = Counter(
        key for page in pages for key in {comparison_key(text) for text in page.paragraphs.values()}
    )
    chosen = []
    for page in pages:
        if split_of(page.id) != split:
            continue
        own = [
            text
            for text in page.paragraphs.values()
            if len(words(text)) >= FEWEST_WORDS
            and pages_with[comparison_key(text)] == 1
            and comparison_key(text) != comparison_key(page.title)
        ]
        if own:
            chosen.append((page.id, min(own, key=lambda text: hashlib.sha256(text.encode()).hexdigest())))
    return chosen


def _translated_paragraphs(english: Page, foreign: Page, language: Language) -> Iterator[str]:
    title = comparison_key(foreign.title)
    for key, text in foreign.paragraphs.items():
        if (
            key in english.paragraphs
            and comparison_key(text) != title
            and len(words(text)) >= FEWEST_WORDS
            and drop_reason(english.paragraphs[key], text, language) is None
        ):
            yield text
