"""In which numbers this processor multiplies matrices fastest: measured, and remembered for the processor.

A processor may have instructions for bfloat16 and yet be slower with them: those of AVX-512 convert and multiply
where AMX multiplies tiles, and training adds conversions of its own. So both are timed for a second, on products of
an encoder's sizes, once for a processor and a version of torch; the answer lies in the cache. ``KIVUKO_PRECISION`` as
``float32`` or ``bfloat16`` overrides it. int8 is left out: it changes rankings (docs/results/encoding).
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Literal, cast, get_args

import torch

from kivuko.artifact import cache_folder, hash_json, write_atomically
from kivuko.errors import UnknownNameError
from kivuko.processor import instruction_sets, processor

Precision = Literal["float32", "bfloat16"]
#: What is multiplied for: training, which goes forward and back, or encoding.
Purpose = Literal["training", "encoding"]
VARIABLE = "KIVUKO_PRECISION"
#: bfloat16 rounds to three digits; for less gain than this it is not worth that, nor an answer that noise decides.
_WORTH_IT = 1.25
_TOKENS, _WIDTH, _HIDDEN, _ROUNDS = 2048, 384, 1536, 7


def uses_bfloat16(purpose: Purpose) -> bool:
    """Whether bfloat16 is the faster one here; see :func:`precision`."""
    return precision(purpose) == "bfloat16"


def precision(purpose: Purpose) -> Precision:
    """The numbers that matrices are multiplied in.

    Args:
        purpose: what for.

    Raises:
        UnknownNameError: the environment names another.
    """
    if wanted := os.environ.get(VARIABLE):
        if wanted in get_args(Precision):
            return cast(Precision, wanted)
        raise UnknownNameError(f"precision ({VARIABLE})", wanted, get_args(Precision))
    if torch.cuda.is_available():
        return "bfloat16"
    # Elsewhere torch computes bfloat16 by way of float32.
    if not {"avx512_bf16", "amx_bf16"} & set(instruction_sets()):
        return "float32"
    return "bfloat16" if _gains()[purpose] >= _WORTH_IT else "float32"


@functools.cache
def _gains() -> dict[Purpose, float]:
    """Time of float32 as a multiple of that of bfloat16, from the cache or measured."""
    kind = hash_json([processor(), instruction_sets(), torch.__version__])[:16]
    file = cache_folder() / "precision" / f"{kind}.json"
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        return {purpose: float(known[purpose]) for purpose in get_args(Purpose)}
    except (OSError, ValueError, KeyError, TypeError):  # not there, or cut short: it is only a measurement
        pass
    gains = {
        purpose: seconds(purpose, torch.float32) / seconds(purpose, torch.bfloat16)
        for purpose in get_args(Purpose)
    }
    with write_atomically(file) as temporary:
        temporary.write_text(json.dumps({"processor": processor(), **gains}, indent=1), encoding="utf-8")
    return gains


def operations_a_second() -> float:
    """Floating-point operations of training that this machine does in a second of the clock, measured now."""
    kind = torch.bfloat16 if uses_bfloat16("training") else torch.float32
    products = 2 * 2 * _TOKENS * _WIDTH * _HIDDEN
    return 3 * products / seconds("training", kind, clock=time.perf_counter)  # forward once, back twice


def seconds(purpose: Purpose, kind: torch.dtype, *, clock: Callable[[], float] = time.process_time) -> float:
    """Seconds, the median of a few, that one feed-forward layer takes for a batch of tokens.

    Args:
        purpose: encoding has the weights in ``kind``; training has them in float32 and multiplies under autocast.
        kind: float32 or bfloat16.
        clock: what is read; CPU seconds by default.
    """
    # Whoever asks first may be encoding, where nothing has a gradient.
    with torch.inference_mode(False), torch.enable_grad():
        return _seconds(purpose, kind, clock)


def _seconds(purpose: Purpose, kind: torch.dtype, clock: Callable[[], float]) -> float:
    layer = torch.nn.Sequential(
        torch.nn.Linear(_WIDTH, _HIDDEN), torch.nn.GELU(), torch.nn.Linear(_HIDDEN, _WIDTH)
    )
    tokens = torch.ones(_TOKENS, _WIDTH)
    if purpose == "encoding":
        layer, tokens = layer.to(kind), tokens.to(kind)
    taken = []
    for _ in range(_ROUNDS):
        started = clock()
        if purpose == "encoding":
            with torch.inference_mode():
                layer(tokens)
        else:
            with torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
                loss = layer(tokens).float().sum()
            loss.backward()
        taken.append(clock() - started)
    return median(taken[2:])  # the first ones prepare weights


def described() -> str:
    """What was chosen, for people: ``training in float32, encoding in bfloat16``."""
    return ", ".join(f"{purpose} in {precision(purpose)}" for purpose in get_args(Purpose))
