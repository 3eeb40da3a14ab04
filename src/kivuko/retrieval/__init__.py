"""Searching: BM25, query translation, exact late interaction, and the fusion of two runs."""
