"""A model's query encoder: what reads queries as the model does, opened in a fraction of a second, without torch.

It stands beside the model's folder and needs it: of the word embeddings, which are most of a multilingual model, the
few rows that a query asks for are read where they lie. What follows them is a graph for ONNX Runtime; the pieces are
looked up (:mod:`kivuko.models.unigram`). No piece of the vocabulary is missing, so that whatever people ask gets the
model's own vectors. Documents are encoded by the model itself. :mod:`kivuko.models.query_export` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kivuko.artifact import Manifest, read_manifest
from kivuko.errors import ArtifactError
from kivuko.models.convert import KIND as MODEL
from kivuko.models.encoder import Encoder
from kivuko.models.reading import TOKENS_A_BATCH, ReadText, ReadToken, batches, read_token
from kivuko.models.runtime import open_session, run
from kivuko.models.token_vectors import Task, TokenVectors
from kivuko.models.unigram import Cut, Cutter

if TYPE_CHECKING:
    from rich.progress import Progress

KIND = "query-encoder"
FORMAT = 1
GRAPH, WEIGHTS = "queries.onnx", "queries.weights"
#: Why a model has none, where the reason lies in the model.
REFUSED = "refused"
REMEDY = "'kivuko engine optimize' makes it again"


@dataclass(frozen=True)
class Expansion:
    """Mask tokens that a query is filled up with.

    Attributes:
        length: pieces of a query that is filled up.
        attended: whether the other pieces see them.
        piece: id of the token.
        name: its name.
        always: whether longer queries are cut to this length.
    """

    length: int
    attended: bool
    piece: int
    name: str
    always: bool


@dataclass(frozen=True)
class Side:
    """How texts of one side are read.

    Attributes:
        prompt: what is put before them.
        length: pieces that are read of them where nobody asks for another number.
        most: pieces that can be read where somebody does; None where that changes nothing.
        left_out: ids of pieces that have no vector.
        expansion: of queries; None for models without.
    """

    prompt: str
    length: int
    most: int | None
    left_out: tuple[int, ...]
    expansion: Expansion | None = None

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Side:
        """What a manifest has."""
        expansion = facts["expansion"] and Expansion(**facts["expansion"])
        return cls(**facts | {"left_out": tuple(facts["left_out"]), "expansion": expansion})

    def limit(self, asked: int | None) -> int:
        """Pieces that are read; see :func:`kivuko.models.late_interaction.length_limit`."""
        if asked is None or self.most is None:
            return self.length
        return min(max(asked, self.expansion.length if self.expansion else 0), self.most)


def folder_of_queries(model: Path) -> Path:
    """Where the query encoder of the model in folder ``model`` stands."""
    return model.with_name(f"{model.name}-queries")


def lacking_package() -> str | None:
    """The first package that is not installed of those that run a query encoder."""
    return next((name for name in ("onnxruntime", "tokenizers") if find_spec(name) is None), None)


def read_queries_manifest(model: Path, *, verify: bool = False) -> Manifest:
    """The manifest of a model's query encoder, which must be of this very model.

    Args:
        model: the model's folder.
        verify: compare the SHA-256 of every file, too.

    Raises:
        ArtifactError: there is none, it is damaged, or it was made from another model or by another version.
    """
    folder = folder_of_queries(model)
    manifest = read_manifest(folder, KIND, verify=verify)
    made_from, beside = str(manifest.parents.get("model")), read_manifest(model, MODEL).hash
    if manifest.meta.get("format") != FORMAT:
        raise ArtifactError(
            "another version of Kivuko wrote this query encoder",
            where=folder,
            expected=f"format {FORMAT}",
            got=f"format {manifest.meta.get('format')}",
            remedy=REMEDY,
        )
    if made_from != beside:
        raise ArtifactError(
            "this query encoder was made from another model than the one beside it",
            where=folder,
            expected=f"made from {beside[:12]}…",
            got=f"made from {made_from[:12]}…",
            remedy=REMEDY,
        )
    return manifest


class QueryEncoder(Encoder):
    """An encoder that opens its model only where documents are encoded. Threads may share one.

    Use :meth:`beside`.

    Args:
        path: the model's folder.
        folder: the query encoder's.
        facts: its manifest's metadata.
    """

    def __init__(self, path: Path, folder: Path, facts: Mapping[str, Any]) -> None:
        super().__init__(path)
        self._sides: dict[Task, Side] = {
            "query": Side.from_json(facts["query"]),
            "document": Side.from_json(facts["document"]),
        }
        self._pad, self._cut_at = int(facts["pad"]), str(facts["cut_at"])
        self._specials = frozenset(facts["specials"])
        self._dimension = int(facts["dimension"])
        self._rows = _tensor(path / facts["weights"], facts["embeddings"])
        self._cutter = Cutter(folder)
        self._session = open_session(folder / GRAPH, quickly=True)
        self._inputs = [each.name for each in self._session.get_inputs()]

    @classmethod
    def beside(cls, model: Path) -> QueryEncoder | None:
        """The query encoder of the model in folder ``model``; None for a model that cannot have one.

        Raises:
            ArtifactError: there is none, it is damaged, or it was made from another model.
            MissingExtraError: onnxruntime or tokenizers is not installed.
        """
        facts = read_queries_manifest(model).meta
        return None if REFUSED in facts else cls(model, folder_of_queries(model), facts)

    @property
    def dimension(self) -> int:
        """Numbers in one token vector."""
        return self._dimension

    @property
    def length(self) -> int:
        """See :attr:`Encoder.length`."""
        return self._sides["document"].length

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
        """See :meth:`Encoder.encode`; documents are encoded by the model."""
        if task != "query" or pooling != 1:
            return super().encode(
                texts, task=task, pooling=pooling, length=length, progress=progress, label=label
            )
        side = self._sides[task]
        cuts = self._cut(texts, side, side.limit(length))
        found: list[Any] = [None] * len(texts)
        bar = progress.add_task(label, total=len(texts)) if progress else None
        for chosen in batches([len(cut) for cut in cuts], TOKENS_A_BATCH):
            encoded = self._vectors(_Batch([cuts[text] for text in chosen], side, self._pad))
            for text, own in zip(chosen, encoded, strict=True):
                found[text] = own.astype(np.float16)
            if progress and bar is not None:
                progress.advance(bar, len(chosen))
        return TokenVectors.stack(found, self._dimension)

    def side(self, task: Task) -> Side:
        """How texts of a side are read."""
        return self._sides[task]

    def vectors(self, texts: Sequence[str], *, task: Task) -> list[NDArray[np.float32]]:
        """[tokens that count, dim] of each of a few texts of either side, encoded together."""
        side = self._sides[task]
        return self._vectors(_Batch(self._cut(texts, side, side.length), side, self._pad))

    def truncated(self, texts: Sequence[str], *, task: Task = "document") -> int:
        """See :meth:`Encoder.truncated`."""
        side = self._sides[task]
        return sum(len(cut) > side.length for cut in self._cut(texts, side, None))

    def tokens(self, text: str, *, task: Task, length: int | None = None) -> list[ReadToken]:
        """See :meth:`Encoder.tokens`."""
        return self._tokens(text, *self._one(text, task, length))

    def read(self, text: str, *, task: Task, length: int | None = None) -> ReadText:
        """See :meth:`Encoder.read`."""
        side, cut, batch = self._one(text, task, length)
        (vectors,) = self._vectors(batch)
        return ReadText(vectors.astype(np.float16), self._tokens(text, side, cut, batch))

    def _one(self, text: str, task: Task, length: int | None) -> tuple[Side, Cut, _Batch]:
        side = self._sides[task]
        (cut,) = self._cut([text], side, side.limit(length))
        return side, cut, _Batch([cut], side, self._pad)

    def _cut(self, texts: Sequence[str], side: Side, length: int | None) -> list[Cut]:
        return self._cutter.cut([side.prompt + text for text in texts], length, self._cut_at)

    def _vectors(self, batch: _Batch) -> list[NDArray[np.float32]]:
        wanted: dict[str, NDArray[Any]] = {
            "input_ids": batch.ids,
            "attention_mask": batch.attended.astype(np.int64),
            "rows": self._rows[batch.ids],
        }
        # A graph has no input for what its model does not look at.
        vectors = run(self._session, {name: wanted[name] for name in self._inputs})
        return [own[kept] for own, kept in zip(vectors, batch.kept, strict=True)]

    def _tokens(self, text: str, side: Side, cut: Cut, batch: _Batch) -> list[ReadToken]:
        names, offsets, found = cut.names, cut.offsets, []
        for number in np.flatnonzero(batch.kept[0]).tolist():
            if number < len(cut):
                own = None if cut.ids[number] in self._specials else offsets[number]
                found.append(read_token(text, names[number], own, before=len(side.prompt)))
            elif side.expansion is not None:
                found.append(read_token(text, side.expansion.name, None, before=len(side.prompt)))
        return found


class _Batch:
    """Texts as the graph's input, padded to the longest and expanded where the model does that.

    Attributes:
        ids: [texts, length] int64.
        attended: [texts, length] what the Transformer sees.
        kept: [texts, length] what has a vector.
    """

    def __init__(self, cuts: Sequence[Cut], side: Side, pad: int) -> None:
        expansion = side.expansion
        width = max([expansion.length if expansion else 1, *map(len, cuts)])
        self.ids = np.full((len(cuts), width), pad, dtype=np.int64)
        own = np.zeros((len(cuts), width), dtype=bool)
        for row, cut in enumerate(cuts):
            self.ids[row, : len(cut)] = cut.ids
            own[row, : len(cut)] = True
        self.attended = self.kept = own
        if expansion is not None:
            added = ~own & (np.arange(width) < expansion.length)
            self.ids[added] = expansion.piece
            self.kept = own | added
            self.attended = self.kept if expansion.attended else own
        self.kept = self.kept & ~np.isin(self.ids, side.left_out)


def _tensor(file: Path, name: str) -> NDArray[np.float32]:
    """[rows, numbers] of a safetensors file, memory-mapped: a length of 8 bytes, a table in JSON, and the numbers.

    Raises:
        ArtifactError: the file has no such float32 matrix.
    """
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        facts = json.loads(stream.read(size)).get(name, {})
    if facts.get("dtype") != "F32" or len(facts["shape"]) != 2:
        raise ArtifactError(
            "the weights beside this query encoder are not what it was made from",
            where=file,
            expected=f"{name} as a float32 matrix",
            got=facts.get("dtype", "no weight of this name"),
            remedy=REMEDY,
        )
    begin = 8 + size + facts["data_offsets"][0]
    return np.memmap(file, dtype="<f4", mode="r", offset=begin, shape=tuple(facts["shape"]))
