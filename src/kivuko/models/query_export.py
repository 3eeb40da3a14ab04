"""Writes a model's query encoder, see :mod:`kivuko.models.query_encoder`: beside the model, whole or not at all."""

from __future__ import annotations

import copy
import shutil
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from kivuko.artifact import exclusive, write_artifact
from kivuko.errors import ArtifactError, InputError, MissingExtraError
from kivuko.models import encoding, late_interaction
from kivuko.models.compared import TASKS, sample_texts
from kivuko.models.identity import model_manifest
from kivuko.models.layout import is_exported, transformer_root
from kivuko.models.onnx import check_modules, silence
from kivuko.models.query_encoder import (
    FORMAT,
    GRAPH,
    KIND,
    REFUSED,
    WEIGHTS,
    Expansion,
    QueryEncoder,
    Side,
    folder_of_queries,
    lacking_package,
    read_queries_manifest,
)
from kivuko.models.token_vectors import Task
from kivuko.models.unigram import save

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

_OPSET = 17
#: Bytes of a weight that does not stand in the graph itself.
_LEAST_APART = 1024
#: More pieces than any model reads.
_ANY = 1 << 30
#: How far a number of a vector may be from the model's in float32.
TOLERANCE = 1e-3
#: Pieces that a tokenizer writes in several ways, or not at all, and what stands in no text.
_ODD = ("", " ", "…", "☃ 😀 \u200bﷺ½", "<s> [MASK] <mask> </s>", "ꙮ" * 9, "ខ្ញុំចង់បើកឯកសារ", "שלום مرحبا")


def write_query_encoder(model: Path) -> str | None:
    """Write the query encoder of a model, unless one of this very model is there.

    Args:
        model: a late-interaction model's folder, one of ours.

    Returns:
        Why the model cannot have one; None where it has one now. What is there in its place says the same, so that
        nobody tries again.

    Raises:
        ArtifactError: the model is damaged, or something else stands where the query encoder should.
        StorageError: the disk refused a write; what stood there before is untouched.
        MissingExtraError: onnx, onnxruntime or tokenizers is not installed.
    """
    lacking = "onnx" if find_spec("onnx") is None else lacking_package()
    if lacking is not None:
        raise MissingExtraError(lacking, "onnx")
    with exclusive(folder_of_queries(model)):
        try:
            return _reason(read_queries_manifest(model, verify=True).meta.get(REFUSED))
        except ArtifactError:  # none, an older one, or a damaged one
            return _write(model, folder_of_queries(model))


def _write(model: Path, folder: Path) -> str | None:
    for left in folder.parent.glob(f".{folder.name}.*-*"):  # of a run that was killed
        shutil.rmtree(left)
    parents = {"model": model_manifest(model).hash}
    meta: dict[str, Any] = {"format": FORMAT}
    try:
        if is_exported(model):
            raise InputError("an exported model has no weights to make a query encoder of", where=model)
        encoder = late_interaction.load(model).cpu()
        with write_artifact(folder, KIND, parents=parents, meta=meta) as building:
            meta |= _facts(encoder, model)
            _write_graph(encoder, building / GRAPH)
            save(encoder.tokenizer.backend_tokenizer, building)
            _check(encoder, QueryEncoder(model, building, meta), model)
        return None
    except InputError as error:
        reason = _reason(str(error).splitlines()[0])
        with write_artifact(folder, KIND, parents=parents, meta={"format": FORMAT, REFUSED: reason}):
            pass
        return reason


def _reason(found: object) -> str | None:
    return None if found is None else str(found)


def _facts(encoder: MultiVectorEncoder, model: Path) -> dict[str, Any]:
    """What :class:`QueryEncoder` has to know of a model.

    Raises:
        InputError: the model has parts or ways of reading that a query encoder does not have.
    """
    check_modules(encoder, model)
    reader: Any = encoder[0]
    tokenizer: Any = encoder.tokenizer
    (mask,) = late_interaction.masks_of(encoder)
    further = {name: of for name, of in reader.processing_kwargs.items() if of}
    only_text = set(further) <= {"text"} and set(further.get("text", {})) <= {"max_length"}
    fits = (
        only_text
        and set(reader.modality_config) == {"text"}
        and tokenizer.is_fast
        and tokenizer.padding_side == "right"
        and not getattr(tokenizer, "split_special_tokens", False)
        and not mask.keep_only_token_ids
    )
    if not fits:
        raise InputError("this model reads texts in a way that a query encoder does not", where=model)
    specials = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    weights = transformer_root(model) / "model.safetensors"
    return {
        "dimension": late_interaction.dimension(encoder),
        "pad": tokenizer.pad_token_id,
        "cut_at": tokenizer.truncation_side,
        "specials": sorted(specials),
        "weights": weights.relative_to(model).as_posix(),
        "embeddings": _name_of_embeddings(encoder, weights),
        **{task: asdict(_side(encoder, task, mask)) for task in TASKS},
    }


def _side(encoder: MultiVectorEncoder, task: Task, mask: Any) -> Side:
    reader: Any = encoder[0]
    expansion = None
    asked = reader.query_expansion if task == "query" else None
    if asked is not None:
        name = asked["token"] or encoder.tokenizer.mask_token or encoder.tokenizer.eos_token
        if name is None:
            raise InputError("this model fills queries up with a token that its tokenizer does not have")
        piece = encoder.tokenizer.convert_tokens_to_ids(name)
        always = asked["strategy"] == "fixed"
        expansion = Expansion(asked["length"], bool(asked["attend"]), piece, str(name), always)
    fixed = expansion is not None and expansion.always
    settled = fixed or "max_length" in reader.processing_kwargs.get("text", {})
    left_out = mask._skiplist_ids if task in mask.skiplist_tasks else None
    return Side(
        late_interaction.prompt_of(encoder, task),
        late_interaction.length_limit(encoder, task),
        None if settled else late_interaction.length_limit(encoder, task, _ANY),
        () if left_out is None else tuple(left_out.tolist()),
        expansion,
    )


