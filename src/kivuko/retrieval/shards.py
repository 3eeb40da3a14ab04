"""Documents encoded in shards: folders named by what they hold, each written once and whole.

A shard is what a kill may cost, and what a worker does: whoever encodes it, in whatever order, writes the same bytes
under the same name, so that a run that was stopped, or whose workers died, goes on where it was. Many shards in a
folder of their own, written by :func:`encode_shards`, are documents ready to be indexed, on another machine too.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kivuko.artifact import (
    check_replaceable,
    hash_json,
    is_complete,
    kind_of,
    read_manifest,
    storage_errors,
    write_artifact,
    write_manifest,
)
from kivuko.collections.document import Document
from kivuko.errors import ArtifactError, InputError
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.segment import EncodedDocuments
from kivuko.workers import Workers

if TYPE_CHECKING:
    from rich.progress import Progress

    from kivuko.models.encoder import Encoder, ModelLike

#: What a kill may cost: a minute where documents are long and a processor slow.
DOCUMENTS_A_SHARD = 1024
KIND = "encoded-shards"
_SHARD = "encoded-documents"
_DOCUMENTS, _PASSAGES = "documents.jsonl", "passages.npy"
#: A shard's name, or what is written aside to become it.
_NAME = re.compile(r"[0-9a-f]{24}|\..*")
#: Pieces that neighbouring passages share, so that what is asked for is whole in one of them.
_OVERLAP = 16


@dataclass(frozen=True)
class Recipe:
    """How documents are encoded.

    Attributes:
        model: folder of the late-interaction model.
        model_hash: of its content.
        length: pieces of a text that it reads.
        passages: whether a document longer than that is split; else it is cut.
        pooling: tokens that become one vector on average, 1 to 16.
    """

    model: Path
    model_hash: str
    length: int
    passages: bool
    pooling: float

    @classmethod
    def of(cls, encoder: Encoder, *, passages: bool, pooling: float) -> Recipe:
        """The recipe by which an open model encodes.

        Raises:
            InputError: ``pooling`` is out of range.
        """
        from kivuko.models.identity import model_hash
        from kivuko.models.reading import check_pooling

        check_pooling(pooling)
        return cls(
            encoder.path.absolute(), model_hash(encoder.path), encoder.length, passages, float(pooling)
        )

    def name(self, documents: Sequence[Document]) -> str:
        """Of the shard of these documents."""
        settings = [self.model_hash, self.length, self.passages, self.pooling]
        return hash_json([settings, *map(document_row, documents)])[:24]


def document_row(document: Document) -> list[Any]:
    """A document as hashes have it."""
    row: list[Any] = [document.id, document.title, document.text]
    return [*row, dict(document.metadata)] if document.metadata else row


def in_shards(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Documents by :data:`DOCUMENTS_A_SHARD`, in order."""
    rest = iter(documents)
    while several := list(itertools.islice(rest, DOCUMENTS_A_SHARD)):
        yield several


