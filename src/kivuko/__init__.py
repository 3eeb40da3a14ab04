"""Kivuko: search from English to languages with almost no data."""

__version__ = "0.1.0"
