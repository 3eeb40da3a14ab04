"""An encoder's ``tokenizer.json`` without its encoder: opened, measured on a language, and made smaller.

Measured is how well it writes a language: what is unknown to it, and how small the pieces are.

The smaller one cuts given texts exactly as before. Why nothing changes for a text whose pieces are all kept:

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

- *Byte pairs* (GPT-2's and ModernBERT's of bytes, Gemma's and mmBERT's of characters): of the merges that a word
  allows, the first in the list is done, again and again. With a piece all merges are kept that lead to it, and the
  pieces on their way: so every merge that was done is there, none is there that was not before, and the first of the
  fewer is the same one (Sennrich, Haddow & Birch, ACL 2016, arXiv 1508.07909).
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kivuko.errors import InputError, MissingExtraError
from kivuko.models.vocabulary import BORDER, encode_content
from kivuko.text import script_share, words
from kivuko.text.scripts import UNKNOWN, character_script

FILE = "tokenizer.json"
TEXTS_AT_ONCE = 2_000
SMALLEST_SCRIPT = 0.001
"""Share of the letters of the counted text from which a script counts as one of its scripts."""
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_BORDERS = re.compile(r"^(?:▁|##)|</w>$")


def open_tokenizer(folder: Path) -> Any:
    """The ``tokenizers.Tokenizer`` of a folder, which pads and cuts nothing.

    Args:
        folder: where ``tokenizer.json`` lies.

    Raises:
        InputError: the folder has no ``tokenizer.json``, or one that cannot be read.
        MissingExtraError: the package ``tokenizers`` is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtraError("tokenizers", "train") from error
    file = folder / FILE
    if not file.is_file():
        raise InputError(
            "this encoder has no tokenizer in one file",
            where=file,
            expected="tokenizer.json, as a fast tokenizer is saved",
            remedy="save it again with transformers: AutoTokenizer.from_pretrained(…).save_pretrained(FOLDER)",
        )
    try:
        tokenizer: Any = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing more exact
        raise InputError("this tokenizer cannot be read", where=file, got=str(error)) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@dataclass(frozen=True)
class Tokenisation:
    """How a tokenizer writes some texts. Shares are from 0 to 1; "letters" are those of the language's script.

    Attributes:
        pieces: content pieces in all.
        pieces_per_word: pieces for each word of ``kivuko.text.words`` (a syllable in Tibetan script).
        unknown: share of the pieces that are the unknown piece. A run of unknown letters is one piece, however
            long, and a word's beginning may be another, so this understates; see ``lost``.
        lost: share of the running letters that lie under an unknown piece: the encoder does not see them.
        fallback: share of the pieces that are single bytes.
        single: share of the pieces that are one letter or mark. Scripts whose letters are words or syllables
            have many; compare with English only within alphabets.
        letters: how many different letters the texts have, as the tokenizer normalises them.
        lacking: those that the vocabulary has no piece for, by code point; bytes do not count as pieces.
    """

    pieces: int
    pieces_per_word: float
    unknown: float
    lost: float
    fallback: float
    single: float
    letters: int
    lacking: tuple[str, ...]

    @property
    def writable(self) -> float:
        """Share of the different letters that the vocabulary can write."""
        return 1 - len(self.lacking) / self.letters


