"""Changes to an index folder: build, add, delete, compact. Each is there whole or not at all, whatever kills it.

``manifest.json`` is the commit point. Every file it names lies in the folder of the change that wrote it,
``change-000001/``, ``change-000002/`` …, and is never written again. A change writes its files, waits until the disk
has them, and then replaces the manifest in one step: readers see the state before or the state after. Files that no
manifest names, left by a change that was killed, are removed by the next one.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.artifact import (
    MANIFEST,
    Manifest,
    check_replaceable,
    file_facts,
    hash_json,
    make_durable,
    read_manifest,
    storage_errors,
    try_exclusive,
    write_manifest,
)
from kivuko.errors import ArtifactError, InputError, LockedError, StoreError
from kivuko.retrieval.kinds import Kind, Storage, check_kind, storage
from kivuko.retrieval.lexical import TITLE_WEIGHT, WordCounts
from kivuko.retrieval.segment import Content, EncodedDocuments, write_segment
from kivuko.retrieval.state import FORMAT, KIND, State
from kivuko.retrieval.stored import StoredVectors, points_of
from kivuko.retrieval.stores import open_store

#: A segment of more passages is not merged with newer ones any more.
LARGEST_MERGED = 100_000
_CODEC, _DELETED = "codec", "deleted.json"
#: Token vectors that a codec is trained on at most, drawn from all shards alike.
_TRAINING_TOKENS = 1 << 19
_FOLDER = re.compile(r"change-(\d{6,})")
_TEMPORARY = f".{MANIFEST}."
_LOCK = "change"  # the lock itself is a file .change.lock below the index folder


def build(
    path: Path,
    shards: Sequence[EncodedDocuments],
    *,
    kind: Kind,
    space: str | None,
    parents: Mapping[str, str],
    facts: Mapping[str, Any],
    store: str | None = None,
    seed: int = 0,
) -> None:
    """Make an index folder of encoded documents; a former index there is replaced in one step.

    Args:
        path: the folder to write.
        shards: documents in parts, each of which becomes a segment.
        kind: how vectors are kept.
        space: the vector space they lie in; None for kind ``"lexical"``.
        parents: label → content hash of what the index is made from.
        facts: what else is worth keeping (lengths, what was cut or left out); by ``"pooling"``, tokens that became
            one vector, a code is so many times longer.
        store: address of the store that keeps the vectors of kind ``"stored"``, see
            :func:`kivuko.retrieval.stores.open_store`; the index gets a collection of its own there.
        seed: of the sample that a codec is trained on.

    Raises:
        InputError: no document, a repeated id, a passage without a token, vectors of different length.
        ArtifactError: ``path`` holds something else, or another process is changing it.
        StorageError: the disk is full; a former index stays.
        StoreError: the store does not answer; a former index stays.
    """
    check_kind(kind)
    dimension = next((s.vectors.vectors.shape[1] for s in shards if s.vectors is not None), None)
    seen: set[str] = set()
    for shard in shards:
        _check(shard, dimension, seen)
    if not seen:
        raise InputError("there is nothing to index", expected="at least one document", got="none")
    with change(path, KIND, anew=True) as now:
        codec = now.folder / _CODEC if kind == "codes" else None
        if codec is not None:
            codec.mkdir()
            _train_codec(shards, seed, codec, pooling=float(facts.get("pooling", 1)))
        place = None if store is None else (store, _collection(path, parents, facts))
        kept_as = storage(kind, codec, None if place is None else open_store(*place))
        meta: dict[str, Any] = {
            "format": FORMAT,
            "kind": kind,
            "space": space,
            "dimension": dimension,
            "codec": now.name(codec) if codec else None,
            "store": place,
            "segments": _write(now, (_content(shard, kept_as) for shard in shards)),
            "deleted": None,
            **facts,
        }
        now.commit(parents=parents, meta=meta, kept=())
        former = now.former.meta.get("store") if now.former is not None else None
        if isinstance(kept_as, StoredVectors):
            kept_as.store.finish()
            kept_as.store.publish()
        if former is not None and tuple(former) != place:
            with suppress(StoreError):  # nobody reads it any more
                open_store(*former).drop()


def publish(path: Path) -> None:
    """Let others find a store's collection by its name, where who built the index was killed before that."""
    store = read_manifest(path, KIND).meta.get("store")
    if store is not None:
        open_store(*store).publish()


