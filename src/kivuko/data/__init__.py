"""Collections and bitext: opening them, building them from public sources, reading people's own files."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kivuko.data.bitext import Bitext, Pair
from kivuko.data.collection import Collection, Document
from kivuko.data.drops import DropReport
from kivuko.data.own_files import read_documents, read_pairs, read_queries

if TYPE_CHECKING:
    from kivuko.public.bitext import build_bitext
    from kivuko.public.collections import build_collection, collections_for

__all__ = [
    "Bitext",
    "Collection",
    "Document",
    "DropReport",
    "Pair",
    "build_bitext",
    "build_collection",
    "collections_for",
    "read_documents",
    "read_pairs",
    "read_queries",
]

# What is built of public sources, which are read with what stands here: loaded when it is first used.
_PUBLIC = {
    "build_bitext": "kivuko.public.bitext",
    "build_collection": "kivuko.public.collections",
    "collections_for": "kivuko.public.collections",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
