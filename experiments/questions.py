"""What experiments ask of a model in a language: help pages, and the collections of other domains, by halves."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from kivuko.artifact import cache_folder
from kivuko.collections.collection import Collection
from kivuko.collections.document import Document
from kivuko.collections.split import HELD_OUT
from kivuko.experiment.other_domains import Half, halves
from kivuko.languages import Language
from kivuko.models.identity import model_hash
from kivuko.public.collections import build_collection
from kivuko.public.help_pages import covers
from kivuko.readers.documents import read_documents
from kivuko.retrieval.build import build_index

#: Of each collection, kind and half, by id.
QUERIES_AT_MOST = 100


@dataclass(frozen=True)
class Asked:
    """Queries of one kind on one index."""

    name: str
    index: Path
    half: Half


def asked(language: Language, shared: Path, teacher: Path, progress: Progress) -> Iterator[Asked]:
    """What a language is asked, both halves: help pages where it has them, and the collections of ``shared``.

    TICO-19 is left out: its sentences are so easy that nothing differs there.

    Args:
        language: of the queries.
        shared: has ``collections/``, see :mod:`kivuko.experiment.other_domains`.
        teacher: encodes the documents, once for all languages.
        progress: a display for the bars.
    """
    if covers(language):
        collection = Collection.open(build_collection(language))
        index = _index("libreoffice-help", collection.documents, teacher, progress)
        for kind, split in itertools.product(("title", "paragraph"), HELD_OUT):
            queries = dict(sorted(collection.queries(kind, split).items())[:QUERIES_AT_MOST])
            qrels = collection.qrels(kind, split)
            half = Half(split, queries, {query: qrels[query] for query in queries})
            yield Asked(f"help {kind}s", index, half)
    for folder in sorted(each for each in (shared / "collections").iterdir() if each.is_dir()):
        if folder.name != "tico19" and (both := halves(folder, language, QUERIES_AT_MOST)):
            index = _index(folder.name, list(read_documents(folder / "documents.tsv")), teacher, progress)
            for half in both:
                yield Asked(folder.name, index, half)


def _index(name: str, documents: list[Document], teacher: Path, progress: Progress) -> Path:
    place = cache_folder() / "questions" / f"{name}-{model_hash(teacher)[:16]}"
    return build_index(documents, teacher, place, kind="compressed", progress=progress)