def add(path: Path, shards: Sequence[EncodedDocuments], *, replace: bool) -> None:
    """See :meth:`kivuko.retrieval.index.Index.add`."""
    if not any(shard.documents for shard in shards):
        return
    with _change(path) as (now, state):
        seen: set[str] = set()
        for shard in shards:
            _check(shard, state.manifest.meta["dimension"], seen)
        ids = [document.id for shard in shards for document in shard.documents]
        known = [name for name in ids if name in state.places]
        if known and not replace:
            raise InputError(
                "the index has a document of this id",
                where=path,
                expected="new ids",
                got=_first_of(known),
                remedy="say that documents may be replaced (--replace), or choose other ids",
            )
        alive = _without(state, known)
        # Segments that the new one has outgrown are merged with it, so that there are never many.
        parts = [_content(shard, state.storage) for shard in shards]
        kept = len(state.names)
        while kept and _is_outgrown(len(state.segments[kept - 1].ids), parts):
            kept -= 1
            parts.insert(0, state.segments[kept].content(alive[kept]))
        new = Content.join(parts)
        _commit(now, state, kept, alive, [new], event=["added", *ids])
        _forget(state, alive, [new])


def delete(path: Path, ids: Sequence[str]) -> None:
    """See :meth:`kivuko.retrieval.index.Index.delete`."""
    with _change(path) as (now, state):
        unknown = [name for name in ids if name not in state.places]
        if unknown:
            raise InputError(
                "the index has no such document",
                where=path,
                expected="ids of documents that are there (none was removed)",
                got=_first_of(unknown),
            )
        alive = _without(state, ids)
        _commit(now, state, len(state.names), alive, [], event=["deleted", *ids])
        _forget(state, alive, [])


def compact(path: Path) -> None:
    """See :meth:`kivuko.retrieval.index.Index.compact`."""
    with _change(path) as (now, state):
        groups: list[list[Content]] = []
        size = LARGEST_MERGED + 1
        for segment, mask in zip(state.segments, state.alive, strict=True):
            content = segment.content(mask)
            size += len(content.documents)
            if size > LARGEST_MERGED:
                groups.append([])
                size = len(content.documents)
            groups[-1].append(content)
        whole = [Content.join(group) for group in groups]
        _commit(now, state, 0, [], whole, event=None)
        if isinstance(state.storage, StoredVectors):
            state.storage.sweep(points_of(content.arrays for content in whole))


def _forget(state: State, alive: Sequence[NDArray[np.bool_]], new: Sequence[Content]) -> None:
    """Remove from a store the points of documents that a change has removed."""
    if not isinstance(state.storage, StoredVectors):
        return
    gone = points_of(
        segment.arrays.take(np.flatnonzero((before & ~after)[segment.owners.of]))
        for segment, before, after in zip(state.segments, state.alive, alive, strict=True)
        if segment.arrays is not None
    )
    with suppress(StoreError):  # the change is made, and nobody finds what stays; compact removes it
        state.storage.forget(gone, points_of(content.arrays for content in new))


def _collection(path: Path, parents: Mapping[str, str], facts: Mapping[str, Any]) -> str:
    """Name of an index's own collection: that of a run that was killed, and of no other folder."""
    return hash_json([str(path.absolute()), dict(parents), dict(facts)])[:12]


@contextmanager
def _change(path: Path) -> Iterator[tuple[Change, State]]:
    """Change an index that exists, from the state that the last writer left."""
    with change(path, KIND) as now:
        if now.former is None:
            raise TypeError("a change of a former state has one")
        yield now, State.read(path, now.former)


def _commit(
    now: Change,
    state: State,
    kept: int,
    alive: Sequence[NDArray[np.bool_]],
    new: Sequence[Content],
    *,
    event: list[str] | None,
) -> None:
    """Make a state of the first ``kept`` segments, their documents ``alive``, and new ones."""
    meta = dict(state.manifest.meta)
    meta["segments"] = meta["segments"][:kept] + _write(now, new)
    dead = {
        name: np.flatnonzero(~mask).tolist()
        for name, mask in zip(state.names[:kept], alive[:kept], strict=True)
        if not mask.all()
    }
    meta["deleted"] = None
    if dead:
        (now.folder / _DELETED).write_text(json.dumps(dead), encoding="utf-8")
        meta["deleted"] = now.name(now.folder / _DELETED)
    parents = dict(state.manifest.parents)
    if event is not None:
        parents["documents"] = hash_json([parents.get("documents"), *event])
    now.commit(
        parents=parents, meta=meta, kept=(*state.names[:kept], *([meta["codec"]] if meta["codec"] else []))
    )


