"""What a verb works on: documents, queries, judgments and translation pairs, from files, folders or public data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kivuko.collections.bitext import Pair
    from kivuko.collections.collection import Document
    from kivuko.languages import Language

BitextOption = Annotated[
    Path | None,
    typer.Option(
        help="Your own pairs: TSV (English, tab, translation; perhaps a score and a tab first), TMX, JSON lines of "
        "translations or the PREFIX of PREFIX.en and PREFIX.xx, plain or compressed; or a bitext folder. Public "
        "ones by default."
    ),
]
LowestScoreOption = Annotated[
    float | None,
    typer.Option(
        help="Drop pairs with a lower score (WikiMatrix and CCMatrix: the margin; 1.04 to 1.06 is usual)."
    ),
]


def chosen_pairs(bitext: Path | None, language: Language, lowest_score: float | None = None) -> list[Pair]:
    """Pairs of English and ``language``; what was dropped from a person's file is printed.

    Args:
        bitext: a file in any of the formats of :func:`kivuko.readers.bitext.read_pairs`, a bitext folder, or None for
            the public sources.
        language: what the foreign sides must be in.
        lowest_score: pairs of the file with a lower score are dropped.

    Raises:
        InputError: the file cannot be used, the folder is of another language, or a lowest score is asked of what
            has no scores.
        ArtifactError: the folder is no complete bitext.
    """
    from kivuko.cli.display import bars, console
    from kivuko.public.bitext import build_bitext
    from kivuko.readers.bitext import open_pairs

    with bars() as progress:
        return open_pairs(
            bitext or build_bitext(language),
            language,
            lowest_score=lowest_score,
            say=lambda line: console.print(line, soft_wrap=True),
            progress=progress,
        )


def read_collection_documents(path: Path) -> list[Document]:
    """Documents of a collection folder, or of a file as :func:`kivuko.readers.documents.read_documents` has it.

    Raises:
        ArtifactError: the folder is no complete collection.
        InputError: the file cannot be used (names ``file:line``).
    """
    from kivuko.collections.collection import Collection
    from kivuko.readers.documents import read_documents

    return Collection.open(path).documents if path.is_dir() else read_documents(path)


def read_asked(
    path: Path, kind: str | None = None, split: str | None = None, language: str | None = None
) -> dict[str, str]:
    """Query id → text, of a collection folder or a TSV file.

    Args:
        path: a folder, or a file as :func:`kivuko.readers.documents.read_queries` has it.
        kind: of a folder's queries; needed where it has several, as the next two are.
        split: of a folder's queries.
        language: of a folder's queries: code, tag or name.

    Raises:
        ArtifactError: the folder is no complete collection.
        InputError: the file cannot be used, what the folder has several of was not named, or a file has no such
            parts.
        UnknownNameError: the folder has no such queries.
    """
    from kivuko.collections.collection import Collection
    from kivuko.readers.documents import read_queries

    if path.is_dir():
        return Collection.open(path).queries(kind or "title", split or "test")
    return read_queries(path)


def chosen_ids(ids: Sequence[str] | None, ids_file: Path | None) -> list[str]:
    """Ids from the command line and from a file with one a line, each once, in the order given.

    Raises:
        InputError: there is none.
    """
    from kivuko.errors import InputError
    from kivuko.files.streams import lines

    wanted = list(ids or ())
    if ids_file is not None:
        wanted += [line.strip() for _, line in lines(ids_file) if line.strip()]
    if not wanted:
        raise InputError("no document was named", expected="ids as arguments, or a file of them with --ids")
    return list(dict.fromkeys(wanted))
