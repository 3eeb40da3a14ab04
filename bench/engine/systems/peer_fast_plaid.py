"""fast-plaid, the PLAID engine in Rust that PyLate uses: centroids, residual codes, candidates from probed centroids.

Options: ``nbits`` of the residual codes (its default is 4). PLAID: Santhanam, Khattab, Potts, Zaharia, 2022,
arXiv:2205.09707.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from protocol import TOP, Built, Inputs, Setting, allocated, measure

# The CUDA libraries that this torch is linked with are stand-ins (environments.py): bind only what is called.
sys.setdlopenflags(os.RTLD_LAZY)
import torch  # noqa: E402
from fast_plaid.search import FastPlaid  # noqa: E402

SETTINGS = [
    {"n_ivf_probe": 2, "n_full_scores": 1024},
    {"n_ivf_probe": 4, "n_full_scores": 4096},
    {"n_ivf_probe": 8, "n_full_scores": 4096},  # its defaults
    {"n_ivf_probe": 16, "n_full_scores": 8192},
    {"n_ivf_probe": 32, "n_full_scores": 8192},
    {"n_ivf_probe": 128, "n_full_scores": 16384},
]


def build(inputs: Inputs) -> Built:
    torch.set_num_threads(inputs.threads)
    documents = [torch.from_numpy(inputs[number]) for number in range(len(inputs))]
    index = FastPlaid(str(inputs.folder / "index"), device="cpu")
    index.create(documents, nbits=inputs.options["nbits"])
    index.close()
    for name in (
        "embeddings.npy",
        "embeddings",
    ):  # a copy of the vectors, kept for small collections to be rebuilt
        (inputs.folder / "index" / name).unlink(missing_ok=True)
    return Built(FastPlaid(str(inputs.folder / "index"), device="cpu"), allocated(inputs.folder))


def prepare(query: np.ndarray) -> Any:
    return torch.from_numpy(query)[None]


def search(index: FastPlaid, query: Any, setting: Setting) -> Sequence[int]:
    (found,) = index.search(query, top_k=TOP, show_progress=False, n_processes=1, **setting)
    return [document for document, _ in found]


if __name__ == "__main__":
    versions = {name: version(name) for name in ("fast-plaid", "torch")}
    measure(build, search, lambda options: SETTINGS, versions, prepare=prepare)
