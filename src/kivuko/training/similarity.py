"""How alike texts are by their token vectors, and the contrast among the texts of one batch.

Pure mathematics: no model and no file. Pads are excluded by −∞ before a maximum, and by 0 before a sum.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor


def mean_maxsim(queries: Tensor, query_mask: Tensor, documents: Tensor, document_mask: Tensor) -> Tensor:
    """[queries, documents], the mean over a query's tokens of their best similarity with a document's tokens.

    The mean, unlike MaxSim's sum, has one scale for short and long queries: a text of a language that is cut into
    many pieces counts as much as its English side.

    Args:
        queries: [queries, query_tokens, dim], unit vectors.
        query_mask: [queries, query_tokens], True = keep; each row keeps a token.
        documents: [documents, document_tokens, dim], unit vectors; or [queries, documents, document_tokens, dim], for
            every query its own.
        document_mask: the same without dim, True = keep; each row keeps a token.

    Reference:
        Khattab & Zaharia, ColBERT, SIGIR 2020, arXiv 2004.12832.
    """
    same_for_all = documents.dim() == 3
    similarity = torch.einsum("qsd,ctd->qcst" if same_for_all else "qsd,qctd->qcst", queries, documents)
    kept = document_mask[None] if same_for_all else document_mask
    best = similarity.masked_fill(~kept[:, :, None, :], -torch.inf).amax(dim=3)
    best = best.masked_fill(~query_mask[:, None, :], 0.0)
    return best.sum(dim=2) / query_mask.sum(dim=1, keepdim=True)


def sentence_vectors(tokens: Tensor, mask: Tensor) -> Tensor:
    """[batch, dim], the mean of each text's token vectors, brought back to unit length.

    Args:
        tokens: [batch, tokens, dim], unit vectors.
        mask: [batch, tokens], True = keep; each row keeps a token.
    """
    # The direction of the mean is that of the sum.
    return functional.normalize(tokens.masked_fill(~mask[:, :, None], 0.0).sum(dim=1), dim=-1)


def contrast(scores: Tensor, english: Tensor, negatives: Tensor | None = None) -> Tensor:
    """Cross-entropy in which each foreign text must find its own English side in the batch.

    Args:
        scores: [batch, batch + negatives], foreign texts by English sides; pair i stands on the diagonal.
        english: [batch], equal for equal English sides; those are not counted as negatives of each other.
        negatives: [negatives], the same numbers for further English sides, which are nobody's own.
    """
    columns = english if negatives is None else torch.cat([english, negatives])
    own = torch.eye(len(english), len(columns), dtype=torch.bool, device=english.device)
    repeated = (english[:, None] == columns[None, :]) & ~own
    return functional.cross_entropy(
        scores.masked_fill(repeated, -torch.inf), torch.arange(len(english), device=english.device)
    )


def in_batch_contrast(
    student: Tensor,
    student_mask: Tensor,
    target: Tensor,
    target_mask: Tensor,
    english: Tensor,
    *,
    scale: float,
    negatives: Tensor | None = None,
) -> Tensor:
    """:func:`contrast` of mean-MaxSim scores.

    Args:
        student: [batch, student_tokens, dim], unit vectors.
        student_mask: [batch, student_tokens], True = keep.
        target: [batch + negatives, teacher_tokens, dim], unit vectors.
        target_mask: [batch + negatives, teacher_tokens], True = keep.
        english: [batch], equal for equal English sides.
        scale: inverse temperature.
        negatives: [negatives], the same numbers for further English sides.
    """
    return contrast(scale * mean_maxsim(student, student_mask, target, target_mask), english, negatives)
