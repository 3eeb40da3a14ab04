"""Word embeddings of new pieces: where they start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kivuko.text import words

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

BORDER = "▁"
"""Stands for the space before a word in the pieces of SentencePiece."""
NOISE = 0.1
"""Standard deviation of the noise on mean rows, as a share of the old rows' own."""
Lexicon = Mapping[str, Mapping[str, float]]
"""Word of the new language (lower case) → English word → probability."""


def add_rows(
    encoder: MultiVectorEncoder,
    old: Any,
    pieces: list[str],
    *,
    first_row: int,
    unknown: int,
    lexicon: Lexicon | None,
    seed: int,
) -> dict[str, int]:
    """Give each new piece a row of the word embeddings, in place; old rows keep their values.

    A row starts as the probability-weighted mean of its translations' rows where the lexicon knows every word in
    the piece, else as the mean of the old pieces that spell it, else as the mean of all old rows with seeded noise.

    Args:
        encoder: the late-interaction encoder.
        old: its ``tokenizers.Tokenizer`` before the new pieces.
        pieces: the new pieces; piece i has row ``first_row + i``.
        first_row: number of old pieces.
        unknown: id of the unknown piece.
        lexicon: see :data:`Lexicon`.
        seed: of the noise.

    Returns:
        How many rows started which way: ``"lexicon"``, ``"overlap"``, ``"mean"``.
    """
    transformer: Any = encoder[0].auto_model
    table: Tensor = transformer.get_input_embeddings().weight.detach()[:first_row].clone()
    mean, spread = table.mean(dim=0), table.std(dim=0)
    without = {old.token_to_id(BORDER), unknown}
    noise = torch.Generator().manual_seed(seed)
    rows, ways = [], Counter({"lexicon": 0, "overlap": 0, "mean": 0})
    for piece in pieces:
        row, way = _translated(piece, old, table, without, lexicon or {}), "lexicon"
        if row is None:
            row, way = _spelled(piece.replace(BORDER, " "), old, table, without), "overlap"
        if row is None:
            drawn = torch.randn(len(mean), generator=noise).to(mean)
            row, way = mean + NOISE * spread * drawn, "mean"
        rows.append(row)
        ways[way] += 1
    needed = first_row + len(pieces)
    # Some encoders, multilingual-e5 among them, have spare rows after their last piece.
    if needed > transformer.get_input_embeddings().num_embeddings:
        with torch.random.fork_rng():
            transformer.resize_token_embeddings(needed, mean_resizing=False)
    with torch.no_grad():
        if rows:
            transformer.get_input_embeddings().weight[first_row:needed] = torch.stack(rows)
    return dict(ways)


def _translated(
    piece: str, old: Any, table: Tensor, without: set[int | None], lexicon: Lexicon
) -> Tensor | None:
    """Mean over the piece's words of their translations' rows; None if a word has no translation."""
    means = []
    for word in words(piece.replace(BORDER, " ")):
        known = [
            (probability, row)
            for english, probability in lexicon.get(word, {}).items()
            if (row := _spelled(english, old, table, without)) is not None
        ]
        total = sum(probability for probability, _ in known)
        if total <= 0:
            return None
        means.append(torch.stack([probability / total * row for probability, row in known]).sum(dim=0))
    return torch.stack(means).mean(dim=0) if means else None


def _spelled(text: str, old: Any, table: Tensor, without: set[int | None]) -> Tensor | None:
    """Mean row of the old pieces that write a text, but for those ``without`` content; None if no other is left."""
    encoded = old.encode(text, add_special_tokens=False)
    ids = [piece for piece in encoded.ids if piece not in without]
    return table[ids].mean(dim=0) if ids else None
