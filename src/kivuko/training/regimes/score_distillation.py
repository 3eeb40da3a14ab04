"""Score distillation: the student's scores of documents for a text are to be the teacher's for its English side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kivuko.models import encoding
from kivuko.training.align import AlignSettings, train_aligned
from kivuko.training.best_documents import best_documents
from kivuko.training.regimes.regime import Job, Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources
from kivuko.training.score_distillation import ScoreDistillationLoss
from kivuko.training.teacher_cache import TeacherCache

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


@dataclass(frozen=True)
class ScoreDistillationSettings(AlignSettings):
    """Which documents are scored.

    Attributes:
        documents: size of the pool, taken from the front of the documents given.
        document_length: pieces read of each.
        temperature: of both softmaxes.
    """

    documents: int = 500
    document_length: int = 64
    temperature: float = 0.05


def train(start: Models, resources: Resources, settings: ScoreDistillationSettings, job: Job) -> Trained:
    """Imitate the teacher's scores; a batch's candidates are the best document of each of its English sides."""
    teacher = encoding.open_encoder(start.teacher)
    teacher.max_seq_length = settings.document_length
    pool = encoding.encode(
        teacher, resources.documents[: settings.documents], task="document", progress=job.progress
    )

    def make_loss(
        student: MultiVectorEncoder, cache: TeacherCache, english: list[int]
    ) -> ScoreDistillationLoss:
        best = np.maximum(best_documents(cache, pool, progress=job.progress), 0)
        return ScoreDistillationLoss(
            student,
            cache,
            pool,
            best,
            temperature=settings.temperature,
            english=english,
            **settings.companion(),
        )

    return train_aligned(start, resources, settings, job, make_loss)


REGIME = Regime(
    name="score-distillation",
    slot=Slot.ALIGN,
    needs=frozenset({Need.BITEXT, Need.TEACHER, Need.DOCUMENTS}),
    settings=ScoreDistillationSettings,
    train=train,
    summary="KL divergence from the teacher's document scores",
    reference="Yang, Lawrie, Mayfield, Oard, Miller, ECIR 2024, arXiv 2401.04810",
)
