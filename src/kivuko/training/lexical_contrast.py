"""Contrast on bitext in an English lexical space: a text says which English words it means, and must agree with its
English side on them more than with others'.

The smallest honest form of what Nguyen, Lei, Ju, Yang, Yates, "Milco: Learned Sparse Retrieval Across Languages via a
Multilingual Connector" (2025, arXiv 2510.00671) align in: they map every language into the weights of a learned
sparse English retriever. We have none; an English word's dimension is here how near a text's nearest token comes to
the mean of the teacher's tokens of that word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize, relu

from kivuko.errors import InputError
from kivuko.training.align_to_teacher import AlignedBatch, AlignmentLoss, ContrastSettings, train_aligned
from kivuko.training.fit import Job
from kivuko.training.regimes import Models, Regime, Slot, Trained
from kivuko.training.resources import Need, Resources
from kivuko.training.similarity import contrast
from kivuko.training.teacher_vectors import TeacherVectors
from kivuko.training.units import Words

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


class LexicalContrastLoss(AlignmentLoss):
    """In-batch negatives by cosine of the weights of English words.

    A text's weight of a word is log(1 + max over its tokens of relu(cosine with the word − threshold)), as of learned
    sparse retrieval, where a word's vector is the mean of the frozen teacher's tokens of it.

    Args:
        model, teacher, english: see :class:`~kivuko.training.align_to_teacher.AlignmentLoss`.
        vocabulary: [words, dim], unit vectors, see :func:`word_vectors`.
        threshold: a token nearer than this to a word means it somewhat; in [0, 1).
        scale: inverse temperature of the cosines.

    Relations:
        :class:`~kivuko.training.bitext_contrast.BitextContrastLoss` compares the same texts by their tokens.

    References:
        Nguyen, Lei, Ju, Yang, Yates, 2025, arXiv 2510.00671; Formal, Piwowarski, Clinchant, SIGIR 2021, arXiv
        2107.05720 (the weights).
    """

    vocabulary: Tensor

    def __init__(
        self,
        model: MultiVectorEncoder,
        teacher: TeacherVectors,
        vocabulary: NDArray[np.float32],
        *,
        threshold: float = 0.1,
        scale: float = 20.0,
        english: Sequence[int] | None = None,
    ) -> None:
        super().__init__(model, teacher, english=english)
        self.register_buffer("vocabulary", torch.from_numpy(vocabulary))
        self.threshold, self.scale = threshold, scale

    def parts(self, batch: AlignedBatch) -> dict[str, Tensor]:
        """The cross-entropy."""
        student = self.weights(batch.student, batch.student_mask)
        with torch.no_grad():
            target = self.weights(*batch.candidates)
        self.diagnostics = {"words_meant": float((student > 0).sum(dim=1).float().mean())}
        scores = self.scale * normalize(student) @ normalize(target).T
        return {"contrast": contrast(scores, batch.english, batch.negatives)}

    def weights(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """[batch, words], how much each text means each English word, at least 0."""
        nearness = tokens @ self.vocabulary.to(tokens).T
        best = nearness.masked_fill(~mask[:, :, None], -1.0).amax(dim=1)
        return torch.log1p(relu(best - self.threshold))


def word_vectors(teacher: TeacherVectors, words: Words, fewest: int) -> NDArray[np.float32]:
    """[words, dim], the mean of the teacher's tokens of each word, of unit length, words in alphabetical order.

    Args:
        teacher: its vectors of texts; a text that stands twice counts once.
        words: the words of these texts.
        fewest: how many texts a word must be in.

    Raises:
        InputError: no word is in so many.
    """
    sums: dict[str, NDArray[np.float32]] = defaultdict(lambda: np.zeros(teacher.dim, np.float32))
    found_in: dict[str, int] = defaultdict(int)
    _, first = np.unique(teacher.place, axis=0, return_index=True)
    for text in first.tolist():
        shard, row = teacher.place[text]
        vectors = np.asarray(teacher.shards[shard][row], dtype=np.float32)
        names = words.names[text]
        for vector, number in zip(vectors, words.of_piece[text], strict=False):
            sums[names[number]] += vector
        for name in set(names):
            found_in[name] += 1
    known = sorted(name for name, texts in found_in.items() if texts >= fewest and name in sums)
    if not known:
        raise InputError(
            "no English word is in enough pairs to have a dimension",
            expected=f"a word in {fewest}",
            got="none",
        )
    table = np.stack([sums[name] for name in known])
    return np.asarray(
        table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12), dtype=np.float32
    )


@dataclass(frozen=True)
class LexicalContrastSettings(ContrastSettings):
    """What the English words are.

    Attributes:
        fewest: English sides that a word must be in to have a dimension.
        threshold: see :class:`LexicalContrastLoss`, in [0, 1).
    """

    fewest: int = 3
    threshold: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.threshold < 1:
            raise InputError("threshold is out of range", expected="0 to below 1", got=self.threshold)


def train(start: Models, resources: Resources, settings: LexicalContrastSettings, job: Job) -> Trained:
    """Learn to mean the English words of translations."""
    return train_aligned(
        start,
        resources,
        settings,
        job,
        lambda read, teacher, shared: LexicalContrastLoss(
            read.student,
            teacher,
            word_vectors(
                teacher,
                Words.read(read.teacher(), read.english, settings.teacher_side, settings.max_length),
                settings.fewest,
            ),
            threshold=settings.threshold,
            scale=settings.contrast_scale,
            english=shared["english"],
        ),
    )


REGIME = Regime(
    name="lexical-contrast",
    slot=Slot.ALIGN,
    needs=frozenset({Need.BITEXT, Need.TEACHER}),
    settings=LexicalContrastSettings,
    train=train,
    summary="in-batch contrast on bitext by the English words that texts mean",
    reference="after Nguyen, Lei, Ju, Yang, Yates, 2025, arXiv 2510.00671",
)
