"""What all regimes share that align a student with a frozen teacher over translation pairs.

Their losses see, for each pair of a batch, the student's tokens of the foreign side and the teacher's tokens of the
English side. The regimes differ in :meth:`AlignmentLoss.parts` alone, so that a comparison of them compares nothing
else.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, get_args

import torch
from datasets import Dataset
from torch import Tensor, nn

from kivuko.artifact import hash_file
from kivuko.codeswitch.phrase_pairs import phrase_pairs
from kivuko.collections.bitext import Pair
from kivuko.errors import InputError, UnknownNameError
from kivuko.models import late_interaction
from kivuko.models.identity import space_of
from kivuko.models.layout import transformer_root
from kivuko.models.token_vectors import Task, TokenEncoder
from kivuko.training.examples import Drawn, distinct, draw
from kivuko.training.fit import FitSettings, Job, Words
from kivuko.training.interpolation import move_back
from kivuko.training.parallel import encoded
from kivuko.training.ranks import labels_of_others
from kivuko.training.regimes import Models, Trained
from kivuko.training.resources import Resources
from kivuko.training.similarity import in_batch_contrast
from kivuko.training.teacher_vectors import TeacherVectors, teacher_vectors, unexpanded
from kivuko.training.words import start_from_english

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder


@dataclass(frozen=True, eq=False)
class EnglishSides:
    """English sides of pairs, as the teacher's token vectors.

    Attributes:
        vectors: [texts, teacher_tokens, dim], as many tokens as those they stand beside.
        mask: [texts, teacher_tokens], True = keep.
        english: [texts], ids that are equal for equal texts.
        labels: [texts], rows of the teacher's cache.
    """

    vectors: Tensor
    mask: Tensor
    english: Tensor
    labels: Tensor

    def after(self, number: int) -> EnglishSides:
        """Without the first ones."""
        return EnglishSides(*(each[number:] for each in (self.vectors, self.mask, self.english, self.labels)))


@dataclass(frozen=True, eq=False)
class AlignedBatch:
    """Both sides of a batch of translation pairs, as token vectors.

    Attributes:
        student: [batch, student_tokens, dim], unit vectors of the foreign sides; gradients flow through these.
        student_mask: [batch, student_tokens], True = keep; False for the mask tokens of an expanded query.
        target: [batch, teacher_tokens, dim], the teacher's unit vectors of the English sides.
        target_mask: [batch, teacher_tokens], True = keep.
        english: [batch], ids that are equal for equal English sides.
        labels: [batch], rows of the teacher's cache.
        further: where several processes train together, the English sides of the others' pairs, which are negatives
            of these; None in a process alone.

    Raises:
        InputError: a side of a pair keeps no token.
    """

    student: Tensor
    student_mask: Tensor
    target: Tensor
    target_mask: Tensor
    english: Tensor
    labels: Tensor
    further: EnglishSides | None = None

    @property
    def candidates(self) -> tuple[Tensor, Tensor]:
        """English sides that a pair's own is told from, its own batch's first, and their mask."""
        if self.further is None:
            return self.target, self.target_mask
        return torch.cat([self.target, self.further.vectors]), torch.cat(
            [self.target_mask, self.further.mask]
        )

    @property
    def negatives(self) -> Tensor | None:
        """[negatives], ids of those candidates that are of no pair of this batch."""
        return None if self.further is None else self.further.english

    def __post_init__(self) -> None:
        for side, mask in (("foreign", self.student_mask), ("English", self.target_mask)):
            kept = mask.any(dim=1)
            if not bool(kept.all()):
                pair = int((~kept).nonzero()[0])
                raise InputError(
                    f"the {side} side of a pair has no content token",
                    where=f"row {int(self.labels[pair])} of the teacher's cache",
                    expected="at least one token on both sides",
                    got="none",
                    remedy="drop pairs without content before batching",
                )


@dataclass(frozen=True, eq=False)
class ReadPairs:
    """The texts of a run, by label, and who reads them.

    Attributes:
        student: reads the foreign sides as queries.
        teacher_folder: model that reads the English sides.
        foreign: what the student reads.
        english: what the teacher reads.
    """

    student: MultiVectorEncoder
    teacher_folder: Path
    foreign: Sequence[str]
    english: Sequence[str]

    def teacher(self) -> TokenEncoder:
        """The teacher, which expands no query: mask tokens translate nothing."""
        return unexpanded(self.teacher_folder)


class Shared(TypedDict, total=False):
    """Arguments of :class:`AlignmentLoss` that all losses of the family pass on to it."""

    english: Sequence[int]
    contrast_weight: float
    contrast_scale: float


class AlignmentLoss(nn.Module, ABC):
    """Base of the losses on translation pairs, with sentence-transformers' loss interface.

    Pure regression to the teacher loses discrimination, so a contrastive companion may stand beside any of them:
    among the English sides of the batch, the student's tokens must score their own translation highest by MaxSim.

    Args:
        model: the student, a ``MultiVectorEncoder`` whose vectors live in the teacher's space.
        teacher: the teacher's frozen token vectors; text i is the English side of pair i.
        english: [pairs] ids of English sides, equal for equal texts, so that a text that stands twice in a batch
            is no false negative; by default every pair is taken to have its own.
        contrast_weight: weight of the contrastive companion beside a weight of 1; 0 leaves it out.
        contrast_scale: inverse temperature of the mean-MaxSim scores in it.

    Attributes:
        tokens: the student's content tokens seen so far.
        diagnostics: numbers about the last batch, by name.

    Requirements:
        One text column (the foreign side) and a label column with the pair's position in ``teacher``.

    Inputs:
        +----------------+----------------------------+
        | Texts          | Labels                     |
        +================+============================+
        | foreign side   | row of the teacher's cache |
        +----------------+----------------------------+

    Raises:
        InputError: ``english`` and ``teacher`` differ in length.
    """

    def __init__(
        self,
        model: MultiVectorEncoder,
        teacher: TeacherVectors,
        *,
        english: Sequence[int] | None = None,
        contrast_weight: float = 0.0,
        contrast_scale: float = 20.0,
    ) -> None:
        super().__init__()
        if english is not None and len(english) != len(teacher):
            raise InputError(
                "English ids and teacher do not fit together",
                expected=f"{len(teacher)} ids, one for each text of the teacher's cache",
                got=f"{len(english)} ids",
            )
        self.model = model
        self.teacher = teacher
        self.english = torch.arange(len(teacher)) if english is None else torch.as_tensor(list(english))
        self.contrast_weight = contrast_weight
        self.contrast_scale = contrast_scale
        self.diagnostics: dict[str, float] = {}
        self.tokens = 0

    @abstractmethod
    def parts(self, batch: AlignedBatch) -> dict[str, Tensor]:
        """The regime's own parts of the loss by name, scalars in float32; ``"contrast"`` is the companion's name."""

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> dict[str, Tensor]:
        """The named parts of the loss, which the trainer sums.

        Args:
            sentence_features: one batch of tokenised foreign sides.
            labels: [batch] rows of the teacher's cache.

        Raises:
            InputError: a side of a pair has no content token.
        """
        (features,) = sentence_features
        student, output = encoded(self.model, features, "query")
        scored = output["attention_mask"].bool()
        # Mask tokens after a query help to score it, but no word of the English side is theirs.
        expansion = output.get("query_expansion_positions")
        student_mask = scored if expansion is None else scored & ~expansion.bool()
        device = student.device
        rows = torch.tensor([*labels.tolist(), *labels_of_others(labels)])
        vectors, mask = self.teacher.padded(rows.tolist())
        sides = EnglishSides(
            vectors.to(device), mask.to(device), self.english[rows].to(device), rows.to(device)
        )
        own = len(labels)
        self.tokens += int(student_mask.sum())
        with torch.autocast(device.type, enabled=False):
            batch = AlignedBatch(
                student=student,
                student_mask=student_mask,
                target=sides.vectors[:own],
                target_mask=sides.mask[:own],
                english=sides.english[:own],
                labels=labels,
                further=None if len(rows) == own else sides.after(own),
            )
            losses = self.parts(batch)
            if self.contrast_weight:
                losses["contrast"] = self.contrast_weight * in_batch_contrast(
                    batch.student,
                    scored,
                    *batch.candidates,
                    batch.english,
                    scale=self.contrast_scale,
                    negatives=batch.negatives,
                )
        return losses


@dataclass(frozen=True)
class AlignSettings(FitSettings):
    """What every aligning regime can be told.

    Attributes:
        contrast_weight: weight of an in-batch contrast with the teacher beside the regime's own loss.
        contrast_scale: inverse temperature in the contrast.
        english_share: share of every language's examples whose student side is the English text itself, in [0, 1).
        teacher_side: what a teacher with different queries and documents reads the English side as.
        word_learning_rate: peak learning rate of the word embeddings of pieces that the texts have; 0 keeps all.
        lexical_start: how far a piece's embedding starts towards those of the English pieces that it translates, 0
            to 1; see :func:`kivuko.training.words.start_from_english`.
        phrases: whether short pairs that are cut out of the texts by word alignment are trained on beside them, see
            :func:`kivuko.codeswitch.phrase_pairs.phrase_pairs`: bitext is sentences, and people ask with few words.
    """

    steps: int = 2000
    learning_rate: float = 3e-4
    contrast_weight: float = 0.0
    contrast_scale: float = 20.0
    english_share: float = 0.0
    teacher_side: Task = "document"
    word_learning_rate: float = 0.0
    lexical_start: float = 0.0
    phrases: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.english_share < 1:
            raise InputError(
                "english_share is out of range", expected="a number from 0 to below 1", got=self.english_share
            )
        if self.teacher_side not in get_args(Task):
            raise UnknownNameError("side", self.teacher_side, get_args(Task))
        if self.word_learning_rate < 0:
            raise InputError(
                "word_learning_rate is out of range", expected="0 or more", got=self.word_learning_rate
            )
        if not 0 <= self.lexical_start <= 1:
            raise InputError("lexical_start is out of range", expected="0 to 1", got=self.lexical_start)
        if self.word_learning_rate and self.train_word_embeddings:
            raise InputError(
                "word embeddings are trained in one way or the other",
                expected="train_word_embeddings for all, or word_learning_rate for those of the texts",
                got="both",
            )


@dataclass(frozen=True)
class ContrastSettings(AlignSettings):
    """What regimes can be told whose loss is a contrast itself: its weight beside the loss stays 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.contrast_weight:
            raise InputError(
                "this regime is a contrast, and takes no second one beside it",
                expected="contrast_weight 0",
                got=self.contrast_weight,
            )


