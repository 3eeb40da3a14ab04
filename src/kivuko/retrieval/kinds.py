"""The kinds of index: what each keeps of a passage's vectors, and how it searches them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol, get_args

from kivuko.errors import UnknownNameError
from kivuko.models.token_vectors import TokenVectors
from kivuko.retrieval.bounds import Part
from kivuko.retrieval.segment import EncodedDocuments, PassageArrays, Segment
from kivuko.retrieval.stored import StoredVectors
from kivuko.retrieval.stores import VectorStore

Kind = Literal["exact", "exact-int8", "compressed", "codes", "lexical", "stored"]
KINDS: dict[Kind, str] = {
    "exact": "every passage is scored; two bytes a number (and one to scan)",
    "exact-int8": "every passage is scored; one byte a number",
    "compressed": "one vector a passage proposes, vectors of one byte a number rank what was proposed",
    "codes": "one vector a passage and 35 bytes a token: smallest, best with two tokens pooled into one vector",
    "lexical": "words alone: needs no model",
    "stored": "vectors are kept and searched by a store such as a Qdrant server",
}


class Storage(Protocol):
    """How one index keeps vectors in its folder: the same for all of its segments."""

    def keep(self, documents: EncodedDocuments) -> PassageArrays:
        """What is kept of documents' passages."""

    def part(self, segment: Segment) -> Part:
        """A segment of passages kept so, to search in."""


class ExactStorage:
    """Vectors at two bytes a number, or one."""

    def __init__(self, precision: Literal["float16", "int8"]) -> None:
        self._precision: Literal["float16", "int8"] = precision

    def keep(self, documents: EncodedDocuments) -> PassageArrays:
        """See :class:`Storage`."""
        from kivuko.retrieval.exact import compress_exact

        return compress_exact(_vectors(documents), self._precision)

    def part(self, segment: Segment) -> Part:
        """See :class:`Storage`."""
        from kivuko.retrieval.exact import ExactPart

        return ExactPart(_arrays(segment), segment.owners)


class CompressedStorage:
    """A mean a passage, and vectors at a byte a number."""

    def keep(self, documents: EncodedDocuments) -> PassageArrays:
        """See :class:`Storage`."""
        from kivuko.retrieval.compressed import compress

        return compress(_vectors(documents), None)

    def part(self, segment: Segment) -> Part:
        """See :class:`Storage`."""
        from kivuko.retrieval.compressed import CompressedPart
        from kivuko.retrieval.exact import Vectors

        arrays = _arrays(segment)
        return CompressedPart(arrays, Vectors(arrays), segment.owners)


class CodedStorage:
    """A mean a passage, and codes of a codec that was trained when the index was built."""

    def __init__(self, codec_folder: Path) -> None:
        from kivuko.retrieval.compressed import Codec

        self._codec = Codec.open(codec_folder)

    def keep(self, documents: EncodedDocuments) -> PassageArrays:
        """See :class:`Storage`."""
        from kivuko.retrieval.compressed import compress

        return compress(_vectors(documents), self._codec)

    def part(self, segment: Segment) -> Part:
        """See :class:`Storage`."""
        from kivuko.retrieval.compressed import CodedVectors, CompressedPart

        arrays = _arrays(segment)
        return CompressedPart(arrays, CodedVectors(arrays, self._codec), segment.owners)


def storage(
    kind: Kind, codec_folder: Path | None, store: VectorStore | None = None
) -> Storage | StoredVectors | None:
    """How an index of a kind keeps vectors; None for one that keeps none."""
    if kind == "lexical":
        return None
    if store is not None:
        return StoredVectors(store)
    if codec_folder is not None:
        return CodedStorage(codec_folder)
    if kind == "compressed":
        return CompressedStorage()
    return ExactStorage("int8" if kind == "exact-int8" else "float16")


def check_kind(kind: str) -> Kind:
    """A kind by its name.

    Raises:
        UnknownNameError: there is no such kind.
    """
    if kind not in get_args(Kind):
        raise UnknownNameError("kind of index", kind, get_args(Kind))
    return kind  # type: ignore[return-value]


def _vectors(documents: EncodedDocuments) -> TokenVectors:
    if documents.vectors is None:
        raise TypeError("documents without vectors have none to keep")
    return documents.vectors


def _arrays(segment: Segment) -> PassageArrays:
    if segment.arrays is None:
        raise TypeError("a segment of words alone cannot be searched by vectors")
    return segment.arrays
