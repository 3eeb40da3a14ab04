"""From a model's name to a plain folder, and from a folder to a sentence-transformers object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from kivuko.artifact import is_complete, read_manifest
from kivuko.errors import InputError, MissingExtraError, UnknownNameError
from kivuko.models.catalogue import find
from kivuko.models.convert import KIND, convert
from kivuko.models.hub import fetch_from_hub, is_hub_id, known_names

if TYPE_CHECKING:
    from sentence_transformers.base.modules import Transformer

#: What the manifest of an exported model tells of the graph.
EXPORTED = "onnx"
TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "source.spm",
    "tokenizer.model",
)


def get(name: str | Path) -> Path:
    """Resolve a model name to an ordinary Hugging Face folder, fetching and converting it on first use.

    Args:
        name: in this order a local folder, a catalogue name (``kivuko models list``), or a hub id
            ``organisation/name``.

    Returns:
        A folder with configuration, safetensors weights and tokenizer.

    Raises:
        InputError: a local folder lacks configuration, weights or tokenizer.
        UnknownNameError: the name is none of the three.
        FetchError: the source cannot be reached or what came is damaged.
    """
    if Path(name).is_dir():
        folder = Path(name)
    elif (entry := find(str(name))) is not None:
        folder = fetch_from_hub(entry.hub_id) if entry.needs_hub else convert(entry)
    elif is_hub_id(str(name)):
        folder = fetch_from_hub(str(name))
    else:
        raise UnknownNameError(
            "model",
            str(name),
            known_names(),
            remedy="no folder has this name either; give a local folder, a catalogue name, or a hub id",
        )
    check_folder(folder)
    return folder


def check_folder(folder: Path, *, exported: bool = False) -> None:
    """Refuse a model folder that lacks something, before a library fails on it in its own words.

    Args:
        folder: the model's folder.
        exported: whether one of ``kivuko models export`` will do, which has no weights to train.

    Raises:
        InputError: configuration, safetensors weights or tokenizer are missing.
        ArtifactError: the folder is one of ours and a file of it is missing or cut short.
    """
    if is_complete(folder):
        read_manifest(folder, KIND)
    if is_exported(folder) and not exported:
        raise InputError(
            "an exported model cannot be trained or changed, it only reads texts",
            where=folder,
            expected="a model with weights (model.safetensors)",
            remedy="train the model that it was exported from, and export that again",
        )
    root = transformer_root(folder)
    names = sorted(file.name for file in root.iterdir()) if root.is_dir() else []
    if "config.json" not in names:
        raise _lacks("configuration", root, "config.json", names)
    if not is_exported(folder) and not any(name.endswith(".safetensors") for name in names):
        raise _lacks("weights", root, "model.safetensors (pickled weights are not opened)", names)
    if not any(name in names for name in TOKENIZER_FILES):
        raise _lacks("tokenizer", root, f"one of {', '.join(TOKENIZER_FILES)}", names)


def is_exported(folder: Path) -> bool:
    """Whether a folder is one of ``kivuko models export``: a graph for ONNX Runtime in place of weights."""
    return is_complete(folder) and EXPORTED in read_manifest(folder, KIND).meta


def load_transformer(path: Path, max_length: int) -> Transformer:
    """Token vectors: the folder's encoder and tokenizer as a sentence-transformers ``Transformer`` module.

    Args:
        path: a folder as :func:`get` returns it.
        max_length: longest input in pieces, special pieces included; longer texts are cut.

    Raises:
        InputError: the folder lacks something, or ``max_length`` is beyond what the encoder can take.
        MissingExtraError: sentence-transformers is not installed.
    """
    check_folder(path)
    root = transformer_root(path)
    positions = json.loads((root / "config.json").read_text(encoding="utf-8")).get("max_position_embeddings")
    if max_length < 3 or (positions is not None and max_length > positions):
        raise InputError(
            "this encoder cannot take inputs of that length",
            where=path,
            expected=f"3 to {positions} pieces (two of them special)",
            got=max_length,
            remedy="choose a max_length in this range",
        )
    offline = {"local_files_only": True}
    with quiet():
        from sentence_transformers.base.modules import Transformer

        module: Transformer = Transformer(
            str(root),
            max_seq_length=max_length,
            model_kwargs=dict(offline),
            processor_kwargs=dict(offline),
            config_kwargs=dict(offline),
        )
    return module


@contextmanager
def quiet(*, warnings: bool = True) -> Iterator[None]:
    """No library progress bars inside the block; without ``warnings``, only errors of transformers are shown.

    Raises:
        MissingExtraError: sentence-transformers is not installed.
    """
    if find_spec("sentence_transformers") is None:
        raise MissingExtraError("sentence-transformers", "train")
    from transformers.utils import logging

    was_shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if not warnings:
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if was_shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def transformer_root(folder: Path) -> Path:
    """Where configuration and weights lie: older sentence-transformers folders keep them in a subfolder."""
    modules = folder / "modules.json"
    if not modules.is_file():
        return folder
    try:
        return folder / str(json.loads(modules.read_text(encoding="utf-8"))[0]["path"])
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(
            "the model's list of modules cannot be read",
            where=modules,
            expected="a JSON list of modules, each with a path",
            got=repr(error),
            remedy="save the model again, or give another folder",
        ) from error


def _lacks(part: str, root: Path, expected: str, names: list[str]) -> InputError:
    return InputError(
        f"model folder without {part}",
        where=root,
        expected=expected,
        got=", ".join(names) or "an empty folder",
        remedy="save model and tokenizer into the same folder (save_pretrained), or give another folder",
    )