def train_aligned(
    start: Models,
    resources: Resources,
    settings: AlignSettings,
    job: Job,
    make_loss: Callable[[ReadPairs, TeacherVectors, Shared], AlignmentLoss],
) -> Trained:
    """Train ``start.student`` so that its tokens of a foreign side meet the teacher's of the English side.

    Args:
        start: the student to start from and the frozen teacher.
        resources: their bitext.
        settings: see :class:`AlignSettings`.
        job: where to.
        make_loss: makes the loss from the student and the texts, the teacher's vectors, and what all losses of the
            family take: an id for each example's English side, equal for equal texts, and the contrast beside the
            loss.

    Raises:
        InputError: fewer usable pairs than one batch.
    """
    student = late_interaction.load(start.student)
    _check_dimensions(student, start)
    bitext = {
        language: [*pairs, *_phrases(pairs)] if settings.phrases else pairs
        for language, pairs in resources.bitext.items()
    }
    drawn = draw(bitext, settings.steps * settings.batch_size, settings.seed)
    pairs = [example.item for example in drawn]
    texts = student_texts(drawn, settings.english_share)
    cache = teacher_vectors(
        start.teacher,
        [pair.english for pair in pairs],
        max_length=settings.max_length,
        task=settings.teacher_side,
        progress=job.progress,
    )
    ids = late_interaction.pieces_of(student, texts, "query")
    pieces = [len(row) for row in ids]
    of_nothing = len(late_interaction.pieces_of(student, [""], "query")[0])
    usable = [i for i, length in enumerate(cache.lengths) if length > 0 and pieces[i] > of_nothing]
    number = {text: i for i, text in enumerate(sorted({pair.english for pair in pairs}))}
    shared = Shared(
        english=[number[pair.english] for pair in pairs],
        contrast_weight=settings.contrast_weight,
        contrast_scale=settings.contrast_scale,
    )
    moved = 0
    if settings.lexical_start:
        known = [pair for pairs_of_one in bitext.values() for pair in pairs_of_one]
        moved = start_from_english(
            student,
            [pair.english for pair in known],
            [pair.foreign for pair in known],
            settings.lexical_start,
        )
    job.fit(
        student,
        Dataset.from_dict({"foreign": [texts[i] for i in usable], "label": usable}),
        make_loss(ReadPairs(student, start.teacher, texts, [pair.english for pair in pairs]), cache, shared),
        [min(pieces[i], settings.max_length) for i in usable],
        settings,
        distinct=distinct(bitext),
        words=Words({piece for row in ids for piece in row}, settings.word_learning_rate)
        if settings.word_learning_rate
        else None,
    )
    move_back(student, start.student, settings.interpolation)
    facts = {
        "pairs": {language.tag: len(found) for language, found in resources.bitext.items()},
        "examples": len(usable),
        "examples_without_content": len(drawn) - len(usable),
        "examples_truncated": sum(pieces[i] > settings.max_length for i in usable),
        "epochs": {
            language.tag: 1 + max((d.epoch for d in drawn if d.language == language), default=-1)
            for language, found in bitext.items()
            if found
        },
    }
    if settings.phrases:
        facts["phrases"] = {
            language.tag: len(bitext[language]) - len(found) for language, found in resources.bitext.items()
        }
    if settings.lexical_start:
        facts["pieces_started_from_english"] = moved
    if _tokenizer_hash(start.student) != _tokenizer_hash(start.teacher):
        facts["tokenizer"] = "own"
    return Trained(student, facts)


def _phrases(pairs: Sequence[Pair]) -> list[Pair]:
    found = enumerate(phrase_pairs(pairs))
    return [Pair(f"phrase {number}", *sides, "phrases") for number, sides in found]


def _check_dimensions(student: MultiVectorEncoder, start: Models) -> None:
    """Refuse a student whose vectors cannot be compared with the teacher's, before anything is encoded."""
    if start.student == start.teacher or space_of(start.student) == space_of(start.teacher):
        return
    own, other = (
        late_interaction.dimension(each) for each in (student, late_interaction.load(start.teacher))
    )
    if own != other:
        raise InputError(
            "student and teacher have vectors of different sizes",
            where=start.student,
            expected=f"{other} numbers a token, as {start.teacher} has",
            got=f"{own}",
            remedy="give it a layer for the teacher's space: 'kivuko train optical --teacher … --student …' does",
        )


def _tokenizer_hash(model: Path) -> str | None:
    """Which tokenizer a model has; None where it is in several files."""
    file = transformer_root(model) / "tokenizer.json"
    return hash_file(file) if file.is_file() else None


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