def _name_of_embeddings(encoder: MultiVectorEncoder, weights: Path) -> str:
    """Which weight of a file the word embeddings are, as they are and in float32.

    Raises:
        InputError: none is.
    """
    from safetensors import safe_open

    embeddings = _embeddings(encoder)
    if type(embeddings) is torch.nn.Embedding and weights.is_file():
        with safe_open(weights, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 — it is no mapping
                facts = file.get_slice(name)
                alike = facts.get_shape() == list(embeddings.weight.shape) and facts.get_dtype() == "F32"
                if alike and torch.equal(file.get_tensor(name), embeddings.weight):
                    return str(name)
    raise InputError("this model's word embeddings do not stand in its file of weights as float32")


def _embeddings(encoder: MultiVectorEncoder) -> torch.nn.Module:
    model: Any = encoder[0].auto_model
    found: torch.nn.Module = model.get_input_embeddings()
    return found


class _Handed:
    """Rows of the embeddings, on their way from the graph's input to where the Transformer looks them up."""

    rows: Tensor


class _FromInput(torch.nn.Module):
    """Stands where the word embeddings stood."""

    def __init__(self, handed: _Handed) -> None:
        super().__init__()
        self._handed = handed

    def forward(self, _ids: Tensor) -> Tensor:
        return self._handed.rows


class _Graph(torch.nn.Module):
    """[batch, length] pieces, mask and rows [batch, length, width] of the embeddings to [batch, length, dim] vectors.

    The pieces themselves are asked for too: RoBERTa's kin number positions by which of them are pads.
    """

    transformer: Any

    def __init__(self, encoder: MultiVectorEncoder) -> None:
        super().__init__()
        self._handed = _Handed()
        embeddings = _embeddings(encoder)
        self.transformer = copy.deepcopy(encoder[0].auto_model, {id(embeddings): embeddings}).float()
        self.transformer.set_input_embeddings(_FromInput(self._handed))
        if getattr(self.transformer, "pooler", None) is not None:
            self.transformer.pooler = None  # of one vector a text
        further = [module for module in list(encoder)[1:] if type(module).__name__ != "MultiVectorMask"]
        self.further = torch.nn.ModuleList(further)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, rows: Tensor) -> Tensor:
        self._handed.rows = rows
        places = {}
        if hasattr(self.transformer, "rotary_emb"):  # traced with none, it would be of one length
            places["position_ids"] = torch.arange(input_ids.shape[1]).expand(input_ids.shape)
        found = self.transformer(input_ids=input_ids, attention_mask=attention_mask, **places)
        features: dict[str, Tensor] = {"token_embeddings": found.last_hidden_state}
        for module in self.further:
            features = module(features)
        return features["token_embeddings"]


def _write_graph(encoder: MultiVectorEncoder, file: Path) -> None:
    """Write the graph of a model but for its word embeddings, traced.

    The newer exporter of :mod:`kivuko.models.onnx` gives the same numbers, and takes a minute where this takes two
    seconds; what it can do besides, no encoder of a language asks for.

    Raises:
        InputError: torch cannot make a graph of this encoder.
    """
    import onnx

    graph = _Graph(encoder).eval()
    mask = torch.ones(3, 17, dtype=torch.long)
    mask[1, 9:] = mask[2, 4:] = 0
    pad = encoder.tokenizer.pad_token_id
    ids = torch.where(mask.bool(), torch.arange(3 * 17).reshape(3, 17) % 11 + 5, pad)
    rows = _embeddings(encoder)(ids).detach()
    axes = {0: "batch", 1: "length"}
    names = ["input_ids", "attention_mask", "rows"]
    try:
        with silence(), torch.no_grad():
            torch.onnx.export(
                graph,
                (ids, mask, rows),
                str(file),
                dynamo=False,
                input_names=names,
                output_names=["token_embeddings"],
                dynamic_axes=dict.fromkeys([*names, "token_embeddings"], axes),
                opset_version=_OPSET,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError, TypeError, ValueError) as error:
        raise InputError("torch cannot make a graph of this encoder", got=str(error)) from error
    # Weights in a file of their own are memory-mapped, and so read once, where those of a graph are copied twice.
    onnx.save_model(
        onnx.load(str(file)),
        str(file),
        save_as_external_data=True,
        location=WEIGHTS,
        size_threshold=_LEAST_APART,
    )
    shutil.copymode(file, file.with_name(WEIGHTS))  # the library lets its owner alone read it


def _check(encoder: MultiVectorEncoder, made: QueryEncoder, model: Path) -> None:
    """Refuse a query encoder that does not read as its model does.

    Raises:
        InputError: a text gets other tokens, or a vector is farther from the model's than :data:`TOLERANCE`.
    """
    samples = sample_texts(encoder)
    for task in TASKS if made.side("query") != made.side("document") else TASKS[:1]:
        for group in ([*samples[: len(samples) // 2], *_ODD], *([text] for text in (*samples, *_ODD))):
            with torch.inference_mode():
                expected = encoding.batch_vectors(encoder, group, task)
            found = made.vectors(group, task=task)
            for text, own, ours in zip(group, expected, found, strict=True):
                alike = ours.shape == tuple(own.shape)
                if not alike or (own.numel() and np.abs(ours - own.numpy()).max() > TOLERANCE):
                    raise InputError(
                        "a query encoder of this model would give other vectors than the model",
                        where=model,
                        got=f"of {text[:40]!r}",
                    )
