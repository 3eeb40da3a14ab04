"""Checkpoints of others made Kivuko's own: saved in sentence-transformers' layout, with a manifest.

A late-interaction model gives the same vectors afterwards, and keeps the original's vector space. A dense model has
no vectors for tokens that anybody trained; on demand they are assembled from what it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from kivuko.artifact import check_replaceable, write_artifact
from kivuko.errors import InputError
from kivuko.models import centring, encoding, late_interaction
from kivuko.models.compared import sample_texts, vectors_of
from kivuko.models.convert import KIND
from kivuko.models.identity import model_hash, space_of
from kivuko.models.layout import (
    LATE_INTERACTION,
    check_folder,
    layout_of,
    modules_of,
    read_json,
    transformer_root,
)
from kivuko.models.loading import most_pieces, quiet

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

#: Greatest difference of a number in two models' vectors that is still rounding.
ROUNDING = 5e-4
#: Pieces read of a text by what is assembled, special ones included, where the base can read so many.
ASSEMBLED_LENGTH = 512


@dataclass(frozen=True)
class Assembly:
    """How token vectors are made of a dense model, or of a plain encoder.

    The vectors are those of content tokens, of unit length; prompts, whose tokens would count as content, are left
    out.

    Attributes:
        centred_on: English texts whose mean token vector is subtracted; none leaves the space as it is.
        projection: folder of a Dense module of the model, such as ``2_Dense``, to put token vectors through first.
    """

    centred_on: Sequence[str] = ()
    projection: str | None = None


@dataclass(frozen=True)
class AddReport:
    """What :func:`add_model` wrote.

    Attributes:
        layout: what the checkpoint was.
        dimension: numbers in one token vector.
        query_length, document_length: pieces read of either side, special ones and prompts included.
        difference: greatest difference of a number between the original's vectors and the written model's.
    """

    layout: str
    dimension: int
    query_length: int
    document_length: int
    difference: float


def add_model(
    model: Path,
    output: Path,
    *,
    name: str | None = None,
    assembly: Assembly | None = None,
    adapter: str | None = None,
) -> AddReport:
    """Write a checkpoint as a model folder of ours.

    Args:
        model: its folder, as ``kivuko.models.get`` returns it.
        output: the folder to write.
        name: what to call it in the manifest; its folder's name by default.
        assembly: how to make token vectors of a model that has none.
        adapter: of an X-MOD encoder, the language whose adapter reads texts, such as ``sw_KE``.

    Raises:
        InputError: the model is dense and no ``assembly`` is given, or the other way round; it lacks something, needs
            code of its own, or gives other vectors when it is opened again.
        ArtifactError: ``output`` holds something else.
        StorageError: the disk refused a write.
    """
    check_replaceable(output, KIND)
    check_folder(model)
    layout = layout_of(model)
    if assembly is None:
        encoder, space = late_interaction.load(model), space_of(model)
    elif layout in LATE_INTERACTION:
        raise InputError(
            "this is a late-interaction model already",
            where=model,
            got=layout,
            remedy="leave --assemble out: its own token vectors are kept",
        )
    else:
        encoder, space = _assembled(model, assembly), None
    if adapter is not None:
        _use_adapter(encoder, adapter, model)
    texts = sample_texts(encoder)
    expected = vectors_of(encoder, texts)
    meta: dict[str, Any] = {"name": name or model.resolve().name, "layout": layout, "space": space}
    if assembly is not None:
        meta |= {"centred_on_texts": len(assembly.centred_on), "projection": assembly.projection}
    if adapter is not None:
        meta["adapter"] = adapter
    with write_artifact(output, KIND, parents={"model": model_hash(model)}, meta=meta) as building:
        with quiet():
            encoder.save_pretrained(str(building), create_model_card=False)
        found = vectors_of(late_interaction.load(building), texts)
        difference = float(abs(found - expected).max()) if found.shape == expected.shape else float("inf")
        if not difference <= ROUNDING:
            raise InputError(
                "this model gives other vectors when it is saved and opened again",
                where=model,
                expected=f"differences up to {ROUNDING:.0e}",
                got=f"{difference:.1e}",
                remedy="use the checkpoint as it is, and report which one it is",
            )
    return AddReport(
        layout=layout,
        dimension=late_interaction.dimension(encoder),
        query_length=late_interaction.length_limit(encoder, "query"),
        document_length=late_interaction.length_limit(encoder, "document"),
        difference=difference,
    )


def _assembled(model: Path, assembly: Assembly) -> MultiVectorEncoder:
    """Content-token vectors of a dense model or a plain encoder."""
    base = transformer_root(model)
    head = None if assembly.projection is None else _projection(model, assembly.projection)
    length = min(ASSEMBLED_LENGTH, most_pieces(read_json(base / "config.json")))
    encoder = late_interaction.assemble(base, mean=None, max_length=length, head=head)
    if not assembly.centred_on:
        return encoder
    vectors = encoding.encode(
        encoder, assembly.centred_on, task="document", label="mean English token vector"
    )
    mean = centring.mean_token_vector(vectors)
    return late_interaction.assemble(base, mean=mean, max_length=length, head=head)


def _projection(model: Path, name: str) -> torch.nn.Module:
    """A Dense module of a dense model, for token vectors."""
    paths = [module["path"] for module in modules_of(model) if module["type"].endswith(".Dense")]
    if name not in paths:
        raise InputError(
            "this model has no such projection",
            where=model,
            expected=", ".join(paths) or "a model with a Dense module",
            got=name,
            remedy="name one of its Dense modules, or leave --projection out",
        )
    with quiet():
        from sentence_transformers.base.modules.dense import Dense

        dense: Any = Dense.load(str(model), subfolder=name, local_files_only=True)
    dense.module_input_name = dense.module_output_name = "token_embeddings"
    layer: torch.nn.Module = dense.float()
    return layer


def _use_adapter(encoder: MultiVectorEncoder, adapter: str, model: Path) -> None:
    """Make an X-MOD encoder read with another language's adapter."""
    transformer: Any = encoder[0].auto_model
    languages = getattr(transformer.config, "languages", [])
    if adapter not in languages:
        raise InputError(
            "this encoder has no such adapter",
            where=model,
            expected=", ".join(languages) or "an X-MOD encoder, which has adapters for languages",
            got=adapter,
        )
    transformer.set_default_language(adapter)
