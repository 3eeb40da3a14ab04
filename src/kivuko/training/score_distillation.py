"""Score distillation: the student must rank documents by the foreign side as the teacher does by the English one.

Yang, Lawrie, Mayfield, Oard, Miller, "Translate-Distill: Learning Cross-Language Dense Retrieval by Translation and
Distillation", ECIR 2024, arXiv 2401.04810.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import Tensor

from kivuko.errors import InputError
from kivuko.models.token_vectors import TokenVectors
from kivuko.training.alignment import AlignedBatch, AlignmentLoss
from kivuko.training.best_documents import require_content
from kivuko.training.similarity import mean_maxsim
from kivuko.training.teacher_cache import TeacherCache

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


class ScoreDistillationLoss(AlignmentLoss):
    """KL(teacher ‖ student) over softmaxed MaxSim scores of the batch's documents.

    Every pair brings one document, the teacher's best for its English side, and every pair is scored against all
    different documents of the batch: pair by pair the candidates are one near document and others' near documents.
    A document that several pairs bring counts once. Scores are means over the text's tokens, so that texts of few and
    many pieces get equally sharp distributions.

    ``diagnostics["candidates"]`` is the number of documents in the batch; where it is 1 there is nothing to learn.

    Args:
        model: the student, a ``MultiVectorEncoder`` whose vectors live in the teacher's space.
        teacher: the teacher's frozen token vectors; text i is the English side of pair i.
        documents: the teacher's frozen token vectors of a pool of documents.
        best: [pairs], the pair's document as a row of ``documents``, see
            :func:`~kivuko.training.best_documents.best_documents`; −1 where the English
            side has no content token.
        temperature: divides the mean-MaxSim scores of teacher and student, > 0; 0.05 is a scale of 20.
        english: [pairs] ids of English sides, see :class:`~kivuko.training.alignment.AlignmentLoss`.
        contrast_weight: weight of the contrastive companion beside a weight of 1; 0 leaves it out.
        contrast_scale: inverse temperature of the mean-MaxSim scores in it.

    Requirements:
        One text column (the foreign side) and a label column with the pair's position in ``teacher``.

    Inputs:
        +----------------+----------------------------+
        | Texts          | Labels                     |
        +================+============================+
        | foreign side   | row of the teacher's cache |
        +----------------+----------------------------+

    Relations:
        The paper's teacher is a cross-encoder with some 6 passages of its own for each query; ours is the frozen
        late-interaction teacher, and passages are shared within the batch.
        :class:`~kivuko.training.bitext_contrast.BitextContrastLoss` scores English sides in place of documents, with
        hard labels.

    Raises:
        InputError: ``best`` does not fit ``teacher`` and ``documents``, a document has no token, or the temperature
            is not above 0.

    References:
        Yang, Lawrie, Mayfield, Oard, Miller, ECIR 2024, arXiv 2401.04810.
    """

    def __init__(
        self,
        model: MultiVectorEncoder,
        teacher: TeacherCache,
        documents: TokenVectors,
        best: Sequence[int] | npt.NDArray[np.int64],
        *,
        temperature: float = 0.05,
        english: Sequence[int] | None = None,
        contrast_weight: float = 0.0,
        contrast_scale: float = 20.0,
    ) -> None:
        super().__init__(
            model, teacher, english=english, contrast_weight=contrast_weight, contrast_scale=contrast_scale
        )
        if not temperature > 0:
            raise InputError("the temperature is out of range", expected="a number above 0", got=temperature)
        require_content(documents)
        self.documents = documents
        self.best = _checked_best(np.asarray(best, dtype=np.int64), teacher, documents)
        self.temperature = temperature

    def parts(self, batch: AlignedBatch) -> dict[str, Tensor]:
        """The divergence, averaged over the batch."""
        candidates = np.unique(self.best[batch.labels.cpu().numpy()])
        self.diagnostics = {"candidates": float(len(candidates))}
        documents, mask = self.documents.padded(candidates.tolist())
        documents, mask = documents.to(batch.student), mask.to(batch.student.device)
        student = mean_maxsim(batch.student, batch.student_mask, documents, mask) / self.temperature
        with torch.no_grad():
            teacher = mean_maxsim(batch.target, batch.target_mask, documents, mask) / self.temperature
        divergence = functional.kl_div(
            student.log_softmax(dim=1), teacher.log_softmax(dim=1), reduction="batchmean", log_target=True
        )
        return {"scores": divergence}


def _checked_best(
    best: npt.NDArray[np.int64], teacher: TeacherCache, documents: TokenVectors
) -> npt.NDArray[np.int64]:
    if best.shape != (len(teacher),):
        raise InputError(
            "best documents and teacher do not fit together",
            expected=f"{len(teacher)} rows, one for each text of the teacher's cache",
            got=f"shape {list(best.shape)}",
        )
    # An English side without content never gets into a batch, so it needs no document.
    wrong = np.flatnonzero((best >= len(documents)) | ((best < 0) & (teacher.lengths > 0)))
    if len(wrong):
        raise InputError(
            "a pair's best document is not in the pool",
            where=f"pair {wrong[0]}",
            expected=f"a row from 0 to {len(documents) - 1}",
            got=int(best[wrong[0]]),
        )
    return best
