"""What a training regime is: a stage that turns one model into the next, and what it needs for that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from rich.progress import Progress

from kivuko.training.fit import FitSettings, fit
from kivuko.training.resources import Need, Resources

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


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


@dataclass
class Job:
    """Where and how a stage trains, apart from its settings.

    Attributes:
        checkpoints: folder of this run alone.
        inputs: what determines the result.
        label: what the bar says.
        progress: a rich display for the bar.
        tokens: pieces trained on so far, counted by :meth:`fit`.
    """

    checkpoints: Path
    inputs: dict[str, Any]
    label: str
    progress: Progress | None = None
    tokens: int = field(default=0, init=False)

    def fit(
        self,
        encoder: MultiVectorEncoder,
        dataset: Dataset,
        loss: torch.nn.Module,
        lengths: Sequence[int],
        settings: FitSettings,
        *,
        distinct: int,
    ) -> None:
        """Run :func:`kivuko.training.fit.fit` and count its tokens; ``lengths`` are pieces of an example."""
        fit(
            encoder,
            dataset,
            loss,
            lengths,
            settings,
            self.checkpoints,
            inputs=self.inputs,
            distinct=distinct,
            progress=self.progress,
            label=self.label,
        )
        self.tokens += round(sum(lengths) / len(lengths) * settings.steps * settings.batch_size)


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
