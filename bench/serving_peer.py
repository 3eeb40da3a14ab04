"""The peer of bench/serving.py: a search service over the same vectors, as users of qdrant-client write it.

    python bench/serving_peer.py ENGINE LANGUAGE PORT

FastAPI, the same model for queries, Qdrant's local mode with native multivectors compared by MaxSim.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from qdrant_client import QdrantClient, models

import kivuko

engine = kivuko.Engine.open(sys.argv[1])
language = engine.language(sys.argv[2])
encoder = engine.encoder(language, engine.reader(language) or "teacher")
client = QdrantClient(":memory:")
client.create_collection(
    "documents",
    vectors_config=models.VectorParams(
        size=encoder.dimension,
        distance=models.Distance.DOT,
        multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
    ),
)
number = 0
for document in engine.index.documents:
    payload = {"id": document.id, "title": document.title}
    passages = [vectors.tolist() for _, vectors in engine.index.vectors_of(document.id)]
    points = [
        models.PointStruct(id=number + i, vector=vector, payload=payload) for i, vector in enumerate(passages)
    ]
    client.upsert("documents", points)
    number += len(points)
app = FastAPI()


@app.get("/v1/search")
def search(query: str, top: int = 10) -> list[dict[str, Any]]:
    asked = encoder.encode([query], task="query").vectors.tolist()
    found = client.query_points("documents", query=asked, limit=top).points
    return [{**(point.payload or {}), "score": point.score} for point in found]


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[3]), access_log=False, log_level="warning")
