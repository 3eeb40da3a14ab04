"""The common part of all regimes that align a student with a frozen teacher over bitext."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datasets import Dataset

from kivuko.collections.bitext import Pair
from kivuko.errors import InputError
from kivuko.models import late_interaction
from kivuko.training.alignment import AlignmentLoss
from kivuko.training.examples import Drawn, distinct, draw
from kivuko.training.fit import FitSettings
from kivuko.training.regimes.regime import Job, Models, Trained
from kivuko.training.resources import Resources
from kivuko.training.teacher_cache import TeacherCache, teacher_cache

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


@dataclass(frozen=True)
class AlignSettings(FitSettings):
    """What every aligning regime can be told.

    Attributes:
        contrast_weight: weight of an in-batch contrast with the teacher beside the regime's own loss.
        contrast_scale: inverse temperature in the contrast.
        english_share: share of every language's examples whose student side is the English text itself, in [0, 1).
    """

    steps: int = 2000
    learning_rate: float = 3e-4
    contrast_weight: float = 0.0
    contrast_scale: float = 20.0
    english_share: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.english_share < 1:
            raise InputError(
                "english_share is out of range", expected="a number from 0 to below 1", got=self.english_share
            )

    def companion(self) -> dict[str, float]:
        """The contrast beside the loss, as the losses take it."""
        return {"contrast_weight": self.contrast_weight, "contrast_scale": self.contrast_scale}


def train_aligned(
    start: Models,
    resources: Resources,
    settings: AlignSettings,
    job: Job,
    make_loss: Callable[[MultiVectorEncoder, TeacherCache, list[int]], AlignmentLoss],
) -> Trained:
    """Train ``start.student`` so that its tokens of a foreign side meet the teacher's of the English side.

    Args:
        start: the student to start from and the frozen teacher.
        resources: their bitext.
        settings: see :class:`AlignSettings`.
        job: where to.
        make_loss: makes the loss from the student, the teacher's vectors and an id for each example's English
            side, equal for equal texts.

    Raises:
        InputError: fewer usable pairs than one batch.
    """
    student = late_interaction.load(start.student)
    drawn = draw(resources.bitext, settings.steps * settings.batch_size, settings.seed)
    pairs = [example.item for example in drawn]
    texts = student_texts(drawn, settings.english_share)
    cache = teacher_cache(
        start.teacher,
        [pair.english for pair in pairs],
        max_length=settings.max_length,
        progress=job.progress,
    )
    pieces = [len(ids) for ids in late_interaction.pieces_of(student, texts)]
    specials = student.tokenizer.num_special_tokens_to_add()
    usable = [i for i, length in enumerate(cache.lengths) if length > 0 and pieces[i] > specials]
    number = {text: i for i, text in enumerate(sorted({pair.english for pair in pairs}))}
    loss = make_loss(student, cache, [number[pair.english] for pair in pairs])
    job.fit(
        student,
        Dataset.from_dict({"foreign": [texts[i] for i in usable], "label": usable}),
        loss,
        [min(pieces[i], settings.max_length) for i in usable],
        settings,
        distinct=distinct(resources.bitext),
    )
    facts = {
        "pairs": {language.tag: len(found) for language, found in resources.bitext.items()},
        "examples": len(usable),
        "examples_without_content": len(drawn) - len(usable),
        "examples_truncated": sum(pieces[i] > settings.max_length for i in usable),
        "epochs": {
            language.tag: 1 + max((d.epoch for d in drawn if d.language == language), default=-1)
            for language, found in resources.bitext.items()
            if found
        },
    }
    return Trained(student, facts)


def student_texts(drawn: Sequence[Drawn[Pair]], english_share: float) -> list[str]:
    """What the student reads of each example: the foreign side, or for the given share of them the English one.

    Every language has that share, whatever the number of languages: they come in turn, so that every second example
    would be all of one language's and none of another's. A language begins one example after the one before it.

    Args:
        drawn: the examples, languages in turn.
        english_share: in [0, 1).
    """
    languages = len({example.language for example in drawn})
    texts = []
    for i, example in enumerate(drawn):
        place = i // languages + i % languages
        in_english = math.ceil((place + 1) * english_share) > math.ceil(place * english_share)
        texts.append(example.item.english if in_english else example.item.foreign)
    return texts
