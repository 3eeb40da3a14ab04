"""The OPTICAL loss: optimal transport from a student's tokens to a frozen teacher's.

For a translation pair (x_en, x_l) with teacher tokens H ∈ R^{n×d} and student tokens S ∈ R^{m×d}, both of unit
length::

    C_ij = 1 − cos(S_i, H_j)        T* = argmin_{T ∈ U(a, b)} ⟨T, C⟩        L = ⟨stopgrad(T*), C⟩

Huang, Yu, Allan, "Improving Cross-lingual Information Retrieval on Low-Resource Languages via Optimal Transport
Distillation", WSDM 2023, arXiv 2301.12566.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from kivuko import transport
from kivuko.training.alignment import AlignedBatch, AlignmentLoss
from kivuko.training.teacher_cache import TeacherCache

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


class OpticalLoss(AlignmentLoss):
    """Transport distillation: every token of either side is aligned, softly where that is cheaper.

    Mass is uniform over the tokens of a side: all vectors have unit length, so their norms tell nothing.

    Args:
        model: the student, a ``MultiVectorEncoder`` whose vectors live in the teacher's space.
        teacher: the teacher's frozen token vectors; text i is the English side of pair i.
        solver: ``"sinkhorn"``, ``"ipot"`` or ``"exact"``.
        epsilon: entropic regularisation of Sinkhorn, relative to the spread of each pair's cost.
        contrast_weight: weight of the contrastive companion beside a transport weight of 1; 0 leaves the loss as
            published.
        contrast_scale: inverse temperature of the mean-MaxSim scores in it.
        english: [pairs] ids of English sides, see :class:`~kivuko.training.alignment.AlignmentLoss`.

    Requirements:
        One text column (the foreign side) and a label column with the pair's position in ``teacher``.

    Inputs:
        +----------------+----------------------------+
        | Texts          | Labels                     |
        +================+============================+
        | foreign side   | row of the teacher's cache |
        +----------------+----------------------------+

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
        teacher: TeacherCache,
        *,
        solver: transport.Solver = "sinkhorn",
        epsilon: float = 0.3,
        contrast_weight: float = 0.0,
        contrast_scale: float = 20.0,
        english: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            model, teacher, english=english, contrast_weight=contrast_weight, contrast_scale=contrast_scale
        )
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
            "marginal_error": float(solved.marginal_error.mean()),
            "largest_entry": float(solved.largest_entry.mean()),
            "plan_entropy": float(solved.entropy.mean()),
        }
        return (solved.plan * cost).sum(dim=(1, 2)).mean()
