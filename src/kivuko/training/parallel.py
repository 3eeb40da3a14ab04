"""A batch through a model by several threads, forward and back: what two cores are for in training.

The products of a small encoder are too small to be shared between threads, so each takes texts of its own. Gradients
are added in the order of the parts, so that the same number of threads gives the same bytes.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kivuko.models.threads import by_threads

#: Texts that are worth a thread.
_FEWEST = 4


def encoded(model: nn.Module, features: dict[str, Any], task: str) -> tuple[Tensor, dict[str, Any]]:
    """Token vectors of a batch, with gradients, and what else the model says of it.

    Args:
        model: a late-interaction encoder.
        features: what it reads, tensors [batch, …] for the most part.
        task: the side.

    Returns:
        [batch, tokens, dim] in float32; the model's output without them.
    """
    ids = features.get("input_ids")
    texts = 0 if ids is None or ids.device.type != "cpu" else len(ids)
    threads = min(torch.get_num_threads(), texts // _FEWEST)
    if threads < 2 or not torch.is_grad_enabled():
        output = model(dict(features), task=task)
        return output.pop("token_embeddings").float(), output
    bounds = [texts * part // threads for part in range(threads + 1)]
    parts = [
        {name: _rows(value, begin, end, texts) for name, value in features.items()}
        for begin, end in itertools.pairwise(bounds)
    ]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    others: list[dict[str, Any]] = []
    read = functools.partial(_read, model, task, others)
    vectors: Tensor = _InParts.apply(read, parts, *trained)  # type: ignore[no-untyped-call]
    return vectors, {name: _joined([other[name] for other in others], texts) for name in others[0]}


class _InParts(torch.autograd.Function):
    """Each part's vectors and gradients by a thread of its own."""

    @staticmethod
    def forward(context: Any, read: Any, parts: Sequence[dict[str, Any]], *trained: Tensor) -> Tensor:
        """All parts' vectors; each keeps its own graph for the way back."""
        context.vectors = read(parts)
        context.trained = trained
        return torch.cat([vectors.detach() for vectors in context.vectors])

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Any:
        """The sum of the parts' gradients."""
        shares = torch.split(gradient, [len(vectors) for vectors in context.vectors])

        def back(part: int) -> tuple[Tensor | None, ...]:
            found: tuple[Tensor | None, ...] = torch.autograd.grad(
                context.vectors[part], context.trained, shares[part], allow_unused=True
            )
            return found

        found = list(by_threads(back, range(len(shares))))
        context.vectors = None
        return None, None, *(_sum(list(of_one)) for of_one in zip(*found, strict=True))


def _read(
    model: nn.Module, task: str, others: list[dict[str, Any]], parts: Sequence[dict[str, Any]]
) -> list[Tensor]:
    enabled, kind = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def forward(part: dict[str, Any]) -> dict[str, Any]:
        with torch.enable_grad(), torch.autocast("cpu", kind, enabled=enabled):
            output: dict[str, Any] = model(dict(part), task=task)
            return output | {"token_embeddings": output["token_embeddings"].float()}

    outputs = list(by_threads(forward, parts))
    vectors = [output.pop("token_embeddings") for output in outputs]
    others += outputs
    return vectors


def _rows(value: Any, begin: int, end: int, texts: int) -> Any:
    return value[begin:end] if isinstance(value, Tensor) and value.dim() and len(value) == texts else value


def _joined(values: list[Any], texts: int) -> Any:
    """What the parts said, as the whole batch would have."""
    first = values[0]
    if isinstance(first, Tensor) and first.dim() and sum(map(len, values)) == texts:
        return torch.cat(values)
    return first


def _sum(gradients: Sequence[Tensor | None]) -> Tensor | None:
    known = [gradient for gradient in gradients if gradient is not None]
    return functools.reduce(torch.add, known) if known else None
