"""A trained model's weights moved back towards those that it started from.

What a student learns from bitext of one domain it pays for elsewhere, because its weights have moved away from what
they knew of other text. Between the two ends, models with a common start often keep most of both
(docs/results/domains).

Reference:
    Wortsman, Ilharco, Kim, Li, Kornblith, Roelofs, Gontijo-Lopes, Hajishirzi, Farhadi, Namkoong & Schmidt, "Robust
    fine-tuning of zero-shot models", CVPR 2022, arXiv 2109.01903.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kivuko.artifact import check_replaceable, is_complete, read_manifest
from kivuko.errors import ArtifactError, InputError
from kivuko.models import late_interaction
from kivuko.models.convert import KIND
from kivuko.models.identity import model_hash, space_of

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


def interpolate(encoder: MultiVectorEncoder, start: MultiVectorEncoder, share: float) -> None:
    """Set an encoder's weights to (1 − ``share``) · start + ``share`` · trained, in place.

    Word embeddings count as the layers do: where they were trained, or started from English, they carry most of the
    harm.

    Args:
        encoder: the trained model.
        start: the same model before training.
        share: of the trained weights, 0 to 1.
    """
    with torch.no_grad():
        for (_, trained), (_, begun) in zip(_weights(encoder), _weights(start), strict=True):
            trained.copy_(torch.lerp(begun.to(trained), trained, share))


def move_back(encoder: MultiVectorEncoder, start: Path, share: float) -> None:
    """:func:`interpolate` a model that was just trained from the folder ``start``; a share of 1 leaves it."""
    if share < 1:
        interpolate(encoder, late_interaction.load(start), share)


def interpolated(start: Path, trained: Path, output: Path, share: float) -> Path:
    """Write a model between two, see :func:`interpolate`.

    Args:
        start: model folder that ``trained`` was started from.
        trained: model folder of the same architecture, in the same vector space.
        output: the model folder to write; one of the same two models and share is kept.
        share: how far from ``start`` towards ``trained``, above 0 to 1.

    Raises:
        InputError: the models differ in architecture, or ``share`` is out of range.
        ArtifactError: they do not share a vector space, or ``output`` holds something else.
    """
    if not 0 < share <= 1:
        raise InputError("the share is out of range", where="share", expected="above 0, at most 1", got=share)
    check_replaceable(output, KIND)
    if space_of(start) != space_of(trained):
        raise ArtifactError(
            "the two models do not share a vector space",
            where=trained,
            expected=f"a student of {start}, or of the same teacher",
            remedy="name the model that it was started from: its teacher, for most students",
        )
    parents = {"start": model_hash(start), "trained": model_hash(trained)}
    facts = read_manifest(trained, KIND).meta if is_complete(trained) else {}
    meta = {**facts, "interpolation": share}
    if is_complete(output):
        manifest = read_manifest(output, KIND)
        if manifest.parents == parents and manifest.meta.get("interpolation") == share:
            return output
    encoder = late_interaction.load(trained)
    begun = late_interaction.load(start)
    shapes = [[(name, value.shape) for name, value in _weights(each)] for each in (begun, encoder)]
    if shapes[0] != shapes[1]:
        different = set(shapes[0]) ^ set(shapes[1])
        raise InputError(
            "the two models differ in architecture",
            where=trained,
            expected=f"the weights of {start}",
            got=f"{len(different)} weights that one lacks or has in another shape",
        )
    interpolate(encoder, begun, share)
    return late_interaction.save(encoder, output, space=space_of(start), parents=parents, meta=meta)


def _weights(encoder: MultiVectorEncoder) -> Iterator[tuple[str, Tensor]]:
    return ((name, value.detach()) for name, value in encoder.named_parameters())
