"""Texts to token vectors: texts of like length together, in batches of a budget of tokens.

On a CPU most of the time goes into multiplying matrices, and most of what can be saved is not to multiply pads and
not to multiply in float32 where the processor has instructions for bfloat16 (docs/results/encoding). Of several
threads each encodes batches of its own: the products are too small to be shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kivuko.artifact import read_manifest
from kivuko.errors import InputError
from kivuko.models import late_interaction
from kivuko.models.layout import EXPORTED, check_folder, is_exported
from kivuko.models.precision import uses_bfloat16
from kivuko.models.reading import TOKENS_A_BATCH, ReadText, ReadToken, batches, check_pooling, read_token
from kivuko.models.threads import by_threads
from kivuko.models.token_vectors import Task, TokenEncoder, TokenVectors

if TYPE_CHECKING:
    from rich.progress import Progress

_Vectors = list[NDArray[np.float16]]


def open_encoder(path: Path) -> TokenEncoder:
    """Open a late-interaction model for reading texts: what it gives cannot be trained, and must not be saved.

    An exported model runs in ONNX Runtime. Another runs in torch, and its Transformer's weights become bfloat16 where
    the processor multiplies these in hardware; what comes after it, normalisation and centring, stays float32.

    Raises:
        InputError: the folder lacks something, or is no late-interaction model.
        ArtifactError: the folder is ours and damaged.
        MissingExtraError: the model was exported, and onnxruntime is not installed.
    """
    check_folder(path, exported=True)
    if is_exported(path):
        from kivuko.models.onnx import OnnxEncoder

        return OnnxEncoder(path, read_manifest(path, late_interaction.KIND).meta[EXPORTED]["max_length"])
    encoder = late_interaction.load(path)
    if uses_bfloat16("encoding"):
        transformer: torch.nn.Module = encoder[0]
        transformer.to(torch.bfloat16)
        transformer.register_forward_hook(_to_float32)
    return encoder


def _to_float32(_module: torch.nn.Module, _inputs: Any, features: dict[str, Any]) -> dict[str, Any]:
    return features | {"token_embeddings": features["token_embeddings"].float()}


def encode(
    encoder: TokenEncoder,
    texts: Sequence[str],
    *,
    task: Task,
    pooling: float = 1.0,
    progress: Progress | None = None,
    label: str = "encoding",
    max_length: int | None = None,
    tokens_a_batch: int = TOKENS_A_BATCH,
) -> TokenVectors:
    """Vectors of the tokens that count, those of sentence-transformers' ``encode_query`` and ``encode_document``.

    What counts is the model's to say: with Kivuko's own, tokens of content alone. Long texts are cut.

    Args:
        encoder: from :func:`open_encoder`, or one in training.
        texts: any number of texts; one without content tokens gets none.
        task: the side the texts stand on: their prompt, their length, and which of their tokens count.
        pooling: how many tokens of a document become one vector on average, 1 to 16: tokens of like direction are
            grouped by Ward's method, and each group is its mean.
        progress: a rich display to add a bar to.
        label: what the bar says.
        max_length: pieces read of each text, see :func:`kivuko.models.late_interaction.length_limit`.
        tokens_a_batch: tokens encoded at once, pads included; a longer text is a batch of its own.

    Returns:
        Vectors in the order of the texts. Which texts are encoded together changes them by rounding alone,
        which is coarser in an int8 model.

    Raises:
        InputError: ``pooling`` is out of range, or of queries.

    References:
        Clavié, Chaffin & Adams, "Reducing the Footprint of Multi-Vector Retrieval with Minimal Performance Impact via
        Token Pooling", 2024, arXiv 2409.14683.
    """
    if check_pooling(pooling) != 1 and task != "document":
        raise InputError(
            "tokens of queries are not pooled",
            expected="a factor of 1",
            got=pooling,
            remedy="pool documents; every token of a query counts",
        )
    if isinstance(encoder, torch.nn.Module):
        encoder.eval()  # one in training drops weights at random
    limit = late_interaction.length_limit(encoder, task, max_length)
    lengths = [min(len(ids), limit) for ids in late_interaction.pieces_of(encoder, texts, task)]
    found: list[Any] = [None] * len(texts)
    bar = progress.add_task(label, total=len(texts)) if progress else None

    def vectors_of(chosen: list[int]) -> _Vectors:
        with torch.inference_mode(), _in_bfloat16(encoder):
            vectors = batch_vectors(encoder, [texts[text] for text in chosen], task, max_length)
            return [pooled(own.float().cpu(), pooling).numpy().astype(np.float16) for own in vectors]

    together = list(batches(lengths, tokens_a_batch))
    on_cpu = isinstance(encoder, torch.nn.Module) and encoder.device.type == "cpu"
    shared = on_cpu and 1 < torch.get_num_threads() <= len(together)
    encoded = by_threads(vectors_of, together) if shared else map(vectors_of, together)
    for chosen, vectors in zip(together, encoded, strict=True):
        for text, own in zip(chosen, vectors, strict=True):
            found[text] = own
        if progress and bar is not None:
            progress.advance(bar, len(chosen))
    return TokenVectors.stack(found, late_interaction.dimension(encoder))


def batch_vectors(
    encoder: TokenEncoder, texts: list[str], task: Task, max_length: int | None = None
) -> list[Tensor]:
    """[tokens that count, dim] of each text, all encoded at once."""
    features = encoder(batch_features(encoder, texts, task, max_length=max_length), task=task)
    masks = features["attention_mask"].bool()
    return [vectors[mask] for vectors, mask in zip(features["token_embeddings"], masks, strict=True)]


def batch_features(
    encoder: TokenEncoder,
    texts: list[str],
    task: Task,
    *,
    max_length: int | None = None,
    offsets: bool = False,
) -> dict[str, Any]:
    """See :func:`kivuko.models.late_interaction.features_of`; on the encoder's device."""
    features = late_interaction.features_of(encoder, texts, task, max_length=max_length, offsets=offsets)
    return {
        name: value.to(encoder.device) if isinstance(value, Tensor) else value
        for name, value in features.items()
    }


