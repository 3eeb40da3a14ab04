"""The encoder as an object: a late-interaction model opened once, for as many texts as one likes.

Whatever takes a model takes a folder, a name of the catalogue or hub, or an open :class:`Encoder`. Who asks more than
one question holds one open: opening a multilingual encoder costs more than encoding hundreds of queries.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from kivuko.artifact import is_complete, read_manifest
from kivuko.errors import MissingExtraError, names_missing_extra
from kivuko.models import identity
from kivuko.models.convert import KIND
from kivuko.models.layout import check_folder, check_late_interaction
from kivuko.models.loading import get
from kivuko.models.reading import ReadText, ReadToken
from kivuko.models.token_vectors import Task, TokenEncoder, TokenVectors

if TYPE_CHECKING:
    from rich.progress import Progress


class Encoder:
    """A late-interaction model that reads texts. Use :meth:`open`. Threads may share one.

    Attributes:
        path: the model's folder.
    """

    def __init__(self, path: Path, model: TokenEncoder | None = None) -> None:
        self.path = path
        self._model = model
        self._opening = threading.Lock()

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
        opened = cls(folder_of(model))
        _ = opened.model
        return opened

    @property
    @names_missing_extra()
    def model(self) -> TokenEncoder:
        """The open model: a ``MultiVectorEncoder`` of sentence-transformers, or one that ONNX Runtime runs."""
        from kivuko.models import encoding

        with self._opening:
            if self._model is None:
                self._model = encoding.open_encoder(self.path)
            return self._model

    @functools.cached_property
    def space(self) -> str:
        """The vector space it writes into, see :func:`kivuko.models.identity.space_of`."""
        return identity.space_of(self.path)

    @functools.cached_property
    def has_own_tokenizer(self) -> bool:
        """Whether it is a student that cuts texts into other pieces than its teacher."""
        return is_complete(self.path) and read_manifest(self.path, KIND).meta.get("tokenizer") == "own"

    @property
    def dimension(self) -> int:
        """Numbers in one token vector."""
        from kivuko.models import late_interaction

        return late_interaction.dimension(self.model)

    @property
    def length(self) -> int:
        """Pieces of a document that are read, special ones and those of a prompt included."""
        from kivuko.models import late_interaction

        return late_interaction.length_limit(self.model, "document")

    @names_missing_extra()
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
        """Token vectors of texts, see :func:`kivuko.models.encoding.encode`.

        Args:
            texts: any number.
            task: the side they stand on.
            pooling: tokens of a document that become one vector on average, 1 to 16.
            length: pieces of a text to read; as many as the model reads of this side by default.
            progress: a rich display for a bar.
            label: what the bar says.

        Raises:
            InputError: ``pooling`` is out of range, or of queries.
        """
        from kivuko.models import encoding

        return encoding.encode(
            self.model,
            texts,
            task=task,
            pooling=pooling,
            max_length=length,
            progress=progress,
            label=label,
        )

    def truncated(self, texts: Sequence[str], *, task: Task = "document") -> int:
        """How many texts are longer than it reads of this side."""
        from kivuko.models import late_interaction

        return late_interaction.truncated(self.model, texts, task)

    def tokens(self, text: str, *, task: Task, length: int | None = None) -> list[ReadToken]:
        """What each token of a text that counts stands for; see :func:`kivuko.models.encoding.read`.

        Args:
            text: as it was encoded.
            task: the side it stands on.
            length: pieces read of it; as many as the model reads of this side by default.
        """
        from kivuko.models import encoding

        return encoding.tokens(self.model, text, task, max_length=length)

    def read(self, text: str, *, task: Task, length: int | None = None) -> ReadText:
        """One text encoded, with what each of its tokens is; see :func:`kivuko.models.encoding.read`.

        Args:
            text: any.
            task: the side it stands on.
            length: as for :meth:`encode`.
        """
        from kivuko.models import encoding

        return encoding.read(self.model, text, task, max_length=length)


#: Whatever takes a model takes these: a folder, a name of the catalogue or hub, an open encoder.
ModelLike = Path | str | Encoder


def folder_of(model: ModelLike) -> Path:
    """Where a model's files are.

    Raises:
        InputError, UnknownNameError: there is no such model.
        MissingExtraError: torch is not installed, which is said before a model is fetched that nothing could open.
    """
    if isinstance(model, Encoder):
        return model.path
    if find_spec("torch") is None:
        raise MissingExtraError("torch", "train")
    # Folders are checked when they are opened; one of `kivuko models export` has no weights, and reads all the same.
    return Path(model) if Path(model).is_dir() else get(model)


def late_interaction_folder(model: ModelLike) -> Path:
    """Where a model's files are, refused if it is no late-interaction model: to ask before long work, not after it.

    Raises:
        InputError: it gives one vector a text, or lacks something.
        UnknownNameError: there is no such model.
    """
    folder = folder_of(model)
    check_folder(folder, exported=True)
    check_late_interaction(folder)
    return folder


def space_of(model: ModelLike) -> str:
    """The vector space of a model, without opening it.

    Raises:
        InputError: it is no late-interaction model.
        ArtifactError: the folder is ours and damaged.
    """
    return model.space if isinstance(model, Encoder) else identity.space_of(late_interaction_folder(model))
