"""Documents made searchable: encoded in shards that survive a kill, then built into an index or added to one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import Progress

from kivuko.artifact import check_replaceable, hash_json, is_complete, read_manifest, write_artifact
from kivuko.collections.document import Document
from kivuko.errors import InputError, names_missing_extra
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval import changes
from kivuko.retrieval.index import Index
from kivuko.retrieval.kinds import Kind, check_kind
from kivuko.retrieval.segment import EncodedDocuments
from kivuko.retrieval.state import FORMAT, KIND

if TYPE_CHECKING:
    from kivuko.models.encoder import Encoder, ModelLike

#: What a kill may cost: a minute where documents are long and a processor slow.
DOCUMENTS_A_SHARD = 1024
_SHARD = "encoded-documents"
_PASSAGES = "passages.npy"
#: Pieces that neighbouring passages share, so that what is asked for is whole in one of them.
_OVERLAP = 16


@names_missing_extra()
def build_index(
    documents: Sequence[Document],
    model: ModelLike | None,
    output: Path,
    *,
    kind: Kind = "exact",
    passages: bool = False,
    pooling: float = 1.0,
    progress: Progress | None = None,
) -> Path:
    """Encode documents and write an index folder; one that stands there with the same inputs is kept.

    Encoding that was killed goes on from its last complete shard.

    Args:
        documents: what can be found; ids are unique.
        model: the late-interaction model that encodes them, teacher or student; None for kind ``"lexical"``.
        output: the folder to write.
        kind: how vectors are kept, see :data:`kivuko.retrieval.kinds.KINDS`.
        passages: whether a document longer than the model reads is split into passages, and found by its best one;
            without, it is cut.
        pooling: tokens that become one vector on average, 1 to 16, see :func:`kivuko.models.encoding.encode`; also of
            documents that are added later.
        progress: a rich display for the bar.

    Returns:
        ``output``. Its manifest counts documents without any content token, which are left out, and documents
        that were cut at the model's length.

    Raises:
        InputError: no document, or a repeated id; a model that is missing, or that the kind has no use for;
            ``pooling`` is out of range, or there is no model whose vectors it could pool; a model that gives one
            vector a text.
        ArtifactError: ``model`` is damaged, or ``output`` holds something else.
        StorageError: the disk is full; a former index at ``output`` stays.
        MissingExtraError: there is a model, and no torch to run it.
    """
    check_kind(kind)
    _check_ids(documents)
    if (model is None) != (kind == "lexical"):
        raise InputError(
            f"an index of kind {kind} " + ("needs a model" if model is None else "has no use for a model"),
            remedy="give a model with every kind but lexical",
        )
    parents = {"documents": documents_hash(documents)}
    settings: dict[str, Any] = {"kind": kind, "split": passages, "pooling": float(pooling)}
    space = None
    if model is None and pooling != 1:
        raise InputError(
            "an index of words has no vectors to pool",
            got=pooling,
            remedy="leave pooling out, or give another kind",
        )
    if model is not None:
        from kivuko.models.encoder import folder_of, space_of
        from kivuko.models.identity import model_hash
        from kivuko.models.reading import check_pooling

        check_pooling(pooling)
        space = space_of(model)
        parents["model"] = model_hash(folder_of(model))
    if is_complete(output):
        former = read_manifest(output, KIND)
        wanted = {"format": FORMAT, **settings}
        if former.parents == parents and wanted.items() <= former.meta.items():
            return output
    check_replaceable(output, KIND)
    if model is None:
        shards, facts = [EncodedDocuments.words_only(documents)], dict(settings)
        changes.build(output, shards, kind=kind, space=None, parents=parents, facts=facts)
        return output
    with encoded(documents, model, output, passages=passages, pooling=pooling, progress=progress) as (
        shards,
        facts,
    ):
        if not shards:
            raise InputError(
                "no document has any content", expected="documents with text", got=f"{len(documents)} empty"
            )
        changes.build(output, shards, kind=kind, space=space, parents=parents, facts=settings | facts)
    return output


@names_missing_extra()
def add_documents(
    index: Index,
    documents: Sequence[Document],
    model: ModelLike | None,
    *,
    replace: bool = False,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Encode documents and add them to an index; arguments as for :func:`build_index` and :meth:`Index.add`.

    Returns:
        ``documents_without_content``, which were left out, and ``documents_truncated`` of the new ones.

    Raises:
        InputError: as both of these do.
        ArtifactError: the model does not share the index's space; another process is changing the index.
        StorageError: the disk is full; the index stays as it was.
    """
    _check_ids(documents)
    if index.space is None:
        index.add([EncodedDocuments.words_only(documents)], replace=replace)
        return {"documents_without_content": 0, "documents_truncated": 0}
    if model is None:
        raise InputError("this index needs a model", where=index.path, remedy="give the model that built it")
    index.require_space(model)
    meta = index.manifest.meta
    split, pooling = bool(meta["split"]), float(meta["pooling"])
    with encoded(documents, model, index.path, passages=split, pooling=pooling, progress=progress) as (
        shards,
        facts,
    ):
        index.add(shards, replace=replace)
    return {name: facts[name] for name in ("documents_without_content", "documents_truncated")}