def pooled(vectors: Tensor, factor: float) -> Tensor:
    """A text's [tokens, dim] unit vectors as one of unit length for every ``factor`` tokens, at least one."""
    if factor == 1 or not len(vectors):
        return vectors
    from sentence_transformers.multi_vector_encoder.modules import HierarchicalTokenPooling

    # Protected would be the first token, which is [CLS] elsewhere; special tokens have no vector here.
    return HierarchicalTokenPooling(factor, num_protected_tokens=0).pool_one(vectors)


def read(encoder: TokenEncoder, text: str, task: Task, *, max_length: int | None = None) -> ReadText:
    """Encode one text and say of each token that counts what it is, from the very pieces and mask that were scored.

    A model that pools tokens by itself is read without its pooling.
    """
    features = batch_features(encoder, [text], task, max_length=max_length, offsets=True)
    offsets = features.pop("offset_mapping")[0].tolist()
    with torch.inference_mode(), _in_bfloat16(encoder):
        found = _without_pooling(encoder)(features, task=task)
    kept = found["attention_mask"][0].bool().cpu()
    vectors = found["token_embeddings"][0].float().cpu()[kept].numpy().astype(np.float16)
    return ReadText(vectors, _tokens(encoder, text, task, found, offsets))


def tokens(encoder: TokenEncoder, text: str, task: Task, *, max_length: int | None = None) -> list[ReadToken]:
    """The tokens of :func:`read`, without encoding: pieces and mask are those that a search scores."""
    features = batch_features(encoder, [text], task, max_length=max_length, offsets=True)
    offsets = features.pop("offset_mapping")[0].tolist()
    for module in late_interaction.masks_of(encoder):
        features = module(features, task=task)
    return _tokens(encoder, text, task, features, offsets)


def _tokens(
    encoder: TokenEncoder, text: str, task: Task, features: dict[str, Any], offsets: list[tuple[int, int]]
) -> list[ReadToken]:
    ids, kept = features["input_ids"][0].tolist(), features["attention_mask"][0].bool()
    tokenizer = encoder.tokenizer
    specials = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}

    def name(piece: int) -> str:
        added = tokenizer.added_tokens_decoder.get(piece)
        return str(added.content if added else tokenizer.convert_ids_to_tokens(piece))

    found = []
    for number in kept.nonzero()[:, 0].tolist():
        # Mask tokens after a query were put there without offsets.
        own = number < len(offsets) and ids[number] not in specials
        found.append(
            read_token(
                text,
                name(ids[number]),
                offsets[number] if own else None,
                before=len(late_interaction.prompt_of(encoder, task)),
            )
        )
    return found


def _without_pooling(encoder: TokenEncoder) -> TokenEncoder:
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.multi_vector_encoder.modules import BaseTokenPooling

    if not isinstance(encoder, MultiVectorEncoder):
        return encoder
    modules = [module for module in encoder if not isinstance(module, BaseTokenPooling)]
    return encoder if len(modules) == len(encoder) else MultiVectorEncoder(modules=modules).eval()


def _in_bfloat16(encoder: TokenEncoder) -> torch.autocast:
    """What multiplies in bfloat16 a torch encoder with float32 weights, as in training, where that is faster."""
    enabled = (
        isinstance(encoder, torch.nn.Module) and uses_bfloat16("encoding") and _has_float32_weights(encoder)
    )
    return torch.autocast(encoder.device.type, torch.bfloat16, enabled=enabled)


def _has_float32_weights(module: torch.nn.Module) -> bool:
    return next(module.parameters()).dtype == torch.float32
