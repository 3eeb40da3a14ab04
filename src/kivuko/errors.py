"""Errors that teach: each says what failed, where, what was expected and found, and what to do.

Raise the subclass that names the kind of failure, so that callers can tell them apart:
:class:`InputError` for data a person gave, :class:`UnknownNameError` for a name outside a known set,
:class:`ArtifactError` for a folder of ours that is incomplete or does not fit, :class:`LockedError` for one
that another process is changing, :class:`FetchError` for a source that could not be brought,
:class:`StorageError` for a disk that refused a write, :class:`StoreError` for a store on a server that does
not answer, :class:`WorkerError` for workers that died,
:class:`MissingExtraError` for an optional dependency that is not installed and :class:`Interrupted` for long
work that a person stopped.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

#: Extra that holds each optional package, by the name it is imported as.
_EXTRAS = {
    "accelerate": "train",
    "datasets": "train",
    "huggingface_hub": "train",
    "ot": "train",
    "pyarrow": "train",
    "safetensors": "train",
    "sentence_transformers": "train",
    "sentencepiece": "train",
    "tokenizers": "train",
    "torch": "train",
    "transformers": "train",
    "ir_datasets": "data",
    "pycld2": "data",
    "zstandard": "data",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "fastapi": "serve",
    "prometheus_client": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "pandas": "pyterrier",
    "pyterrier": "pyterrier",
    "mteb": "mteb",
    "langchain_core": "langchain",
    "llama_index": "llama-index",
    "anyio": "mcp",
    "mcp": "mcp",
    "mcp_types": "mcp",
    "jinja2": "report",
    "matplotlib": "report",
    "eflomal": "eflomal",
    "ray": "ray",
    "qdrant_client": "qdrant",
    "qdrant_edge": "qdrant",
}


class KivukoError(Exception):
    """Base of every error raised on purpose.

    Args:
        what: the failure in one sentence, without a full stop.
        where: file, ``file:line``, document id or option the failure belongs to.
        expected: what would have been right.
        got: what was found instead.
        remedy: what the reader can do now.
    """

    def __init__(
        self,
        what: str,
        *,
        where: object | None = None,
        expected: object | None = None,
        got: object | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what, self.where, self.expected, self.got, self.remedy = what, where, expected, got, remedy
        rows = [("where", where), ("expected", expected), ("got", got), ("remedy", remedy)]
        message = "\n".join([what, *(f"  {label}: {value}" for label, value in rows if value is not None)])
        # Half a character of JSON, or a byte of a file's name, that no terminal can show.
        super().__init__(message.encode("utf-8", "backslashreplace").decode("utf-8"))

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers in other processes raise them too, and the arguments of one are not those of another.
        return _as_raised, (type(self), self.args, dict(self.__dict__))


def _as_raised(kind: type[KivukoError], args: tuple[Any, ...], facts: dict[str, Any]) -> KivukoError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class InputError(KivukoError):
    """Data or an option that a person gave cannot be used."""


class UnknownNameError(KivukoError):
    """A name is not among the known ones; the message lists the nearest matches."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, remedy: str | None = None) -> None:
        choices = sorted(known)
        lowered = {choice.lower(): choice for choice in reversed(choices)}
        nearest = [
            lowered[match] for match in difflib.get_close_matches(name.lower(), lowered, n=5, cutoff=0.5)
        ]
        self.nearest = nearest
        shown = nearest or choices[:12]
        label = "did you mean" if nearest else "one of"
        super().__init__(f"unknown {kind} {name!r}", expected=f"{label} {', '.join(shown)}", remedy=remedy)


class ArtifactError(KivukoError):
    """A folder written by Kivuko is missing, incomplete, damaged, or does not fit its companion."""


class LockedError(ArtifactError):
    """Another process is changing a folder of ours; once it has ended, the same call may do."""


class FetchError(KivukoError):
    """A source or model could not be brought into the cache."""


class StorageError(KivukoError):
    """The disk refused a write; nothing that was complete has been lost."""


class StoreError(KivukoError):
    """A store of vectors on a server does not answer, or refuses; what the folder holds is as it was."""


class WorkerError(KivukoError):
    """Workers in other processes died over their work; what others finished is kept."""


class Interrupted(KivukoError):  # noqa: N818 (nothing is wrong)
    """Long work was stopped with Ctrl-C; the message says what is kept and how to go on."""


class MissingExtraError(KivukoError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed", remedy=f"install it with: pip install 'kivuko[{extra}]'"
        )


@contextmanager
def names_missing_extra() -> Iterator[None]:
    """Around code, or on a function, that imports optional packages when they are needed.

    Raises:
        MissingExtraError: one of them is not installed; any other missing module is an error as ever.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        raise MissingExtraError("POT" if package == "ot" else package, _EXTRAS[package]) from error
