"""A tokenizer with fewer pieces that cuts given texts exactly as before.

Why nothing changes for a text whose pieces are all kept:

- *Unigram* takes the segmentation with the greatest sum of log-probabilities. The kept pieces allow the former best
  one and no segmentation that was not there before, so it is still the best; where several are equal, the search
  prefers the piece that begins first, and that rule finds the same one among fewer. Two things hang on other pieces.
  An unknown character costs the lowest log-probability of all pieces minus ten: a piece with the lowest is kept. And
  a character may be unknown where no piece stands for it alone: dropping such a piece allows new segmentations, but
  each is worse than the one with that piece was, which was not better than the best (Kudo, ACL 2018, arXiv
  1804.10959, for the model).
- *WordPiece* takes the longest piece again and again from the left. The longest of all is the longest of the kept.
  But a word that it cannot write to its end is one unknown piece: what it took on the way is kept too, lest the
  trimmed tokenizer find another way to the end.

Byte-pair encoding is refused: what a merge makes of a text depends on merges that leave no trace in its pieces.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import InputError
from kivuko.models.learn_pieces import encode_content
from kivuko.models.new_pieces import BORDER
from kivuko.models.tokenizer_file import FILE
from kivuko.text.scripts import UNKNOWN, character_script

TEXTS_AT_ONCE = 2_000
SMALLEST_SCRIPT = 0.001
"""Share of the letters of the counted text from which a script counts as one of its scripts."""
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def tokenizer_body(folder: Path) -> dict[str, Any]:
    """The ``tokenizer.json`` of a folder as plain data, its numbers as they were written.

    Raises:
        InputError: the tokenizer is neither a Unigram nor a WordPiece model.
    """
    body: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    if body["model"].get("type") not in {"Unigram", "WordPiece"}:
        raise InputError(
            "this tokenizer cannot be trimmed",
            where=folder / FILE,
            expected="a Unigram model (XLM-R, multilingual-e5) or WordPiece (BERT, MiniLM)",
            got=body["model"].get("type"),
            remedy="start from an encoder of one of these families",
        )
    return body


def piece_ids(tokenizer: Any, texts: Sequence[str]) -> Iterator[NDArray[np.int32]]:
    """Content piece ids of some thousand texts at a time, one text after another."""
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        encoded = encode_content(tokenizer, texts[start : start + TEXTS_AT_ONCE])
        yield np.fromiter((piece for each in encoded for piece in each.ids), np.int32)


def kept_pieces(
    tokenizer: Any, body: dict[str, Any], used: Mapping[int, int], texts: Sequence[str]
) -> list[int]:
    """Ids of the pieces that a tokenizer keeps for texts, ascending.

    They are: what the texts use; special and added tokens, the unknown piece and single bytes; pieces of one
    character in the texts' scripts or in none (digits, punctuation), so that new words can be written; and what the
    module's head says.

    Args:
        tokenizer: a Unigram or WordPiece tokenizer.
        body: the same as :func:`tokenizer_body` gives it.
        used: piece id → how often the texts use it.
        texts: the texts that were counted.
    """
    model, surfaces = body["model"], _surfaces(body)
    apart = _apart(body)
    kept = {piece for piece, count in used.items() if count} | apart
    scripts = _scripts({piece: used[piece] for piece in kept - apart}, surfaces) | {UNKNOWN}
    kept |= {
        piece
        for piece, surface in surfaces.items()
        if _BYTE.fullmatch(surface) or surface == BORDER or _script_of_one(surface) in scripts
    }
    if model["type"] == "Unigram":
        kept.add(min(range(len(model["vocab"])), key=lambda piece: float(model["vocab"][piece][1])))
    else:
        unknown = model["vocab"].get(model["unk_token"])
        if used.get(unknown):
            kept |= _on_the_way(tokenizer, model, texts, unknown)
    return sorted(kept)


def trim_tokenizer(body: dict[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    """The same tokenizer with these pieces alone; the piece ``kept[i]`` gets the id i."""
    new_ids = {old: new for new, old in enumerate(kept)}
    model = dict(body["model"])
    if model["type"] == "Unigram":
        model["vocab"] = [model["vocab"][old] for old in kept if old < len(model["vocab"])]
        model["unk_id"] = new_ids.get(model["unk_id"])
    else:
        model["vocab"] = {piece: new_ids[old] for piece, old in model["vocab"].items() if old in new_ids}
    trimmed = {**body, "model": model}
    trimmed["added_tokens"] = [{**token, "id": new_ids[token["id"]]} for token in body["added_tokens"]]
    trimmed["post_processor"] = _renumbered(body.get("post_processor"), new_ids.__getitem__)
    if body.get("padding") is not None:
        trimmed["padding"] = {**body["padding"], "pad_id": new_ids[body["padding"]["pad_id"]]}
    return trimmed


def pieces_changed(before: Any, after: Any, texts: Sequence[str]) -> float | None:
    """Share (0 to 1) of the pieces of texts that another tokenizer does not cut out; None if they have no piece.

    Args:
        before: a tokenizer.
        after: one with some of its pieces.
        texts: any number.
    """
    total = missing = 0
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        some = texts[start : start + TEXTS_AT_ONCE]
        for old, new in zip(encode_content(before, some), encode_content(after, some), strict=True):
            found = set(zip(new.tokens, new.offsets, strict=True))
            total += len(old.tokens)
            missing += sum(piece not in found for piece in zip(old.tokens, old.offsets, strict=True))
    return missing / total if total else None


def _apart(body: dict[str, Any]) -> set[int]:
    """Special and added tokens and the unknown piece: their letters are nobody's text."""
    model = body["model"]
    unknown = model["unk_id"] if model["type"] == "Unigram" else model["vocab"].get(model["unk_token"])
    return {token["id"] for token in body["added_tokens"]} | ({unknown} - {None})


