"""What an alignment aligns: pieces of the tokenizer, or words.

Student and teacher cut their texts into pieces of other lengths, and a plan that has to move all mass between m and
n pieces of equal mass splits words. Words weighed by how rare they are translate each other more nearly one to one.
The plan is then one of words, and each piece of a student's word is pulled towards the words that the plan says.

Where a script shows no borders of words a piece stands for itself, as do punctuation and marks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from kivuko.codeswitch.alignment import likely_translations
from kivuko.errors import InputError, UnknownNameError
from kivuko.models import encoding
from kivuko.text.segmentation import words_with_spans
from kivuko.training.align_to_teacher import AlignedBatch, AlignSettings, ReadPairs
from kivuko.transport import cosine_cost, uniform_marginal, weighted_marginal

if TYPE_CHECKING:
    from kivuko.models.token_vectors import Task, TokenEncoder

Unit = Literal["pieces", "words"]


@dataclass(frozen=True, eq=False)
class Units:
    """Both sides of a batch as what is aligned.

    Attributes:
        student: [batch, student_units, dim], unit vectors; zeros on pads.
        teacher: [batch, teacher_units, dim], likewise.
        student_mass: [batch, student_units], rows sum to 1; 0 on pads.
        teacher_mass: [batch, teacher_units], likewise.
        pull: [batch, student_units, teacher_units], what it costs to have a unit's pieces where they are and not on
            the other unit: 1 − cosine, their mean. Gradients flow through it.
        bonus: what the bitext's word links take off the cost of a plan, shaped as ``pull``; None where they say
            nothing.
    """

    student: Tensor
    teacher: Tensor
    student_mass: Tensor
    teacher_mass: Tensor
    pull: Tensor
    bonus: Tensor | None = None

    @property
    def cost(self) -> Tensor:
        """What an alignment goes by, shaped as ``pull``; carries no gradient."""
        with torch.no_grad():
            cost = cosine_cost(self.student, self.teacher, normalised=True)
            return cost if self.bonus is None else cost - self.bonus

    def chance(self, english: Tensor, quantile: float) -> float:
        """How near a unit comes by chance: a quantile of its least cost among the units of another text's English.

        Args:
            english: [batch], equal for equal English sides, which are no strangers.
            quantile: in (0, 1).

        Returns:
            A cost; 2, the greatest there is, where the batch has one English text only, so that chance says nothing.
        """
        with torch.no_grad():
            similarity = torch.einsum("qkd,cld->qckl", self.student, self.teacher)
            nearest = similarity.masked_fill(self.teacher_mass[None, :, None, :] == 0, -torch.inf).amax(dim=3)
            strangers = (english[:, None] != english[None, :])[:, :, None] & (self.student_mass > 0)[
                :, None, :
            ]
            known = nearest[strangers]
            return float(1 - torch.quantile(known, 1 - quantile)) if len(known) else 2.0


#: A batch's units.
UnitsOf = Callable[[AlignedBatch], Units]


def pieces(batch: AlignedBatch) -> Units:
    """Every content piece is a unit, and all weigh alike: vectors have unit length, so their norms tell nothing."""
    return Units(
        batch.student.detach(),
        batch.target,
        uniform_marginal(batch.student_mask),
        uniform_marginal(batch.target_mask),
        cosine_cost(batch.student, batch.target, normalised=True),
    )


@dataclass(frozen=True, eq=False)
class Words:
    """The words of texts, in which the pieces that a model reads stand.

    Attributes:
        of_piece: of each text, [content pieces], the number of the word that a piece belongs to.
        names: of each text, its words, in order.
    """

    of_piece: Sequence[NDArray[np.int64]]
    names: Sequence[Sequence[str]]

    @classmethod
    def read(cls, encoder: TokenEncoder, texts: Sequence[str], task: Task, max_length: int) -> Words:
        """Find them.

        Args:
            encoder: reads the texts.
            texts: any; equal ones are read once.
            task: their side.
            max_length: pieces read of each text.
        """
        known: dict[str, tuple[NDArray[np.int64], list[str]]] = {}
        for text in texts:
            if text not in known:
                known[text] = _words_of(encoder, text, task, max_length)
        return cls([known[text][0] for text in texts], [known[text][1] for text in texts])

    def rarity(self) -> list[NDArray[np.float32]]:
        """Of each text, log((N + 1) / n) of its words: n of the N different texts have the word."""
        different = {tuple(words) for words in self.names}
        found_in = Counter(word for words in different for word in set(words))
        total = len(different) + 1
        return [
            np.array([math.log(total / found_in[word]) for word in words], np.float32) for words in self.names
        ]


class ByWords:
    """Units are words, which weigh by their rarity.

    Args:
        student: words of the texts that the student reads, by label.
        teacher: words of the English sides, by label.
        links: what the bitext's word links take off the cost at first, in its unit; over the first half of the
            examples that falls to 0.
    """

    def __init__(self, student: Words, teacher: Words, links: float = 0.0) -> None:
        self.student, self.teacher = student, teacher
        self.weights = student.rarity(), teacher.rarity()
        self.links = links
        self.likely = _likely(teacher, student) if links else {}

    def __call__(self, batch: AlignedBatch) -> Units:
        """The words of a batch."""
        labels = batch.labels.tolist()
        own, pieces_of = _gathered(
            batch.student, batch.student_mask, [self.student.of_piece[i] for i in labels]
        )
        other, _ = _gathered(batch.target, batch.target_mask, [self.teacher.of_piece[i] for i in labels])
        student, teacher = normalize(own, dim=-1), normalize(other, dim=-1)
        distance = cosine_cost(batch.student, teacher, normalised=True)
        pull = pieces_of @ distance / pieces_of.sum(dim=2, keepdim=True).clamp(min=1)
        student_mass, teacher_mass = (
            weighted_marginal(_padded([weights[i] for i in labels], vectors.shape[1]).to(vectors))
            for weights, vectors in zip(self.weights, (student, teacher), strict=True)
        )
        return Units(student.detach(), teacher, student_mass, teacher_mass, pull, self._bonus(labels, pull))

    def _bonus(self, labels: Sequence[int], pull: Tensor) -> Tensor | None:
        if not self.links:
            return None
        bonus = torch.zeros_like(pull, requires_grad=False)
        for row, label in enumerate(labels):
            worth = self.links * max(0.0, 1 - 2 * label / len(self.student.names))
            foreign, english = self.student.names[label], self.teacher.names[label]
            table = [[worth * self.likely.get((e, f), 0.0) for e in english] for f in foreign]
            bonus[row, : len(foreign), : len(english)] = torch.tensor(table)
        return bonus


@dataclass(frozen=True)
class TokenAlignSettings(AlignSettings):
    """What the regimes can be told that align tokens with tokens.

    Attributes:
        units: whether pieces are aligned or words.
        links: what the bitext's own word links take off the cost of aligning two words at the start of training, in
            units of 1 − cosine; it falls to 0 over the first half. Of words only.
    """

    units: Unit = "pieces"
    links: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.units not in get_args(Unit):
            raise UnknownNameError("unit of alignment", self.units, get_args(Unit))
        if self.links < 0 or (self.links and self.units != "words"):
            raise InputError(
                "links is out of range", expected="0, or a number above 0 with units words", got=self.links
            )

    def units_of(self, read: ReadPairs) -> UnitsOf:
        """What these settings align in the texts of a run."""
        if self.units == "pieces":
            return pieces
        student = Words.read(read.student, read.foreign, "query", self.max_length)
        teacher = Words.read(read.teacher(), read.english, self.teacher_side, self.max_length)
        return ByWords(student, teacher, self.links)


def _likely(english: Words, foreign: Words) -> dict[tuple[str, str], float]:
    both = [(e, f) for e, f in zip(english.names, foreign.names, strict=True) if e and f]
    return likely_translations([e for e, _ in both], [f for _, f in both])


def _words_of(
    encoder: TokenEncoder, text: str, task: Task, max_length: int
) -> tuple[NDArray[np.int64], list[str]]:
    """The word of each content piece of a text, and the words that have one."""
    spans = words_with_spans(text)
    words_at: list[set[int]] = [set() for _ in text]
    for number, (_, (begin, end)) in enumerate(spans):
        for place in range(begin, end):
            words_at[place].add(number)
    # Parts of a run without borders overlap, and are no words.
    parts = {number for there in words_at if len(there) > 1 for number in there}
    of_piece: list[int] = []
    names: list[str] = []
    last = None
    for token in encoding.tokens(encoder, text, task, max_length=max_length):
        places = range(*token.span) if token.span else ()
        own = next((number for place in places for number in words_at[place] - parts), None)
        if own is None or own != last:
            names.append(token.piece if own is None else spans[own][0])
        of_piece.append(len(names) - 1)
        last = own
    return np.array(of_piece, np.int64), names


def _gathered(vectors: Tensor, mask: Tensor, of_piece: Sequence[NDArray[np.int64]]) -> tuple[Tensor, Tensor]:
    """Sums of the vectors of each word, [batch, words, dim], and which tokens they are of, [batch, words, tokens].

    A text's words are numbered by its content pieces, which are the tokens that its mask keeps, in their order.
    """
    words = 1 + max(int(numbers.max(initial=0)) for numbers in of_piece)
    word = torch.full(mask.shape, -1, device=vectors.device)
    for row, numbers in enumerate(of_piece):
        kept = mask[row].nonzero()[:, 0]
        word[row, kept] = torch.from_numpy(numbers[: len(kept)]).to(word)
    member = (word[:, None, :] == torch.arange(words, device=word.device)[None, :, None]).to(vectors.dtype)
    return member @ vectors, member


def _padded(rows: Sequence[NDArray[np.float32]], length: int) -> Tensor:
    padded = np.zeros((len(rows), length), np.float32)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(padded)
