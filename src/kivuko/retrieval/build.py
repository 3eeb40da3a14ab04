"""Documents made searchable: encoded in shards that survive a kill, then built into an index or added to one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import Progress

from kivuko.artifact import check_replaceable, hash_json, is_complete, read_manifest
from kivuko.collections.document import Document
from kivuko.errors import ArtifactError, InputError, names_missing_extra
from kivuko.retrieval import changes
from kivuko.retrieval.index import Index
from kivuko.retrieval.kinds import Kind, check_kind
from kivuko.retrieval.segment import EncodedDocuments
from kivuko.retrieval.shards import (
    Encoded,
    Recipe,
    Shards,
    document_row,
    encode_shard,
    in_shards,
    read_shards,
)
from kivuko.retrieval.state import FORMAT, KIND

if TYPE_CHECKING:
    from kivuko.models.encoder import ModelLike

_EMPTY = "no document has any content"


@names_missing_extra()
def build_index(
    documents: Sequence[Document],
    model: ModelLike | None,
    output: Path,
    *,
    kind: Kind = "exact",
    store: str | None = None,
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
        store: address of a store that keeps them (kind ``"stored"``), see
            :func:`kivuko.retrieval.stores.open_store`.
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
    kind = _kind(kind, store)
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
    if _stands_there(output, parents, settings, store):
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
            raise InputError(_EMPTY, expected="documents with text", got=f"{len(documents)} empty")
        facts = settings | facts
        changes.build(output, shards, kind=kind, space=space, parents=parents, facts=facts, store=store)
    return output


def index_shards(shards: Shards, output: Path, *, kind: Kind = "exact", store: str | None = None) -> Path:
    """Write an index folder of documents that are encoded: the one that :func:`build_index` makes of them itself.

    Args:
        shards: of :func:`kivuko.retrieval.shards.encode_shards`.
        output: the folder to write; an index there of the same documents and kind is kept.
        kind: how vectors are kept; not ``"lexical"``.
        store: address of a store that keeps them, as for :func:`build_index`.

    Raises:
        InputError: no document has content, or an id comes twice.
        ArtifactError: a shard is missing or damaged, or ``output`` holds something else.
        StorageError: the disk is full; a former index at ``output`` stays.
    """
    kind = _kind(kind, store)
    if kind == "lexical":
        raise InputError(
            "an index of words alone has no use for encoded documents",
            where=shards.path,
            remedy="build it of the documents themselves, or give another kind",
        )
    check_replaceable(output, KIND)
    found = shards.read()
    parents = {"documents": found.documents_hash, "model": shards.model_hash}
    settings: dict[str, Any] = {"kind": kind, "split": shards.passages, "pooling": shards.pooling}
    if _stands_there(output, parents, settings, store):
        return output
    if not found.shards:
        raise InputError(_EMPTY, where=shards.path, got=f"{shards.documents} empty")
    facts = settings | found.facts
    changes.build(
        output, found.shards, kind=kind, space=shards.space, parents=parents, facts=facts, store=store
    )
    return output


def _kind(kind: Kind, store: str | None) -> Kind:
    """The kind meant: a store makes it ``"stored"``."""
    if store is None and check_kind(kind) == "stored":
        raise InputError("an index of kind stored needs a store", remedy="give its address")
    if store is not None and kind not in ("exact", "stored"):  # exact is what nobody asked for
        raise InputError(f"an index of kind {kind} has no use for a store", got=store, remedy="leave one out")
    return kind if store is None else "stored"


def _stands_there(
    output: Path, parents: Mapping[str, str], settings: Mapping[str, Any], store: str | None
) -> bool:
    """Whether an index of the same inputs is there already."""
    if not is_complete(output):
        return False
    former = read_manifest(output, KIND)
    wanted = {"format": FORMAT, **settings}
    if former.parents != parents or not wanted.items() <= former.meta.items():
        return False
    if store is None:
        return True
    if former.meta["store"][0] != store:
        return False
    changes.publish(output)
    return True


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


@names_missing_extra()
def sync_documents(
    index: Index,
    documents: Sequence[Document] | Shards,
    model: ModelLike | None,
    *,
    delete: bool = False,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Bring an index to what documents are now; what has not changed is not encoded again.

    A run that was killed leaves the index as it was, or with all that is new and nothing deleted yet; repeat it.

    Args:
        index: what is changed.
        documents: all that there are, or the same encoded already.
        model: the model that encoded the index's; of no use for an index of words alone, and for encoded documents.
        delete: whether documents that are not among these are removed; they stay by default.
        progress: a rich display for the bar.

    Returns:
        How many were ``added``, ``replaced`` and ``unchanged``, how many others of the index are ``missing`` here,
        and what :func:`add_documents` counts.

    Raises:
        InputError, ArtifactError, StorageError: as :func:`add_documents`, or :func:`add_shards`.
    """
    found: Encoded | None = None
    if isinstance(documents, Shards):
        found = _read_for(index, documents)
        listed: Sequence[Document] = found.documents
    else:
        listed = documents
    _check_ids(listed)

    def is_as_it_was(document: Document) -> bool:
        return index.document(document.id) == document

    known = [document for document in listed if index.has(document.id)]
    changed = [document for document in known if not is_as_it_was(document)]
    new = [document for document in listed if not index.has(document.id)]
    here = {document.id for document in listed}
    missing = [name for name in index.ids if name not in here]
    facts = {"documents_without_content": 0, "documents_truncated": 0}
    if found is not None:
        facts = _add_some(index, found, {document.id for document in (*changed, *new)})
    elif new or changed:
        facts = add_documents(index, [*changed, *new], model, replace=True, progress=progress)
    # What has lost its content is not there to take the former's place.
    emptied = [each.id for each in changed if index.has(each.id) and not is_as_it_was(each)]
    gone = [*emptied, *(missing if delete else ())]
    if gone:
        index.delete(gone)
    return {
        "added": len(new),
        "replaced": len(changed),
        "unchanged": len(known) - len(changed),
        "missing": len(missing),
        **facts,
    }


