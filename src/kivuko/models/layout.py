"""What a model folder holds, told from its files alone: nothing is opened that could run code.

Late-interaction models come in four layouts: sentence-transformers' own, PyLate's, Stanford's ColBERT with
``artifact.metadata``, and BGE-M3, a dense model with a layer for token vectors beside it. Others give one vector a
text, or are plain encoders. Weights are opened from safetensors alone; code that a checkpoint brings is never run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from kivuko.artifact import is_complete, read_manifest
from kivuko.errors import InputError, names_missing_extra
from kivuko.models.convert import KIND
from kivuko.models.identity import model_manifest

Layout = Literal["sentence-transformers", "PyLate", "Stanford ColBERT", "BGE-M3", "dense", "plain"]
LATE_INTERACTION: tuple[Layout, ...] = ("sentence-transformers", "PyLate", "Stanford ColBERT", "BGE-M3")
#: BGE-M3's layer for token vectors, beside the dense model; the first that is there is read.
HEADS = ("colbert_linear.safetensors", "colbert_linear.pt")
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
#: What PyLate writes into ``config_sentence_transformers.json`` and dense models do not have.
_OF_PYLATE = {
    "query_prefix",
    "document_prefix",
    "do_query_expansion",
    "attend_to_expansion_tokens",
    "skiplist_words",
}
#: Classes in ``modules.json`` that sentence-transformers has itself, or reads in place of another library's.
_TRUSTED = ("sentence_transformers.", "pylate.models.Dense")
_NO_PICKLES = "pickled weights are not opened"
_SHARDS = "model.safetensors.index.json"


def layout_of(folder: Path) -> Layout:
    """What kind of model a folder holds.

    Raises:
        InputError: a configuration cannot be read.
    """
    architectures = read_json(transformer_root(folder) / "config.json").get("architectures") or []
    stanford = "HF_ColBERT" in architectures
    modules = modules_of(folder)
    if head_of(folder) is not None:
        return "BGE-M3"
    if not modules:
        return "Stanford ColBERT" if stanford else "plain"
    settings = read_json(folder / "config_sentence_transformers.json")
    kind = settings.get("model_type", "MultiVectorEncoder" if stanford else "SentenceTransformer")
    if kind == "ColBERT":
        return "PyLate"
    if kind == "MultiVectorEncoder":
        return "sentence-transformers"
    # PyLate's first versions did not name themselves. Without a projection the library would draw one at random.
    names = {module["type"].rpartition(".")[2] for module in modules}
    if (
        kind == "SentenceTransformer"
        and "Dense" in names
        and "Pooling" not in names
        and _OF_PYLATE & settings.keys()
    ):
        return "PyLate"
    return "dense"


def head_of(folder: Path) -> Path | None:
    """The file of BGE-M3's layer for token vectors, if it is there."""
    return next((folder / name for name in HEADS if (folder / name).is_file()), None)


def check_late_interaction(folder: Path) -> None:
    """Refuse a folder whose model gives no vector for each token: opened all the same, it would get a random layer.

    Raises:
        InputError: it is a dense model, or a plain encoder.
    """
    layout = layout_of(folder)
    if layout in LATE_INTERACTION:
        return
    dense = layout == "dense"
    raise InputError(
        "this model gives one vector a text, and is no late-interaction model"
        if dense
        else "this folder is a plain encoder, not a late-interaction model",
        where=folder,
        expected="one of sentence-transformers' MultiVectorEncoder, of PyLate, or Stanford's ColBERT",
        got="a dense model of sentence-transformers"
        if dense
        else "an encoder without a layer for token vectors",
        remedy="make one of its token vectors with 'kivuko models add MODEL --assemble --output FOLDER', or train "
        "one with 'kivuko train optical --student MODEL'",
    )


