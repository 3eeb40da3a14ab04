"""What an encoder reads of texts, whichever library computes vectors: batches, tokens and the words around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import InputError

#: Pads included. More is no faster: the numbers of a batch no longer fit the processor's cache.
TOKENS_A_BATCH = 2048
MOST_POOLING = 16.0


def batches(lengths: Sequence[int], tokens_a_batch: int) -> Iterator[list[int]]:
    """Numbers of texts by length, in batches of at most so many tokens when all are padded to the longest."""
    chosen: list[int] = []
    for text in sorted(range(len(lengths)), key=lambda number: lengths[number]):
        if chosen and (len(chosen) + 1) * lengths[text] > tokens_a_batch:
            yield chosen
            chosen = []
        chosen.append(text)
    if chosen:
        yield chosen


def check_pooling(pooling: float) -> float:
    """The factor itself.

    Raises:
        InputError: it is out of range.
    """
    if not 1 <= pooling <= MOST_POOLING:
        raise InputError(
            "tokens cannot be pooled by this factor", expected=f"1 to {MOST_POOLING:g}", got=pooling
        )
    return pooling


@dataclass(frozen=True)
class ReadToken:
    """A token that counts.

    Attributes:
        piece: its characters; ``▁`` for white space alone, its name where it is none of the text's own (``[CLS]``, a
            marker, ``[MASK]``).
        word: the word around it, see :func:`word_around`, or the same name.
        span: where it begins and ends in the text; None where it is none of the text's own.
    """

    piece: str
    word: str
    span: tuple[int, int] | None


@dataclass(frozen=True)
class ReadText:
    """One text as a model read it.

    Attributes:
        vectors: [tokens that count, dim] float16, of unit length.
        tokens: what each stands for.
    """

    vectors: NDArray[np.float16]
    tokens: list[ReadToken]


def read_token(text: str, name: str, offsets: tuple[int, int] | None, *, before: int) -> ReadToken:
    """A token as people see it.

    Args:
        text: what was read, without the prompt.
        name: what the tokenizer calls the token.
        offsets: where it begins and ends in prompt and text; None where it stands for nothing written.
        before: characters of the prompt.
    """
    if offsets is None or offsets[1] <= before > 0:
        return ReadToken(name.strip(), name.strip(), None)
    begin, end = max(0, offsets[0] - before), offsets[1] - before
    piece = text[begin:end].strip(" \u200b") or "▁"
    return ReadToken(piece, text[slice(*word_around(text, begin, end))], (begin, end))


def word_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the word around a token begins and ends: what white space delimits, as a reader would see it."""
    while start < end and text[start].isspace():
        start += 1
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end