class TokenizerProfile:
    """An encoder's tokenizer, opened for measuring.

    Args:
        name: what to call the encoder.
        folder: its folder, as ``kivuko.models.get`` returns it.

    Raises:
        InputError: the folder has no ``tokenizer.json``, or one that cannot be read.
        MissingExtraError: the package ``tokenizers`` is not installed.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._tokenizer: Any = open_tokenizer(folder)
        model = json.loads(self._tokenizer.to_str())["model"]
        unknown = model.get("unk_id")
        self._unknown = (
            self._tokenizer.token_to_id(model.get("unk_token") or "") if unknown is None else unknown
        )
        self.name = name

    @property
    def vocabulary_size(self) -> int:
        """Number of pieces, special ones included."""
        return int(self._tokenizer.get_vocab_size())

    def script_pieces(self, script: str) -> int:
        """Number of pieces that have letters, all of them of a script (ISO 15924; Hans, Jpan … are their parts)."""
        return sum(
            count for example, count in self._by_scripts.values() if script_share(example, script) == 1.0
        )

    def measure(self, texts: Sequence[str], script: str) -> Tokenisation:
        """How the tokenizer writes texts of a language.

        Args:
            texts: at least one with a word; nothing is cut.
            script: the language's, as an ISO 15924 code.

        Raises:
            InputError: no text has a letter of the script.
        """
        letters = {letter for text in texts for letter in self._normal(text) if _is_of(letter, script)}
        if not letters:
            raise InputError(
                "no text has a letter of this script", expected=script, got=f"{len(texts)} texts"
            )
        encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        pieces = Counter(piece for each in encoded for piece in each.ids)
        total, lost = pieces.total(), 0
        for text, each in zip(texts, encoded, strict=True):
            for piece, (start, end) in zip(each.ids, each.offsets, strict=True):
                if piece == self._unknown:
                    lost += sum(_is_of(letter, script) for letter in text[start:end])
        running = sum(_is_of(letter, script) for text in texts for letter in text)
        surfaces = {piece: self._tokenizer.id_to_token(piece) for piece in pieces}
        return Tokenisation(
            pieces=total,
            pieces_per_word=total / max(1, sum(len(words(text)) for text in texts)),
            unknown=pieces[self._unknown] / total,
            lost=lost / running,
            fallback=sum(pieces[piece] for piece, surface in surfaces.items() if _BYTE.fullmatch(surface))
            / total,
            single=sum(pieces[piece] for piece, surface in surfaces.items() if _is_letter(surface)) / total,
            letters=len(letters),
            lacking=tuple(letter for letter in sorted(letters) if not self._has_piece(letter)),
        )

    def _normal(self, text: str) -> str:
        """The text as the tokenizer sees it before it cuts it."""
        normaliser = self._tokenizer.normalizer
        return str(normaliser.normalize_str(text)) if normaliser else text

    @functools.cached_property
    def _by_scripts(self) -> dict[frozenset[str], tuple[str, int]]:
        """Scripts of a piece's letters → (an example, number of such pieces)."""
        found: dict[frozenset[str], tuple[str, int]] = {}
        for piece in self._tokenizer.get_vocab():
            scripts = frozenset(map(character_script, piece)) - {UNKNOWN}
            example, count = found.get(scripts, (piece, 0))
            found[scripts] = (example, count + 1)
        return found

    def _has_piece(self, letter: str) -> bool:
        encoded = self._tokenizer.encode(letter, add_special_tokens=False)
        surfaces: Iterable[str] = map(self._tokenizer.id_to_token, encoded.ids)
        return self._unknown not in encoded.ids and not any(map(_BYTE.fullmatch, surfaces))


@functools.cache
def _is_of(letter: str, script: str) -> bool:
    return script_share(letter, script) == 1.0


def _is_letter(surface: str) -> bool:
    """Whether a piece is one letter or mark, with or without the sign of a word's border."""
    bare = _BORDERS.sub("", surface)
    return len(bare) == 1 and character_script(bare) != UNKNOWN


def tokenizer_body(folder: Path) -> dict[str, Any]:
    """The ``tokenizer.json`` of a folder as plain data, its numbers as they were written.

    Raises:
        InputError: the tokenizer is no model of Unigram, WordPiece, or byte pairs that are always merged alike.
    """
    body: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    kind, dropout = body["model"].get("type"), body["model"].get("dropout")
    if kind not in {"Unigram", "WordPiece", "BPE"} or dropout:
        raise InputError(
            "this tokenizer cannot be trimmed",
            where=folder / FILE,
            expected="a Unigram model (XLM-R, multilingual-e5), WordPiece (BERT, MiniLM) or byte pairs (ModernBERT)",
            got=f"{kind}, merged at random" if dropout else kind,
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
        tokenizer: one of Unigram, WordPiece or byte pairs.
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
    elif model["type"] == "BPE":
        if _writes_bytes(body):
            kept |= {piece for piece, surface in surfaces.items() if len(surface) == 1}
        kept |= _merged_from(model, kept)
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
    if model["type"] == "BPE":
        model["merges"] = [
            merge for merge in model["merges"] if all(part in model["vocab"] for part in _merge(model, merge))
        ]
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
    prefix, suffix = model.get("continuing_subword_prefix") or "", model.get("end_of_word_suffix") or ""
    starts = {"BPE": BORDER}.get(model["type"], "")
    return {
        piece: surface.removeprefix(prefix).removeprefix(starts).removesuffix(suffix) or surface
        for surface, piece in model["vocab"].items()
    }


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


def _writes_bytes(body: dict[str, Any]) -> bool:
    """Whether the characters of the pieces stand for bytes, as GPT-2's do."""
    return '"ByteLevel"' in json.dumps([body.get("pre_tokenizer"), body.get("decoder")])


def _merge(model: dict[str, Any], merge: Any) -> tuple[str, str, str]:
    """Both pieces of a merge and the one that it makes."""
    first, second = merge.split(" ") if isinstance(merge, str) else merge
    return first, second, first + second.removeprefix(model.get("continuing_subword_prefix") or "")


def _merged_from(model: dict[str, Any], kept: Iterable[int]) -> set[int]:
    """The pieces that the merges to some pieces go through, and theirs."""
    vocabulary = model["vocab"]
    parts: dict[int, list[int]] = {}
    for merge in model["merges"]:
        first, second, made = _merge(model, merge)
        if made in vocabulary:
            parts.setdefault(vocabulary[made], []).extend((vocabulary[first], vocabulary[second]))
    found: set[int] = set()
    open_ends = list(kept)
    while open_ends:
        new = set(parts.get(open_ends.pop(), ())) - found
        found |= new
        open_ends += new
    return found


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
