"""HNSW over passages' means by usearch: started as ``graph_usearch.py FOLDER COUNT …``.

FOLDER holds ``means.npy`` (float32 [passages, dim]) and ``directions.npy`` (float32 [queries, dim]); ``answer.json``
comes into it: CPU seconds of building, and for each COUNT the CPU milliseconds and the best of each query.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from usearch.index import Index

folder, counts = Path(sys.argv[1]), [int(each) for each in sys.argv[2:]]
means, directions = np.load(folder / "means.npy"), np.load(folder / "directions.npy")
index = Index(ndim=means.shape[1], metric="ip", dtype="f32", connectivity=16, expansion_add=128)
started = time.process_time()
index.add(np.arange(len(means)), means, threads=1)
answer: dict[str, object] = {"build_s": time.process_time() - started}
searches = []
for count in counts:
    index.expansion_search = count
    cost, ids = [], []
    for number, direction in enumerate([*directions[:3], *directions]):
        started = time.process_time()
        found = index.search(direction, count, threads=1).keys
        if number >= 3:  # the first ones are not counted
            cost.append(1e3 * (time.process_time() - started))
            ids.append(found.tolist())
    searches.append({"count": count, "cpu_ms": cost, "ids": ids})
(folder / "answer.json").write_text(json.dumps(answer | {"searches": searches}), encoding="utf-8")