def _write(now: Change, contents: Iterable[Content]) -> list[dict[str, Any]]:
    """Write segments and say what each holds; one without documents is left out."""
    entries = []
    for number, content in enumerate(contents):
        if content.documents:
            folder = now.folder / f"segment-{number:03d}"
            write_segment(folder, content)
            entries.append(
                {
                    "name": now.name(folder),
                    "documents": len(content.documents),
                    "passages": len(content.passages),
                    "tokens": int(content.arrays.lengths.sum()) if content.arrays else 0,
                }
            )
    return entries


def _content(documents: EncodedDocuments, kept_as: Storage | StoredVectors | None) -> Content:
    arrays = None
    if kept_as is not None and documents.vectors is not None:
        arrays = kept_as.keep(documents)
    return Content(
        list(documents.documents),
        WordCounts.of(documents.documents, TITLE_WEIGHT),
        documents.passages,
        arrays,
    )


def _is_outgrown(documents: int, parts: Sequence[Content]) -> bool:
    """Whether a segment is at most as large as what follows it, and small enough to be written again."""
    newer = sum(len(part.documents) for part in parts)
    return documents <= newer and documents + newer <= LARGEST_MERGED


def _without(state: State, ids: Sequence[str]) -> list[NDArray[np.bool_]]:
    alive = [mask.copy() for mask in state.alive]
    for name in ids:
        number, document = state.places[name]
        alive[number][document] = False
    return alive


