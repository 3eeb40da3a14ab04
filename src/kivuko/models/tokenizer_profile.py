"""How well an encoder's tokenizer writes a language: what is unknown to it, and how small the pieces are.

No encoder is loaded, only ``tokenizer.json``.
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kivuko.errors import InputError
from kivuko.models.tokenizer_file import open_tokenizer
from kivuko.text import script_share, words
from kivuko.text.scripts import UNKNOWN, character_script

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_BORDERS = re.compile(r"^(?:▁|##)|</w>$")


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
