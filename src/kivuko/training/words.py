"""A student's word embeddings: where they start, and how those of its own texts alone are trained.

Of a language that an encoder hardly knows, most of what a student has to learn is what its pieces mean, and word
alignment of the bitext says most of that in seconds. So a piece may start as a mixture of itself and the English
pieces that it translates, and the embeddings of the pieces that the training texts have may be trained with the
layers: a few thousand rows, where the whole matrix is most of an encoder.

References:
    Tran, "From English to Foreign Languages: Transferring Pre-trained Language Models", 2020, arXiv 2002.07306
    (foreign embeddings as mixtures of English ones).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from kivuko.codeswitch.alignment import align
from kivuko.errors import InputError
from kivuko.models import late_interaction

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

#: Pieces of a text that are aligned; longer texts say little more, and their links grow with the square.
_ALIGNED = 48
#: Expected links by which a piece that was seen once or twice is trusted less.
_DOUBT = 0.5
#: Translations that are less probable are noise of the alignment.
_LEAST = 0.02


def start_from_english(
    encoder: MultiVectorEncoder, english: Sequence[str], foreign: Sequence[str], share: float
) -> int:
    """Move the word embeddings of foreign pieces towards those of the English pieces that they translate, in place.

    A piece's new embedding is (1 − w) · its own + w · Σ P(English piece | piece) · that piece's, by the links of
    :func:`kivuko.codeswitch.alignment.align` over pieces. w is ``share`` for a piece with many links, and less for
    one that was seen once or twice.

    Args:
        encoder: a student; both sides are cut by its own tokenizer.
        english: English sides.
        foreign: their translations, as many.
        share: w of a frequent piece, in (0, 1].

    Returns:
        How many pieces were moved.
    """
    sides = [_content(encoder, texts) for texts in (english, foreign)]
    both = [(own, other) for own, other in zip(*sides, strict=True) if own and other]
    if not both:
        return 0
    links = align([own for own, _ in both], [other for _, other in both])
    of_english, of_foreign = (
        np.array([int(piece) for piece in pieces]) for pieces in (links.english_words, links.foreign_words)
    )
    seen = np.bincount(links.foreign, links.count, len(of_foreign))
    probability = links.count / np.maximum(seen, 1e-9)[links.foreign]
    kept = probability > _LEAST
    table = csr_array(
        (probability[kept], (links.foreign[kept], links.english[kept])), (len(of_foreign), len(of_english))
    )
    total = table.sum(axis=1)
    moved = np.flatnonzero(total)
    weights = _embeddings(encoder).weight.detach()
    mixed = (table[moved] @ weights[of_english].cpu().numpy()) / total[moved, None]
    w = share * (seen / (seen + _DOUBT))[moved, None]
    rows = of_foreign[moved]
    started = (1 - w) * weights[rows].cpu().numpy() + w * mixed
    weights[rows] = torch.from_numpy(started).to(weights)
    return len(moved)


def _content(encoder: MultiVectorEncoder, texts: Sequence[str]) -> list[list[str]]:
    """The numbers of each text's pieces, special ones left out, as words for the aligner."""
    special = set(encoder.tokenizer.all_special_ids)
    ids = late_interaction.pieces_of(encoder, texts, "query")
    return [[str(piece) for piece in row if piece not in special][:_ALIGNED] for row in ids]


class TrainedRows(nn.Module):
    """Word embeddings of some pieces, in the place of all while texts that have no others are trained on.

    Args:
        whole: the embeddings of all pieces.
        pieces: those that are trained.

    Attributes:
        weight: [pieces, dim].
    """

    def __init__(self, whole: nn.Embedding, pieces: Iterable[int]) -> None:
        super().__init__()
        self.pieces = torch.tensor(sorted(set(pieces)), device=whole.weight.device)
        self.row = torch.full((len(whole.weight),), -1, device=whole.weight.device)
        self.row[self.pieces] = torch.arange(len(self.pieces), device=whole.weight.device)
        self.weight = nn.Parameter(whole.weight.detach()[self.pieces].clone())

    def forward(self, pieces: Tensor) -> Tensor:
        """[..., dim], the embeddings of pieces; one that is not trained is an IndexError."""
        return nn.functional.embedding(self.row[pieces], self.weight)


@contextmanager
def trained_rows(encoder: MultiVectorEncoder, pieces: Iterable[int]) -> Iterator[TrainedRows]:
    """Inside the block the encoder has :class:`TrainedRows`; after it, its own embeddings with the rows' values.

    Raises:
        InputError: its word embeddings are of a kind of their own.
    """
    transformer: Any = encoder[0].auto_model
    whole = _embeddings(encoder)
    # Pads and the mask tokens of expanded queries come after a text is cut.
    rows = TrainedRows(whole, {*pieces, *encoder.tokenizer.all_special_ids})
    transformer.set_input_embeddings(rows)
    try:
        yield rows
    finally:
        transformer.set_input_embeddings(whole)
        with torch.no_grad():
            whole.weight[rows.pieces] = rows.weight.to(whole.weight.dtype)


def _embeddings(encoder: MultiVectorEncoder) -> nn.Embedding:
    transformer: Any = encoder[0].auto_model
    found = transformer.get_input_embeddings()
    if type(found) is not nn.Embedding:
        raise InputError(
            "the word embeddings of this encoder cannot be trained by themselves",
            expected="an embedding a piece",
            got=type(found).__name__,
            remedy="leave them as they are: word_learning_rate 0 and lexical_start 0",
        )
    return found