def add_shards(index: Index, shards: Shards, *, replace: bool = False) -> dict[str, int]:
    """Add documents that are encoded to an index; for the rest as :func:`add_documents`.

    Raises:
        InputError: an id comes twice, or is there already (without ``replace``).
        ArtifactError: they were encoded in another way than the index's documents, or another process is changing it.
        StorageError: the disk is full; the index stays as it was.
    """
    found = _read_for(index, shards)
    index.add(found.shards, replace=replace)
    return {name: found.facts[name] for name in ("documents_without_content", "documents_truncated")}


def _read_for(index: Index, shards: Shards) -> Encoded:
    """Encoded documents, once it is clear that they were encoded as the index's own."""
    meta = index.manifest.meta
    own = {name: meta.get(name) for name in ("space", "max_length", "split", "pooling")}
    theirs = dict(zip(own, (shards.space, shards.length, shards.passages, shards.pooling), strict=True))
    if own != theirs:
        raise ArtifactError(
            "these documents were encoded in another way than the index's own",
            where=shards.path,
            expected=", ".join(f"{name} {value}" for name, value in own.items()),
            got=", ".join(f"{name} {value}" for name, value in theirs.items()),
            remedy="encode them by the index's model and settings: kivuko index encode",
        )
    return shards.read()


def _add_some(index: Index, found: Encoded, ids: set[str]) -> dict[str, int]:
    """Put the documents of some ids into an index; those that were cut are counted among all."""
    parts = [part for shard in found.shards if (part := shard.only(ids)).documents]
    if parts:
        index.add(parts, replace=True)
    return {
        "documents_without_content": len(ids) - sum(len(part.documents) for part in parts),
        "documents_truncated": found.facts["documents_truncated"],
    }


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
    from kivuko.models.encoder import Encoder

    folder = output.with_name(f".{output.name}.encoding")
    encoder = Encoder.open(model)
    recipe = Recipe.of(encoder, passages=passages, pooling=pooling)
    names = [
        encode_shard(folder, recipe, several, encoder=encoder, progress=progress)
        for several in in_shards(documents)
    ]
    found = read_shards(folder, names, recipe.length)
    yield found.shards, found.facts
    shutil.rmtree(folder, ignore_errors=True)


def documents_hash(documents: Sequence[Document]) -> str:
    """What an index's manifest calls its documents by: SHA-256 (hex) of ids, texts and metadata, in order."""
    return hash_json([document_row(document) for document in documents])


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
