"""The mean token vector that a late-interaction encoder subtracts, and estimating it anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kivuko.errors import InputError
from kivuko.models import encoding
from kivuko.models.token_vectors import TokenVectors

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


def mean_token_vector(vectors: TokenVectors) -> Tensor:
    """[dim] float32, the mean over all tokens."""
    if not len(vectors.vectors):
        raise InputError(
            "cannot estimate a mean token vector", expected="at least one text with content", got="no token"
        )
    return torch.from_numpy(np.mean(vectors.vectors, axis=0, dtype=np.float64).astype(np.float32))


def recentre(encoder: MultiVectorEncoder, texts: Sequence[str]) -> None:
    """Make an encoder of :func:`kivuko.models.late_interaction.assemble` subtract the mean token vector it has now.

    Args:
        encoder: one whose transformer was trained since, in place; its Dense layer starts anew.
        texts: English texts to estimate the mean on.

    Raises:
        InputError: the encoder has no centring layer, or the texts no content.
    """
    layer = centring_layer(encoder)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(len(layer.bias)))
        layer.bias.zero_()
        layer.bias.copy_(-mean_token_vector(encoding.encode(encoder, texts, task="document")))


def centring_layer(encoder: MultiVectorEncoder) -> torch.nn.Linear:
    """The layer that subtracts the mean token vector.

    Raises:
        InputError: the encoder has none.
    """
    layer = getattr(encoder[2], "linear", None) if len(encoder) > 2 else None
    square = isinstance(layer, torch.nn.Linear) and layer.in_features == layer.out_features
    if not isinstance(layer, torch.nn.Linear) or not square or layer.bias is None:
        raise InputError(
            "this encoder cannot be centred",
            expected="one assembled with a mean to subtract",
            got=[type(module).__name__ for module in encoder],
            remedy="start from a centred encoder (`kivuko.training.teacher.centred_encoder`)",
        )
    return layer
