"""Students of another kind than their teacher: other architecture, tokenizer and dimension.

OPTICAL's teacher is a monolingual English model, its student a multilingual encoder. Such a student gets a layer that
takes its token vectors into the teacher's space. The layer starts as the ridge regression that turns the mean of the
student's token vectors of an English text into the mean of the teacher's, and is trained with the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor

from kivuko.artifact import cache_folder, hash_json, is_complete
from kivuko.errors import InputError
from kivuko.models import encoding, late_interaction
from kivuko.models.identity import model_hash, space_of
from kivuko.models.layout import LATE_INTERACTION, check_folder, layout_of, read_json, transformer_root
from kivuko.models.loading import most_pieces, quiet
from kivuko.models.token_vectors import TokenVectors

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

#: English texts that the layer is fitted on, at most.
_TEXTS = 2000
#: Weight of the ridge, as a share of the mean variance.
_RIDGE = 0.01
#: Pieces read of a text by a student that is made of an encoder.
_LENGTH = 160


def student_for(
    base: Path, teacher: Path, english: Sequence[str], *, progress: Progress | None = None
) -> Path:
    """A model to start a teacher's student from.

    Args:
        base: a late-interaction model, a dense one, or a plain encoder, as ``kivuko.models.get`` returns it; one in
            the teacher's space is returned as it is.
        teacher: a late-interaction model folder.
        english: English texts to fit the layer on, the training pairs' for instance.
        progress: a rich display for the bars.

    Returns:
        A model folder in the cache, in the teacher's space.

    Raises:
        InputError: a model cannot be opened, or no text has content.
    """
    check_folder(base)
    own = layout_of(base) in LATE_INTERACTION
    if own and space_of(base) == space_of(teacher):
        return base
    texts = list(dict.fromkeys(english))[:_TEXTS]
    parents = {"base": model_hash(base), "teacher": model_hash(teacher)}
    path = cache_folder() / "students" / hash_json([parents, texts])[:16]
    if is_complete(path):
        return path
    read = late_interaction.load(base) if own else _assembled(base, None)
    target = encoding.encode(
        encoding.open_encoder(teacher), texts, task="document", progress=progress, label="the teacher's space"
    )
    source = encoding.encode(read, texts, task="query", progress=progress, label="the student's space")
    layer = regression(source, target)
    encoder = _with_layer(read, *layer) if own else _assembled(base, layer)
    meta = {"regime": "zero-shot", "base": base.name, "fitted_on_texts": len(texts), "tokenizer": "own"}
    return late_interaction.save(encoder, path, space=space_of(teacher), parents=parents, meta=meta)


def regression(source: TokenVectors, target: TokenVectors) -> tuple[Tensor, Tensor]:
    """Weight [target dim, source dim] and bias [target dim] that take mean token vectors into another space.

    Args:
        source: token vectors of texts.
        target: of the same texts by another model.

    Raises:
        InputError: no text has a token on both sides.
    """
    both = np.flatnonzero((source.lengths > 0) & (target.lengths > 0))
    if not len(both):
        raise InputError(
            "there is no text to compare two models on",
            expected="texts with content",
            got=f"{len(source)} texts",
        )
    x, y = (_means(vectors, both) for vectors in (source, target))
    middle_x, middle_y = x.mean(axis=0), y.mean(axis=0)
    x, y = x - middle_x, y - middle_y
    covariance = x.T @ x
    covariance += _RIDGE * max(float(covariance.diagonal().mean()), 1e-6) * np.eye(len(covariance))
    weight = np.linalg.solve(covariance, x.T @ y)
    bias = middle_y - middle_x @ weight
    return torch.from_numpy(weight.T.astype(np.float32)), torch.from_numpy(bias.astype(np.float32))


def _means(vectors: TokenVectors, texts: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.stack([vectors[text].mean(axis=0, dtype=np.float64) for text in texts.tolist()])


def _assembled(base: Path, layer: tuple[Tensor, Tensor] | None) -> MultiVectorEncoder:
    root = transformer_root(base)
    length = min(_LENGTH, most_pieces(read_json(root / "config.json")))
    return late_interaction.assemble(root, mean=None, max_length=length, layer=layer)


def _with_layer(encoder: MultiVectorEncoder, weight: Tensor, bias: Tensor) -> MultiVectorEncoder:
    """A late-interaction model with one more layer after its own."""
    with quiet():
        from sentence_transformers import MultiVectorEncoder
        from sentence_transformers.base.modules import Normalize

        layer = late_interaction.linear_layer(weight, bias)
        return MultiVectorEncoder(
            modules=[*encoder, layer, Normalize(module_input_name="token_embeddings")],
            prompts={name: text for name, text in encoder.prompts.items() if text},
            default_prompt_name=encoder.default_prompt_name,
            device=late_interaction.device(),
        ).eval()
