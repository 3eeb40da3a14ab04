"""The processor: its name, and which of the instruction sets it has that decide how fast matrices are multiplied."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

#: As Linux names them, from the oldest to the newest.
INSTRUCTION_SETS = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "bf16",
)
_CPUINFO = Path("/proc/cpuinfo")


@functools.cache
def _facts() -> dict[str, str]:
    """What Linux says of the first processor; nothing elsewhere."""
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def processor() -> str:
    """Its model's name."""
    return _facts().get("model name") or platform.processor() or platform.machine()


def instruction_sets() -> tuple[str, ...]:
    """Which of :data:`INSTRUCTION_SETS` it has; none are known where there is no /proc/cpuinfo."""
    flags = set((_facts().get("flags") or _facts().get("Features") or "").split())
    return tuple(name for name in INSTRUCTION_SETS if name in flags)
