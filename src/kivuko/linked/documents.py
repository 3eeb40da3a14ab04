"""What a linked document is, and what a source of them is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rich.progress import Progress

from kivuko.collections.counts import DropReport
from kivuko.languages import Language


@dataclass(frozen=True)
class LinkedDocument:
    """A document that names its counterparts in other languages.

    Attributes:
        id: unique within its language, without white space.
        language: tag, such as ``swa-Latn``.
        title: one line.
        text: running text, one paragraph a line.
        counterparts: language tag → id of the document in that language that this one names as its version.
        links_to: ids of documents in the same language, in the text's order; one may come twice.
    """

    id: str
    language: str
    title: str
    text: str
    counterparts: Mapping[str, str] = field(default_factory=dict)
    links_to: tuple[str, ...] = ()


@dataclass
class Reading:
    """Counts of one pass over a source's documents in one language.

    Attributes:
        documents: documents yielded, and records that are none, by reason.
        links: links within the language, and those that lead nowhere, by reason.
        counterparts: links to other languages of the source, and those that lead nowhere, by reason.
    """

    documents: DropReport = field(default_factory=DropReport)
    links: DropReport = field(default_factory=DropReport)
    counterparts: DropReport = field(default_factory=DropReport)


@dataclass(frozen=True)
class SourceFacts:
    """What a data card says of a source.

    Attributes:
        name: such as ``"MediaWiki dumps"``.
        licence: SPDX expression, or words.
        attribution: whom to name, and how.
        meaning: what a link between two languages is in this source.
        versions: file or package → what identifies its version.
    """

    name: str
    licence: str
    attribution: str
    meaning: str
    versions: Mapping[str, str]


class LinkedSource(Protocol):
    """A set of linked documents in several languages."""

    @property
    def facts(self) -> SourceFacts:
        """What a data card says of it."""
        ...

    @property
    def files(self) -> Sequence[Path]:
        """What it is read from, if that could change between a run that was interrupted and the next."""
        ...

    def documents(
        self, language: Language, reading: Reading, progress: Progress | None = None
    ) -> Iterator[LinkedDocument]:
        """The documents of one language, in the source's order; every call reads them anew.

        Args:
            language: one of the source's languages.
            reading: counts what this pass yields and leaves out.
            progress: a display for bars over the files.

        Raises:
            InputError: the source has none in this language, or is damaged.
        """
        ...
