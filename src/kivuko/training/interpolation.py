"""A trained model's weights moved back towards those that it started from.

What a student learns from bitext of one domain it pays for elsewhere, because its layers have moved away from what
they knew of other text. Between the two ends, weights of one architecture with a common start usually do better in
both worlds than either.

Reference:
    Wortsman, Ilharco, Kim, Li, Kornblith, Roelofs, Gontijo-Lopes, Hajishirzi, Farhadi, Namkoong & Schmidt, "Robust
    fine-tuning of zero-shot models", CVPR 2022, arXiv 2109.01903.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


def kept_weights(encoder: MultiVectorEncoder) -> dict[str, Tensor]:
    """Copies of the layers' weights by name; word embeddings, most of a multilingual encoder, are left out."""
    words = encoder[0].auto_model.get_input_embeddings().weight
    return {name: value.detach().clone() for name, value in encoder.named_parameters() if value is not words}


def interpolate(encoder: MultiVectorEncoder, start: Mapping[str, Tensor], share: float) -> None:
    """Set weights to (1 − ``share``) · start + ``share`` · trained, in place.

    Args:
        encoder: the trained model.
        start: :func:`kept_weights` of the same model before training; weights that it lacks stay as they are.
        share: of the trained weights, 0 to 1.
    """
    with torch.no_grad():
        for name, value in encoder.named_parameters():
            if name in start:
                value.copy_(torch.lerp(start[name], value, share))
