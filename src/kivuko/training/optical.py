"""The OPTICAL loss: optimal transport from a student's tokens to a frozen teacher's.

For a translation pair (x_en, x_l) with teacher tokens H ∈ R^{n×d} and student tokens S ∈ R^{m×d}, both of unit
length::

    C_ij = 1 − cos(S_i, H_j)        T* = argmin_{T ∈ U(a, b)} ⟨T, C⟩        L = ⟨stopgrad(T*), C⟩

Huang, Yu, Allan, "Improving Cross-lingual Information Retrieval on Low-Resource Languages via Optimal Transport
Distillation", WSDM 2023, arXiv 2301.12566.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from kivuko import transport
from kivuko.training.teacher_cache import TeacherCache

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


class OpticalLoss(nn.Module):
    """Transport distillation with sentence-transformers' loss interface, for ``MultiVectorEncoder`` models.

    Pure regression to teacher tokens loses discrimination, so a contrastive companion may stand beside the
    transport loss: among the English sides of the batch, the student's tokens must score their own translation
    highest by MaxSim (``contrast_weight``; 0 leaves the loss as published).

    Args:
        model: the student, a ``MultiVectorEncoder`` whose vectors live in the teacher's space.
        teacher: the teacher's frozen token vectors; text i is the English side of pair i.
        solver: ``"sinkhorn"``, ``"ipot"`` or ``"exact"``.
        epsilon: entropic regularisation of Sinkhorn, relative to the spread of each pair's cost.
        contrast_weight: weight of the contrastive companion beside a transport weight of 1.
        contrast_scale: inverse temperature of the mean-MaxSim scores in it.
        english: [pairs] ids of English sides, equal for equal texts, so that a text that stands twice in a batch
            is no false negative; by default every pair is taken to have its own.

    Requirements:
        One text column (the foreign side) and a label column with the pair's position in ``teacher``.

    Inputs:
        +----------------+----------------------------+
        | Texts          | Labels                     |
        +================+============================+
        | foreign side   | row of the teacher's cache |
        +----------------+----------------------------+

    Relations:
        ``MultiVectorMultipleNegativesRankingLoss`` is the contrastive part alone, with both sides trained.

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
        super().__init__()
        self.model = model
        self.teacher = teacher
        self.solver: transport.Solver = solver
        self.epsilon = epsilon
        self.contrast_weight = contrast_weight
        self.contrast_scale = contrast_scale
        self.english = torch.arange(len(teacher)) if english is None else torch.as_tensor(list(english))
        self.diagnostics: dict[str, float] = {}
        self.tokens = 0

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> dict[str, Tensor]:
        """The named parts of the loss, which the trainer sums.

        Args:
            sentence_features: one batch of tokenised foreign sides.
            labels: [batch] rows of the teacher's cache.
        """
        (features,) = sentence_features
        output = self.model(dict(features), task="query")
        student, student_mask = output["token_embeddings"].float(), output["attention_mask"].bool()
        target, target_mask = self.teacher.padded(labels.tolist())
        target, target_mask = target.to(student.device), target_mask.to(student.device)
        self.tokens += int(student_mask.sum())
        with torch.autocast(student.device.type, enabled=False):
            losses = {"transport": self.transport(student, student_mask, target, target_mask)}
            if self.contrast_weight:
                english = self.english[labels.cpu()].to(student.device)
                contrast = in_batch_contrast(
                    student, student_mask, target, target_mask, english, scale=self.contrast_scale
                )
                losses["contrast"] = self.contrast_weight * contrast
        return losses

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


def in_batch_contrast(
    student: Tensor,
    student_mask: Tensor,
    target: Tensor,
    target_mask: Tensor,
    english: Tensor,
    *,
    scale: float,
) -> Tensor:
    """Cross-entropy of mean-MaxSim scores: each foreign text must find its own English side in the batch.

    Args:
        student: [batch, student_tokens, dim], unit vectors.
        student_mask: [batch, student_tokens], True = keep.
        target: [batch, teacher_tokens, dim], unit vectors.
        target_mask: [batch, teacher_tokens], True = keep.
        english: [batch], equal for equal English sides; those are not counted as negatives of each other.
        scale: inverse temperature.
    """
    similarity = torch.einsum("bsd,ctd->bcst", student, target)
    best = similarity.masked_fill(~target_mask[None, :, None, :], -torch.inf).amax(dim=3)
    best = best.masked_fill(~student_mask[:, None, :], 0.0)
    scores = scale * best.sum(dim=2) / student_mask.sum(dim=1, keepdim=True)
    own = torch.eye(len(english), dtype=torch.bool, device=english.device)
    repeated = (english[:, None] == english[None, :]) & ~own
    return functional.cross_entropy(
        scores.masked_fill(repeated, -torch.inf), torch.arange(len(english), device=english.device)
    )
