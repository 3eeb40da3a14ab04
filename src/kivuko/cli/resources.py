"""What a verb works on: documents, queries, judgments and translation pairs, from files, folders or public data."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

    from kivuko.collections.bitext import Pair
    from kivuko.collections.collection import Collection, QuerySet
    from kivuko.collections.document import Document
    from kivuko.languages import Language
    from kivuko.ranking import Qrels
    from kivuko.retrieval.shards import Shards

PassagesOption = Annotated[
    bool | None,
    typer.Option(
        "--passages/--no-passages",
        help="Split documents longer than the model reads, as is done by default; without, they are cut.",
    ),
]
PoolingOption = Annotated[
    float | None,
    typer.Option(
        help="Tokens of a document that become one vector on average, 1 to 16: a smaller index; 1 by default."
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        help="Where vectors are kept, if not in the folder: qdrant://HOST[:PORT]/COLLECTION, qdrant+https://… (with "
        "QDRANT_API_KEY), or qdrant-edge:FOLDER."
    ),
]
BitextOption = Annotated[
    Path | None,
    typer.Option(
        help="Your own pairs: TSV (English, tab, translation; perhaps a score before or behind), TMX, JSON lines of "
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

KindOption = Annotated[
    str | None, typer.Option(help="Of a collection folder's queries, where it has several kinds: title …")
]
SplitOption = Annotated[
    str | None, typer.Option(help="Of a collection folder's queries, where it has several splits: test …")
]
QueryLanguageOption = Annotated[
    str | None, typer.Option(help="Of a collection folder's queries, where they are in several languages.")
]


class Asked(NamedTuple):
    """Which of a collection's queries a command is about, as the options say."""

    kind: str | None
    split: str | None
    language: str | None


def asks_of_collection(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--kind``, ``--split`` and ``--query-language``; it gets them as its argument ``asked``."""

    @functools.wraps(command)
    def with_options(
        kind: str | None, split: str | None, query_language: str | None, **others: object
    ) -> None:
        command(**others, asked=Asked(kind, split, query_language))

    signature = inspect.signature(command, eval_str=True)
    own = [each for each in signature.parameters.values() if each.name != "asked"]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in (
            ("kind", KindOption),
            ("split", SplitOption),
            ("query_language", QueryLanguageOption),
        )
    ]
    with_options.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in (*own, *options)}
    return with_options


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
    from kivuko.cli.display import bars, note
    from kivuko.public.bitext import build_bitext
    from kivuko.readers.bitext import no_scores, open_pairs

    if bitext is None and lowest_score is not None:
        raise no_scores(lowest_score, "public pairs")
    with bars() as progress:
        return open_pairs(
            bitext or build_bitext(language),
            language,
            lowest_score=lowest_score,
            say=note,
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


def documents_or_shards(path: Path, **settings: object) -> list[Document] | Shards:
    """What :func:`read_collection_documents` reads, or a folder of ``kivuko index encode``.

    Args:
        path: the file or folder.
        settings: how documents are to be encoded; None where nothing was said.

    Raises:
        InputError: the documents are encoded already, and settings are given.
    """
    from kivuko.errors import InputError
    from kivuko.retrieval.shards import Shards

    if not Shards.are_at(path):
        return read_collection_documents(path)
    if given := [f"--{name}" for name, value in settings.items() if value is not None]:
        raise InputError(
            "these documents are encoded already",
            where=path,
            got=", ".join(given),
            remedy="leave that out, or encode them anew: kivuko index encode",
        )
    return Shards.open(path)


def stream_collection_documents(path: Path, progress: Progress) -> Iterator[Document]:
    """The same one by one: those of a file in memory that does not grow with their number."""
    from kivuko.collections.collection import Collection
    from kivuko.readers.documents import stream_documents

    return iter(Collection.open(path).documents) if path.is_dir() else stream_documents(path, progress)


def read_asked(
    path: Path, kind: str | None = None, split: str | None = None, language: str | None = None
) -> dict[str, str]:
    """Query id → text, of a collection folder or a file.

    Args:
        path: a folder, or a file as :func:`kivuko.readers.documents.read_queries` has it.
        kind: of a folder's queries; needed where it has several, as the next two are.
        split: of a folder's queries.
        language: of a folder's queries: code, tag or name.

    Raises:
        ArtifactError: the folder is no complete collection.
        InputError: the file cannot be used or has no such parts, or what the folder has several of was not named.
        UnknownNameError: the folder has no such queries.
    """
    from kivuko.collections.collection import Collection
    from kivuko.readers.documents import read_queries

    if path.is_dir():
        collection = Collection.open(path)
        chosen = _chosen_set(collection, kind, split, language)
        return collection.queries(*chosen)
    _refuse_parts(path, kind, split, language)
    return read_queries(path)


def read_judged(
    path: Path, kind: str | None = None, split: str | None = None, language: str | None = None
) -> Qrels:
    """Query id → document id → grade, of a collection folder or of TREC qrels; arguments as :func:`read_asked`.

    Raises:
        ArtifactError, InputError, UnknownNameError: as :func:`read_asked`.
    """
    from kivuko.collections.collection import Collection
    from kivuko.trec_lines import read_qrels

    if path.is_dir():
        collection = Collection.open(path)
        chosen = _chosen_set(collection, kind, split, language)
        return collection.qrels(*chosen)
    _refuse_parts(path, kind, split, language)
    return read_qrels(path)


def _refuse_parts(path: Path, *parts: str | None) -> None:
    from kivuko.errors import InputError

    if any(parts):
        raise InputError(
            "only a collection has kinds, splits and languages of queries",
            where=path,
            expected="a collection folder, or no --kind, --split and --query-language",
            got=f"a file and {', '.join(filter(None, parts))}",
            remedy="leave the options out; a file is taken whole",
        )


def _chosen_set(
    collection: Collection, kind: str | None, split: str | None, language: str | None
) -> QuerySet:
    """The one set of queries that has what was asked for; what there is one of need not be."""
    from kivuko.errors import InputError, UnknownNameError
    from kivuko.languages import resolve

    names = {
        "language of queries": language and resolve(language).tag,
        "kind of queries": kind,
        "split": split,
    }
    found = list(collection.query_sets)
    for place, (label, name) in enumerate(names.items()):
        of_each = [(each.language.tag, each.kind, each.split)[place] for each in found]
        if name is not None:
            if name not in of_each:
                raise UnknownNameError(label, name, set(of_each))
            found = [each for each, own in zip(found, of_each, strict=True) if own == name]
    if len(found) > 1:
        sets = [f"--kind {each.kind} --split {each.split}" for each in found]
        if len(set(sets)) < len(sets):
            sets = [
                f"{said} --query-language {each.language.tag}" for said, each in zip(sets, found, strict=True)
            ]
        raise InputError(
            f"this collection has {len(found)} sets of queries",
            where=collection.path,
            expected=f"one of: {'; '.join(sets[:9])}" + ("; …" if len(sets) > 9 else ""),
            got=" ".join(filter(None, (kind, split, language))) or "no option that chooses",
            remedy="name the kind, the split or the language that is meant",
        )
    return found[0]


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
