"""Token distillation after a greedy one-to-one alignment: the ablation of transport.

Li, Franz, Sultan, Iyer, Lee, Sil, "Learning Cross-Lingual IR from an English Retriever", NAACL 2022,
arXiv 2112.08185 (DR.DECR).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import torch
from torch import Tensor

from kivuko.training.align_to_teacher import AlignedBatch, AlignmentLoss, Shared, train_aligned
from kivuko.training.fit import Job
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources
from kivuko.training.teacher_vectors import TeacherVectors
from kivuko.training.units import TokenAlignSettings, UnitsOf, pieces

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


class GreedyLoss(AlignmentLoss):
    """Regression of each aligned student token onto its teacher token.

    Per pair it is the mean over the min(m, n) aligned tokens of ‖S_i − H_j‖² = 2 · (1 − cos(S_i, H_j)); the batch's
    loss is the mean over pairs. That is twice a transport cost's unit: beside a contrastive companion, weight 1 here
    stands for weight 2 of :class:`~kivuko.training.optical.OpticalLoss`, so a companion of weight w there is to be
    compared with one of weight 2w here. Where units differ in mass, an aligned pair counts by the lesser of its two.

    Args:
        model, teacher, shared: see :class:`~kivuko.training.align_to_teacher.AlignmentLoss`.
        units: what is aligned.

    Relations:
        :class:`~kivuko.training.optical.OpticalLoss` aligns all tokens, at the least total cost. The paper follows
        the alignment with a distillation of scores; here that is
        :class:`~kivuko.training.score_distillation.ScoreDistillationLoss`.

    References:
        Li, Franz, Sultan, Iyer, Lee, Sil, NAACL 2022, arXiv 2112.08185.
    """

    def __init__(
        self,
        model: MultiVectorEncoder,
        teacher: TeacherVectors,
        *,
        units: UnitsOf = pieces,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(model, teacher, **shared)
        self.units = units

    def parts(self, batch: AlignedBatch) -> dict[str, Tensor]:
        """The aligned tokens' squared distance."""
        units = self.units(batch)
        aligned = greedy_alignment(units.cost, units.student_mass > 0, units.teacher_mass > 0)
        mass = torch.minimum(units.student_mass[:, :, None], units.teacher_mass[:, None, :]) * aligned
        distance = (2 * units.pull * mass).sum(dim=(1, 2)) / mass.sum(dim=(1, 2))
        return {"greedy": distance.mean()}


def greedy_alignment(cost: Tensor, source_mask: Tensor, target_mask: Tensor) -> Tensor:
    """Take the smallest cost left, strike out its row and column, and so on until a side is used up.

    Args:
        cost: [batch, source_tokens, target_tokens]; values on pads are ignored.
        source_mask: [batch, source_tokens], True = keep.
        target_mask: [batch, target_tokens], True = keep.

    Returns:
        [batch, source_tokens, target_tokens] booleans, at most one in a row or column, and min(source, target) of a
        pair's tokens in all. Among equal costs the lowest source token comes first, then the lowest target token.
    """
    remaining = cost.masked_fill(~(source_mask[:, :, None] & target_mask[:, None, :]), torch.inf)
    aligned = torch.zeros_like(remaining, dtype=torch.bool)
    wanted = torch.minimum(source_mask.sum(dim=1), target_mask.sum(dim=1))
    pair = torch.arange(len(cost), device=cost.device)
    for taken in range(int(wanted.max())):
        # argmin gives the first of equal minima.
        place = remaining.flatten(start_dim=1).argmin(dim=1)
        source, target = place // cost.shape[2], place % cost.shape[2]
        # A pair that is done has nothing but ∞ left and gets the first place again, which then says nothing.
        aligned[pair, source, target] |= taken < wanted
        remaining[pair, source, :] = torch.inf
        remaining[pair, :, target] = torch.inf
    return aligned


def train(start: Models, resources: Resources, settings: TokenAlignSettings, job: Job) -> Trained:
    """Distil token vectors along a greedy alignment."""
    return train_aligned(
        start,
        resources,
        settings,
        job,
        lambda read, teacher, shared: GreedyLoss(
            read.student, teacher, units=settings.units_of(read), **shared
        ),
    )


REGIME = Regime(
    name="greedy",
    slot=Slot.ALIGN,
    needs=frozenset({Need.BITEXT, Need.TEACHER}),
    settings=TokenAlignSettings,
    train=train,
    summary="token distillation with a greedy, partial one-to-one alignment, after DR.DECR",
    reference="Li et al., NAACL 2022",
)
