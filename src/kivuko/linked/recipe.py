"""What to build from linked documents."""

from __future__ import annotations

from dataclasses import dataclass

from kivuko.languages import Language
from kivuko.linked.query_text import QueryKind


@dataclass(frozen=True)
class LinkedRecipe:
    """What to build.

    Attributes:
        query_language: language of the queries.
        document_language: language of the documents; the same one makes the monolingual control, in which a
            document is its own counterpart.
        queries: what a query is.
        drop_identical: leave out queries that read the same as their counterpart's; by default they stay,
            counted, as in WikiCLIR.
    """

    query_language: Language
    document_language: Language
    queries: QueryKind = "title"
    drop_identical: bool = False
