"""Train, development and test by page: one fixed split for every language.

A page's side depends on its name alone, so a page held out in one language is held out in all of them and a
student trained on several languages has seen no test page in any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

Split = Literal["train", "development", "test"]
SPLITS: tuple[Split, ...] = ("train", "development", "test")
HELD_OUT = ("development", "test")
"""What is searched: settings are chosen on the first and reported on the second."""


def split_of(document_id: str) -> Split:
    """The side of a page: 60 % train, 10 % development, 30 % test, by a hash of its name.

    Args:
        document_id: page name such as ``"swriter/guide/textdoc_inframe"`` (no language, no suffix).
    """
    bucket = int(hashlib.sha256(f"kivuko-split-1:{document_id}".encode()).hexdigest()[:8], 16) % 100
    return "train" if bucket < 60 else "development" if bucket < 70 else "test"


def half_of(documents: Iterable[str]) -> Split | None:
    """Development or test: the half of a query of another's collection, by the article that it is about.

    Args:
        documents: ids of those that are relevant; an article's passages are called ``ARTICLE-1``, ``ARTICLE-2`` …

    Returns:
        The half of the first article, by a hash of its name; None where there is no document.
    """
    articles = sorted(document.rpartition("-")[0] or document for document in documents)
    if not articles:
        return None
    return ("development", "test")[hashlib.sha256(articles[0].encode()).digest()[0] % 2]
