"""Bitext: pairs of an English text and its translation, each with the source it comes from."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kivuko.artifact import Manifest, read_manifest
from kivuko.files.json_lines import read_jsonl
from kivuko.languages import Language, resolve

KIND = "bitext"
PAIRS_FILE = "pairs.jsonl"
FIELDS = ("id", "english", "foreign", "source")


@dataclass(frozen=True)
class Pair:
    """An English text and its translation.

    Attributes:
        id: unique within a bitext; says where the pair stands in its source.
        english: the English side.
        foreign: the other side.
        source: name of the source, such as ``"libreoffice-help"``.
    """

    id: str
    english: str
    foreign: str
    source: str


@dataclass(frozen=True)
class RawPairs:
    """Pairs of one source as they stand there, before cleaning.

    Attributes:
        source: the source's name.
        licence: SPDX expression.
        packages: the packages they are in, each with its version; None for it if a person gave the files.
        pairs: the pairs in an order that does not change.
        parents: content hashes of the artefacts that they were read from.
    """

    source: str
    licence: str
    packages: Mapping[str, str | None]
    pairs: list[Pair]
    parents: Mapping[str, str] = field(default_factory=dict)


class Bitext:
    """A bitext artefact, opened read-only. Use :meth:`open`."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.language: Language = resolve(str(manifest.meta["language"]))

    @classmethod
    def open(cls, path: Path | str) -> Bitext:
        """Open the bitext in folder ``path``.

        Raises:
            ArtifactError: no complete bitext is there.
        """
        return cls(Path(path), read_manifest(Path(path), KIND))

    @functools.cached_property
    def pairs(self) -> list[Pair]:
        """All pairs, in the order of their sources."""
        rows = read_jsonl(self.path / PAIRS_FILE, FIELDS)
        return [Pair(*fields) for _, fields in rows if fields is not None]
