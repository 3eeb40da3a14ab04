"""The files of a model folder beside its tokenizer, for fewer pieces with new numbers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch

from kivuko.artifact import MANIFEST
from kivuko.errors import InputError
from kivuko.models.tokenizer_file import FILE

WEIGHTS = "model.safetensors"
_MODULES = {"Transformer", "Pooling", "Normalize", "Dense", "LayerNorm", "Dropout", "MultiVectorMask"}
"""Modules that work on vectors, not on pieces by their numbers."""
_TEXTS = ("*.json", "*.md", "LICEN[CS]E*", "NOTICE*")
_OF_PIECES = {
    FILE,
    "config.json",
    "vocab.json",
    "added_tokens.json",
    "model.safetensors.index.json",
    MANIFEST,
}


def copy_parts(model: Path, root: Path, target: Path, new_ids: Mapping[int, int]) -> list[str]:
    """Copy settings, texts and further modules; numbers of pieces in settings become the new ones.

    Args:
        model: the model's folder.
        root: where its Transformer lies, the same or a folder in it.
        target: the folder to write into.
        new_ids: old → new number of each kept piece.

    Returns:
        What was left out: weights in other formats, other forms of the old vocabulary. ``tokenizer.json``,
        ``config.json`` and the weights, which are to be written anew, are not among them.

    Raises:
        InputError: the model has a module that may depend on the vocabulary.
    """
    modules = [model / name for name in _module_folders(model) if model / name != root]
    left_out = []
    for file in sorted(model.rglob("*")):
        name = file.relative_to(model)
        if not file.is_file() or file in {
            root / FILE,
            root / "config.json",
            root / WEIGHTS,
            model / MANIFEST,
        }:
            continue
        in_module = any(file.is_relative_to(module) for module in modules)
        described = file.parent in {model, root} and any(fnmatch(file.name, form) for form in _TEXTS)
        if not in_module and (not described or file.name in _OF_PIECES):
            left_out.append(name.as_posix())
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".json":
            settings = renumbered(json.loads(file.read_text(encoding="utf-8")), new_ids)
            (target / name).write_text(
                json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
            )
        else:
            shutil.copyfile(file, target / name)
    (target / root.relative_to(model)).mkdir(parents=True, exist_ok=True)
    return left_out


def renumbered(settings: Any, new_ids: Mapping[int, int]) -> Any:
    """Settings from JSON in which pieces have their new numbers; one that is no longer there is None.

    Numbers of pieces stand under ``…token_id``, in lists under ``…token_ids``, and as the keys of
    ``added_tokens_decoder``.
    """
    if isinstance(settings, list):
        return [renumbered(each, new_ids) for each in settings]
    if not isinstance(settings, dict):
        return settings
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if name.endswith("token_id") and isinstance(value, int):
            found[name] = new_ids.get(value)
        elif name.endswith(("token_id", "token_ids")) and isinstance(value, list):
            found[name] = [new_ids[piece] for piece in value if piece in new_ids]
        elif name == "added_tokens_decoder":
            found[name] = {str(new_ids[int(piece)]): token for piece, token in value.items()}
        else:
            found[name] = renumbered(value, new_ids)
    return found


def trim_weights(root: Path, target: Path, kept: Sequence[int], config: Mapping[str, Any]) -> None:
    """Write the weights of a Transformer's folder with the rows of the kept pieces alone.

    Args:
        root: where the weights and their configuration lie.
        target: the file to write.
        kept: rows to keep of every weight that has one for each piece: the embeddings, and a head over the pieces.
        config: the configuration.

    Raises:
        InputError: there is not one file of weights, or it is unclear which have a row for each piece.
    """
    from safetensors import safe_open
    from safetensors.torch import save_file

    if not (root / WEIGHTS).is_file():
        raise InputError(
            "these weights are in several files",
            where=root,
            expected=WEIGHTS,
            remedy="save the model again with save_pretrained(FOLDER, max_shard_size='100GB')",
        )
    rows = config.get("vocab_size")
    same = sorted(name for name, value in config.items() if value == rows and name != "vocab_size")
    if not isinstance(rows, int) or rows <= kept[-1] or same:
        raise InputError(
            "it is unclear which weights have a row for each piece",
            where=root / "config.json",
            expected=f"vocab_size, greater than {kept[-1]} and like no other size",
            got=f"vocab_size {rows}" + (f", {', '.join(same)} {rows}" if same else ""),
            remedy="use the model as it is",
        )
    with safe_open(root / WEIGHTS, "pt") as stream:
        metadata = stream.metadata()
        weights: dict[str, torch.Tensor] = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    by_piece = [name for name, weight in weights.items() if weight.ndim and weight.shape[0] == rows]
    if not any(weights[name].ndim == 2 for name in by_piece):
        raise InputError(
            "no weights have a row for each piece",
            where=root / WEIGHTS,
            expected=f"embeddings of {rows} rows, as config.json says",
            remedy="save model and configuration together",
        )
    for name in by_piece:
        weights[name] = weights[name][torch.tensor(kept)].contiguous()
    save_file(weights, target, metadata=metadata)


def _module_folders(model: Path) -> list[str]:
    """Folders of the model's modules, relative to its own.

    Raises:
        InputError: a module is not one of :data:`_MODULES`.
    """
    if not (model / "modules.json").is_file():
        return []
    modules = json.loads((model / "modules.json").read_text(encoding="utf-8"))
    for module in modules:
        if module["type"].rpartition(".")[2] not in _MODULES:
            raise InputError(
                "this model has a module that may depend on the vocabulary",
                where=model / "modules.json",
                expected=", ".join(sorted(_MODULES)),
                got=module["type"],
                remedy="use the model as it is",
            )
    return [module["path"] for module in modules]