def _surfaces(body: dict[str, Any]) -> dict[int, str]:
    """Id → piece, without the sign of its place in a word."""
    model = body["model"]
    if model["type"] == "Unigram":
        return {
            piece: surface.removeprefix(BORDER) or surface
            for piece, (surface, _) in enumerate(model["vocab"])
        }
    prefix = model["continuing_subword_prefix"]
    return {piece: surface.removeprefix(prefix) or surface for surface, piece in model["vocab"].items()}


def _scripts(used: Mapping[int, int], surfaces: Mapping[int, str]) -> set[str]:
    """Scripts with at least :data:`SMALLEST_SCRIPT` of the letters that these pieces write."""
    letters: Counter[str] = Counter()
    for piece, count in used.items():
        for script, times in Counter(map(character_script, surfaces.get(piece, ""))).items():
            letters[script] += count * times
    del letters[UNKNOWN]
    return {script for script, count in letters.items() if count >= SMALLEST_SCRIPT * letters.total()}


def _script_of_one(surface: str) -> str | None:
    """Script of a piece of one character; None for longer ones."""
    return character_script(surface) if len(surface) == 1 else None


def _on_the_way(tokenizer: Any, model: dict[str, Any], texts: Sequence[str], unknown: int) -> set[int]:
    """Pieces that WordPiece takes before it finds that it cannot write a word."""
    vocabulary, prefix = model["vocab"], model["continuing_subword_prefix"]
    found: set[int] = set()
    for word in _words_with_unknowns(tokenizer, texts, unknown):
        if len(word) > model["max_input_chars_per_word"]:
            continue  # unknown without a look
        start, end = 0, len(word)
        while start < end:
            piece = word[start:end] if start == 0 else prefix + word[start:end]
            if piece in vocabulary:
                found.add(vocabulary[piece])
                start, end = end, len(word)
            else:
                end -= 1
    return found


def _words_with_unknowns(tokenizer: Any, texts: Sequence[str], unknown: int) -> set[str]:
    """Words, as the tokenizer cuts them, of the texts that have an unknown piece."""
    words: set[str] = set()
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        some = texts[start : start + TEXTS_AT_ONCE]
        for text, encoded in zip(some, encode_content(tokenizer, some), strict=True):
            if unknown in encoded.ids:
                normal = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
                cut = tokenizer.pre_tokenizer.pre_tokenize_str(normal) if tokenizer.pre_tokenizer else None
                words.update([normal] if cut is None else [word for word, _ in cut])
    return words


def _renumbered(processor: Any, new_id: Callable[[int], int]) -> Any:
    """A post-processor with its special tokens' new ids."""
    if processor is None:
        return None
    renumbered = dict(processor)
    if "processors" in processor:
        renumbered["processors"] = [_renumbered(each, new_id) for each in processor["processors"]]
    if "special_tokens" in processor:
        renumbered["special_tokens"] = {
            name: {**token, "ids": [new_id(piece) for piece in token["ids"]]}
            for name, token in processor["special_tokens"].items()
        }
    for end in ("sep", "cls"):
        if end in processor:
            surface, piece = processor[end]
            renumbered[end] = [surface, new_id(piece)]
    return renumbered
