"""Collections and bitext: opening them, building them from public sources, reading people's own files."""

from __future__ import annotations

from kivuko.collections.bitext import Bitext, Pair
from kivuko.collections.collection import Collection
from kivuko.collections.counts import DropReport
from kivuko.collections.document import Document
from kivuko.data.bitext_build import build_bitext
from kivuko.data.collection_build import build_collection
from kivuko.data.collection_sources import collections_for
from kivuko.readers.bitext import read_pairs
from kivuko.readers.documents import read_documents, read_queries

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
