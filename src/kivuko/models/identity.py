"""What a model is, by its content, and the vector space that it writes into.

A folder of ours has a manifest, whose hash names it; any other is named by the hash of its files. Manifests are
believed only while the files are what they say: a file whose time or size is not the one that was seen is read again.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from kivuko.artifact import (
    Manifest,
    cache_folder,
    hash_file,
    hash_json,
    is_complete,
    read_manifest,
    write_atomically,
)
from kivuko.errors import ArtifactError, StorageError
from kivuko.models.convert import KIND

#: A file that changed so recently may change once more without its time being another.
_SECONDS_UNTIL_SETTLED = 2.0


def model_hash(folder: Path) -> str:
    """SHA-256 (hex) of a model: its manifest's hash, or that of the names and contents of its files.

    Raises:
        ArtifactError: the folder is ours, and a file of it is missing or not as it was written.
    """
    if is_complete(folder):
        return model_manifest(folder).hash
    files = [file for file in folder.rglob("*") if file.is_file() and not _is_hidden(file, folder)]
    hashes = _hashes(folder, sorted(file.relative_to(folder).as_posix() for file in files))
    return hash_json(sorted([name, digest] for name, digest in hashes.items()))


def model_manifest(folder: Path) -> Manifest:
    """The manifest of a model folder of ours.

    Raises:
        ArtifactError: there is none, or a file is missing or not as it was written, if only by a byte.
    """
    manifest = read_manifest(folder, KIND)
    found = _hashes(folder, sorted(manifest.files))
    for name, (_, digest) in sorted(manifest.files.items()):
        if found[name] != digest:
            raise ArtifactError(
                "a file of this model was changed after the model was written",
                where=folder / name,
                expected=f"SHA-256 {digest[:12]}…",
                got=f"{found[name][:12]}…, of the same size",
                remedy="bring the file back, or make a model of the changed folder: remove its manifest.json and "
                "give it to 'kivuko models add'",
            )
    return manifest


def space_of(folder: Path) -> str:
    """The vector space a model writes into: queries and documents must come from one space.

    A student writes into its teacher's, a smaller copy into its original's, and any other model into one of its own.

    Raises:
        ArtifactError: the folder is ours, and a file of it is missing or not as it was written.
    """
    if not is_complete(folder):
        return model_hash(folder)
    manifest = model_manifest(folder)
    return str(manifest.meta.get("space") or manifest.hash)


def _hashes(folder: Path, names: list[str]) -> dict[str, str]:
    """Relative path → SHA-256 of files; those that were hashed before and not touched since are not read again."""
    memory = cache_folder() / "hashes" / f"{hash_json(str(folder.resolve()))[:32]}.json"
    known: dict[str, list[object]] = {}
    with suppress(OSError, ValueError):
        known = json.loads(memory.read_text(encoding="utf-8"))
    found, kept = {}, {}
    for name in names:
        stamp = _stamp(folder / name)
        before = known.get(name)
        digest = str(before[1]) if before and before[0] == stamp else hash_file(folder / name)
        found[name] = digest
        if time.time() - max(stamp[1], stamp[2]) / 1e9 > _SECONDS_UNTIL_SETTLED:
            kept[name] = [stamp, digest]
    if kept != known:
        # It is remembered for speed alone.
        with suppress(StorageError, OSError), write_atomically(memory) as temporary:
            temporary.write_text(json.dumps(kept), encoding="utf-8")
    return found


def _stamp(file: Path) -> list[int]:
    """Size, and when content and properties of a file changed: nobody sets the latter back."""
    facts = os.stat(file)
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]


def _is_hidden(file: Path, folder: Path) -> bool:
    """Whether a file is another program's (``.cache``, ``.git``), and not the model's."""
    return any(part.startswith(".") for part in file.relative_to(folder).parts)
