"""Which documents link to each other: pairs of links there and back, in eight bytes a link."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator

import numpy as np

_HALF = 32


class MutualLinks:
    """Collects links, and finds the documents that a wanted one links to and that link back.

    Only links from or to a wanted document are held.

    Args:
        wanted: ids whose mutually linked documents will be asked for.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = wanted
        self._numbers: dict[str, int] = {}
        self._links = array("Q")

    def add(self, document: str, links_to: Iterable[str]) -> None:
        """Note where a document links to; a link to itself does not count."""
        held = document in self._wanted
        for target in links_to:
            if target != document and (held or target in self._wanted):
                self._links.append(self._number(document) << _HALF | self._number(target))

    def pairs(self) -> Iterator[tuple[str, str]]:
        """(wanted document, document) for each two that link to each other, in the order of their first links."""
        forward = np.unique(np.array(self._links, dtype=np.uint64))
        half = np.uint64(_HALF)
        backward = (forward << half) | (forward >> half)
        names = list(self._numbers)
        for link in np.intersect1d(forward, backward).tolist():
            document = names[link >> _HALF]
            if document in self._wanted:
                yield document, names[link & (1 << _HALF) - 1]

    def _number(self, document: str) -> int:
        return self._numbers.setdefault(document, len(self._numbers))
