"""Token vectors of many texts, and what they come from: one flat array with where each text begins, and an encoder.

The same two files, ``vectors.npy`` and ``offsets.npy``, hold the teacher's view of a bitext and the documents
of an index. They are memory-mapped, so opening them costs nothing and several processes share them. An encoder is
whatever reads texts as :class:`TokenEncoder` says, whichever library computes its vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class TokenVectors:
    """Token vectors of ``len(self)`` texts.

    Attributes:
        vectors: [tokens, dim] float16, rows of unit length.
        offsets: [texts + 1] int64; text i owns rows ``offsets[i]`` to ``offsets[i + 1]``, possibly none.
    """

    vectors: npt.NDArray[np.float16]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, text: int) -> npt.NDArray[np.float16]:
        """[tokens of this text, dim] float16."""
        return self.vectors[self.offsets[text] : self.offsets[text + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """[texts], tokens of each text."""
        return np.diff(self.offsets)

    @classmethod
    def stack(cls, texts: Sequence[npt.NDArray[np.float16]], dim: int) -> TokenVectors:
        """Join per-text arrays [tokens, dim]; ``dim`` is needed when there are none."""
        offsets = np.cumsum([0, *(len(text) for text in texts)], dtype=np.int64)
        vectors = np.concatenate(texts) if texts else np.empty((0, dim), dtype=np.float16)
        return cls(vectors, offsets)

    @classmethod
    def open(cls, folder: Path) -> TokenVectors:
        """Memory-map what :meth:`save` wrote."""
        vectors = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        return cls(vectors, np.load(folder / "offsets.npy", allow_pickle=False))

    def save(self, folder: Path) -> None:
        """Write ``vectors.npy`` and ``offsets.npy`` into an existing folder."""
        np.save(folder / "vectors.npy", self.vectors, allow_pickle=False)
        np.save(folder / "offsets.npy", self.offsets, allow_pickle=False)

    def padded(self, texts: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Vectors and mask of some texts as one batch, see :func:`pad`."""
        return pad([self[text] for text in texts], self.vectors.shape[1])


def pad(rows: Sequence[npt.NDArray[np.float16]], dim: int) -> tuple[Tensor, Tensor]:
    """Token vectors of several texts as one batch.

    Args:
        rows: [tokens, dim] of each text.
        dim: numbers in one vector.

    Returns:
        vectors [batch, longest, dim] float32 with zeros on pads, and mask [batch, longest], True = keep.
    """
    import torch

    batch = torch.zeros(len(rows), max([1, *map(len, rows)]), dim)
    mask = torch.zeros(batch.shape[:2], dtype=torch.bool)
    for i, row in enumerate(rows):
        batch[i, : len(row)] = torch.from_numpy(row.astype(np.float32))
        mask[i, : len(row)] = True
    return batch, mask


Task = Literal["query", "document"]


class TokenEncoder(Protocol):
    """A ``MultiVectorEncoder`` of sentence-transformers, or :class:`kivuko.models.onnx.OnnxEncoder`.

    Attributes:
        prompts: name → what is put before texts; see :func:`kivuko.models.late_interaction.prompt_of`.
        default_prompt_name: the name of the one that is used where a side has none.
        max_seq_length: pieces of a text that are read where its side has no length of its own; can be set.
    """

    max_seq_length: int | None
    prompts: dict[str, str | None]
    default_prompt_name: str | None

    def __getitem__(self, number: Literal[0], /) -> Any:
        """The module that cuts texts into pieces, a ``Transformer`` of sentence-transformers."""

    def __iter__(self) -> Iterator[Any]:
        """That module, and those after it."""

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of transformers that cuts texts into pieces."""

    @property
    def device(self) -> torch.device:
        """Where features must lie."""

    def get_embedding_dimension(self) -> int | None:
        """Numbers in one token vector."""

    def preprocess(self, inputs: list[str], prompt: str | None = None, **options: Any) -> dict[str, Any]:
        """Texts as features with ``input_ids`` and ``attention_mask`` [batch, length]; call
        :func:`kivuko.models.late_interaction.features_of`, which knows prompt and length."""

    def __call__(self, features: dict[str, Any], *, task: Task) -> dict[str, Any]:
        """Features with ``token_embeddings`` [batch, length, dim], unit vectors, and ``attention_mask``
        [batch, length], which is true for the tokens that count."""
