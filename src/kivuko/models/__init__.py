"""Encoders: known names, converted package sources, and loading as plain sentence-transformers models."""

from kivuko.models.catalogue import CatalogueEntry, WheelSource, catalogue
from kivuko.models.layout import check_folder
from kivuko.models.loading import get, load_transformer

__all__ = [
    "CatalogueEntry",
    "WheelSource",
    "catalogue",
    "check_folder",
    "get",
    "load_transformer",
]