def encode_shard(
    folder: Path,
    recipe: Recipe,
    documents: Sequence[Document],
    *,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> str:
    """Write the shard of some documents into a folder, unless it is there and undamaged.

    Args:
        folder: of the shards.
        recipe: how to encode.
        documents: all of the shard's.
        encoder: its model, where it is open.
        progress: a rich display for the bar.

    Returns:
        The shard's name.

    Raises:
        StorageError: the disk is full; other shards stay.
    """
    name = recipe.name(documents)
    if _is_whole(folder / name):
        return name
    encoder = encoder or _opened(recipe.model)
    texts, table = _texts(encoder, documents, recipe.passages)
    vectors = encoder.encode(
        texts, task="document", pooling=recipe.pooling, progress=progress, label="indexing documents"
    )
    facts = {"documents": len(documents), "cut": 0 if recipe.passages else encoder.truncated(texts)}
    with write_artifact(folder / name, _SHARD, parents={"model": recipe.model_hash}, meta=facts) as building:
        with (building / _DOCUMENTS).open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(
                json.dumps(asdict(document), ensure_ascii=False) + "\n" for document in documents
            )
        vectors.save(building)
        np.save(building / _PASSAGES, table)
    return name


@functools.lru_cache(maxsize=1)
def _opened(model: Path) -> Encoder:
    """A worker's model, opened once."""
    from kivuko.models.encoder import Encoder

    return Encoder.open(model)


def _is_whole(shard: Path) -> bool:
    try:
        return is_complete(shard) and bool(read_manifest(shard, _SHARD, verify=True))
    except ArtifactError:
        return False  # encoded anew


@dataclass(frozen=True)
class Encoded:
    """Documents of several shards, ready to be indexed.

    Attributes:
        shards: in order, without documents that have no content.
        facts: ``max_length``, ``documents_without_content`` and ``documents_truncated``, as an index says them.
        rows: of all documents, see :func:`document_row`.
    """

    shards: list[EncodedDocuments]
    facts: dict[str, int]
    rows: list[list[Any]]

    @property
    def documents(self) -> list[Document]:
        """All of them, those without content too."""
        return [Document(*row) for row in self.rows]

    @property
    def documents_hash(self) -> str:
        """What an index's manifest calls them by, see :func:`kivuko.retrieval.build.documents_hash`."""
        return hash_json(self.rows)


def read_shards(folder: Path, names: Iterable[str], length: int) -> Encoded:
    """Open shards, their vectors memory-mapped.

    Args:
        folder: of the shards.
        names: which ones.
        length: pieces of a text that their model reads.

    Raises:
        ArtifactError: one is missing or damaged.
    """
    found = Encoded([], {"max_length": length, "documents_without_content": 0, "documents_truncated": 0}, [])
    for name in names:
        manifest = read_manifest(folder / name, _SHARD, verify=True)
        with (folder / name / _DOCUMENTS).open(encoding="utf-8") as lines:
            documents = [Document(**json.loads(line)) for line in lines]
        shard = _without_empty(
            documents, np.load(folder / name / _PASSAGES), TokenVectors.open(folder / name)
        )
        found.rows.extend(map(document_row, documents))
        found.facts["documents_truncated"] += manifest.meta["cut"]
        found.facts["documents_without_content"] += len(documents) - len(shard.documents)
        if shard.documents:
            found.shards.append(shard)
    return found


@dataclass(frozen=True)
class Shards:
    """A folder of encoded documents. Use :meth:`open`.

    Attributes:
        path: the folder.
        names: of the shards, in the order of their documents.
        model_hash: of the model that encoded them.
        space: its vector space.
        length: pieces of a text that it reads.
        passages: whether long documents were split.
        pooling: tokens that became one vector on average.
        documents: how many there are.
    """

    path: Path
    names: list[str]
    model_hash: str
    space: str
    length: int
    passages: bool
    pooling: float
    documents: int

    def __len__(self) -> int:
        return self.documents

    @classmethod
    def open(cls, path: Path) -> Shards:
        """Read what a folder of shards says of itself.

        Raises:
            ArtifactError: no such folder is there, or not all of its documents are encoded yet.
        """
        manifest = read_manifest(path, KIND)
        return cls(Path(path), model_hash=manifest.parents["model"], **manifest.meta)

    @classmethod
    def are_at(cls, path: Path) -> bool:
        """Whether a path is that of encoded documents, complete ones."""
        return kind_of(path) == KIND

    def read(self) -> Encoded:
        """All of its documents.

        Raises:
            ArtifactError: a shard is missing or damaged.
        """
        return read_shards(self.path, self.names, self.length)

    def require_model(self, model: ModelLike) -> None:
        """Refuse another model than the one that encoded the documents.

        Raises:
            ArtifactError: it is another one.
        """
        from kivuko.models.encoder import folder_of
        from kivuko.models.identity import model_hash

        found = model_hash(folder_of(model))
        if found != self.model_hash:
            raise ArtifactError(
                "these documents were encoded by another model",
                where=self.path,
                expected=f"model {self.model_hash[:12]}…",
                got=f"{folder_of(model)}, {found[:12]}…",
                remedy="give the model that encoded them, or encode them anew: kivuko index encode",
            )


def encode_shards(
    documents: Iterable[Document],
    model: ModelLike,
    folder: Path,
    *,
    passages: bool = True,
    pooling: float = 1.0,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> Shards:
    """Encode documents into a folder of shards, by many workers; a run that was killed goes on.

    Documents are drawn as workers come free, so memory does not grow with their number. Workers of other machines
    need the folder, and the model's, under the same paths.

    Args:
        documents: any number; whether ids are unique is seen when they are indexed.
        model: the late-interaction model that encodes them.
        folder: the folder to write; shards of other documents or settings in it are left alone.
        passages: whether a document longer than the model reads is split into passages; without, it is cut.
        pooling: tokens that become one vector on average, 1 to 16.
        workers: who encodes; a process for each core by default.
        progress: a rich display for the bar of documents.

    Raises:
        InputError: there is no document, or ``pooling`` is out of range.
        ArtifactError: ``folder`` holds something else.
        WorkerError: workers die whatever is tried.
        StorageError: the disk is full; finished shards stay.
        MissingExtraError: torch, or ray, is not installed.
    """
    from kivuko.models.encoder import Encoder

    _check_folder(folder)
    encoder = Encoder.open(model)
    recipe = Recipe.of(encoder, passages=passages, pooling=pooling)
    bar = progress.add_task("encoding documents", total=None) if progress else None
    drawn = 0

    def counted() -> Iterator[list[Document]]:
        nonlocal drawn
        for several in in_shards(documents):
            drawn += len(several)
            yield several

    names: dict[int, str] = {}
    work = functools.partial(encode_shard, folder.absolute(), recipe)
    for number, name in (workers or Workers()).done(work, counted()):
        names[number] = name
        if progress and bar is not None:
            progress.update(bar, completed=len(names) * DOCUMENTS_A_SHARD)
    if not names:
        raise InputError("there is nothing to encode", expected="at least one document", got="none")
    if progress and bar is not None:
        progress.update(bar, completed=drawn, total=drawn)
    meta = {
        "names": [names[number] for number in range(len(names))],
        "space": encoder.space,
        "length": recipe.length,
        "passages": passages,
        "pooling": recipe.pooling,
        "documents": drawn,
    }
    with storage_errors(folder):
        write_manifest(folder, KIND, parents={"model": recipe.model_hash}, meta=meta, files={})
    return Shards.open(folder)


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but shards; a run that was stopped leaves them without a manifest."""
    if is_complete(folder):
        read_manifest(folder, KIND)
    elif folder.is_dir() and not all(_NAME.fullmatch(each.name) for each in folder.iterdir()):
        check_replaceable(folder, KIND)


def _texts(
    encoder: Encoder, documents: Sequence[Document], split: bool
) -> tuple[list[str], NDArray[np.int32]]:
    """Texts to encode, and for each the number of its document and its span in the full text."""
    full = [document.full_text for document in documents]
    spans = [[(0, len(text))] for text in full]
    if split:
        from kivuko.retrieval.passages import passage_spans

        overlap = min(_OVERLAP, encoder.length // 4)
        spans = passage_spans(encoder.model, full, max_pieces=encoder.length, overlap=overlap)
    rows = [(number, *span) for number, own in enumerate(spans) for span in own]
    table = np.array(rows, dtype=np.int32).reshape(-1, 3)
    return [full[number][begin:end] for number, begin, end in rows], table


def _without_empty(
    documents: Sequence[Document], table: NDArray[np.int32], vectors: TokenVectors
) -> EncodedDocuments:
    """Passages that have a token, and documents that have such a passage."""
    kept = np.flatnonzero(vectors.lengths)
    owners = np.unique(table[kept, 0])
    renumbered = np.full(len(documents), -1)
    renumbered[owners] = np.arange(len(owners))
    table = table[kept]
    table[:, 0] = renumbered[table[:, 0]]
    # Passages without a token own no rows, so the rows of the others are all there are.
    offsets = np.concatenate(([0], np.cumsum(vectors.lengths[kept])))
    return EncodedDocuments(
        [documents[number] for number in owners.tolist()], table, TokenVectors(vectors.vectors, offsets)
    )
