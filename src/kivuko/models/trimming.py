"""A smaller copy of an encoder for the languages that are searched: the pieces their texts use, and no others.

Of the 118 million weights of multilingual-e5-small 96 million are the embeddings of 250,000 pieces in a hundred
languages. The copy gives a text of the counted ones the same pieces and the same vectors (see
:mod:`kivuko.models.tokenizer` for why), so that it can search an index that the original built. The other files of
the folder go with it, with the pieces' new numbers.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from kivuko.artifact import (
    MANIFEST,
    check_replaceable,
    folder_bytes,
    hash_file,
    is_complete,
    read_manifest,
    write_artifact,
)
from kivuko.errors import InputError
from kivuko.models.compared import TASKS, vectors_of
from kivuko.models.convert import KIND
from kivuko.models.identity import model_hash, space_of
from kivuko.models.late_interaction import load, pieces_of, prompt_of
from kivuko.models.layout import LATE_INTERACTION, check_folder, layout_of, transformer_root
from kivuko.models.loading import load_transformer, quiet
from kivuko.models.tokenizer import (
    FILE,
    kept_pieces,
    open_tokenizer,
    piece_ids,
    pieces_changed,
    tokenizer_body,
    trim_tokenizer,
)

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

WEIGHTS = "model.safetensors"
HELD_OUT_EVERY = 10
_COMPARED_TEXTS = 32
_COMPARED_LENGTH = 128
#: What adding the same numbers in another order makes of unit vectors, at most.
_ROUNDING = 1e-4
_MODULES = {"Transformer", "Pooling", "Normalize", "Dense", "LayerNorm", "Dropout", "MultiVectorMask"}
"""Modules that work on vectors, not on pieces by their numbers."""
_TEXTS = ("*.json", "*.md", "LICEN[CS]E*", "NOTICE*", "artifact.metadata", "colbert_linear.*")
_OF_PIECES = {
    FILE,
    "config.json",
    "vocab.json",
    "added_tokens.json",
    "model.safetensors.index.json",
    MANIFEST,
}


@dataclass(frozen=True)
class TrimReport:
    """What :func:`trim_vocabulary` did; the manifest has it under ``trimming``.

    Attributes:
        texts: different texts that were counted.
        pieces_before, pieces_kept: pieces of the tokenizer.
        pieces_used: those of the kept that the texts use.
        tokens: pieces that the texts have in all.
        tokens_kept: share of them that the trimmed tokenizer cuts out as before: 1.0, else nothing is written.
        held_out_changed: share of the pieces of every tenth text that a vocabulary counted on the other nine would
            have changed: what to expect of new text from the same sources. None where those have no piece.
        vectors_difference: greatest difference of a number in the token vectors of some counted texts between both
            models; what adding the same numbers in another order can make.
        bytes_before, bytes_after: of the folders' files.
        left_out: files of the original's folder that the copy does not have.
    """

    texts: int
    pieces_before: int
    pieces_kept: int
    pieces_used: int
    tokens: int
    tokens_kept: float
    held_out_changed: float | None
    vectors_difference: float
    bytes_before: int
    bytes_after: int
    left_out: tuple[str, ...]


def trim_vocabulary(model: Path, output: Path, texts: Sequence[str]) -> TrimReport:
    """Write a copy of a model folder that has only the pieces which texts use, and those to spell new words with.

    Any folder of a Transformer with the usual modules can be trimmed: late interaction, one vector, a cross-encoder,
    a plain Hugging Face folder; the copy is of the same kind. Its space is the original's.

    Args:
        model: the folder, as ``kivuko.models.get`` returns it.
        output: the folder to write.
        texts: what shall keep its pieces; better too much than too little, of queries as of documents.

    Raises:
        InputError: the tokenizer is of another kind than Unigram, WordPiece and byte pairs, or not in one file;
            weights or modules are not of the usual kind; no text has a piece; pieces or vectors would change.
        ArtifactError: ``output`` holds something else, or ``model`` is ours and damaged.
        StorageError: the disk refused a write.
        MissingExtraError: tokenizers or sentence-transformers is not installed.

    References:
        Abdaoui, Pradel & Sigel, "Load What You Need: Smaller Versions of Multilingual BERT", SustaiNLP 2020.
    """
    check_folder(model)
    check_replaceable(output, KIND)
    root = transformer_root(model)
    tokenizer, body = open_tokenizer(root), tokenizer_body(root)
    encoder = load(model) if layout_of(model) in LATE_INTERACTION else None
    own = [prompt_of(encoder, task) for task in TASKS] if encoder is not None else _prompts(model)
    prompts = list(dict.fromkeys(prompt for prompt in own if prompt))
    texts = list(dict.fromkeys([*texts, *prompts]))
    # A piece at the border of prompt and text can be another one than where the text begins.
    prompted = [prompt + text for prompt in prompts for text in texts]
    before, before_prompted = (list(piece_ids(tokenizer, each)) for each in (texts, prompted))
    used = _counts(before)
    if not used:
        raise InputError("no text to count pieces on", expected="texts with words", got=f"{len(texts)} texts")
    kept = kept_pieces(tokenizer, body, used + _counts(before_prompted), [*texts, *prompted])
    if encoder is not None:
        kept = sorted({*kept, *_pieces_of_reading(encoder)})
    held_out = _changed_when_held_out(tokenizer, body, used, texts)
    new_ids = {old: new for new, old in enumerate(kept)}
    meta, parents = _descent(model, late_interaction=encoder is not None)
    with write_artifact(output, KIND, parents=parents, meta=meta) as building:
        left_out = copy_parts(model, root, building, new_ids)
        target = building / root.relative_to(model)
        (target / FILE).write_text(
            json.dumps(trim_tokenizer(body, kept), ensure_ascii=False, separators=(",", ":")),
            encoding="utf-8",
        )
        config = json.loads((root / "config.json").read_text(encoding="utf-8"))
        trim_weights(root, target / WEIGHTS, kept, config)
        config = renumbered(config, new_ids) | {"vocab_size": len(kept)}
        (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        _check_same_pieces(before, open_tokenizer(target), texts, kept, model)
        _check_same_pieces(before_prompted, open_tokenizer(target), prompted, kept, model)
        difference = _check_same_vectors(model, encoder, building, texts)
        report = TrimReport(
            texts=len(texts),
            pieces_before=tokenizer.get_vocab_size(),
            pieces_kept=len(kept),
            pieces_used=len(used),
            tokens=used.total(),
            tokens_kept=1.0,
            held_out_changed=held_out,
            vectors_difference=difference,
            bytes_before=folder_bytes(model),
            bytes_after=folder_bytes(building),
            left_out=tuple(left_out),
        )
        meta["trimming"] = asdict(report)
    return report


def _prompts(model: Path) -> list[str]:
    """What the model puts before texts by itself."""
    file = model / "config_sentence_transformers.json"
    settings = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return [prompt for prompt in (settings.get("prompts") or {}).values() if prompt]


def _pieces_of_reading(encoder: MultiVectorEncoder) -> set[int]:
    """Pieces that a late-interaction model puts before texts or after them, or leaves out of the score."""
    tokenizer = encoder.tokenizer
    found = [piece for task in TASKS for piece in pieces_of(encoder, [""], task)[0]]
    for module in encoder:
        found += tokenizer.convert_tokens_to_ids(getattr(module, "skiplist_words", []))
    reader: Any = encoder[0]
    expansion = reader.query_expansion
    if expansion is not None and expansion["token"] is not None:
        found.append(tokenizer.convert_tokens_to_ids(expansion["token"]))
    return set(found) - {None, tokenizer.unk_token_id}


def _descent(model: Path, *, late_interaction: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """Metadata and parents of the copy."""
    if not is_complete(model) and late_interaction:
        return {"space": space_of(model)}, {"model": model_hash(model)}
    if not is_complete(model):
        weights = hash_file(transformer_root(model) / WEIGHTS)
        return {"space": None}, {"weights": weights}
    manifest = read_manifest(model, KIND)
    return {**manifest.meta, "space": space_of(model)}, {"model": manifest.hash}


def _counts(ids: Iterable[NDArray[np.int32]]) -> Counter[int]:
    counts: Counter[int] = Counter()
    for some in ids:
        counts.update(some.tolist())
    return counts


def _changed_when_held_out(
    tokenizer: Any, body: dict[str, Any], used: Counter[int], texts: Sequence[str]
) -> float | None:
    """See :attr:`TrimReport.held_out_changed`."""
    from tokenizers import Tokenizer

    held_out = texts[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]
    others = [text for number, text in enumerate(texts, start=1) if number % HELD_OUT_EVERY]
    used_by_others = used - _counts(piece_ids(tokenizer, held_out))
    trimmed = trim_tokenizer(body, kept_pieces(tokenizer, body, used_by_others, others))
    return pieces_changed(tokenizer, Tokenizer.from_str(json.dumps(trimmed)), held_out)


def _check_same_pieces(
    before: Sequence[np.ndarray[Any, Any]],
    trimmed: Any,
    texts: Sequence[str],
    kept: Sequence[int],
    model: Path,
) -> None:
    former = np.array(kept)
    for old, new in zip(before, piece_ids(trimmed, texts), strict=True):
        if not np.array_equal(old, former[new]):
            raise InputError(
                "this tokenizer cuts texts in another way when it has fewer pieces",
                where=model / FILE,
                expected="the same pieces for every counted text",
                remedy="use the model as it is, and report which one it is",
            )


def _check_same_vectors(
    model: Path, encoder: MultiVectorEncoder | None, trimmed: Path, texts: Sequence[str]
) -> float:
    """Greatest difference between the two models' token vectors on some of the texts, as queries and documents.

    Raises:
        InputError: it is more than rounding.
    """
    some = texts[:: max(1, len(texts) // _COMPARED_TEXTS)][:_COMPARED_TEXTS]
    if encoder is None:
        old, new = (_token_vectors(folder, some) for folder in (model, trimmed))
        allowed = 64 * torch.finfo(old.dtype).eps * max(1.0, float(old.abs().max()))
    else:
        old, new = (torch.from_numpy(vectors_of(each, some)) for each in (encoder, load(trimmed)))
        allowed = _ROUNDING
    difference = float((old - new).abs().max()) if old.shape == new.shape else float("inf")
    if not difference <= allowed:
        raise InputError(
            "this model gives texts other vectors when it has fewer pieces",
            where=model,
            expected=f"differences up to {allowed:.1e}",
            got=f"{difference:.1e}",
            remedy="use the model as it is, and report which one it is",
        )
    return difference


def _token_vectors(folder: Path, texts: Sequence[str]) -> torch.Tensor:
    """[pieces of all texts, dim], what the Transformer gives of each text without and with every prompt."""
    config = json.loads((transformer_root(folder) / "config.json").read_text(encoding="utf-8"))
    length = min(_COMPARED_LENGTH, config.get("max_position_embeddings", _COMPARED_LENGTH))
    with quiet(warnings=False), torch.inference_mode():
        module: Any = load_transformer(folder, length).eval()
        features = module.preprocess([before + text for before in ("", *_prompts(folder)) for text in texts])
        vectors: torch.Tensor = module.auto_model(
            input_ids=features["input_ids"], attention_mask=features["attention_mask"]
        )[0]
        return vectors[features["attention_mask"].bool()]


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
