"""The encoder as an object: a late-interaction model opened once, for as many texts as one likes.

Whatever takes a model takes a folder, a name of the catalogue or hub, or an open :class:`Encoder`. Who asks more than
one question holds one open: opening a multilingual encoder costs more than encoding hundreds of queries.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kivuko.models import encoding, late_interaction
from kivuko.models.loading import get
from kivuko.models.token_vectors import Task, TokenEncoder, TokenVectors

if TYPE_CHECKING:
    from rich.progress import Progress


class Encoder:
    """A late-interaction model that reads texts. Use :meth:`open`. Threads may share one; it reads for one at a time.

    Attributes:
        path: the model's folder.
        model: the open model: a ``MultiVectorEncoder`` of sentence-transformers, or one that ONNX Runtime runs.
    """

    def __init__(self, path: Path, model: TokenEncoder) -> None:
        self.path = path
        self.model = model
        # Neither the length that is read, nor a tokenizer of transformers, can be another's in the midst of a text.
        self._alone = threading.Lock()

    @classmethod
    def open(cls, model: ModelLike) -> Encoder:
        """Open a model; an open one is returned as it is.

        Args:
            model: a folder, a name of the catalogue or hub, or an open encoder.

        Raises:
            InputError: the folder lacks something, or is no late-interaction model.
            UnknownNameError: there is no folder and no model of this name.
            ArtifactError: the folder is ours and damaged.
            MissingExtraError: the model was exported, and onnxruntime is not installed.
        """
        if isinstance(model, Encoder):
            return model
        path = folder_of(model)
        return cls(path, encoding.open_encoder(path))

    @functools.cached_property
    def space(self) -> str:
        """The vector space it writes into, see :func:`kivuko.models.late_interaction.space_of`.

        Raises:
            ArtifactError: the folder does not say.
        """
        return late_interaction.space_of(self.path)

    @property
    def dimension(self) -> int:
        """Numbers in one token vector."""
        return late_interaction.dimension(self.model)

    @property
    def length(self) -> int:
        """Pieces of a text that are read, special ones included."""
        return late_interaction.length_limit(self.model)

    def encode(
        self,
        texts: Sequence[str],
        *,
        task: Task,
        pooling: float = 1.0,
        length: int | None = None,
        progress: Progress | None = None,
        label: str = "encoding",
    ) -> TokenVectors:
        """Content-token vectors of texts, see :func:`kivuko.models.encoding.encode`.

        Args:
            texts: any number.
            task: the side they stand on.
            pooling: tokens of a document that become one vector on average, 1 to 16.
            length: pieces of a text to read; :attr:`length` by default.
            progress: a rich display for a bar.
            label: what the bar says.

        Raises:
            InputError: ``pooling`` is out of range, or of queries.
        """
        with self._alone:
            own, self.model.max_seq_length = self.model.max_seq_length, length or self.model.max_seq_length
            try:
                return encoding.encode(
                    self.model, texts, task=task, pooling=pooling, progress=progress, label=label
                )
            finally:
                self.model.max_seq_length = own

    def truncated(self, texts: Sequence[str]) -> int:
        """How many texts are longer than it reads."""
        with self._alone:
            return late_interaction.truncated(self.model, texts)

    def spans_of_tokens(self, text: str, length: int | None = None) -> list[tuple[int, int]]:
        """Where each content token begins and ends in a text.

        Args:
            text: as it was encoded.
            length: pieces read of it; :attr:`length` by default.
        """
        with self._alone:
            return late_interaction.spans_of_tokens(self.model, text, length)


#: Whatever takes a model takes these: a folder, a name of the catalogue or hub, an open encoder.
ModelLike = Path | str | Encoder


def folder_of(model: ModelLike) -> Path:
    """Where a model's files are.

    Raises:
        InputError, UnknownNameError: there is no such model.
    """
    if isinstance(model, Encoder):
        return model.path
    # Folders are checked when they are opened; one of `kivuko models export` has no weights, and reads all the same.
    return Path(model) if Path(model).is_dir() else get(model)


def space_of(model: ModelLike) -> str:
    """The vector space of a model, without opening it.

    Raises:
        ArtifactError: the folder does not say.
    """
    return model.space if isinstance(model, Encoder) else late_interaction.space_of(folder_of(model))
