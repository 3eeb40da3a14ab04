"""Keep the text of development and test pages out of everything that is trained on."""

from __future__ import annotations

from collections.abc import Iterable

from kivuko.data.bitext import Pair
from kivuko.data.cleaning import clean_text
from kivuko.data.drops import DropReport
from kivuko.data.sources.libreoffice_help import Page
from kivuko.data.split import split_of
from kivuko.text import comparison_key


class HeldOut:
    """Titles and paragraphs of the held-out pages, in English and in the other language.

    Two texts are the same if their :func:`kivuko.text.comparison_key` is; the held-out texts count both as
    they stand and cleaned, since training text is cleaned.

    Args:
        pages: pages of all languages concerned; those of the training split are ignored.
    """

    def __init__(self, pages: Iterable[Page]) -> None:
        held_out = [page for page in pages if split_of(page.id) != "train"]
        self.titles = _keys(page.title for page in held_out)
        self.paragraphs = _keys(text for page in held_out for text in page.paragraphs.values())

    def reason(self, pair: Pair) -> str | None:
        """Why ``pair`` would leak, or None."""
        for side, text in (("English", pair.english), ("foreign", pair.foreign)):
            key = comparison_key(text)
            if key in self.titles:
                return f"{side} side is a held-out title"
            if key in self.paragraphs:
                return f"{side} side is a held-out paragraph"
        return None


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


def _keys(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(comparison_key(form) for text in texts for form in (text, clean_text(text)))
