"""Of a collection with one set of queries: these queries, and their judgments."""

from __future__ import annotations

from kivuko.collections.collection import Collection


def only_queries(collection: Collection) -> dict[str, str]:
    (each,) = collection.query_sets
    return collection.queries(*each)


def only_qrels(collection: Collection) -> dict[str, dict[str, int]]:
    (each,) = collection.query_sets
    return collection.qrels(*each)
