"""What stands in the cache, if it can be used: a damaged artefact is built again rather than complained about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kivuko.artifact import MANIFEST, is_complete, read_manifest
from kivuko.errors import ArtifactError


def usable_meta(path: Path, kind: str) -> Mapping[str, Any] | None:
    """Metadata of the artefact at ``path``; None if none is there, or a damaged one of this kind.

    Raises:
        ArtifactError: an artefact of another kind is there, which building must not replace.
    """
    if not is_complete(path):
        return None
    try:
        return read_manifest(path, kind).meta
    except ArtifactError:
        if _kind(path) not in {kind, None}:
            raise
        return None


def _kind(path: Path) -> str | None:
    """The kind that the manifest names; None if it cannot be read at all."""
    try:
        return str(json.loads((path / MANIFEST).read_text(encoding="utf-8"))["kind"])
    except (ValueError, KeyError, TypeError):
        return None