def _train_codec(shards: Sequence[EncodedDocuments], seed: int, folder: Path, *, pooling: float) -> None:
    from kivuko.retrieval.compressed import BYTES_A_TOKEN, Codec

    vectors = [shard.vectors.vectors for shard in shards if shard.vectors is not None]
    tokens = sum(map(len, vectors))
    step = max(1, -(-tokens // _TRAINING_TOKENS))
    sample = np.concatenate([part[::step] for part in vectors])
    size = BYTES_A_TOKEN * max(1, round(pooling))
    Codec.train(sample, tokens=tokens, size=size, seed=seed).save(folder)


def _check(documents: EncodedDocuments, dimension: int | None, seen: set[str]) -> None:
    """Refuse what cannot be indexed; ``seen`` are ids of shards before, and takes these ones up."""
    for document in documents.documents:
        if document.id in seen:
            raise InputError(
                "two documents have the same id",
                expected="unique ids",
                got=repr(document.id),
                remedy="rename or remove one of them",
            )
        seen.add(document.id)
    vectors = documents.vectors
    found = None if vectors is None else vectors.vectors.shape[1]
    if found != dimension or (vectors is not None and not (vectors.lengths > 0).all()):
        raise InputError(
            "these vectors do not fit the index",
            expected="no vectors"
            if dimension is None
            else f"passages of one token or more, {dimension} numbers each",
            got="none"
            if vectors is None
            else f"{len(vectors)} passages, {found} numbers, "
            f"{int((vectors.lengths == 0).sum())} of them without a token",
        )
    if vectors is not None and (
        len(vectors) != len(documents.passages)
        or set(documents.passages[:, 0].tolist()) != set(range(len(documents.documents)))
    ):
        raise InputError(
            "passages and documents do not fit",
            expected="a row of passages for each text of the vectors, and a passage of every document",
            got=f"{len(vectors)} texts, {len(documents.passages)} passages, {len(documents.documents)} documents",
        )


def _first_of(names: Sequence[str]) -> str:
    return f"{names[0]!r}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")


@contextmanager
def change(path: Path, kind: str, *, anew: bool = False) -> Iterator[Change]:
    """Change an index folder, as its only writer; readers go on meanwhile.

    Args:
        path: the folder; it may be missing or empty.
        kind: what it holds.
        anew: whether what stands there is replaced, so that it need not be readable.

    Raises:
        LockedError: another process is changing it.
        ArtifactError: it holds something that Kivuko did not write, or (unless ``anew``) it is not a complete one.
        StorageError: the disk is full or not writable.
    """
    if not _is_unfinished(path):
        check_replaceable(path, kind)
    with storage_errors(path), try_exclusive(path / _LOCK) as alone:
        if not alone:
            raise LockedError(
                f"another process is changing this {kind}",
                where=path,
                expected="one writer at a time (readers are not counted)",
                remedy="wait until it has ended, then try again",
            )
        former = _readable(path, kind) if anew else read_manifest(path, kind)
        _remove_unnamed(path, frozenset(former.files if former else ()))
        folder = path / f"change-{_last_number(path) + 1:06d}"
        folder.mkdir(parents=True)
        try:
            yield Change(path, folder, kind, former)
        except BaseException:
            # Whatever happened, the manifest names nothing of this folder unless the commit was reached.
            if not _is_named(path, kind, folder.name):
                shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                if _is_unfinished(path):  # a first change that came to nothing leaves nothing
                    shutil.rmtree(path)
            raise


class Change:
    """A change under way. Write files below :attr:`folder`, then :meth:`commit`; without that, nothing happened.

    Attributes:
        path: the index folder.
        folder: a new empty folder below it.
        former: what the index said when the change began; None where there was none.
    """

    def __init__(self, path: Path, folder: Path, kind: str, former: Manifest | None) -> None:
        self.path, self.folder, self.former = path, folder, former
        self._kind = kind

    def name(self, file: Path) -> str:
        """A file's or folder's name within the index."""
        return file.relative_to(self.path).as_posix()

    def commit(self, *, parents: Mapping[str, str], meta: Mapping[str, Any], kept: tuple[str, ...]) -> None:
        """Make this change the index's state.

        Args:
            parents: label → content hash of what the index is made from now.
            meta: what the index says of itself now.
            kept: names of folders of former changes whose files stay.

        Raises:
            StorageError: the disk is full or not writable; the former state stays.
        """
        files = {self.name(self.folder / name): facts for name, facts in file_facts(self.folder).items()}
        for name in files:
            make_durable(self.path / name)
        for folder in [self.folder, *(each for each in self.folder.rglob("*") if each.is_dir())]:
            make_durable(folder)
        if self.former is not None:
            files |= {
                name: facts
                for name, facts in self.former.files.items()
                if any(name.startswith(f"{folder}/") for folder in kept)
            }
        make_durable(self.path)
        write_manifest(self.path, self._kind, parents=parents, meta=meta, files=files)
        with suppress(OSError):  # the change is made; what stays behind is removed by the next one
            _remove_unnamed(self.path, frozenset(files), former=self.former)


def _is_unfinished(path: Path) -> bool:
    """Whether a folder holds nothing but what a first change left when it was killed."""
    return path.is_dir() and all(
        _FOLDER.fullmatch(each.name) or each.name.startswith((_TEMPORARY, f".{_LOCK}."))
        for each in path.iterdir()
    )


def _readable(path: Path, kind: str) -> Manifest | None:
    """What stands at ``path``, or None where nothing does or it is damaged."""
    try:
        return read_manifest(path, kind)
    except ArtifactError:
        return None


def _last_number(path: Path) -> int:
    found = [_FOLDER.fullmatch(each.name) for each in path.iterdir()] if path.is_dir() else []
    return max((int(match[1]) for match in found if match), default=0)


def _is_named(path: Path, kind: str, folder: str) -> bool:
    """Whether the state of the index is the one that a folder's change made."""
    found = _readable(path, kind)
    return found is not None and any(name.startswith(f"{folder}/") for name in found.files)


def _remove_unnamed(path: Path, named: frozenset[str], *, former: Manifest | None = None) -> None:
    """Remove what the manifest does not name; a reader that has it open keeps it."""
    if not path.is_dir():
        return
    for left in sorted(path.glob(f"{_TEMPORARY}*")):
        left.unlink()
    for name in (former.files if former else {}).keys() - named:
        (path / name).unlink(missing_ok=True)
    for folder in sorted(each for each in path.iterdir() if _FOLDER.fullmatch(each.name)):
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            if file.relative_to(path).as_posix() not in named:
                file.unlink()
        # Deepest first; a folder that still holds something stays.
        for below in [*sorted((each for each in folder.rglob("*") if each.is_dir()), reverse=True), folder]:
            if not any(below.iterdir()):
                below.rmdir()
