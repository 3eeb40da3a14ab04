"""An exported late-interaction encoder in ONNX Runtime."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from kivuko.errors import ArtifactError, MissingExtraError
from kivuko.models.encoder import Task
from kivuko.models.loading import quiet, transformer_root

GRAPH = "model.onnx"


class OnnxEncoder:
    """The :class:`kivuko.models.encoder.Encoder` of a folder that :func:`kivuko.models.onnx_export.export` wrote.

    It uses as many threads as torch does when it is opened. Its features are torch's, so that callers need not know
    which of the two libraries computed them.

    Args:
        folder: the exported model.
        max_length: pieces of a text that are read, special ones included.

    Raises:
        ArtifactError: ONNX Runtime cannot read the graph.
        MissingExtraError: onnxruntime is not installed.
    """

    device = torch.device("cpu")

    def __init__(self, folder: Path, max_length: int) -> None:
        self.max_seq_length: int | None = max_length
        self._session = _session(folder / GRAPH)
        self._mask = _mask(folder)
        with quiet():
            from transformers import AutoTokenizer

            self.tokenizer: Any = AutoTokenizer.from_pretrained(
                transformer_root(folder), local_files_only=True
            )
        self._mask.resolve_with_tokenizer(self.tokenizer)

    def get_embedding_dimension(self) -> int:
        """Numbers in one token vector."""
        return int(self._session.get_outputs()[0].shape[-1])

    def preprocess(self, inputs: list[str], *, task: Task) -> dict[str, Any]:
        """Texts as features; both tasks read alike."""
        return dict(
            self.tokenizer(
                inputs, padding=True, truncation=True, max_length=self.max_seq_length, return_tensors="pt"
            )
        )

    def __call__(self, features: dict[str, Any], *, task: Task) -> dict[str, Any]:
        """Token vectors, and which of them are of content."""
        inputs = {name: features[name].numpy() for name in ("input_ids", "attention_mask")}
        (vectors,) = self._session.run(None, inputs)
        found: dict[str, Any] = self._mask(
            features | {"token_embeddings": torch.from_numpy(vectors)}, task=task
        )
        return found


def _session(graph: Path) -> Any:
    if find_spec("onnxruntime") is None:
        raise MissingExtraError("onnxruntime", "onnx")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; what is warned of here is of its own making
    # Threads that wait actively take the time of other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own have no common base
        raise ArtifactError(
            "ONNX Runtime cannot read this exported model",
            where=graph,
            expected="a graph of 'kivuko models export'",
            got=str(error).strip().splitlines()[-1],
            remedy="export the model again",
        ) from error


def _mask(folder: Path) -> Any:
    """The module that says which tokens are of content, the last of the original's."""
    with quiet():
        from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        return MultiVectorMask.load(str(folder), subfolder=modules[-1]["path"], local_files_only=True)
