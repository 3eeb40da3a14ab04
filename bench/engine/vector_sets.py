"""The measured collections as token vectors: help pages, Debian descriptions, and copies of those with noise.

Vectors and queries are kept in the user's cache, keyed by the models and texts they were made from.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from debian_descriptions import descriptions, read_documents, read_queries
from rich.progress import Progress

from kivuko.artifact import (
    cache_folder,
    hash_json,
    is_complete,
    read_manifest,
    write_artifact,
    write_atomically,
)
from kivuko.collections.collection import Collection
from kivuko.collections.document import Document
from kivuko.errors import ArtifactError, InputError, StorageError
from kivuko.languages import resolve
from kivuko.models.token_vectors import TokenVectors
from kivuko.public.collections import build_collection

KIND = "engine-bench-vectors"
QUERY_KIND = "engine-bench-queries"
PIECES = 64  # a description is cut at
CHUNK = 2048  # texts encoded at once and kept, so that encoding resumes
HELP_LANGUAGES = ("om", "km", "eu", "hi", "et")
HELP_QUERIES_EACH = 40
LARGE = 250_000
#: Length of the noise that a copy's unit vectors get before they are made unit again: cosine 0.96 to the original.
NOISE = 0.3
SEED = 20261123
#: Bytes of disk that are left to others.
LEAST_DISK = 3 << 30
NAMES = ("help", "debian", "large")


@dataclass(frozen=True)
class Models:
    """Who encodes documents and who queries; both write into one space."""

    documents: Path
    queries: Path

    def hashes(self) -> list[str]:
        return [read_manifest(path, "model").hash for path in (self.documents, self.queries)]


@dataclass(frozen=True)
class VectorSet:
    """One collection with the queries of one split.

    Attributes:
        name: one of ``NAMES``.
        documents: folder with ``vectors.npy`` and ``offsets.npy``; no document is empty.
        queries: folder with ``queries.npy``, ``query_offsets.npy`` and ``relevant.npy`` (each query's own document).
        key: hash of both.
        note: what the texts are.
    """

    name: str
    documents: Path
    queries: Path
    key: str
    note: str

    def vectors(self) -> TokenVectors:
        return TokenVectors.open(self.documents)

    def query_vectors(self) -> list[np.ndarray]:
        flat, begins = (np.load(self.queries / f"{name}.npy") for name in ("queries", "query_offsets"))
        return [flat[begin:end] for begin, end in itertools.pairwise(begins)]

    def relevant(self) -> np.ndarray:
        return np.load(self.queries / "relevant.npy")


def help_pages(models: Models, split: str, progress: Progress) -> VectorSet:
    """2,560 English help pages; queries are translated titles in five languages.

    Args:
        models: who encodes.
        split: ``"development"`` or ``"test"``.
        progress: for the bars.
    """
    collections = {code: Collection.open(build_collection(resolve(code))) for code in HELP_LANGUAGES}
    documents = collections[HELP_LANGUAGES[0]].documents
    home = _encoded(models, documents, None, None, progress)
    numbers = {document.id: number for number, document in enumerate(documents)}
    by_language = []
    for code, collection in collections.items():
        titles = collection.queries("title", split)
        chosen = sorted(titles, key=lambda name, code=code: _hash(f"{code}:{name}"))[:HELP_QUERIES_EACH]
        by_language.append([(titles[name], numbers[name]) for name in chosen])
    queries = [query for together in zip(*by_language, strict=True) for query in together]
    languages = ", ".join(HELP_LANGUAGES)
    note = f"{len(documents):,} English LibreOffice help pages, queries are their titles in {languages}"
    return _with_queries("help", home, models, queries, note)


def debian(
    models: Models, split: str, chunks: Path | None, progress: Progress, *, most: int | None = None
) -> VectorSet:
    """Debian's descriptions; queries are German and Danish synopses.

    Args:
        models: who encodes.
        split: ``"development"`` or ``"test"``.
        chunks: a folder with vectors of these texts as :func:`_encode_chunks` leaves them; encoded when None.
        progress: for the bars.
        most: descriptions to take, the first ones; queries whose own is not among them stay. All by default.

    Raises:
        InputError: ``chunks`` is of other texts.
    """
    texts = descriptions()
    documents = read_documents(texts)
    home = _encoded(models, documents[:most], PIECES, chunks, progress)
    numbers = {document.id: number for number, document in enumerate(documents)}
    queries = [(query.text, numbers[query.document_id]) for query in read_queries(texts, split)]
    note = (
        f"{len(documents[:most]):,} English Debian package descriptions cut at {PIECES} pieces, "
        "queries are German and Danish synopses of the same packages"
    )
    return _with_queries("debian", home, models, queries, note)


def large(original: VectorSet) -> VectorSet:
    """``LARGE`` documents: the Debian vectors, then copies of them with Gaussian noise, renormalised."""
    source = original.vectors()
    parent = read_manifest(original.documents, KIND).hash
    home = _home() / f"large-{hash_json([parent, LARGE, NOISE, SEED])[:16]}"
    if not is_complete(home):
        count = len(source)
        owners = np.arange(LARGE) % count
        offsets = np.concatenate([[0], np.cumsum(source.lengths[owners])]).astype(np.int64)
        shape = (int(offsets[-1]), source.vectors.shape[1])
        _check_disk(2 * shape[0] * shape[1])
        with write_artifact(home, KIND, parents={"original": parent}, meta={"noise": NOISE}) as folder:
            out = np.lib.format.open_memmap(folder / "vectors.npy", mode="w+", dtype=np.float16, shape=shape)
            for copy in range(0, LARGE, count):
                end = min(copy + count, LARGE)
                for first in range(copy, end, CHUNK):
                    last = min(first + CHUNK, end)
                    out[offsets[first] : offsets[last]] = copied(source, first, last)
            del out
            np.save(folder / "offsets.npy", offsets)
    note = (
        f"the Debian vectors and copies of them with Gaussian noise of length {NOISE} a vector, renormalised, "
        f"{LARGE:,} documents in all: real queries, synthetic crowding"
    )
    return _joined("large", home, original.queries, note)


def _check_disk(needed: int) -> None:
    """Refuse before the disk is full: others write to it too."""
    free = shutil.disk_usage(_home()).free
    if free < needed + LEAST_DISK:
        raise StorageError(
            "the disk has no room for these vectors",
            where=_home(),
            expected=f"{(needed + LEAST_DISK) / 1e9:.1f} GB free",
            got=f"{free / 1e9:.1f} GB",
            remedy="free some space, point KIVUKO_CACHE at another disk, or measure the other collections",
        )


def copied(source: TokenVectors, first: int, last: int) -> np.ndarray:
    """Rows of documents ``first`` to ``last`` of the large set, which lie in one copy of the source."""
    copy, begin = divmod(first, len(source))
    rows = source.vectors[source.offsets[begin] : source.offsets[begin + last - first]]
    if copy == 0:
        return rows
    noise = np.random.default_rng([SEED, first]).standard_normal(rows.shape, dtype=np.float32)
    moved = rows.astype(np.float32) + noise * (NOISE / rows.shape[1] ** 0.5)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def _encoded(
    models: Models, documents: Sequence[Document], pieces: int | None, chunks: Path | None, progress: Progress
) -> Path:
    """Folder with the vectors of documents cut at ``pieces`` (None: at the encoder's own limit)."""
    texts = [document.full_text for document in documents]
    key = hash_json([models.hashes()[0], texts, pieces])[:16]
    home = _home() / f"vectors-{key}"
    if not is_complete(home):
        made = _home() / f"chunks-{key}"
        _join_chunks(
            chunks or _encode_chunks(models.documents, texts, pieces, made, progress), len(texts), home
        )
        shutil.rmtree(made, ignore_errors=True)
    return home


def _encode_chunks(
    model: Path, texts: Sequence[str], pieces: int | None, folder: Path, progress: Progress
) -> Path:
    """Files of ``CHUNK`` texts' vectors each, named by the first text; those that are there are kept."""
    from kivuko.models import encoding, late_interaction

    folder.mkdir(parents=True, exist_ok=True)
    encoder = encoding.open_encoder(model)
    encoder.max_seq_length = pieces or late_interaction.length_limit(encoder)
    bar = progress.add_task("encoding documents", total=len(texts))
    for first in range(0, len(texts), CHUNK):
        chunk = texts[first : first + CHUNK]
        file = folder / f"{first:06d}.npz"
        if not file.is_file():
            encoded = encoding.encode(encoder, chunk, task="document")
            with write_atomically(file) as temporary, temporary.open("wb") as stream:
                np.savez(stream, vectors=encoded.vectors, offsets=encoded.offsets)
        progress.advance(bar, len(chunk))
    return folder


def _join_chunks(chunks: Path, documents: int, home: Path) -> None:
    """One array of all chunks' vectors."""
    files = sorted(chunks.glob("[0-9]*.npz"))
    lengths = np.concatenate([np.array([], np.int64), *(np.diff(np.load(file)["offsets"]) for file in files)])
    if len(lengths) != documents or (lengths == 0).any():
        raise InputError(
            "these vectors are not of the documents",
            where=chunks,
            expected=f"{documents} texts, none empty, in files of {CHUNK}",
            got=f"{len(lengths)} texts, {int((lengths == 0).sum())} empty",
            remedy="leave --vectors out to encode them here",
        )
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    with write_artifact(home, KIND, meta={"documents": documents}) as folder:
        shape = (int(offsets[-1]), np.load(files[0])["vectors"].shape[1])
        out = np.lib.format.open_memmap(folder / "vectors.npy", mode="w+", dtype=np.float16, shape=shape)
        row = 0
        for file in files:
            vectors = np.load(file)["vectors"]
            out[row : row + len(vectors)] = vectors
            row += len(vectors)
        del out
        np.save(folder / "offsets.npy", offsets)


def _with_queries(
    name: str, documents: Path, models: Models, queries: Sequence[tuple[str, int]], note: str
) -> VectorSet:
    """The set of encoded documents and of (text, number of its own document) queries, encoded here."""
    from kivuko.models import encoding, late_interaction

    texts = [text for text, _ in queries]
    home = _home() / f"queries-{hash_json([models.hashes()[1], list(queries)])[:16]}"
    if not is_complete(home):
        if late_interaction.space_of(models.queries) != late_interaction.space_of(models.documents):
            raise ArtifactError(
                "the student writes into another space than the teacher",
                where=models.queries,
                expected=f"a student of {models.documents}",
                remedy="give --student a student of --model",
            )
        encoded = encoding.encode(encoding.open_encoder(models.queries), texts, task="query")
        with write_artifact(home, QUERY_KIND) as folder:
            np.save(folder / "queries.npy", encoded.vectors)
            np.save(folder / "query_offsets.npy", encoded.offsets)
            np.save(folder / "relevant.npy", np.array([number for _, number in queries], dtype=np.int64))
    return _joined(name, documents, home, note)


def _joined(name: str, documents: Path, queries: Path, note: str) -> VectorSet:
    hashes = [read_manifest(documents, KIND).hash, read_manifest(queries, QUERY_KIND).hash]
    return VectorSet(name, documents, queries, hash_json(hashes)[:16], note)


def _home() -> Path:
    return cache_folder() / "engine-bench"


def _hash(text: str) -> str:
    return sha256(f"kivuko-engine-bench:{text}".encode()).hexdigest()
