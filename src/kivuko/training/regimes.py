"""What a training regime is, and which there are.

A regime is a stage that turns one model into the next; it declares the kinds of data that it needs. Each stands in a
file of its own with its loss and its settings.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kivuko.errors import UnknownNameError
from kivuko.training.fit import Job
from kivuko.training.resources import Need, Resources

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

#: Name → where the regime is, in the order of the tables: adapt, supervise, align.
_HOMES = {
    "extend-vocabulary": "extend_vocabulary:REGIME",
    "mlm": "masked_language_model:REGIME",
    "unsupervised": "unsupervised:REGIME",
    "comparable": "foreign_queries:COMPARABLE",
    "english": "english:REGIME",
    "codeswitch": "codeswitch:REGIME",
    "translate-train": "foreign_queries:TRANSLATE_TRAIN",
    "bitext-contrastive": "bitext_contrast:REGIME",
    "lexical-contrast": "lexical_contrast:REGIME",
    "mse": "sentence_mse:REGIME",
    "greedy": "greedy:REGIME",
    "optical": "optical:REGIME",
    "optical-codeswitch": "optical_codeswitch:REGIME",
    "score-distillation": "score_distillation:REGIME",
}
NAMES = tuple(_HOMES)


class Slot(StrEnum):
    """What a stage is for; stages of one recipe stand in this order.

    ``adapt`` makes an encoder know a language better, ``supervise`` teaches matching queries with documents,
    ``align`` pulls a student's queries into the space of a frozen teacher, which goes on encoding documents.
    """

    ADAPT = "adapt"
    SUPERVISE = "supervise"
    ALIGN = "align"


@dataclass(frozen=True)
class Models:
    """The two model folders between stages; they differ after an ``align`` stage only.

    Attributes:
        student: encodes queries.
        teacher: encodes documents.
    """

    student: Path
    teacher: Path


@dataclass(frozen=True)
class Trained:
    """What a stage made: the encoder, and facts for its manifest (counts, realised rates)."""

    encoder: MultiVectorEncoder
    facts: dict[str, Any]


@dataclass(frozen=True)
class Regime:
    """One way to train.

    Attributes:
        name: as in configurations and on the command line.
        slot: see :class:`Slot`.
        needs: the kinds of data without which it cannot run.
        settings: its dataclass of settings, all with defaults.
        train: does it, from the models so far.
        summary: one line for tables.
        reference: the paper it follows.
    """

    name: str
    slot: Slot
    needs: frozenset[Need]
    settings: type[Any]
    train: Callable[[Models, Resources, Any, Job], Trained]
    summary: str
    reference: str = ""


#: Setting that came later → what it was before it could be chosen.
_LATER: dict[str, Any] = {
    "teacher_side": "document",
    "word_learning_rate": 0.0,
    "lexical_start": 0.0,
    "phrases": False,
    "interpolation": 1.0,
    "units": "pieces",
    "links": 0.0,
    "beta": 0.5,
    "chance": 0.2,
    "relaxation": 0.3,
    "hard": False,
    "passages": 1,
}


def without_later_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without those that once could not be chosen and are as they were then: what was made then counts."""
    return {name: value for name, value in settings.items() if _LATER.get(name) != value}


def find_regime(name: str) -> Regime:
    """The regime called ``name``.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in NAMES:
        raise UnknownNameError("regime", name, NAMES, remedy="`kivuko train list` shows all")
    module, _, attribute = _HOMES[name].partition(":")
    found: Regime = getattr(importlib.import_module(f"kivuko.training.{module}"), attribute)
    return found


def all_regimes() -> list[Regime]:
    """Every regime, in the order of the tables."""
    return [find_regime(name) for name in NAMES]
