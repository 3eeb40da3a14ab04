"""OPTICAL: a multilingual student learns a frozen English teacher's token space from bitext alone.

For a translation pair (x_en, x_l) with teacher tokens H ∈ R^{n×d} and student tokens S ∈ R^{m×d}, both of unit
length::

    C_ij = 1 − cos(S_i, H_j)        T* = argmin_{T ∈ U(a, b)} ⟨T, C⟩        L = ⟨stopgrad(T*), C⟩

Huang, Yu, Allan, "Improving Cross-lingual Information Retrieval on Low-Resource Languages via Optimal Transport
Distillation", WSDM 2023, arXiv 2301.12566.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack, get_args

from rich.progress import Progress
from torch import Tensor

from kivuko import transport
from kivuko.artifact import check_replaceable
from kivuko.collections.bitext import Pair
from kivuko.errors import InputError, UnknownNameError
from kivuko.languages import Language
from kivuko.models.convert import KIND
from kivuko.models.encoder import ModelLike, folder_of, late_interaction_folder
from kivuko.training.align_to_teacher import AlignedBatch, AlignmentLoss, AlignSettings, Shared, train_aligned
from kivuko.training.fit import Job
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources
from kivuko.training.stages import run_stage
from kivuko.training.students import student_for
from kivuko.training.teacher_vectors import TeacherVectors

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


class OpticalLoss(AlignmentLoss):
    """Transport distillation: every token of either side is aligned, softly where that is cheaper.

    Mass is uniform over the tokens of a side: all vectors have unit length, so their norms tell nothing.

    Args:
        model, teacher, shared: see :class:`~kivuko.training.align_to_teacher.AlignmentLoss`; a contrast weight of 0,
            its default, is the loss as published, and the regime's is 0.5.
        solver: ``"sinkhorn"``, ``"ipot"`` or ``"exact"``.
        epsilon: entropic regularisation of Sinkhorn, relative to the spread of each pair's cost.

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
        solver: transport.Solver = "exact",
        epsilon: float = 0.3,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(model, teacher, **shared)
        self.solver: transport.Solver = solver
        self.epsilon = epsilon

    def parts(self, batch: AlignedBatch) -> dict[str, Tensor]:
        """The transport cost."""
        return {
            "transport": self.transport(batch.student, batch.student_mask, batch.target, batch.target_mask)
        }

    def transport(self, student: Tensor, student_mask: Tensor, target: Tensor, target_mask: Tensor) -> Tensor:
        """⟨stopgrad(T*), C⟩, averaged over the batch; leaves the plans' state in ``diagnostics``.

        Args:
            student: [batch, student_tokens, dim], unit vectors.
            student_mask: [batch, student_tokens], True = keep.
            target: [batch, teacher_tokens, dim], unit vectors.
            target_mask: [batch, teacher_tokens], True = keep.
        """
        cost = transport.cosine_cost(student, target, normalised=True)
        solved = transport.solve(
            cost.detach(),
            transport.uniform_marginal(student_mask),
            transport.uniform_marginal(target_mask),
            solver=self.solver,
            epsilon=self.epsilon,
        )
        self.diagnostics = {
            "largest_entry": float(solved.largest_entry.mean()),
            "plan_entropy": float(solved.entropy.mean()),
            "transport_cost": float(solved.cost.mean()),
        }
        if self.solver != "exact":
            self.diagnostics["marginal_error"] = float(solved.marginal_error.mean())
        return (solved.plan * cost).sum(dim=(1, 2)).mean()


@dataclass(frozen=True)
class OpticalSettings(AlignSettings):
    """What to train with; the defaults were chosen on development pages (docs/results/development).

    Attributes:
        solver: transport solver, see :class:`OpticalLoss`.
        epsilon: Sinkhorn's entropy, relative to the spread of each pair's cost.
    """

    contrast_weight: float = 0.5
    solver: transport.Solver = "exact"
    epsilon: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.solver not in get_args(transport.Solver):
            raise UnknownNameError("transport solver", self.solver, get_args(transport.Solver))
        if self.epsilon <= 0:
            raise InputError("epsilon is out of range", expected="a number above 0", got=self.epsilon)


#: A student within minutes (docs/results/demo): its words start from the lexicon of the bitext.
QUICK_SETTINGS = OpticalSettings(steps=150, word_learning_rate=1e-3, lexical_start=0.95)


def train(start: Models, resources: Resources, settings: OpticalSettings, job: Job) -> Trained:
    """Distil token vectors along optimal transport plans; a ``contrast_weight`` of 0 is OPTICAL as published."""
    return train_aligned(
        start,
        resources,
        settings,
        job,
        lambda student, teacher, shared: OpticalLoss(
            student, teacher, solver=settings.solver, epsilon=settings.epsilon, **shared
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
