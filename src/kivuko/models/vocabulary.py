"""New subwords for text that an encoder's tokenizer cannot write, or writes in crumbs.

XLM-R's vocabulary has three pieces of Tibetan script: nearly all of a Dzongkha sentence is one unknown piece. New
pieces are learned from text and go into the tokenizer's Unigram model with probabilities of their own, not beside it
as "added tokens", which would be cut out of the middle of words before the model sees them. So a text whose best
segmentation has no new piece keeps its segmentation and its vectors. Each new piece gets a row of the word
embeddings, which starts from what is known of it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kivuko.errors import InputError
from kivuko.text import words

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder
BORDER = "▁"
"""Stands for the space before a word in the pieces of SentencePiece."""
NOISE = 0.1
"""Standard deviation of the noise on mean rows, as a share of the old rows' own."""
Lexicon = Mapping[str, Mapping[str, float]]
"""Word of the new language (lower case) → English word → probability."""
LANGUAGE_SHARE = 0.01
"""The new language's share of all text, as if it had been one of the encoder's hundred languages."""
FEWEST_OCCURRENCES = 2
LONGEST_PIECE = 16


@dataclass(frozen=True)
class Writing:
    """How well a tokenizer writes some texts.

    Attributes:
        unknown: share (0 to 1) of the content pieces that are the unknown piece; a run of unknown characters is one
            piece, however long, so this understates.
        pieces_per_word: content pieces for each word of ``kivuko.text.words`` (a syllable in Tibetan script).
    """

    unknown: float
    pieces_per_word: float


@dataclass(frozen=True)
class ExtensionReport:
    """What :func:`extend_vocabulary` did.

    Attributes:
        added: the new pieces, in the order of their rows.
        first_row: row of the first new piece in the word embeddings.
        before, after: how the texts were and are written.
        initialised: how many new rows came from a ``"lexicon"``, from ``"overlap"`` with old pieces, or from the
            ``"mean"`` of all old rows.
        withheld: candidates left out because a text of ``unchanged`` would have used them.
    """

    added: tuple[str, ...]
    first_row: int
    before: Writing
    after: Writing
    initialised: Mapping[str, int]
    withheld: int


def extend_vocabulary(
    encoder: MultiVectorEncoder,
    texts: Sequence[str],
    *,
    pieces: int,
    lexicon: Lexicon | None = None,
    unchanged: Sequence[str] = (),
    seed: int = 0,
) -> ExtensionReport:
    """Teach an encoder's tokenizer new pieces, in place; the word embeddings get a row for each.

    Characters that the tokenizer lacks come first, by frequency; then the byte-pair merges of the texts that
    save most old pieces. Each gets the probability it has in the texts, times a hundredth, a language's share.

    Args:
        encoder: a late-interaction encoder with a Unigram tokenizer (XLM-R, multilingual-e5).
        texts: text of the new language, the more the better; what is not in it is not learned.
        pieces: new pieces at most.
        lexicon: word of the new language → English word → probability. A new piece that is a word, or several,
            starts as the mean of its translations' word embeddings.
        unchanged: texts (English ones, say) whose segmentation must stay; pieces that any of them would use are left
            out. Needed where the new language shares its script with others.
        seed: of the noise that tells rows without lexicon or overlap apart.

    Raises:
        InputError: the tokenizer is no Unigram model, there is no text with a word, or ``pieces`` is below 1.

    References:
        Minixhofer et al., "WECHSEL", NAACL 2022, arXiv 2112.06598 (initial rows from a bilingual lexicon);
        Kudo, ACL 2018, arXiv 1804.10959 (the Unigram model).
    """
    if pieces < 1:
        raise InputError("the number of new pieces is out of range", expected="at least 1", got=pieces)
    if not any(words(text) for text in texts):
        raise InputError(
            "no text to learn pieces from", expected="texts with words", got=f"{len(texts)} texts"
        )
    tokenizer = encoder.tokenizer
    old: Any = tokenizer.backend_tokenizer
    model = unigram(old)
    before = _writing(old, texts, model["unk_id"])
    candidates = candidate_pieces(old, model, texts, pieces)
    extended, added, withheld = _without_changes(old, model, candidates, unchanged)
    first = len(model["vocab"])
    initialised = add_rows(
        encoder, old, added, first_row=first, unknown=model["unk_id"], lexicon=lexicon, seed=seed
    )
    tokenizer._tokenizer = extended
    after = _writing(extended, texts, model["unk_id"])
    return ExtensionReport(tuple(added), first, before, after, initialised, withheld)


def _writing(tokenizer: Any, texts: Sequence[str], unknown: int) -> Writing:
    ids = [piece for encoded in encode_content(tokenizer, texts) for piece in encoded.ids]
    return Writing(
        ids.count(unknown) / max(1, len(ids)), len(ids) / max(1, sum(len(words(text)) for text in texts))
    )


def _without_changes(
    tokenizer: Any, model: dict[str, Any], candidates: list[tuple[str, float]], unchanged: Sequence[str]
) -> tuple[Any, list[str], int]:
    """The extended tokenizer, its new pieces, and how many candidates the unchanged texts forbade."""
    wanted = candidates
    while True:
        extended = with_pieces(tokenizer, model, wanted)
        first = len(model["vocab"])
        used = {
            piece - first
            for encoded in encode_content(extended, unchanged)
            for piece in encoded.ids
            if piece >= first
        }
        if not used:
            return extended, [piece for piece, _ in wanted], len(candidates) - len(wanted)
        wanted = [candidate for i, candidate in enumerate(wanted) if i not in used]


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
    written = piece.replace(BORDER, " ").strip()
    # In scripts without spaces a dictionary's word is several of `words`.
    for word in [written] if written in lexicon else words(written):
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
