"""One system on one collection: measured in a process of its own, scored against the exact ranking, and kept."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from catalogue import System
from exact_ranking import exact_scores, recall
from limited_process import FINISHED, Limits, run_limited
from vector_sets import VectorSet

from kivuko.artifact import cache_folder, hash_file, hash_json, write_atomically
from kivuko.evaluation.results import now

CUTOFFS = (10, 100)


@dataclass(frozen=True)
class Cell:
    """Where the result of one system on one collection with so many threads is kept, and what it depends on."""

    system: System
    collection: VectorSet
    threads: int
    folder: Path

    @property
    def path(self) -> Path:
        name = re.sub(r"[^a-z0-9]+", "-", self.system.name.lower())
        return self.folder / f"{self.collection.name}.{name}.{self.threads}.json"

    def key(self) -> str:
        files = [hash_file(file) for file in self.system.files()]
        packages = repr(self.system.environment)
        return hash_json([self.collection.key, self.system.options, self.threads, packages, files])

    def read(self, limits: Limits) -> dict[str, Any] | None:
        """What was measured before, if it is of these inputs and these limits would not bring more."""
        if not self.path.is_file():
            return None
        kept = json.loads(self.path.read_text(encoding="utf-8"))
        enough = kept["status"] == FINISHED or (
            kept["status"].startswith("stopped after") and kept["cpu_limit_s"] >= limits.cpu_s
        )
        return kept if kept["key"] == self.key() and enough else None

    def measure(self, limits: Limits) -> dict[str, Any]:
        """Run the system and keep what came of it."""
        status, output = run_limited(self.system, self.collection, self.threads, limits)
        kept = {
            "system": self.system.name,
            "collection": self.collection.name,
            "note": self.collection.note,
            "documents": len(self.collection.vectors()),
            "tokens": len(self.collection.vectors().vectors),
            "threads": self.threads,
            "status": status,
            "cpu_limit_s": limits.cpu_s,
            "setting_limit_s": limits.setting_s,
            "versions": output.get("versions", {}),
            "build": output.get("build"),
            "searches": [_scored(one, self.collection) for one in output.get("searches", [])],
            "date": now(),
            "key": self.key(),
        }
        with write_atomically(self.path) as temporary:
            temporary.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            temporary.chmod(0o644)
        return kept


def _scored(search: dict[str, Any], collection: VectorSet) -> dict[str, Any]:
    """Quality and percentiles of one setting."""
    exact, relevant = exact_of(collection), collection.relevant()
    found = search["ids"]
    row: dict[str, Any] = {"setting": search["setting"], "queries": len(found)}
    for cutoff in CUTOFFS:
        values = [recall(exact[query], ids, cutoff) for query, ids in enumerate(found)]
        row[f"recall@{cutoff}"] = float(np.mean(values))
    row["own@10"] = float(np.mean([relevant[query] in ids[:10] for query, ids in enumerate(found)]))
    for clock in ("cpu_ms", "wall_ms"):
        row[clock] = {f"p{percent}": float(np.percentile(search[clock], percent)) for percent in (50, 95)}
    return row


def exact_of(collection: VectorSet) -> np.ndarray:
    """Float32 [queries, documents], computed once and kept in the user's cache, memory-mapped."""
    path = cache_folder() / "engine-bench" / f"exact-{collection.key}.npy"
    if not path.is_file():
        print(f"{collection.name}: the exact ranking", flush=True)
        vectors = collection.vectors()
        scores = exact_scores(vectors.vectors, vectors.offsets, collection.query_vectors())
        with write_atomically(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, scores)
    return np.load(path, mmap_mode="r")
