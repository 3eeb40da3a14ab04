"""Token distillation after a greedy one-to-one alignment: the ablation of transport.

Li, Franz, Sultan, Iyer, Lee, Sil, "Learning Cross-Lingual IR from an English Retriever", NAACL 2022,
arXiv 2112.08185 (DR.DECR).
"""

from __future__ import annotations

import torch
from torch import Tensor

from kivuko.training.align_to_teacher import AlignedBatch, AlignmentLoss, AlignSettings, train_aligned
from kivuko.training.fit import Job
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources
from kivuko.transport import cosine_cost


class GreedyLoss(AlignmentLoss):
    """Regression of each aligned student token onto its teacher token.

    Per pair it is the mean over the min(m, n) aligned tokens of ‖S_i − H_j‖² = 2 · (1 − cos(S_i, H_j)); the batch's
    loss is the mean over pairs. That is twice a transport cost's unit: beside a contrastive companion, weight 1 here
    stands for weight 2 of :class:`~kivuko.training.optical.OpticalLoss`, so a companion of weight w there is to be
    compared with one of weight 2w here.

    Its arguments are those of :class:`~kivuko.training.align_to_teacher.AlignmentLoss`.

    Relations:
        :class:`~kivuko.training.optical.OpticalLoss` aligns all tokens, at the least total cost. The paper follows
        the alignment with a distillation of scores; here that is
        :class:`~kivuko.training.score_distillation.ScoreDistillationLoss`.

    References:
        Li, Franz, Sultan, Iyer, Lee, Sil, NAACL 2022, arXiv 2112.08185.
    """

    def parts(self, batch: AlignedBatch) -> dict[str, Tensor]:
        """The aligned tokens' squared distance."""
        cost = cosine_cost(batch.student, batch.target, normalised=True)
        aligned = greedy_alignment(cost.detach(), batch.student_mask, batch.target_mask)
        distance = (2 * cost).masked_fill(~aligned, 0.0).sum(dim=(1, 2)) / aligned.sum(dim=(1, 2))
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


def train(start: Models, resources: Resources, settings: AlignSettings, job: Job) -> Trained:
    """Distil token vectors along a greedy alignment."""
    return train_aligned(
        start,
        resources,
        settings,
        job,
        lambda student, teacher, shared: GreedyLoss(student, teacher, **shared),
    )


REGIME = Regime(
    name="greedy",
    slot=Slot.ALIGN,
    needs=frozenset({Need.BITEXT, Need.TEACHER}),
    settings=AlignSettings,
    train=train,
    summary="token distillation with greedy one-to-one alignment (DR.DECR)",
    reference="Li et al., NAACL 2022",
)