@contextmanager
def encoded(
    documents: Sequence[Document],
    model: ModelLike,
    output: Path,
    *,
    passages: bool,
    pooling: float,
    progress: Progress | None,
) -> Iterator[tuple[list[EncodedDocuments], dict[str, int]]]:
    """Documents in encoded shards, and what there is to say of them; kept beside ``output`` while the block runs.

    Shards that a killed run left there are used again when they are of the same documents, model and settings; after
    the block they are removed.
    """
    from kivuko.models.encoder import Encoder, folder_of
    from kivuko.models.identity import model_hash

    folder = output.with_name(f".{output.name}.encoding")
    encoder = Encoder.open(model)
    limit = encoder.length
    key = {"model": model_hash(folder_of(model))}
    facts = {"max_length": limit, "documents_without_content": 0, "documents_truncated": 0}
    shards = []
    for number, begin in enumerate(range(0, len(documents), DOCUMENTS_A_SHARD)):
        chunk = documents[begin : begin + DOCUMENTS_A_SHARD]
        path = folder / f"{number:06d}"
        parents = key | {"documents": hash_json([passages, limit, float(pooling), *map(_row, chunk)])}
        if not is_complete(path) or read_manifest(path, _SHARD, verify=True).parents != parents:
            texts, table = _texts(encoder, chunk, passages)
            vectors = encoder.encode(
                texts, task="document", pooling=pooling, progress=progress, label="indexing documents"
            )
            cut = 0 if passages else encoder.truncated(texts)
            with write_artifact(path, _SHARD, parents=parents, meta={"cut": cut}) as building:
                vectors.save(building)
                np.save(building / _PASSAGES, table)
        facts["documents_truncated"] += read_manifest(path, _SHARD).meta["cut"]
        shard = _without_empty(chunk, np.load(path / _PASSAGES), TokenVectors.open(path))
        facts["documents_without_content"] += len(chunk) - len(shard.documents)
        if shard.documents:
            shards.append(shard)
    yield shards, facts
    shutil.rmtree(folder, ignore_errors=True)


def _texts(
    encoder: Encoder, documents: Sequence[Document], split: bool
) -> tuple[list[str], np.ndarray[Any, Any]]:
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
    documents: Sequence[Document], table: np.ndarray[Any, Any], vectors: TokenVectors
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


def documents_hash(documents: Sequence[Document]) -> str:
    """What an index's manifest calls its documents by: SHA-256 (hex) of ids, texts and metadata, in order."""
    return hash_json([_row(document) for document in documents])


def _row(document: Document) -> list[Any]:
    row: list[Any] = [document.id, document.title, document.text]
    return [*row, dict(document.metadata)] if document.metadata else row


def _check_ids(documents: Sequence[Document]) -> None:
    if not documents:
        raise InputError("there is nothing to index", expected="at least one document", got="none")
    seen: dict[str, int] = {}
    for number, document in enumerate(documents, start=1):
        first = seen.setdefault(document.id, number)
        if first != number:
            raise InputError(
                "two documents have the same id",
                where=f"documents {first} and {number}",
                expected="unique ids",
                got=repr(document.id),
                remedy="rename or remove one of them",
            )
