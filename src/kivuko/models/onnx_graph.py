"""The graph of a late-interaction model: a Transformer and what follows it, pieces in and token vectors out."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kivuko.errors import InputError

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

#: The first with attention as one operator.
_OPSET = 23
#: What a file of protocol buffers can hold, less some for the graph itself.
_MOST_BYTES = 2**31 - 2**26


class _RoundedRows(torch.nn.Module):
    """Embeddings whose rows are int8 with a scale each: of a multilingual vocabulary they are most of the weights."""

    codes: Tensor
    scales: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        scales = weight.abs().amax(1, keepdim=True).clamp_min(1e-8) / 127
        self.register_buffer("codes", (weight / scales).round().to(torch.int8))
        self.register_buffer("scales", scales)

    def forward(self, ids: Tensor) -> Tensor:
        return self.codes[ids].float() * self.scales[ids]


class _Graph(torch.nn.Module):
    """[batch, length] pieces and mask to [batch, length, dim] vectors."""

    transformer: Any

    def __init__(self, encoder: MultiVectorEncoder, rounded_embeddings: bool) -> None:
        super().__init__()
        self.transformer = copy.deepcopy(encoder[0].auto_model).float()
        self.further = torch.nn.ModuleList(list(encoder)[1:-1])
        if getattr(self.transformer, "pooler", None) is not None:
            self.transformer.pooler = None  # of one vector a text
        if rounded_embeddings:
            rows = self.transformer.get_input_embeddings().weight.detach()
            self.transformer.set_input_embeddings(_RoundedRows(rows))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        found = self.transformer(input_ids=input_ids, attention_mask=attention_mask)
        features: dict[str, Tensor] = {"token_embeddings": found.last_hidden_state}
        for module in self.further:
            features = module(features)
        return features["token_embeddings"]


def write_graph(encoder: MultiVectorEncoder, file: Path, *, rounded_embeddings: bool = False) -> int:
    """Write an encoder's graph, all of it but the mask, for batches of any size and length.

    Args:
        encoder: with a Transformer first and a MultiVectorMask last.
        file: what to write.
        rounded_embeddings: whether the word embeddings are kept as int8, with a scale for each row.

    Returns:
        How many Dense modules the graph has: its last multiplications.

    Raises:
        InputError: torch cannot make a graph of this encoder, or its weights do not fit one file.
    """
    graph = _Graph(encoder, rounded_embeddings).eval()
    size = sum(weight.nbytes for weight in graph.state_dict().values())
    if size > _MOST_BYTES:
        raise InputError(
            "this model is too large for one ONNX file",
            expected=f"weights of at most {_MOST_BYTES / 1e9:.1f} GB",
            got=f"{size / 1e9:.1f} GB",
            remedy="export it as int8, or use the model as it is: it is encoded in torch",
        )
    pad = encoder.tokenizer.pad_token_id
    mask = torch.ones(3, 17, dtype=torch.long)
    mask[1, 9:] = mask[2, 4:] = 0
    ids = torch.where(mask.bool(), torch.arange(3 * 17).reshape(3, 17) % 11 + 5, pad)
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length")}
    try:
        with _silence():
            program = torch.onnx.export(
                graph,
                (ids, mask),
                dynamo=True,
                dynamic_shapes={"input_ids": axes, "attention_mask": axes},
                input_names=["input_ids", "attention_mask"],
                output_names=["token_embeddings"],
                opset_version=_OPSET,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise InputError(
            "torch cannot make a graph of this encoder",
            got=str(error).strip().splitlines()[0],
            remedy="use the model as it is: it is encoded in torch",
        ) from error
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    program.save(str(file))
    return sum(hasattr(module, "linear") for module in graph.further)


def quantise(
    graph: Path, output: Path, *, last_kept: int, kept_shapes: frozenset[tuple[int, ...]] = frozenset()
) -> None:
    """Write a graph whose multiplications by weights are of int8, with a scale for each column and each input.

    Args:
        graph: of :func:`write_graph`.
        output: the file to write.
        last_kept: how many of the last multiplications stay float32; a centring layer subtracts numbers of like size,
            so that it would magnify rounding.
        kept_shapes: weights [in, out] that stay float32 too.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    nodes = onnx.load(str(graph)).graph
    shapes = {weight.name: tuple(weight.dims) for weight in nodes.initializer}
    of_weights = [node for node in nodes.node if node.op_type == "MatMul" and node.input[1] in shapes]
    kept = of_weights[len(of_weights) - last_kept :]
    kept += [node for node in of_weights if shapes[node.input[1]] in kept_shapes]
    with _silence():
        quantize_dynamic(
            str(graph),
            str(output),
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in kept],
        )


@contextmanager
def _silence() -> Iterator[None]:
    """No hints of the exporters, which are for those who write them; errors are shown."""
    former = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(former)
