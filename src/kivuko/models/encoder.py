"""What reading texts needs of a late-interaction encoder, whichever library computes its vectors."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import torch

Task = Literal["query", "document"]


class Encoder(Protocol):
    """A ``MultiVectorEncoder`` of sentence-transformers, or :class:`kivuko.models.onnx_encoder.OnnxEncoder`.

    Attributes:
        max_seq_length: pieces of a text that are read, special ones included; can be set.
    """

    max_seq_length: int | None

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of transformers that cuts texts into pieces."""

    @property
    def device(self) -> torch.device:
        """Where features must lie."""

    def get_embedding_dimension(self) -> int | None:
        """Numbers in one token vector."""

    def preprocess(self, inputs: list[str], *, task: Task) -> dict[str, Any]:
        """Texts, cut at the limit, as features with ``input_ids`` and ``attention_mask`` [batch, length]."""

    def __call__(self, features: dict[str, Any], *, task: Task) -> dict[str, Any]:
        """Features with ``token_embeddings`` [batch, length, dim], unit vectors, and ``attention_mask``
        [batch, length], which is true for content tokens alone."""
