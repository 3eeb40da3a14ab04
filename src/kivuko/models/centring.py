"""The layer after the encoder: the mean token vector that it subtracts, and how many numbers it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kivuko.errors import InputError
from kivuko.models import encoding, late_interaction
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


def project(encoder: MultiVectorEncoder, dimension: int, texts: Sequence[str]) -> None:
    """Make an encoder's token vectors shorter: their principal components, of unit length again.

    Training goes on from there, as any late-interaction projection is trained (docs/results/projection).

    Args:
        encoder: one of :func:`kivuko.models.late_interaction.assemble` with a centring layer, in place.
        dimension: numbers in a token vector from now on, fewer than it has.
        texts: English texts to find the components on.

    Raises:
        InputError: the encoder has no centring layer, ``dimension`` is out of range, or the texts no content.
    """
    layer = centring_layer(encoder)
    if not 0 < dimension < layer.out_features:
        raise InputError(
            "token vectors cannot get this long",
            where="dimension",
            expected=f"1 to {layer.out_features - 1} numbers",
            got=dimension,
            remedy=f"leave it out to keep all {layer.out_features}",
        )
    vectors = encoding.encode(encoder, texts, task="document").vectors.astype(np.float32)
    if not len(vectors):
        raise InputError("cannot find components", expected="at least one text with content", got="no token")
    _, directions = np.linalg.eigh((vectors.T @ vectors).astype(np.float64))
    kept = torch.from_numpy(directions[:, ::-1][:, :dimension].T.astype(np.float32))
    with torch.no_grad():
        encoder[2] = late_interaction.linear_layer(kept @ layer.weight, kept @ layer.bias)


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
