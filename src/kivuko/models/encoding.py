"""Texts to token vectors: texts of like length together, in batches of a budget of tokens.

On a CPU most of the time goes into multiplying matrices, and most of what can be saved is not to multiply pads and
not to multiply in float32 where the processor has instructions for bfloat16 (docs/results/encoding). Of several
threads each encodes batches of its own: the products are too small to be shared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kivuko.artifact import read_manifest
from kivuko.errors import InputError
from kivuko.models import late_interaction
from kivuko.models.late_interaction import uses_bfloat16
from kivuko.models.loading import EXPORTED, check_folder, is_exported
from kivuko.models.token_vectors import Task, TokenEncoder, TokenVectors

if TYPE_CHECKING:
    from rich.progress import Progress

#: Pads included. More is no faster: the numbers of a batch no longer fit the processor's cache.
TOKENS_A_BATCH = 2048
MOST_POOLING = 16.0
_Vectors = list[NDArray[np.float16]]
#: A tokenizer of transformers cannot be used by two threads at once.
_tokenizing = threading.Lock()


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
    if uses_bfloat16():
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
    tokens_a_batch: int = TOKENS_A_BATCH,
) -> TokenVectors:
    """Content-token vectors of texts; special tokens are left out and long texts are cut.

    Args:
        encoder: from :func:`open_encoder`, or one in training.
        texts: any number of texts; one without content tokens gets none.
        task: the side the texts stand on.
        pooling: how many tokens of a document become one vector on average, 1 to 16: tokens of like direction are
            grouped by Ward's method, and each group is its mean.
        progress: a rich display to add a bar to.
        label: what the bar says.
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
    limit = late_interaction.length_limit(encoder)
    lengths = [min(len(ids), limit) for ids in late_interaction.pieces_of(encoder, texts)]
    found: list[Any] = [None] * len(texts)
    bar = progress.add_task(label, total=len(texts)) if progress else None

    def vectors_of(chosen: list[int]) -> _Vectors:
        autocast = torch.autocast(encoder.device.type, torch.bfloat16, enabled=_multiplies_float32(encoder))
        with torch.inference_mode(), autocast:
            vectors = batch_vectors(encoder, [texts[text] for text in chosen], task)
            return [pooled(own.float().cpu(), pooling).numpy().astype(np.float16) for own in vectors]

    together = list(batches(lengths, tokens_a_batch))
    on_cpu = isinstance(encoder, torch.nn.Module) and encoder.device.type == "cpu"
    encoded = _by_threads(vectors_of, together) if on_cpu else map(vectors_of, together)
    for chosen, vectors in zip(together, encoded, strict=True):
        for text, own in zip(chosen, vectors, strict=True):
            found[text] = own
        if progress and bar is not None:
            progress.advance(bar, len(chosen))
    return TokenVectors.stack(found, late_interaction.dimension(encoder))


def _by_threads(
    vectors_of: Callable[[list[int]], _Vectors], together: Sequence[list[int]]
) -> Iterator[_Vectors]:
    """Vectors of each batch, in order, by as many threads as torch has; by it alone where batches are fewer."""
    threads = torch.get_num_threads()
    if threads == 1 or len(together) < threads:
        yield from map(vectors_of, together)
        return
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from pool.map(vectors_of, together)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # theirs became what further threads begin with


def batches(lengths: Sequence[int], tokens_a_batch: int) -> Iterator[list[int]]:
    """Numbers of texts by length, in batches of at most so many tokens when all are padded to the longest."""
    chosen: list[int] = []
    for text in sorted(range(len(lengths)), key=lambda number: lengths[number]):
        if chosen and (len(chosen) + 1) * lengths[text] > tokens_a_batch:
            yield chosen
            chosen = []
        chosen.append(text)
    if chosen:
        yield chosen


def batch_vectors(encoder: TokenEncoder, texts: list[str], task: Task) -> list[Tensor]:
    """[content tokens, dim] of each text, all encoded at once."""
    with _tokenizing:
        features = encoder.preprocess(texts, task=task)
    features = {
        name: value.to(encoder.device) if isinstance(value, Tensor) else value
        for name, value in features.items()
    }
    features = encoder(features, task=task)
    masks = features["attention_mask"].bool()
    return [vectors[mask] for vectors, mask in zip(features["token_embeddings"], masks, strict=True)]


def pooled(vectors: Tensor, factor: float) -> Tensor:
    """A text's [tokens, dim] unit vectors as one of unit length for every ``factor`` tokens, at least one."""
    if factor == 1 or not len(vectors):
        return vectors
    from sentence_transformers.multi_vector_encoder.modules import HierarchicalTokenPooling

    # Protected would be the first token, which is [CLS] elsewhere; special tokens have no vector here.
    return HierarchicalTokenPooling(factor, num_protected_tokens=0).pool_one(vectors)


def check_pooling(pooling: float) -> float:
    """The factor itself.

    Raises:
        InputError: it is out of range.
    """
    if not 1 <= pooling <= MOST_POOLING:
        raise InputError(
            "tokens cannot be pooled by this factor", expected=f"1 to {MOST_POOLING:g}", got=pooling
        )
    return pooling


def _multiplies_float32(encoder: TokenEncoder) -> bool:
    """Whether this is a torch encoder with float32 weights, as in training, where bfloat16 would be faster."""
    if not isinstance(encoder, torch.nn.Module):
        return False
    return uses_bfloat16() and next(encoder.parameters()).dtype == torch.float32
