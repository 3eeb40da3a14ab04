"""Train, development and test by page: one fixed split for every language.

A page's side depends on its name alone, so a page held out in one language is held out in all of them and a
student trained on several languages has seen no test page in any.
"""

from __future__ import annotations

import hashlib
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
