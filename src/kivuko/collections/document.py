"""The document: what is indexed, found and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Document:
    """A document that can be found.

    Attributes:
        id: unique within its collection.
        title: one line; may be empty.
        text: the rest.
        metadata: what a search can be narrowed by, such as ``{"language": "eng-Latn", "year": 2020}``.
    """

    id: str
    title: str
    text: str
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict, hash=False)

    @property
    def full_text(self) -> str:
        """What is indexed."""
        return f"{self.title}\n{self.text}"
