"""Learning new pieces for a Unigram tokenizer from text, and copies of the tokenizer that have them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from kivuko.errors import InputError
from kivuko.models.new_pieces import BORDER
from kivuko.text import words

LANGUAGE_SHARE = 0.01
"""The new language's share of all text, as if it had been one of the encoder's hundred languages."""
FEWEST_OCCURRENCES = 2
LONGEST_PIECE = 16


def unigram(tokenizer: Any) -> dict[str, Any]:
    """The tokenizer's model as plain data."""
    body = json.loads(tokenizer.to_str())
    model: dict[str, Any] = body["model"]
    if model["type"] != "Unigram" or model.get("byte_fallback"):
        raise InputError(
            "this tokenizer cannot be extended",
            expected="a Unigram model without byte fallback, as XLM-R and multilingual-e5 have",
            got=model["type"] + (" with byte fallback" if model.get("byte_fallback") else ""),
            remedy="start from an encoder of that family",
        )
    beyond = [token["content"] for token in body["added_tokens"] if token["id"] >= len(model["vocab"])]
    if beyond:
        raise InputError(
            "this tokenizer has added tokens where the new pieces belong",
            expected="tokens that the Unigram model's vocabulary counts too",
            got=", ".join(beyond[:5]),
            remedy="start from the encoder as it was before tokens were added",
        )
    return model


def candidate_pieces(
    tokenizer: Any, model: dict[str, Any], texts: Sequence[str], pieces: int
) -> list[tuple[str, float]]:
    """At most ``pieces`` new pieces with their scores (log-probabilities), most useful first."""
    old_scores = dict(model["vocab"])
    learned = _byte_pairs(tokenizer, texts, pieces)
    counts = Counter(piece for encoded in encode_content(learned, texts) for piece in encoded.tokens)
    characters: Counter[str] = Counter()
    for piece, count in counts.items():
        for character in piece:
            characters[character] += count
    lacking = [
        character
        for character, count in sorted(characters.items(), key=lambda item: (-item[1], item[0]))
        if character not in old_scores and count >= FEWEST_OCCURRENCES
    ]
    # Until the lacking characters are in, a run of them is one unknown piece, which would hide what a merge saves.
    known = with_pieces(tokenizer, model, [(character, min(old_scores.values())) for character in lacking])
    merges = [
        piece
        for piece, count in counts.items()
        if len(piece) > 1
        and piece not in old_scores
        and count >= FEWEST_OCCURRENCES
        and words(_surface(piece))
    ]
    old_pieces = {piece: len(known.model.tokenize(piece)) for piece in merges}
    merges.sort(key=lambda piece: (-counts[piece] * (old_pieces[piece] - 1), piece))
    chosen = [*lacking, *(piece for piece in merges if old_pieces[piece] > 1)][:pieces]
    # No lower than the lowest old score: the cost of unknown characters hangs on it, for every language.
    lowest, total = min(old_scores.values()), sum(counts.values())
    return [
        (piece, max(lowest, math.log(LANGUAGE_SHARE * max(1, counts[piece]) / total))) for piece in chosen
    ]


def _byte_pairs(tokenizer: Any, texts: Sequence[str], pieces: int) -> Any:
    """A byte-pair model of the texts, cut into words as the tokenizer cuts them.

    Unlike the library's Unigram trainer it gives the same pieces every time.
    """
    from tokenizers import Tokenizer, models, trainers

    learned = Tokenizer(models.BPE())
    learned.normalizer, learned.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    normalise = tokenizer.normalizer.normalize_str if tokenizer.normalizer else str
    alphabet = {character for text in texts for character in normalise(text)}
    trainer = trainers.BpeTrainer(
        # Merges that only lead to others are never used themselves: learn twice as many as are wanted.
        vocab_size=len(alphabet) + 1 + 2 * pieces,
        min_frequency=FEWEST_OCCURRENCES,
        max_token_length=LONGEST_PIECE,
        show_progress=False,
    )
    learned.train_from_iterator(texts, trainer)
    return learned


def with_pieces(tokenizer: Any, model: dict[str, Any], new: Sequence[tuple[str, float]]) -> Any:
    """A copy of the tokenizer with new pieces after its own; it still gives texts no padding and cuts none."""
    from tokenizers import Tokenizer

    body = json.loads(tokenizer.to_str())
    body["model"]["vocab"] = [*model["vocab"], *([piece, score] for piece, score in new)]
    body["padding"] = body["truncation"] = None
    return Tokenizer.from_str(json.dumps(body))


def encode_content(tokenizer: Any, texts: Sequence[str]) -> list[Any]:
    """Content pieces of texts, nothing cut or padded."""
    if tokenizer.padding is not None or tokenizer.truncation is not None:
        tokenizer = tokenizer.from_str(tokenizer.to_str())
        tokenizer.no_padding()
        tokenizer.no_truncation()
    encoded: list[Any] = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    return encoded


def _surface(piece: str) -> str:
    return piece.replace(BORDER, " ")
