"""OPTICAL: a multilingual student learns a frozen English teacher's token space from bitext alone.

For a translation pair (x_en, x_l) with teacher tokens H ∈ R^{n×d} and student tokens S ∈ R^{m×d}, both of unit
length::

    C_ij = 1 − cos(S_i, H_j)        T* = argmin_{T ∈ U(a, b)} ⟨T, C⟩        L = ⟨stopgrad(T*), C⟩

Huang, Yu, Allan, "Improving Cross-lingual Information Retrieval on Low-Resource Languages via Optimal Transport
Distillation", WSDM 2023, arXiv 2301.12566.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack, get_args

import torch
from rich.progress import Progress
from torch import Tensor

from kivuko import transport
from kivuko.artifact import check_replaceable
from kivuko.collections.bitext import Pair
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language
from kivuko.models.convert import KIND
from kivuko.models.encoder import ModelLike, folder_of, late_interaction_folder
from kivuko.training.align_to_teacher import AlignedBatch, AlignmentLoss, Shared, train_aligned
from kivuko.training.fit import Job
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources
from kivuko.training.stages import run_stage
from kivuko.training.students import student_for
from kivuko.training.teacher_vectors import TeacherVectors
from kivuko.training.units import TokenAlignSettings, Units, UnitsOf, pieces

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


#: How a plan is found: by the solvers of :func:`kivuko.transport.solve`, which move all mass, or by those that may
#: leave some.
Way = Literal["sinkhorn", "ipot", "exact", "partial", "unbalanced"]


@dataclass(frozen=True)
class PlanSettings:
    """How transport plans are found.

    Attributes:
        solver: ``"sinkhorn"``, ``"ipot"`` or ``"exact"``, see :func:`kivuko.transport.solve`; ``"partial"`` or
            ``"unbalanced"``, which leave mass where it is.
        epsilon: entropy of ``"sinkhorn"``, relative to the spread of each pair's cost.
        beta: weight of the proximal steps of ``"ipot"``, likewise.
        chance: of ``"partial"``: mass is moved only where that costs less than this quantile of what it costs to come
            as near as possible to a text that is no translation, in (0, 1).
        relaxation: τ of ``"unbalanced"``, see :func:`kivuko.transport.solve_unbalanced`.
        hard: whether all of a student unit's mass goes where the plan sends most of it.
    """

    solver: Way = "exact"
    epsilon: float = 0.3
    beta: float = 0.5
    chance: float = 0.2
    relaxation: float = 0.3
    hard: bool = False

    def __post_init__(self) -> None:
        if self.solver not in get_args(Way):
            raise UnknownNameError("transport solver", self.solver, get_args(Way))
        for name in ("epsilon", "beta", "relaxation"):
            if not getattr(self, name) > 0:
                raise InputError(
                    f"{name} is out of range", expected="a number above 0", got=getattr(self, name)
                )
        if not 0 < self.chance < 1:
            raise InputError("chance is out of range", expected="above 0 and below 1", got=self.chance)

    def solve(self, units: Units, english: Tensor) -> transport.TransportPlan:
        """The plans of a batch.

        Args:
            units: what is aligned.
            english: [batch], equal for equal English sides.
        """
        sides = units.cost, units.student_mass, units.teacher_mass
        if self.solver == "partial":
            return transport.solve_partial(*sides, units.chance(english, self.chance))
        if self.solver == "unbalanced":
            return transport.solve_unbalanced(*sides, relaxation=self.relaxation)
        return transport.solve(*sides, solver=self.solver, epsilon=self.epsilon, beta=self.beta)


class OpticalLoss(AlignmentLoss):
    """Transport distillation: every token of either side is aligned, softly where that is cheaper.

    It is the cost of moving a unit of mass by the plan, averaged over the batch; a pair of which nothing is moved
    costs nothing.

    Args:
        model, teacher, shared: see :class:`~kivuko.training.align_to_teacher.AlignmentLoss`; a contrast weight of 0,
            its default, leaves the abstract's loss alone, and the regime's is 0.5.
        plans: how the plans are found.
        units: what is aligned.

    Relations:
        :class:`~kivuko.training.greedy.GreedyLoss` aligns one to one and leaves the longer side's rest alone.
        :class:`~kivuko.training.bitext_contrast.BitextContrastLoss` is the contrastive companion alone.
        ``MultiVectorMultipleNegativesRankingLoss`` is that with both sides trained.

    References:
        Huang, Yu, Allan, WSDM 2023, arXiv 2301.12566.
    """

    def __init__(
        self,
        model: MultiVectorEncoder,
        teacher: TeacherVectors,
        *,
        plans: PlanSettings = PlanSettings(),
        units: UnitsOf = pieces,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(model, teacher, **shared)
        self.plans = plans
        self.units = units

    def parts(self, batch: AlignedBatch) -> dict[str, Tensor]:
        """The transport cost."""
        return {"transport": self.transport(self.units(batch), batch.english)}

    def transport(self, units: Units, english: Tensor) -> Tensor:
        """⟨stopgrad(T*), C⟩ / ΣT*, averaged over the batch; leaves the plans' state in ``diagnostics``.

        Args:
            units: what is aligned.
            english: [batch], equal for equal English sides.
        """
        solved = self.plans.solve(units, english)
        plan = hardened(solved.plan) if self.plans.hard else solved.plan
        moved = plan.sum(dim=(1, 2))
        cost = (plan * units.pull).sum(dim=(1, 2)) / moved.clamp(min=torch.finfo(moved.dtype).tiny)
        self.diagnostics = {
            "largest_entry": float(solved.largest_entry.mean()),
            "plan_entropy": float(solved.entropy.mean()),
            "transport_cost": float(cost.detach().mean()),
        }
        if self.plans.solver in ("partial", "unbalanced"):
            self.diagnostics["moved"] = float(moved.mean())
        elif self.plans.solver != "exact":
            self.diagnostics["marginal_error"] = float(solved.marginal_error.mean())
        return cost.mean()


def hardened(plan: Tensor) -> Tensor:
    """A plan whose rows send all that they move to where they send most; among equals, to the first."""
    rows = plan.sum(dim=2, keepdim=True)
    return torch.zeros_like(plan).scatter_(2, plan.argmax(dim=2, keepdim=True), rows)


@dataclass(frozen=True)
class OpticalSettings(TokenAlignSettings, PlanSettings):
    """What to train with; the defaults were chosen on development pages (docs/results/development)."""

    contrast_weight: float = 0.5

    def __post_init__(self) -> None:
        TokenAlignSettings.__post_init__(self)
        PlanSettings.__post_init__(self)

    @property
    def plans(self) -> PlanSettings:
        """What of this says how plans are found."""
        return PlanSettings(**{field.name: getattr(self, field.name) for field in fields(PlanSettings)})


#: A student within minutes (docs/results/demo): its words start from the lexicon of the bitext.
QUICK_SETTINGS = OpticalSettings(steps=150, word_learning_rate=1e-3, lexical_start=0.95)


def train(start: Models, resources: Resources, settings: OpticalSettings, job: Job) -> Trained:
    """Distil token vectors along optimal transport plans; a ``contrast_weight`` of 0 leaves OPTICAL's loss alone."""
    return train_aligned(
        start,
        resources,
        settings,
        job,
        lambda read, teacher, shared: OpticalLoss(
            read.student, teacher, plans=settings.plans, units=settings.units_of(read), **shared
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
    teacher: ModelLike,
    output: Path,
    *,
    student: ModelLike | None = None,
    settings: OpticalSettings | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train a student for one language and write its model folder.

    The student starts as a copy of the teacher, or from another model (see :mod:`kivuko.training.students`); for
    queries it replaces the teacher, while documents stay as that encoded them, so no index is rebuilt when a language
    is added.

    Args:
        pairs: translation pairs, English and the language.
        language: the language of the foreign sides.
        teacher: a late-interaction model: a folder, a name of the catalogue or hub.
        output: the model folder to write; checkpoints lie in the cache until training ends.
        student: what the student starts from, of any architecture, tokenizer and dimension: a late-interaction model,
            a dense one or a plain encoder; the teacher itself by default.
        settings: see :class:`OpticalSettings`.
        progress: a rich display for the bars.

    Returns:
        ``output``, which is kept as it is when it was trained from the same inputs. Its manifest counts the pairs
        there were, the examples drawn from them, and of these the ones that were cut or left out.

    Raises:
        InputError: too few pairs; ``teacher`` is no late-interaction model.
        ArtifactError: a model is damaged, or ``output`` holds something else.
        StorageError: the disk is full; what was complete stays.

    Reference:
        Huang, Yu, Allan, WSDM 2023, arXiv 2301.12566.
    """
    check_replaceable(output, KIND)
    taught_by = late_interaction_folder(teacher)
    begun = taught_by
    if student is not None:
        english = [pair.english for pair in pairs]
        begun = student_for(folder_of(student), taught_by, english, progress=progress)
    models = run_stage(
        REGIME,
        settings or OpticalSettings(),
        Models(begun, taught_by),
        Resources(bitext={language: pairs}),
        output=output,
        progress=progress,
        label=f"OPTICAL, {language.name}",
    )
    return models.student