def check_folder(folder: Path, *, exported: bool = False) -> None:
    """Refuse a model folder that lacks something, before a library fails on it in its own words or runs its code.

    Args:
        folder: the model's folder.
        exported: whether one of ``kivuko models export`` will do, which has no weights to train.

    Raises:
        InputError: configuration, safetensors weights or tokenizer are missing, or the model needs code of its own.
        ArtifactError: the folder is one of ours and a file of it is missing or not as it was written.
    """
    if is_complete(folder):
        model_manifest(folder)
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
    _check_code(folder)
    if not is_exported(folder) and not any(name.endswith(".safetensors") for name in names):
        raise _lacks("weights", root, f"model.safetensors ({_NO_PICKLES})", names)
    _check_shards(root)
    if not any(name in names for name in TOKENIZER_FILES):
        raise _lacks("tokenizer", root, f"one of {', '.join(TOKENIZER_FILES)}", names)
    for module in modules_of(folder):
        own = folder / module["path"]
        pickled = "pytorch_model.bin"
        if own != root and (own / pickled).is_file() and not (own / "model.safetensors").is_file():
            raise _lacks("weights of a module", own, f"model.safetensors ({_NO_PICKLES})", [pickled])


def is_exported(folder: Path) -> bool:
    """Whether a folder is one of ``kivuko models export``: a graph for ONNX Runtime in place of weights."""
    return is_complete(folder) and EXPORTED in read_manifest(folder, KIND).meta


def transformer_root(folder: Path) -> Path:
    """Where configuration and weights lie: older sentence-transformers folders keep them in a subfolder."""
    modules = modules_of(folder)
    return folder / modules[0]["path"] if modules else folder


def modules_of(folder: Path) -> list[dict[str, str]]:
    """The entries of ``modules.json``, each with ``path`` and ``type``; none where there is no such file.

    Raises:
        InputError: it cannot be read, or leads out of the folder.
    """
    file = folder / "modules.json"
    if not file.is_file():
        return []
    try:
        modules = json.loads(file.read_text(encoding="utf-8"))
        found = [{"path": str(module["path"]), "type": str(module["type"])} for module in modules]
        inside = [(folder / module["path"]).resolve().is_relative_to(folder.resolve()) for module in found]
        if not found or not all(inside):
            raise ValueError("no module, or one outside of the folder")
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(
            "the model's list of modules cannot be read",
            where=file,
            expected="a JSON list of modules, each with a path",
            got=repr(error),
            remedy="save the model again, or give another folder",
        ) from error
    return found


def _check_code(folder: Path) -> None:
    """Refuse what only its own Python code could open."""
    foreign = [module["type"] for module in modules_of(folder) if not module["type"].startswith(_TRUSTED)]
    config = read_json(transformer_root(folder) / "config.json")
    if not foreign and not (config.get("auto_map") and not _has_transformers(config.get("model_type"))):
        return
    raise InputError(
        "this model needs code of its own, which Kivuko does not run",
        where=folder,
        expected="modules of sentence-transformers and an architecture of transformers",
        got=", ".join(foreign) or f"model_type {config.get('model_type')!r} with code in the checkpoint",
        remedy="take a checkpoint of a usual architecture (BERT, XLM-R, ModernBERT …)",
    )


@names_missing_extra()
def _has_transformers(model_type: object) -> bool:
    """Whether the installed transformers knows an architecture by itself."""
    from transformers import CONFIG_MAPPING

    return model_type in CONFIG_MAPPING


def _check_shards(root: Path) -> None:
    """Refuse weights in several files when one of these is missing."""
    if not (root / _SHARDS).is_file() or (root / "model.safetensors").is_file():
        return
    shards = set(read_json(root / _SHARDS).get("weight_map", {}).values())
    lacking = sorted(shard for shard in shards if not (root / shard).is_file())
    if lacking or not shards:
        raise InputError(
            "a part of this model's weights is missing",
            where=root,
            expected=f"every file that {_SHARDS} names",
            got=f"no {', '.join(lacking)}" if lacking else "a list of none",
            remedy="bring the missing files, or save the model again with save_pretrained",
        )


def read_json(file: Path) -> dict[str, Any]:
    """A configuration as it is in a file; an empty one where there is no file.

    Raises:
        InputError: it is no JSON object.
    """
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"a {type(found).__name__}")
    except ValueError as error:
        raise InputError(
            "a configuration of this model cannot be read",
            where=file,
            expected="a JSON object",
            got=str(error),
            remedy="save the model again, or give another folder",
        ) from error
    return found


def _lacks(part: str, root: Path, expected: str, names: list[str]) -> InputError:
    return InputError(
        f"model folder without {part}",
        where=root,
        expected=expected,
        got=", ".join(names) or "an empty folder",
        remedy="save model and tokenizer into the same folder (save_pretrained), or give another folder",
    )
