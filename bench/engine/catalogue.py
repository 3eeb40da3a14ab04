"""The systems that are measured. Ours stand first; a new one is one line here and a script in ``systems/``."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from environments import FAST_PLAID, LANCEDB, QDRANT_EDGE, Environment, python_of

SCRIPTS = Path(__file__).parent / "systems"
ENGINE = Path(__file__).parents[2] / "src" / "kivuko" / "retrieval"


@dataclass(frozen=True)
class System:
    """A script that speaks the protocol of ``systems/protocol.py``, in one of its ways.

    Attributes:
        name: what it is called in the tables.
        script: its file in ``systems/``.
        options: what it is told.
        environment: its own; None runs in this one.
        sources: further files whose change makes a former measurement void.
    """

    name: str
    script: str
    options: dict[str, Any] = field(default_factory=dict)
    environment: Environment | None = None
    sources: tuple[Path, ...] = ()

    def command(self) -> list[str]:
        """How it is started; makes its environment on first use."""
        python = sys.executable if self.environment is None else str(python_of(self.environment))
        return [python, str(SCRIPTS / self.script)]

    def files(self) -> list[Path]:
        """What its numbers depend on."""
        return [SCRIPTS / self.script, SCRIPTS / "protocol.py", *self.sources]


OUR_SCRIPT = "our_index.py"
_OUR_SOURCES = tuple(
    ENGINE / f"{name}.py"
    for name in (
        "bounds",
        "changes",
        "compressed",
        "exact",
        "halves",
        "index",
        "kinds",
        "scan",
        "segment",
        "state",
    )
)

FLAT = "flat torch, float32"
EXACT, COMPRESSED, CODES = "kivuko exact", "kivuko compressed", "kivuko codes"
PLAID = "fast-plaid, 4 bits"

OURS = [
    System(EXACT, OUR_SCRIPT, {"kind": "exact"}, sources=_OUR_SOURCES),
    System("kivuko exact-int8", OUR_SCRIPT, {"kind": "exact-int8"}, sources=_OUR_SOURCES),
    System(COMPRESSED, OUR_SCRIPT, {"kind": "compressed"}, sources=_OUR_SOURCES),
    System(CODES, OUR_SCRIPT, {"kind": "codes"}, sources=_OUR_SOURCES),
]
PEERS = [
    System(FLAT, "flat_torch.py", {"dtype": "float32"}),
    System("flat torch, bfloat16", "flat_torch.py", {"dtype": "bfloat16"}),
    System(PLAID, "peer_fast_plaid.py", {"nbits": 4}, FAST_PLAID),
    System("fast-plaid, 2 bits", "peer_fast_plaid.py", {"nbits": 2}, FAST_PLAID),
    System("qdrant-edge, scan", "peer_qdrant_edge.py", {"kind": "scan"}, QDRANT_EDGE),
    System("qdrant-edge, int8 scan", "peer_qdrant_edge.py", {"kind": "int8"}, QDRANT_EDGE),
    System("qdrant-edge, binary scan", "peer_qdrant_edge.py", {"kind": "binary"}, QDRANT_EDGE),
    System("qdrant-edge, pooled", "peer_qdrant_edge.py", {"kind": "pooled"}, QDRANT_EDGE),
    System("qdrant-edge, HNSW", "peer_qdrant_edge.py", {"kind": "hnsw"}, QDRANT_EDGE),
    System("LanceDB, flat", "peer_lancedb.py", {"kind": "flat"}, LANCEDB),
    System("LanceDB, IVF-PQ", "peer_lancedb.py", {"kind": "ivf_pq"}, LANCEDB),
]
