"""OPTICAL: a multilingual student learns a frozen English teacher's token space from bitext alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from rich.progress import Progress

from kivuko.collections.bitext import Pair
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language
from kivuko.training.align import AlignSettings, train_aligned
from kivuko.training.optical import OpticalLoss
from kivuko.training.regimes.regime import Job, Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources
from kivuko.training.stages import run_stage
from kivuko.transport import Solver


@dataclass(frozen=True)
class OpticalSettings(AlignSettings):
    """What to train with; the defaults were chosen on development pages (docs/results/development).

    Attributes:
        solver: transport solver, see :class:`kivuko.training.optical.OpticalLoss`.
        epsilon: Sinkhorn's entropy, relative to the spread of each pair's cost.
    """

    contrast_weight: float = 0.5
    solver: Solver = "exact"
    epsilon: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.solver not in get_args(Solver):
            raise UnknownNameError("transport solver", self.solver, get_args(Solver))
        if self.epsilon <= 0:
            raise InputError("epsilon is out of range", expected="a number above 0", got=self.epsilon)


def train(start: Models, resources: Resources, settings: OpticalSettings, job: Job) -> Trained:
    """Distil token vectors along optimal transport plans; a ``contrast_weight`` of 0 is OPTICAL as published."""
    return train_aligned(
        start,
        resources,
        settings,
        job,
        lambda student, cache, english: OpticalLoss(
            student,
            cache,
            solver=settings.solver,
            epsilon=settings.epsilon,
            english=english,
            **settings.companion(),
        ),
    )


REGIME = Regime(
    name="optical",
    slot=Slot.ALIGN,
    needs=frozenset({Need.BITEXT, Need.TEACHER}),
    settings=OpticalSettings,
    train=train,
    summary="token distillation by optimal transport, with or without in-batch contrast",
    reference="Huang, Yu, Allan, WSDM 2023, arXiv 2301.12566",
)


def train_optical(
    pairs: Sequence[Pair],
    language: Language,
    teacher: Path,
    output: Path,
    *,
    settings: OpticalSettings | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train a student for one language and write its model folder.

    The student starts as a copy of the teacher; for queries it replaces it, while documents stay as the teacher
    encoded them, so no index is rebuilt when a language is added.

    Args:
        pairs: translation pairs, English and the language.
        language: the language of the foreign sides.
        teacher: a late-interaction model folder of ours.
        output: the model folder to write; checkpoints lie in the cache until training ends.
        settings: see :class:`OpticalSettings`.
        progress: a rich display for the bars.

    Returns:
        ``output``, which is kept as it is when it was trained from the same inputs. Its manifest counts the pairs
        used, cut and dropped.

    Raises:
        InputError: too few pairs.
        ArtifactError: ``teacher`` is not one of ours, or ``output`` holds something else.
        StorageError: the disk is full; what was complete stays.

    Reference:
        Huang, Yu, Allan, WSDM 2023, arXiv 2301.12566.
    """
    models = run_stage(
        REGIME,
        settings or OpticalSettings(),
        Models(teacher, teacher),
        Resources(bitext={language: pairs}),
        output=output,
        progress=progress,
        label=f"OPTICAL, {language.name}",
    )
    return models.student
