"""The index folder: documents with their token vectors, and the vector space they lie in."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from kivuko.artifact import Manifest, check_replaceable, hash_json, read_manifest, write_artifact
from kivuko.data import Document
from kivuko.data.formats.tables import read_jsonl, write_jsonl
from kivuko.errors import ArtifactError, InputError
from kivuko.models.token_vectors import TokenVectors

KIND = "index"
DOCUMENTS_FILE = "documents.jsonl"


class Index:
    """An index folder, opened read-only. Use :meth:`open`."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest
        self.space = str(manifest.meta["space"])

    @classmethod
    def open(cls, path: Path) -> Index:
        """Open the index in folder ``path``.

        Raises:
            ArtifactError: no complete index is there.
        """
        return cls(Path(path), read_manifest(Path(path), KIND))

    @functools.cached_property
    def documents(self) -> list[Document]:
        """The indexed documents; document i owns the i-th group of ``vectors``."""
        rows = read_jsonl(self.path / DOCUMENTS_FILE, ("id", "title", "text"))
        return [Document(*fields) for _, fields in rows if fields is not None]

    @functools.cached_property
    def vectors(self) -> TokenVectors:
        """Memory-mapped token vectors of the documents."""
        return TokenVectors.open(self.path)

    def require_space(self, model: Path) -> None:
        """Refuse queries of a model whose vectors do not live in this index's space.

        Raises:
            ArtifactError: the model writes into another space, or does not say into which.
        """
        from kivuko.models import late_interaction

        space = late_interaction.space_of(model)
        if space != self.space:
            raise ArtifactError(
                "this index was built in another model's vector space",
                where=self.path,
                expected=f"a model of space {self.space[:12]}… (the teacher, or a student trained from it)",
                got=f"{model}, of space {space[:12]}…",
                remedy="search with a student of the teacher that encoded the documents, "
                "or build the index again with 'kivuko index build'",
            )


def build_index(
    documents: Sequence[Document], model: Path, output: Path, *, progress: Progress | None = None
) -> Path:
    """Encode documents and write an index folder; one that stands there with the same inputs is kept.

    Args:
        documents: what can be found; ids are unique.
        model: the late-interaction model that encodes them, teacher or student.
        output: the folder to write.
        progress: a rich display for the bar.

    Returns:
        ``output``. Its manifest counts documents without any content token, which are left out, and documents
        that were cut at the model's length.

    Raises:
        InputError: no document, or a repeated id.
        ArtifactError: ``model`` does not name its space, or ``output`` holds something else.
        StorageError: the disk is full; a former index at ``output`` stays.
    """
    from kivuko.models import late_interaction

    _check_ids(documents)
    space = late_interaction.space_of(model)
    parents = {
        "model": read_manifest(model, late_interaction.KIND).hash,
        "documents": hash_json([[d.id, d.title, d.text] for d in documents]),
    }
    if (output / "manifest.json").is_file() and read_manifest(output, KIND).parents == parents:
        return output
    check_replaceable(output, KIND)
    encoder = late_interaction.load(model)
    texts = [document.full_text for document in documents]
    vectors = late_interaction.encode(
        encoder, texts, task="document", progress=progress, label="indexing documents"
    )
    kept = [i for i, length in enumerate(vectors.lengths) if length > 0]
    if not kept:
        raise InputError(
            "no document has any content", expected="documents with text", got=f"{len(documents)} empty"
        )
    meta = {
        "space": space,
        "documents": len(kept),
        "documents_without_content": len(documents) - len(kept),
        "documents_truncated": late_interaction.truncated(encoder, texts),
        "max_length": late_interaction.length_limit(encoder),
        "token_vectors": len(vectors.vectors),
    }
    with write_artifact(output, KIND, parents=parents, meta=meta) as folder:
        TokenVectors.stack([vectors[i] for i in kept], vectors.vectors.shape[1]).save(folder)
        write_jsonl(
            folder / DOCUMENTS_FILE,
            ({"id": documents[i].id, "title": documents[i].title, "text": documents[i].text} for i in kept),
        )
    return output


def _check_ids(documents: Sequence[Document]) -> None:
    if not documents:
        raise InputError("there is nothing to index", expected="at least one document", got="none")
    seen: dict[str, int] = {}
    for number, document in enumerate(documents, start=1):
        first = seen.setdefault(document.id, number)
        if first != number:
            raise InputError(
                "two documents have the same id",
                where=f"documents {first} and {number}",
                expected="unique ids",
                got=repr(document.id),
                remedy="rename or remove one of them",
            )
