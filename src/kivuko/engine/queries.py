"""What reads an engine's queries: beside each of its models a query encoder, which opens without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kivuko.artifact import is_complete
from kivuko.errors import MissingExtraError
from kivuko.models.encoder import Encoder
from kivuko.models.query_encoder import (
    REFUSED,
    QueryEncoder,
    folder_of_queries,
    lacking_package,
    read_queries_manifest,
)

if TYPE_CHECKING:
    from rich.progress import Progress

_INSTALL = "pip install 'kivuko[onnx]'"


def open_reader(model: Path) -> Encoder:
    """What encodes queries of a model of the engine: its query encoder, else the model itself.

    Raises:
        ArtifactError: the query encoder is damaged, or is of another model.
    """
    found = None
    if is_complete(folder_of_queries(model)) and lacking_package() is None:
        found = QueryEncoder.beside(model)
    return Encoder.open(model) if found is None else found


def write(model: Path, progress: Progress | None = None) -> str | None:
    """Write a model's query encoder, if it can have one; searches do without where it cannot.

    Args:
        model: the model's folder.
        progress: a rich display for a bar.

    Returns:
        Why it has none; None where it has one now.

    Raises:
        StorageError: the disk is full.
    """
    from kivuko.models.query_export import write_query_encoder

    bar = progress.add_task("query encoder", total=1) if progress else None
    try:
        return write_query_encoder(model)
    except MissingExtraError as error:
        return str(error.what)
    finally:
        if progress and bar is not None:
            progress.advance(bar)


def verify(model: Path) -> None:
    """Compare every file of a model's query encoder, if it has one, with what was written, and it with the model.

    Raises:
        ArtifactError: a file is not what was written, or the model is another.
    """
    if is_complete(folder_of_queries(model)):
        read_queries_manifest(model, verify=True)


def facts(model: Path) -> dict[str, Any] | None:
    """``bytes`` of a model's query encoder, or why it was ``refused``; None where nobody made one."""
    if not is_complete(folder_of_queries(model)):
        return None
    manifest = read_queries_manifest(model)
    if REFUSED in manifest.meta:
        return {REFUSED: manifest.meta[REFUSED]}
    return {"bytes": sum(size for size, _ in manifest.files.values())}


def advice(model: Path, engine: Path) -> str | None:
    """How a search with a model would open in a fraction of the time; None where it does, or never will.

    Args:
        model: the model's folder.
        engine: the engine's.
    """
    made = is_complete(folder_of_queries(model))
    if made and REFUSED in read_queries_manifest(model).meta:
        return None
    lacking = lacking_package()
    if lacking is None and made:
        return None
    steps = [] if lacking is None else [_INSTALL]
    steps += [] if made else [f"kivuko engine optimize {engine}"]
    return f"the whole model was opened; searches begin several times as fast after: {', then '.join(steps)}"
