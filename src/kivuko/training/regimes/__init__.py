"""Training regimes, one file each; ``all_regimes`` lists them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from kivuko.errors import UnknownNameError

if TYPE_CHECKING:
    from kivuko.training.regimes.regime import Regime

#: In the order of the tables: adapt, supervise, align.
NAMES = (
    "extend-vocabulary",
    "mlm",
    "unsupervised",
    "comparable",
    "english",
    "codeswitch",
    "translate-train",
    "bitext-contrastive",
    "mse",
    "greedy",
    "optical",
    "score-distillation",
)


def find_regime(name: str) -> Regime:
    """The regime called ``name``.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in NAMES:
        raise UnknownNameError("regime", name, NAMES, remedy="`kivuko train list` shows all")
    found: Regime = importlib.import_module(f"kivuko.training.regimes.{name.replace('-', '_')}").REGIME
    return found


def all_regimes() -> list[Regime]:
    """Every regime, in the order of the tables."""
    return [find_regime(name) for name in NAMES]
