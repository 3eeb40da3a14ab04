"""The teacher's token vectors of English texts, computed once and shared by every language and regime.

The cache of one teacher is a folder of shards. A shard is an artefact with the hashes of its texts and their
vectors; texts already in any shard are never encoded again, and a killed run loses at most the shard it was
writing. Vectors are memory-mapped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import Progress
from torch import Tensor

from kivuko.artifact import cache_folder, hash_json, is_complete, read_manifest, write_artifact
from kivuko.models import encoding
from kivuko.models.identity import model_hash
from kivuko.models.token_vectors import Task, TokenEncoder, TokenVectors, pad

KIND = "teacher-cache"
TEXTS_PER_SHARD = 4096


@dataclass(frozen=True)
class TeacherVectors:
    """The teacher's vectors of a list of texts, by position in that list.

    Attributes:
        shards: memory-mapped token vectors.
        place: [texts, 2] int64, (shard, text within it).
        dim: numbers in one vector.
    """

    shards: Sequence[TokenVectors]
    place: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    dim: int

    def __len__(self) -> int:
        return len(self.place)

    @property
    def lengths(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """[texts], the teacher's content tokens of each text."""
        lengths = [shard.lengths for shard in self.shards]
        return np.array([lengths[shard][text] for shard, text in self.place], dtype=np.int64)

    def padded(self, texts: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Vectors and mask of some texts as one batch, see :func:`kivuko.models.token_vectors.pad`."""
        return pad([self.shards[shard][text] for shard, text in self.place[list(texts)]], self.dim)


def teacher_vectors(
    teacher: Path,
    texts: Sequence[str],
    *,
    max_length: int,
    task: Task = "document",
    progress: Progress | None = None,
) -> TeacherVectors:
    """Encode the texts that no shard holds yet, then open all that are needed.

    Args:
        teacher: a late-interaction model folder.
        texts: English texts, repeats allowed.
        max_length: pieces read of each text, special ones included.
        task: the side that the teacher reads them as. Queries are not expanded.
        progress: a rich display for the bar.

    Raises:
        InputError: the teacher is no late-interaction model.
        ArtifactError: its folder is damaged.
        StorageError: the cache's disk is full; complete shards stay.
    """
    space = model_hash(teacher)
    read_as = "" if task == "document" else f"-{task}"
    folder = cache_folder() / "teacher-cache" / f"{space[:16]}-{max_length}{read_as}"
    keys = [_key(text) for text in texts]
    held = _held(folder)
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in held}
    if missing:
        encoder = unexpanded(teacher)
        wanted = sorted(missing.items(), key=lambda item: (len(item[1]), item[0]))
        bar = progress.add_task("teacher vectors", total=len(wanted)) if progress else None
        for start in range(0, len(wanted), TEXTS_PER_SHARD):
            chunk = wanted[start : start + TEXTS_PER_SHARD]
            names = [key for key, _ in chunk]
            with write_artifact(folder / hash_json(names)[:16], KIND, parents={"teacher": space}) as shard:
                texts_of_chunk = [text for _, text in chunk]
                encoding.encode(encoder, texts_of_chunk, task=task, max_length=max_length).save(shard)
                (shard / "texts.json").write_text(json.dumps(names), encoding="utf-8")
            if progress and bar is not None:
                progress.advance(bar, len(chunk))
        held = _held(folder)
    used = sorted({held[key][0] for key in keys})
    shards = [TokenVectors.open(path) for path in used]
    number = {path: i for i, path in enumerate(used)}
    place = np.array([[number[held[key][0]], held[key][1]] for key in keys], dtype=np.int64).reshape(-1, 2)
    dim = shards[0].vectors.shape[1] if shards else 0
    return TeacherVectors(shards, place, dim)


def unexpanded(teacher: Path) -> TokenEncoder:
    """A teacher to read English sides with, queries among them: mask tokens translate nothing, so it adds none."""
    encoder = encoding.open_encoder(teacher)
    encoder[0].query_expansion = None
    return encoder


def _held(folder: Path) -> dict[str, tuple[Path, int]]:
    """Text key → (shard folder, text within it), over all complete shards."""
    held: dict[str, tuple[Path, int]] = {}
    for shard in sorted(folder.glob("[0-9a-f]*")):
        if is_complete(shard):
            read_manifest(shard, KIND)
            for text, key in enumerate(json.loads((shard / "texts.json").read_text(encoding="utf-8"))):
                held.setdefault(key, (shard, text))
    return held


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
