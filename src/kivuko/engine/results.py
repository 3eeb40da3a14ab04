"""What a search of an engine found, and how it was searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from kivuko.engine.state import Way
from kivuko.languages import Language
from kivuko.retrieval.search import Hit


@dataclass(frozen=True)
class Results(Sequence[Hit]):
    """What a search found, best first, and how it was searched.

    Attributes:
        hits: the documents.
        language: what the query was taken to be in.
        guessed: whether nobody said so.
        way: by which models and words.
        generation: of the engine's state that was searched, see :attr:`Engine.generation`.
        truncated: whether the query is longer than the model reads, so that it searched by the query's beginning.
    """

    hits: tuple[Hit, ...]
    language: Language
    guessed: bool
    way: Way
    generation: str
    truncated: bool = False

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, number: int) -> Hit: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Hit]: ...

    def __getitem__(self, number: int | slice) -> Hit | Sequence[Hit]:
        return self.hits[number]
