"""Kivuko: search from English to languages with almost no data.

The public names below are loaded when they are first used, so ``import kivuko`` is immediate and loads no torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Bitext": "kivuko.data",
    "Collection": "kivuko.data",
    "Document": "kivuko.data",
    "Index": "kivuko.retrieval.index",
    "KivukoError": "kivuko.errors",
    "Lexicon": "kivuko.codeswitch",
    "Models": "kivuko.training.regimes",
    "OpticalLoss": "kivuko.training.optical",
    "OpticalSettings": "kivuko.training.optical",
    "Pair": "kivuko.data",
    "Resources": "kivuko.training.resources",
    "Switcher": "kivuko.codeswitch",
    "build_bitext": "kivuko.data",
    "build_collection": "kivuko.data",
    "build_index": "kivuko.retrieval.build",
    "default_teacher": "kivuko.training.teacher",
    "evaluate": "kivuko.evaluation.measures",
    "find_regime": "kivuko.training.regimes",
    "get_model": "kivuko.models.loading:get",
    "induce_lexicon": "kivuko.codeswitch:induce",
    "invert_lexicon": "kivuko.codeswitch:invert",
    "make_stage": "kivuko.training.stages",
    "public_lexicon": "kivuko.experiment.dictionaries",
    "resolve_language": "kivuko.languages:resolve",
    "run_stages": "kivuko.training.stages",
    "search": "kivuko.retrieval.engine",
    "solve_transport": "kivuko.transport:solve",
    "train_optical": "kivuko.training.optical",
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kivuko' has no attribute {name!r}")
    from kivuko.errors import names_missing_extra

    module, _, attribute = _HOMES[name].partition(":")
    with names_missing_extra():
        return getattr(importlib.import_module(module), attribute or name)


def __dir__() -> list[str]:
    return __all__
