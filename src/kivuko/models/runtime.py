"""ONNX Runtime: graphs opened and run on the CPU."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import ArtifactError, InputError, MissingExtraError


def open_session(graph: Path, *, quickly: bool = False) -> Any:
    """A graph, ready to run with as many threads as torch has.

    Args:
        graph: its file.
        quickly: whether ONNX Runtime leaves out the rewritings that take longer than they save one query.

    Raises:
        ArtifactError: ONNX Runtime cannot read the graph.
        MissingExtraError: onnxruntime is not installed.
    """
    if find_spec("onnxruntime") is None:
        raise MissingExtraError("onnxruntime", "onnx")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; what is warned of here is of its own making
    # Threads that wait actively take the time of other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if quickly:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own have no common base
        raise ArtifactError(
            "ONNX Runtime cannot read this exported model",
            where=graph,
            expected="a graph that Kivuko exported",
            got=str(error).strip().splitlines()[-1],
            remedy="export the model again",
        ) from error


def run(session: Any, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """The one output of a graph.

    Raises:
        InputError: ONNX Runtime cannot run it.
    """
    try:
        (found,) = session.run(None, inputs)
    except Exception as error:  # ONNX Runtime's own have no common base
        raise InputError(
            "ONNX Runtime cannot run this model's graph",
            got=str(error).strip().splitlines()[-1],
            remedy="use the model that it was exported from: it is encoded in torch",
        ) from error
    vectors: NDArray[np.float32] = found
    return vectors


def _threads() -> int:
    """As many as torch uses, or would use."""
    if torch := sys.modules.get("torch"):
        return int(torch.get_num_threads())
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) else os.cpu_count() or 1
