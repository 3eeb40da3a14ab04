"""Making an engine's folder: of documents, of encoded ones, or around an index that is there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kivuko.artifact import check_replaceable, exclusive, is_complete, read_manifest
from kivuko.collections.document import Document
from kivuko.engine import queries
from kivuko.engine import state as layout
from kivuko.engine.languages import place, place_model
from kivuko.engine.state import EngineLanguage, EngineState, Way
from kivuko.errors import ArtifactError, InputError
from kivuko.languages import Language
from kivuko.retrieval.build import build_index, documents_hash, index_shards
from kivuko.retrieval.index import Index
from kivuko.retrieval.kinds import Kind
from kivuko.retrieval.shards import Shards

if TYPE_CHECKING:
    from rich.progress import Progress

    from kivuko.models.encoder import ModelLike


@dataclass(frozen=True)
class Keeping:
    """How documents are kept; see :meth:`kivuko.engine.Engine.create`.

    Attributes:
        kind: of the index.
        store: address of the store that keeps its vectors, if one does.
        passages: whether a long document is found by its passages; else it is cut.
        pooling: tokens that become one vector on average, 1 to 16.
    """

    kind: Kind = "exact"
    store: str | None = None
    passages: bool = True
    pooling: float = 1.0


def make(
    path: Path,
    documents: Sequence[Document] | Shards,
    keeping: Keeping,
    *,
    model: ModelLike | None,
    language: Language,
    progress: Progress | None = None,
) -> None:
    """Write the engine of some documents; one of the same documents that is there stays as it is.

    Args:
        path: the folder to write.
        documents: what can be found; ids are unique.
        keeping: how they are kept; those that are encoded already keep the settings by which they were.
        model: that which encodes them; the English teacher by default.
        language: what they are in.
        progress: a rich display for the bars.

    Raises:
        InputError: no document, a repeated id, or kind and model do not go together.
        ArtifactError: an engine of other documents or settings, or something else, stands at ``path``; another
            model encoded the documents.
        StorageError: the disk is full; repeat the call when it is not.
    """
    check_replaceable(path, layout.KIND)
    if keeping.kind == "lexical" and model is not None:
        raise InputError("an engine of words alone has no use for a model", remedy="give another kind")
    building = _building(path)
    with exclusive(building):
        if is_complete(path):
            _require_same(path, documents, keeping.kind if keeping.store is None else "stored")
            return
        teacher = None
        if keeping.kind != "lexical":
            found = _document_model(model, progress)
            if isinstance(documents, Shards):
                documents.require_model(found)
            teacher = place_model(found, building / layout.TEACHER)
        if isinstance(documents, Shards):
            index_shards(documents, building / layout.INDEX, kind=keeping.kind, store=keeping.store)
        else:
            build_index(
                documents,
                teacher,
                building / layout.INDEX,
                kind=keeping.kind,
                store=keeping.store,
                passages=keeping.passages,
                pooling=keeping.pooling,
                progress=progress,
            )
        _finish(building, path, language, progress)


def make_around(path: Path, index: Path, model: ModelLike | None, language: Language) -> None:
    """Write an engine around an index that is ready; an engine that is there stays as it is.

    Args:
        path: the folder to write.
        index: an index folder; the engine gets one of its own, which shares the files as they stand now.
        model: that which encoded its documents; None for an index of words alone.
        language: what the documents are in.

    Raises:
        InputError: the index's vectors are in a store.
        ArtifactError: the model is not the index's, or something else stands at ``path``.
        StorageError: the disk is full.
    """
    check_replaceable(path, layout.KIND)
    own = Index.open(index)
    if own.kind == "stored":
        raise InputError(
            "the vectors of this index are in a store, which two folders cannot share",
            where=index,
            remedy="make an engine of the documents, or of their encoded shards, with a store of its own",
        )
    building = _building(path)
    with exclusive(building):
        if is_complete(path):
            return
        if model is not None:
            own.require_space(model)
            place_model(model, building / layout.TEACHER)
        place(index, building / layout.INDEX, "index")
        _finish(building, path, language)


def _building(path: Path) -> Path:
    """Where an engine stands until it is complete."""
    return path.with_name(f".{path.name}.creating")


def _finish(building: Path, path: Path, language: Language, progress: Progress | None = None) -> None:
    """Give an engine whose parts are there its state and its name."""
    has_model = (building / layout.TEACHER).is_dir()
    if has_model:
        queries.write(building / layout.TEACHER, progress)
    way = Way("late-interaction", "teacher") if has_model else Way("bm25")
    EngineState("", language, {language.tag: EngineLanguage(None, way)}).write(building)
    if path.is_dir():
        path.rmdir()  # empty, as was checked
    os.replace(building, path)


def _document_model(model: ModelLike | None, progress: Progress | None) -> ModelLike:
    if model is not None:
        return model
    from kivuko.training.teacher import default_teacher

    return default_teacher(progress)


def _require_same(path: Path, documents: Sequence[Document] | Shards, kind: Kind) -> None:
    """Refuse to replace an engine: students may have been trained for it."""
    manifest = read_manifest(path / layout.INDEX, "index")
    own = documents.read().documents_hash if isinstance(documents, Shards) else documents_hash(documents)
    if (manifest.parents.get("documents"), manifest.meta["kind"]) != (own, kind):
        raise ArtifactError(
            "there is an engine here already, of other documents or another kind",
            where=path,
            expected="a new path",
            remedy="change its documents with 'kivuko engine add' and 'delete', or choose another path",
        )
